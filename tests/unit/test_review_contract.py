"""Sentences of the contract that no other test had taken by its word."""

from __future__ import annotations

from lambda_rollout.events import Warned
from lambda_rollout.guards import parse_guards
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
