"""What a step's last read has to be later than, and from when on an alarm's history counts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.routing import Routing
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.traffic import Traffic
from tests.scene import NEW, OLD, Scene, rollout_spec, routing_of
from tests.seam import Direct, DirectClients, SimClock

SLOW_POLL = 300.0


def extended(scene: Scene) -> Result:
    """A step of two minutes that waits some three more for its invocations' data, with a slow poll."""
    Traffic(scene.world, "checkout:live", per_second=10)
    wanted = rollout_spec("10% 2m, 50% 2m, 100% 0s", min_invocations=1, poll_interval=SLOW_POLL)
    ports = replace(scene.ports(wanted), metrics=CloudWatchMetrics(scene.clients()))
    return Rollout(wanted, ports).run().result


def test_an_alarm_that_fires_while_a_step_is_extended_is_seen_before_the_next_weight() -> None:
    scene = Scene.ready()
    scene.after(150, lambda: scene.set_alarm("checkout-errors", "ALARM"))

    assert extended(scene) is Result.ROLLED_BACK

    assert Routing(OLD, {NEW: 0.5}) not in scene.routings()


def test_an_extended_step_ends_with_a_read_of_the_alarms_however_slow_the_poll_is() -> None:
    scene = Scene.ready()
    assert extended(scene) is Result.PROMOTED
    reads = [request.at for request in scene.requests("DescribeAlarms")]
    raised = first_write_of(scene, Routing(OLD, {NEW: 0.5}))
    assert (raised - max(at for at in reads if at <= raised)).total_seconds() <= 5


def first_write_of(scene: Scene, routing: Routing) -> datetime:
    writes = scene.requests("UpdateAlias")
    return next(write.at for write in writes if routing_of(write.params) == routing)


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
