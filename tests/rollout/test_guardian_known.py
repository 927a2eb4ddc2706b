"""A rollout knows of a guardian by the alarms' actions: a plan says so, and what is held says who watches it."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.inputs.choices import Mode, OnCancel
from lambda_rollout.rollout.events import GuardiansFound, Result
from tests.rollout.test_guardian import Killed, die
from tests.support.guardian import ARN, TOPIC
from tests.support.scene import Scene, rollout_spec

OTHER = "arn:aws:lambda:eu-central-1:123456789012:function:page-us-lambda-rollout-guardian"


def found(scene: Scene) -> list[tuple[str, ...]]:
    return [event.arns for event in scene.events if isinstance(event, GuardiansFound)]


@pytest.mark.parametrize(
    ("configuration", "arns"),
    [
        ({}, ()),
        ({"AlarmActions": [TOPIC, ARN, f"{ARN}-cart:live"]}, (ARN, f"{ARN}-cart:live")),
        ({"AlarmActions": [TOPIC, OTHER]}, ()),
        ({"OKActions": [ARN]}, ()),
        ({"AlarmActions": [ARN], "ActionsEnabled": False}, ()),
    ],
    ids=["none", "two", "others", "on OK alone", "switched off"],
)
def test_a_plan_says_which_guardian_its_alarms_invoke(
    configuration: dict[str, Any], arns: tuple[str, ...]
) -> None:
    scene = Scene.ready()
    scene.configure_alarm(**configuration)
    assert scene.roll_out(rollout_spec(mode=Mode.PLAN)).result is Result.PLANNED
    assert found(scene) == [arns]


def test_a_plan_without_alarms_cannot_know() -> None:
    scene = Scene.ready()
    scene.roll_out(rollout_spec(mode=Mode.PLAN, alarms=()))
    assert found(scene) == []


def test_what_is_held_says_who_watches_it() -> None:
    scene = Scene.ready()
    scene.configure_alarm(AlarmActions=[ARN])
    end = scene.roll_out(rollout_spec("10% 60s, hold"))
    assert end.remedy.startswith("No job watches it now, but lambda-rollout-guardian: ")
    assert found(scene) == [(ARN,)]


def test_the_post_stage_that_holds_knows_it_too() -> None:
    scene = Scene.ready()
    scene.configure_alarm(AlarmActions=[ARN])
    scene.after(60, die)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("10% 10m", on_cancel=OnCancel.HOLD))
    end = scene.post_stage()
    assert end.result is Result.HELD
    assert end.remedy.startswith("No job watches it now, but lambda-rollout-guardian: ")


def test_without_a_guardian_it_says_that_nothing_does_and_nothing_more() -> None:
    scene = Scene.ready()
    end = scene.roll_out(rollout_spec("10% 60s, hold"))
    assert end.remedy.startswith("Nothing watches it now.")
    assert found(scene) == []
