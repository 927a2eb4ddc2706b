"""Before the first write: the alarms, and what is said of them."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollback import rollback
from tests.support.scene import Scene, rollout_spec


def test_that_nothing_guards_is_said_only_where_no_guard_does() -> None:
    told = "Nothing guards this rollout: `alarms` is empty"
    for guards, said in (
        ("", [f"{told}."]),
        ("? error-rate < 1%", [f"{told}, and `guards` are only observed."]),
        ("error-rate < 1%", []),
    ):
        scene = Scene.ready(alarms=())
        scene.roll_out(rollout_spec("100% 0s", alarms=(), guards=parse_guards(guards)))
        assert [text for text in scene.warnings if told in text] == said


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (AlarmAtStart.FAIL, "A rollout would be refused now. In ALARM: checkout-errors"),
        (AlarmAtStart.WAIT, "A rollout would wait now. In ALARM: checkout-errors"),
        (
            AlarmAtStart.IGNORE_UNTIL_OK,
            "In ALARM now, would count only after it was OK: checkout-errors",
        ),
    ],
)
def test_a_plan_says_what_an_alarm_would_do_that_is_on(policy: AlarmAtStart, told: str) -> None:
    scene = Scene.ready()
    scene.set_alarm("checkout-errors", "ALARM")
    scene.roll_out(rollout_spec(mode=Mode.PLAN, alarm_at_start=policy))
    assert f"{told} (set by the test)" in scene.warnings


def told(scene: Scene) -> tuple[str, str, str, str]:
    said = outputs(rollout_state(scene.events))
    return said["result"], said["version"], said["previous-version"], said["weight"]


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def test_an_alarm_that_comes_on_while_the_version_gets_ready_refuses_the_shift(
    scene: Scene,
) -> None:
    scene.after(1, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    finished = scene.roll_out(rollout_spec())
    assert finished.result is Result.FAILED
    assert scene.requests("UpdateAlias") == []


def test_waiting_for_an_alarm_listens_to_stop(scene: Scene) -> None:
    scene.set_alarm("checkout-errors", "ALARM")
    scene.after(30, lambda: scene.stop.request("cancelled"))
    finished = scene.roll_out(rollout_spec(alarm_at_start=AlarmAtStart.WAIT))
    assert finished.result is Result.FAILED
    assert finished.reason == "cancelled"
    assert scene.requests("UpdateAlias") == []


# Accounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.ROLLOUT, Mode.PLAN, Mode.PROMOTE, Mode.ROLLBACK])
def test_an_alias_in_another_account_than_the_role_is_left_alone(mode: Mode) -> None:
    scene = Scene.ready()
    spec = rollout_spec(mode=mode, role_to_assume="arn:aws:iam::222222222222:role/deploy")

    rolls_back = mode is Mode.ROLLBACK
    finished = rollback(spec, scene.ports(spec)) if rolls_back else scene.roll_out(spec)

    assert finished.result is Result.FAILED
    assert (
        "is in account 123456789012, and `role-to-assume` names account 222222222222"
        in finished.reason
    )
    assert {request.operation for request in scene.requests()} == {"GetAlias"}
