"""Alarms that CloudWatch does not evaluate: no guard before the start, and a reason to go back afterwards."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.events import Result
from tests.support.scene import NEW, OLD, Scene, rollout_spec

ERRORS = "checkout-errors"
BACK = Routing.all_on(OLD)
BROKEN = ["EVALUATION_ERROR", "EVALUATION_FAILURE"]
HELD_UP = ["IN_WARM_UP", "SOMETHING_NEW"]
WHY = "the query has no result column"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def evaluation(scene: Scene, state: str | None, alarm: str = ERRORS) -> None:
    scene.world.cloudwatch().set_evaluation_state(alarm, state, WHY if state else "")


def later(scene: Scene, seconds: float, state: str | None, alarm: str = ERRORS) -> None:
    scene.after(seconds, partial(evaluation, scene, state, alarm))


def watched_for(scene: Scene) -> timedelta:
    """From the first shift to the last write."""
    writes = scene.requests("UpdateAlias")
    return writes[-1].at - writes[0].at


# Before the first shift -------------------------------------------------------------------------


@pytest.mark.parametrize("state", [*BROKEN, *HELD_UP])
def test_an_alarm_that_is_not_evaluated_refuses_the_start(scene: Scene, state: str) -> None:
    evaluation(scene, state)
    finished = scene.roll_out()
    assert finished.result is Result.FAILED
    assert finished.reason == (
        f"not evaluated by CloudWatch before anything was shifted: {ERRORS} ({state}: {WHY})."
    )
    assert scene.requests("UpdateAlias", "PublishVersion") == []


def test_one_without_data_and_with_an_error_refuses_it_too(scene: Scene) -> None:
    scene.set_alarm(ERRORS, "INSUFFICIENT_DATA")
    evaluation(scene, "EVALUATION_ERROR")
    assert scene.roll_out().result is Result.FAILED


def test_one_that_ceases_to_be_evaluated_while_the_version_gets_ready_does_too(
    scene: Scene,
) -> None:
    later(scene, 1, "EVALUATION_FAILURE")
    assert scene.roll_out().result is Result.FAILED
    assert scene.requests("UpdateAlias") == []


def test_partial_data_are_evaluated(scene: Scene) -> None:
    evaluation(scene, "PARTIAL_DATA")
    assert scene.roll_out(rollout_spec("10% 30s, 100% 0s")).result is Result.PROMOTED


def test_waiting_is_over_when_it_is_evaluated(scene: Scene) -> None:
    evaluation(scene, "IN_WARM_UP")
    later(scene, 100, None)
    asked = rollout_spec("10% 30s, 100% 0s", alarm_at_start=AlarmAtStart.WAIT)
    before = scene.clock.now()
    assert scene.roll_out(asked).result is Result.PROMOTED
    assert scene.requests("UpdateAlias")[0].at - before >= timedelta(seconds=100)


def test_waiting_has_an_end(scene: Scene) -> None:
    evaluation(scene, "IN_WARM_UP")
    asked = rollout_spec(alarm_at_start=AlarmAtStart.WAIT, evidence_timeout=60.0)
    assert scene.roll_out(asked).result is Result.FAILED
    assert scene.requests("UpdateAlias") == []


@pytest.mark.parametrize("state", [*BROKEN, *HELD_UP])
def test_ignored_it_stops_nothing_and_is_named_as_no_guard(scene: Scene, state: str) -> None:
    evaluation(scene, state)
    asked = rollout_spec("10% 2m, 100% 0s", alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK)
    assert scene.roll_out(asked).result is Result.PROMOTED
    told = f"CloudWatch did not evaluate it ({state}: {WHY})"
    assert f"Alarm {ERRORS} did not guard: {told}." in scene.warnings
    assert any("No alarm watched it." in line for line in happenings(rollout_state(scene.events)))


def test_ignored_it_counts_from_when_it_is_evaluated_and_ok(scene: Scene) -> None:
    evaluation(scene, "EVALUATION_FAILURE")
    later(scene, 40, None)
    scene.after(80, lambda: scene.set_alarm(ERRORS, "ALARM"))
    asked = rollout_spec("10% 2m, 100% 0s", alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK)
    assert scene.roll_out(asked).result is Result.ROLLED_BACK


def test_a_plan_says_what_it_would_do(scene: Scene) -> None:
    evaluation(scene, "EVALUATION_ERROR")
    scene.roll_out(rollout_spec(mode=Mode.PLAN))
    told = f"Not evaluated by CloudWatch: {ERRORS} (EVALUATION_ERROR: {WHY})"
    assert f"A rollout would be refused now. {told}" in scene.warnings


# In the watch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", BROKEN)
@pytest.mark.parametrize("value", ["OK", "INSUFFICIENT_DATA"])
def test_an_error_or_failure_for_a_minute_rolls_back(scene: Scene, state: str, value: str) -> None:
    scene.set_alarm(ERRORS, value)
    later(scene, 30, state)
    finished = scene.roll_out(rollout_spec("10% 10m, 100% 0s"))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == (
        f"alarm {ERRORS} was not evaluated by CloudWatch for 1m: {state}: {WHY}"
    )
    assert [alarm.name for alarm in finished.failed_alarms] == [ERRORS]
    assert scene.alias.routing == BACK
    assert timedelta(seconds=85) <= watched_for(scene) <= timedelta(seconds=100)


def test_one_that_passes_does_not(scene: Scene) -> None:
    later(scene, 30, "EVALUATION_FAILURE")
    later(scene, 80, None)
    assert scene.roll_out(rollout_spec("10% 3m, 100% 0s")).result is Result.PROMOTED
    assert len(scene.told(e.EvaluationChanged)) == 2


def test_no_step_passes_on_the_state_of_an_alarm_that_is_not_evaluated(scene: Scene) -> None:
    later(scene, 55, "EVALUATION_FAILURE")
    later(scene, 90, None)
    asked = rollout_spec("10% 60s, 100% 0s", evidence_timeout=0.0)
    assert scene.roll_out(asked).result is Result.PROMOTED
    first, second, *_ = scene.requests("UpdateAlias")
    assert second.at - first.at >= timedelta(seconds=85)
    (extended,) = scene.told(e.StepExtended)
    assert isinstance(extended, e.StepExtended)
    assert extended.why == f"not evaluated: {ERRORS} (EVALUATION_FAILURE)"


@pytest.mark.parametrize("state", HELD_UP)
def test_a_warm_up_or_an_unknown_state_holds_the_step_up(scene: Scene, state: str) -> None:
    later(scene, 30, state)
    later(scene, 200, None)
    assert scene.roll_out(rollout_spec("10% 60s, 100% 0s")).result is Result.PROMOTED
    first, second, *_ = scene.requests("UpdateAlias")
    assert second.at - first.at >= timedelta(seconds=165)


def test_and_rolls_back_when_evidence_timeout_is_over(scene: Scene) -> None:
    later(scene, 30, "IN_WARM_UP")
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 0s", evidence_timeout=120.0))
    assert finished.result is Result.ROLLED_BACK
    told = f"evidence-timeout ran out: not evaluated: {ERRORS} (IN_WARM_UP)"
    assert finished.reason == told
    assert timedelta(seconds=178) <= watched_for(scene) <= timedelta(seconds=190)


def test_partial_data_are_told(scene: Scene) -> None:
    later(scene, 30, "PARTIAL_DATA")
    assert scene.roll_out(rollout_spec("10% 60s, 100% 0s")).result is Result.PROMOTED
    (changed,) = scene.told(e.EvaluationChanged)
    assert isinstance(changed, e.EvaluationChanged)
    assert (changed.reading.evaluation, changed.before) == ("PARTIAL_DATA", "")


def test_an_alarm_that_fires_counts_though_it_is_not_evaluated_any_more(scene: Scene) -> None:
    later(scene, 30, "EVALUATION_FAILURE")
    scene.after(30, lambda: scene.set_alarm(ERRORS, "ALARM"))
    assert scene.roll_out(rollout_spec("10% 10m")).reason.startswith(f"alarm {ERRORS} fired")


def test_one_that_lacked_data_throughout_is_named_and_not_counted() -> None:
    scene = Scene.ready(alarms=(ERRORS, "latency"))
    scene.set_alarm("latency", "INSUFFICIENT_DATA")
    asked = rollout_spec("10% 60s, 100% 0s", alarms=(ERRORS, "latency"))
    assert scene.roll_out(asked).result is Result.PROMOTED
    assert "Alarm latency did not guard: it had no data throughout." in scene.warnings
    told = " ".join(happenings(rollout_state(scene.events)))
    assert "1 alarm watched it and did not fire." in told


# Composite alarms -------------------------------------------------------------------------------


def composite() -> Scene:
    scene = Scene.ready(alarms=(ERRORS,))
    rule = {"AlarmRule": f'ALARM("{ERRORS}")'}
    scene.call("cloudwatch", "PutCompositeAlarm", AlarmName="any", **rule)
    return scene


def test_a_composite_alarm_is_not_evaluated_if_one_below_it_is_not() -> None:
    scene = composite()
    evaluation(scene, "EVALUATION_ERROR")
    finished = scene.roll_out(rollout_spec(alarms=("any",)))
    assert finished.result is Result.FAILED
    assert f"any (EVALUATION_ERROR: alarm {ERRORS}, below it: {WHY})" in finished.reason


def test_it_rolls_back_if_one_below_it_is_not_evaluated_for_a_minute() -> None:
    scene = composite()
    later(scene, 30, "EVALUATION_ERROR")
    finished = scene.roll_out(rollout_spec("10% 10m", alarms=("any",)))
    assert finished.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in finished.failed_alarms] == ["any"]
    assert Routing(OLD, {NEW: 0.1}) in scene.routings()


def test_what_is_below_it_costs_one_call_and_no_more() -> None:
    def described(scene: Scene, name: str) -> Counter[str]:
        asked = rollout_spec("10% 60s, 100% 0s", alarms=(name,))
        assert scene.roll_out(asked).result is Result.PROMOTED
        return Counter(request.operation for request in scene.requests())

    ordinary = described(Scene.ready(alarms=(ERRORS,)), ERRORS)
    assert described(composite(), "any") - ordinary == {"DescribeAlarms": 1}


# A Region without log alarms --------------------------------------------------------------------


def test_a_region_that_does_not_know_log_alarms_is_asked_for_the_others(scene: Scene) -> None:
    metric = {"Namespace": "Shop", "MetricName": "Orders", "Statistic": "Sum", "Period": 60}
    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    scene.call("cloudwatch", "PutMetricAlarm", AlarmName="orders", **metric, **rule)
    scene.world.cloudwatch().knows_log_alarms = False
    asked = rollout_spec("10% 30s, 100% 0s", alarms=("orders",))
    assert scene.roll_out(asked).result is Result.PROMOTED
    refused = [r for r in scene.requests("DescribeAlarms") if "LogAlarm" in r.params["AlarmTypes"]]
    assert len(refused) == 1
