"""Sentences of the contract that no other test had taken by its word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from lambda_rollout.events import Result, Warned
from lambda_rollout.guards import parse_guards
from sandbox.aws import World
from sandbox.aws.faults import Fault, ServerError, Work
from sandbox.aws.world import Request
from tests.scene import Scene, order


def warnings(scene: Scene) -> list[str]:
    return [event.text for event in scene.told(Warned) if isinstance(event, Warned)]


def test_that_nothing_guards_is_said_only_where_no_guard_does() -> None:
    told = "No alarm guards this rollout: `alarms` is empty."
    scene = Scene.ready(alarms=())
    scene.roll_out(order("100% 0s", alarms=()))
    assert told in warnings(scene)
    scene = Scene.ready(alarms=())
    scene.roll_out(order("100% 0s", alarms=(), guards=parse_guards("error-rate < 1%")))
    assert told not in warnings(scene)


# Fired and recovered between two reads, where only StateUpdatedTimestamp tells -------------------


@dataclass(frozen=True)
class NoTransitionTime:
    """Answers as stock ministack and moto do after SetAlarmState."""

    def around(self, world: World, request: Request, work: Work) -> dict[str, Any]:
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
    ordered = order("10% 60s, 100% 60s", poll_interval=20.0)
    assert scene.roll_out(ordered).result is result
    assert scene.requests("DescribeAlarmHistory")
