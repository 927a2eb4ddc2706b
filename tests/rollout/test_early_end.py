"""Steps that end early: the real story over the sandbox, on its manual clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout.events import (
    Finished,
    PreflightFound,
    Result,
    StepEndsEarly,
    StepPassed,
    WeightShifted,
)
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.faults import Throttle
from tests.support.guarded import served
from tests.support.scene import NEW, OLD, Scene, rollout_spec

MARGIN = "error-rate <= baseline + 1%"
RANGE = "10% 5m..30m, 100% 0s"


def roll_out(made: Scene, steps: str = RANGE, guards: str = MARGIN, **asked: Any) -> Finished:
    wanted = rollout_spec(steps, guards=parse_guards(guards), **{"alarms": (), **asked})
    clients = made.clients()
    alarms = wanted.inputs.alarms
    ports = replace(
        made.ports(wanted),
        metrics=CloudWatchMetrics(clients, measures_of(wanted.inputs.guards)),
        preflight_reader=AwsPreflightReader(clients, alarms),
    )
    return Rollout(wanted, ports).run()


@pytest.mark.parametrize("guard", [MARGIN, "error-rate <= baseline", "error-rate < 50%"])
def test_a_version_whose_errors_nobody_tells_is_not_taken_for_one_without(guard: str) -> None:
    made = Scene.ready(alarms=())
    served(made, {OLD: (900, 1), NEW: (100, None)})
    finished = roll_out(made, "10% 5m, 100% 0s", guard)
    assert finished.result is Result.ROLLED_BACK
    assert f"evidence-timeout ran out: guard {guard} cannot be judged yet" in finished.reason
    assert "no datapoint of Errors in 19 minutes, which tell nothing" in finished.reason


def lasted(made: Scene) -> timedelta:
    """How long the first step was watched."""
    [shifted, *_] = [event for event in made.events if isinstance(event, WeightShifted)]
    [passed, *_] = [event for event in made.events if isinstance(event, StepPassed)]
    return passed.at - shifted.at


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_few_requests_show_nothing_and_the_step_takes_its_time() -> None:
    made = Scene.ready(alarms=())
    served(made, {OLD: (18, 0), NEW: (2, 0)})
    roll_out(made)
    assert made.told(StepEndsEarly) == []
    assert lasted(made) >= minutes(30)


def test_it_is_watched_for_its_least_time_whatever_was_shown() -> None:
    made = Scene.ready(alarms=())
    served(made, {OLD: (90_000, 0), NEW: (10_000, 0)})
    roll_out(made, "10% 20m..30m, 100% 0s")
    assert minutes(20) <= lasted(made) < minutes(21)


def test_every_other_guard_must_hold_and_enough_be_served() -> None:
    made = Scene.ready(alarms=())
    served(made)
    roll_out(made, guards=f"{MARGIN}\np99-duration < 1s", min_invocations=2_000)
    # 100 a minute, and three minutes until they are told.
    assert minutes(23) <= lasted(made) <= minutes(25)


def test_one_that_is_only_observed_keeps_nothing_up() -> None:
    made = Scene.ready(alarms=())
    served(made)
    roll_out(made, guards=f"{MARGIN}\n? p99-duration < 1ms")
    assert lasted(made) <= minutes(15)


def test_a_bad_version_is_rolled_back_and_never_ends_early() -> None:
    made = Scene.ready(alarms=())
    served(made, {OLD: (900, 1), NEW: (100, 10)})
    assert roll_out(made).result is Result.ROLLED_BACK
    assert made.told(StepEndsEarly) == []


@pytest.mark.parametrize("state", ["INSUFFICIENT_DATA", "OK"])
def test_all_alarms_must_be_ok(state: str) -> None:
    made = Scene.ready()
    served(made)
    made.set_alarm("checkout-errors", state)
    roll_out(made, alarms=["checkout-errors"])
    assert bool(made.told(StepEndsEarly)) is (state == "OK")


def test_an_alarm_that_needs_longer_puts_the_end_off_and_that_is_said() -> None:
    made = Scene.ready(alarms=())
    made.call(
        "cloudwatch",
        "PutMetricAlarm",
        AlarmName="slow",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[
            {"Name": "FunctionName", "Value": "checkout"},
            {"Name": "Resource", "Value": "checkout:live"},
        ],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=4,
        Threshold=1000.0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    made.set_alarm("slow", "OK")
    made.clock.advance(120)
    served(made)
    roll_out(made, alarms=["slow"])
    [found] = [event for event in made.events if isinstance(event, PreflightFound)]
    [finding] = [each for each in found.findings if each.code.value == "early-end-waits"]
    assert finding.seen == (
        "It needs at least 22m to fire, so `10% 5m..30m` lasts at least so long."
    )
    assert minutes(22) <= lasted(made) < minutes(23)


def test_while_numbers_cannot_be_read_nothing_is_shown() -> None:
    made = Scene.ready(alarms=())
    served(made)
    made.after(
        120, lambda: made.world.faults.add(Throttle(), operation="GetMetricData", count=None)
    )
    made.after(1200, made.world.faults.clear)
    roll_out(made)
    assert lasted(made) >= minutes(20)
