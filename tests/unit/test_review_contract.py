"""Sentences of the contract that no other test had taken by its word."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import partial
from io import StringIO
from typing import Any

import pytest

from lambda_rollout.alias.record import parse
from lambda_rollout.alias.routing import Routing
from lambda_rollout.github.log import Log
from lambda_rollout.github.stream import Lines
from lambda_rollout.inputs.choices import AlarmAtStart, Mode, OnCancel, OnStranded
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout.events import Result, Run, Warned
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import spec_of_saved_state
from sandbox.aws.faults import AccessDenied, Answer, Fault, ServerError, Work
from sandbox.aws.request import Account, Request
from tests.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec


def warnings(scene: Scene) -> list[str]:
    return [event.text for event in scene.told(Warned) if isinstance(event, Warned)]


def test_that_nothing_guards_is_said_only_where_no_guard_does() -> None:
    told = "No alarm guards this rollout: `alarms` is empty."
    scene = Scene.ready(alarms=())
    scene.roll_out(rollout_spec("100% 0s", alarms=()))
    assert told in warnings(scene)
    scene = Scene.ready(alarms=())
    scene.roll_out(rollout_spec("100% 0s", alarms=(), guards=parse_guards("error-rate < 1%")))
    assert told not in warnings(scene)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (AlarmAtStart.FAIL, "A rollout would be refused now, in ALARM: checkout-errors"),
        (AlarmAtStart.WAIT, "A rollout would not begin now, but wait, in ALARM: checkout-errors"),
        (
            AlarmAtStart.IGNORE_UNTIL_OK,
            "Would count only once it was OK, in ALARM: checkout-errors",
        ),
    ],
)
def test_a_plan_says_what_an_alarm_would_do_that_is_on(policy: AlarmAtStart, told: str) -> None:
    scene = Scene.ready()
    scene.set_alarm("checkout-errors", "ALARM")
    scene.roll_out(rollout_spec(mode=Mode.PLAN, alarm_at_start=policy))
    assert f"{told} (set by the test)" in warnings(scene)


def test_the_command_for_a_dead_rollout_takes_its_record_off_too() -> None:
    scene = Scene.ready()
    scene.after(40.0, lambda: scene.world.faults.add(AccessDenied(), count=None))
    scene.roll_out(rollout_spec("20% 10m"))
    scene.world.faults.clear()
    scene.clock.advance(900)
    scene.events.clear()
    finished = scene.roll_out(rollout_spec(on_stranded=OnStranded.FAIL))
    assert finished.remedy.endswith(f"--description '{OWNERS_TEXT}'")


# Fired and recovered between two reads, where only StateUpdatedTimestamp tells -------------------


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


# The outputs tell what has traffic, however a run that was to end it ends ------------------------


def told(scene: Scene) -> tuple[str, str, str, str]:
    said = outputs(rollout_state(scene.events))
    return said["result"], said["version"], said["previous-version"], said["weight"]


def held() -> Scene:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("20% 10s, hold")).result is Result.HELD
    scene.events.clear()
    return scene


def test_a_rollback_that_aws_refuses_tells_what_still_has_traffic() -> None:
    scene = held()
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None)
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=())
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_rollback_to_another_version_than_the_old_one_tells_what_has_traffic() -> None:
    scene = held()
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), version=NEW)
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_rollback_gives_the_version_that_it_left_no_traffic_of_its_own_time() -> None:
    scene = held()
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=())
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("rolled-back", NEW, OLD, "0")
    (function,) = rollout_state(scene.events).targets.values()
    assert function.exposures == ()


def test_a_promotion_refused_for_an_alarm_tells_what_is_held() -> None:
    scene = held()
    scene.set_alarm("checkout-errors", "ALARM")
    scene.roll_out(rollout_spec("100% 10s", mode=Mode.PROMOTE))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_promotion_of_another_version_tells_what_is_held() -> None:
    scene = held()
    scene.roll_out(rollout_spec("100% 10s", mode=Mode.PROMOTE, version=OLD))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_post_stage_that_aws_refuses_tells_what_still_has_traffic() -> None:
    scene = Scene.ready()
    seen: list[SavedState] = []
    scene.after(40.0, lambda: seen.append(scene.saved_states[-1]))
    scene.after(41.0, lambda: scene.stop.request("cancelled (SIGINT)"))
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None, nth=2)
    scene.roll_out(rollout_spec("20% 60s"))
    scene.events.clear()
    left = spec_of_saved_state(seen[0], rollout_spec().run)
    settle_what_main_left(seen[0], left, scene.ports(left))
    assert told(scene) == ("failed", NEW, "", "20")


def test_held_at_100_percent_is_not_called_split() -> None:
    scene = Scene.ready()
    scene.after(40.0, lambda: scene.stop.request("cancelled (SIGINT)"))
    scene.roll_out(rollout_spec("100% 60s", on_cancel=OnCancel.HOLD))
    assert told(scene) == ("held", NEW, OLD, "100")
    (function,) = rollout_state(scene.events).targets.values()
    assert function.routing == Routing.all_on(NEW)
    said = list(happenings(rollout_state(scene.events)))
    assert said == ["All of the traffic stays on the new version, though its watch was not over."]


def test_the_command_in_the_first_word_of_trouble_is_whole_however_much_aws_says() -> None:
    scene = Scene.ready()
    text = "it's what the owner wrote. " * 9
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    denied = Answer("AccessDeniedException", "not authorized to perform that. " * 30, 403)
    scene.after(40.0, lambda: scene.world.faults.add(denied, operation="UpdateAlias", count=None))
    scene.after(50.0, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    scene.roll_out(rollout_spec("20% 60s"))
    (trouble,) = [said for said in warnings(scene) if said.startswith("Not confirmed yet")]
    shown = StringIO()
    log = Log(Lines(shown))
    for event in scene.events:
        log.tell(event)
    command = trouble.partition("By hand: ")[2]
    assert command.endswith(shlex.quote(text))
    assert command in shown.getvalue()
    assert ".. By hand" not in trouble


@pytest.mark.parametrize(
    ("run_id", "attempt", "written"),
    [("77", "2", "run 77/2 of"), ("77", "", "run 77/1 of"), ("act-run", "1", "run local")],
)
def test_a_record_can_be_read_again_whatever_the_run_is_called(
    run_id: str, attempt: str, written: str
) -> None:
    scene = Scene.ready()
    run = Run(run_id=run_id, attempt=attempt, repository="octo/shop")
    assert scene.roll_out(rollout_spec("20% 10s, hold", run=run)).result is Result.HELD
    text, record = parse(scene.alias.description)
    assert text == OWNERS_TEXT
    assert record is not None
    assert written in str(record)
