"""From when on an alarm's history counts, and when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.aws.clients import Clients
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.faults import Fault, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.support.scene import Scene, rollout_spec
from tests.support.seam import Direct, DirectClients, SimClock


@dataclass
class WithoutFirstTimestamp(DirectClients):
    """CloudWatch as it may be asked of an alarm that has never changed its state: nothing says when it did."""

    until: datetime | None = None

    def cloudwatch(self, region: str) -> Direct:
        return cast("Direct", _Untold(super().cloudwatch(region), self.until))


@dataclass
class _Untold:
    inner: Direct
    until: datetime | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def describe_alarms(self, **params: Any) -> dict[str, Any]:
        answer = self.inner.describe_alarms(**params)
        for alarm in answer.get("LogAlarms", ()):
            if self.until is not None and alarm["StateTransitionedTimestamp"] <= self.until:
                del alarm["StateTransitionedTimestamp"]
        return answer


def with_a_new_alarm(scene: Scene) -> Clients:
    return cast("Clients", WithoutFirstTimestamp(scene.world, until=scene.clock.now()))


def test_a_new_alarms_first_change_is_found_in_its_history_though_the_poll_is_slow() -> None:
    scene = Scene.ready(alarms=())
    scene.put_alarm("checkout-errors", "INSUFFICIENT_DATA")
    scene.clock.advance(60)
    clients = with_a_new_alarm(scene)
    scene.after(70, lambda: scene.set_alarm("checkout-errors", "OK"))

    end = scene.roll_out(rollout_spec("10% 5m, 100% 0s", poll_interval=120.0), clients)

    assert end.result is Result.PROMOTED, end.reason


def test_what_a_new_alarm_did_between_two_reads_counts() -> None:
    scene = Scene.ready(alarms=())
    scene.put_alarm("checkout-errors", "INSUFFICIENT_DATA")
    scene.clock.advance(60)
    clients = with_a_new_alarm(scene)
    scene.after(70, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    scene.after(100, lambda: scene.set_alarm("checkout-errors", "OK"))

    end = scene.roll_out(rollout_spec("10% 5m, 100% 0s", poll_interval=120.0), clients)

    assert end.result is Result.ROLLED_BACK
    assert end.reason.startswith("alarm checkout-errors fired")


def test_the_runners_clock_is_not_asked_from_when_on_a_new_alarms_history_counts() -> None:
    """Minutes ahead of AWS: nothing would be in the history from then on."""
    scene = Scene.ready(alarms=())
    scene.put_alarm("checkout-errors", "INSUFFICIENT_DATA")
    scene.clock.advance(60)
    clients = with_a_new_alarm(scene)
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "OK"))
    wanted = rollout_spec("10% 60s, 100% 0s")
    clock = SimClock(scene.world, timedelta(minutes=4))
    clients.aws_clock = AwsClock(clock)
    ports = replace(scene.ports(wanted, clients), clock=clock)

    end = Rollout(wanted, ports).run()

    assert end.result is Result.PROMOTED, end.reason


@dataclass(frozen=True)
class NoTransitionTime:
    """Answers as stock ministack and moto do after SetAlarmState."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        answer = work()
        for kind in ("MetricAlarms", "CompositeAlarms", "LogAlarms"):
            for alarm in answer.get(kind, ()):
                alarm.pop("StateTransitionedTimestamp", None)
        return answer


def flickers(scene: Scene, *states: str) -> None:
    for second, state in enumerate(states):
        scene.after(33.0 + 2 * second, partial(scene.set_alarm, "checkout-errors", state))


@pytest.mark.parametrize(
    ("states", "history", "result"),
    [
        (("ALARM", "OK"), None, Result.ROLLED_BACK),
        (("ALARM", "OK"), ServerError(), Result.ROLLED_BACK),
        (("INSUFFICIENT_DATA", "OK"), None, Result.PROMOTED),
        (("OK",), None, Result.PROMOTED),
    ],
)
def test_without_the_time_of_its_change_an_alarms_history_is_asked_at_each_update(
    states: tuple[str, ...], history: Fault | None, result: Result
) -> None:
    scene = Scene.ready()
    scene.clock.advance(60)
    scene.world.faults.add(NoTransitionTime(), operation="DescribeAlarms", count=None)
    if history is not None:
        scene.world.faults.add(history, operation="DescribeAlarmHistory", count=None)
    flickers(scene, *states)
    ordered = rollout_spec("10% 60s, 100% 60s", poll_interval=20.0)
    assert scene.roll_out(ordered).result is result
    assert scene.requests("DescribeAlarmHistory")


class Ticking(SimClock):
    """A clock as real ones are: no two looks at it are at one moment."""

    def monotonic(self) -> float:
        self.wait(1e-4, None)
        return super().monotonic()


def test_a_history_that_is_due_now_is_asked_for_now_and_nothing_else_again_and_again() -> None:
    scene = Scene.ready()
    scene.after(20, lambda: scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA"))
    scene.after(40, lambda: scene.set_alarm("checkout-errors", "OK"))
    wanted = rollout_spec("50% 60s, 100% 0s", poll_interval=300.0)
    ports = replace(scene.ports(wanted), clock=Ticking(scene.world))

    end = Rollout(wanted, ports).run()

    assert end.result is Result.PROMOTED, end.reason
    assert len(scene.requests("DescribeAlarmHistory")) == 1
    assert len(scene.requests("DescribeAlarms")) < 10
