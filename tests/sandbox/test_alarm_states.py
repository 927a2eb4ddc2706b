"""Metric alarms over time: when they are looked at, what they see, why, and states that are set."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox.aws.errors import AwsError
from tests.sandbox.alarm_scene import ARN, DIMENSIONS, START, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Evaluation over time


def test_a_new_alarm_is_unchecked(scene: Scene) -> None:
    scene.put()
    alarm = scene.alarm()
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
    assert alarm["AlarmArn"] == ARN + "errors"
    assert alarm["StateTransitionedTimestamp"] == START


def test_an_error_raises_the_alarm_at_the_end_of_its_period_and_silence_ends_it(
    scene: Scene,
) -> None:
    scene.put()
    scene.clock.advance(20)
    scene.errors(5)
    scene.clock.advance(39)
    assert scene.state() == "INSUFFICIENT_DATA"
    scene.clock.advance(1)
    assert scene.state() == "ALARM"
    # The range is 1 + 2 periods: the error is in it until 5:03.
    scene.clock.advance(179)
    assert scene.state() == "ALARM"
    scene.clock.advance(1)
    assert scene.state() == "INSUFFICIENT_DATA"
    assert scene.transitions() == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "INSUFFICIENT_DATA"),
    ]


def test_a_period_without_error_ends_the_alarm(scene: Scene) -> None:
    scene.put()
    scene.errors(5)
    scene.clock.advance(60)
    assert scene.state() == "ALARM"
    scene.errors(0)
    scene.clock.advance(60)
    assert scene.state() == "OK"


@pytest.mark.parametrize(
    ("minutes", "state"),
    [
        ([1, 0, 0, 0, 0], "OK"),
        ([1, 0, 0, 0, 1], "ALARM"),
        ([0, 1, 0, 1, 0], "ALARM"),
        ([1, 1, 0, 0, 0, 0], "OK"),  # by then one of the two is older than 5 minutes
    ],
)
def test_two_of_five(scene: Scene, minutes: list[int], state: str) -> None:
    scene.put(EvaluationPeriods=5, DatapointsToAlarm=2)
    for errors in minutes:
        scene.errors(errors)
        scene.clock.advance(60)
    assert scene.state() == state


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [
        ("GreaterThanOrEqualToThreshold", "OK", "ALARM", "ALARM"),
        ("GreaterThanThreshold", "OK", "OK", "ALARM"),
        ("LessThanThreshold", "ALARM", "OK", "OK"),
        ("LessThanOrEqualToThreshold", "ALARM", "ALARM", "OK"),
    ],
)
def test_operators(scene: Scene, operator: str, below: str, equal: str, above: str) -> None:
    scene.put(ComparisonOperator=operator, Threshold=2.0)
    for value, state in ((1, below), (2, equal), (3, above)):
        scene.errors(value)
        scene.clock.advance(60)
        assert scene.state() == state


def test_a_percentile_alarm(scene: Scene) -> None:
    scene(
        "PutMetricAlarm",
        AlarmName="latency",
        Namespace="AWS/Lambda",
        MetricName="Duration",
        Dimensions=[{"Name": key, "Value": DIMENSIONS[key]} for key in DIMENSIONS],
        ExtendedStatistic="p90",
        Period=60,
        EvaluationPeriods=1,
        Threshold=800.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    for slow in (1, 2):
        for _ in range(10 - slow):
            scene.errors(100, metric="Duration")
        for _ in range(slow):
            scene.errors(900, metric="Duration")
        scene.clock.advance(60)
        # One slow invocation in ten is not in the 90th percentile, two are.
        assert scene.state("latency") == ("OK", "ALARM")[slow - 1]


def error_rate(name: str, metric: str) -> dict[str, Any]:
    return {
        "Id": name,
        "ReturnData": False,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": key, "Value": DIMENSIONS[key]} for key in DIMENSIONS],
            },
            "Period": 60,
            "Stat": "Sum",
        },
    }


def test_an_alarm_on_an_error_rate(scene: Scene) -> None:
    scene(
        "PutMetricAlarm",
        AlarmName="rate",
        EvaluationPeriods=1,
        Threshold=10.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[
            {"Id": "rate", "Expression": "FILL(errors, 0) / invocations * 100"},
            error_rate("errors", "Errors"),
            error_rate("invocations", "Invocations"),
        ],
    )
    for errors, state in ((1, "OK"), (2, "ALARM"), (0, "OK")):
        for number in range(10):
            scene.errors(1, metric="Invocations")
            if number < errors:
                scene.errors(1)
        scene.clock.advance(60)
        assert scene.state("rate") == state


def test_one_second_periods(scene: Scene) -> None:
    scene.put(Period=1, TreatMissingData="notBreaching")
    scene.clock.advance(1)
    assert scene.state() == "OK"
    scene.clock.advance(0.25)
    scene.errors(1)
    scene.clock.advance(0.75)
    assert scene.state() == "ALARM"
    scene.clock.advance(3)
    assert scene.state() == "OK"


def test_a_long_period_slides_by_the_minute(scene: Scene) -> None:
    scene.put(Period=300)
    scene.errors(0)
    scene.clock.advance(90)
    assert scene.state() == "OK"
    scene.errors(1)
    scene.clock.advance(30)
    assert scene.state() == "ALARM"


def test_metrics_that_come_late_are_seen_that_much_later(scene: Scene) -> None:
    scene.cloudwatch.metric_delay = timedelta(seconds=90)
    scene.put()
    scene.errors(1)
    scene.clock.advance(149)
    assert scene.state() == "INSUFFICIENT_DATA"
    scene.clock.advance(1)
    assert scene.state() == "ALARM"


def test_an_idle_hour_costs_nothing_and_a_datapoint_wakes_the_alarm(scene: Scene) -> None:
    for number in range(5):
        scene.put(f"alarm-{number}", Period=1)
    scene.clock.advance(3600)
    assert scene.looks == 5
    scene.errors(1)
    scene.clock.advance(3600)
    # 1 + 2 periods with the datapoint in range, and one that finds the range empty.
    assert scene.looks <= 5 + 5 * 5
    assert scene.transitions("alarm-4") == [
        ("INSUFFICIENT_DATA", "ALARM"),
        ("ALARM", "INSUFFICIENT_DATA"),
    ]


# Reasons


@pytest.mark.parametrize(
    ("more", "errors", "reason"),
    [
        (
            {"DatapointsToAlarm": 1},
            [5],
            (
                "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (23/11/26 05:00:00)] was greater "
                "than or equal to the threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition)."
            ),
        ),
        (
            {},
            [5],
            (
                "Threshold Crossed: 1 datapoint [5.0 (23/11/26 05:00:00)] was greater than or equal to "
                "the threshold (1.0)."
            ),
        ),
        (
            {},
            [0],
            (
                "Threshold Crossed: 1 datapoint [0.0 (23/11/26 05:00:00)] was not greater than or equal "
                "to the threshold (1.0)."
            ),
        ),
        (
            # Worded as in a published notification of an alarm with 3 of 5.
            {
                "EvaluationPeriods": 5,
                "DatapointsToAlarm": 3,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 0.0,
            },
            [0, 1, 0, 0, 1],
            (
                "Threshold Crossed: 3 out of the last 5 datapoints [0.0 (23/11/26 05:03:00), "
                "0.0 (23/11/26 05:02:00), 0.0 (23/11/26 05:00:00)] were not greater than the threshold "
                "(0.0) (minimum 3 datapoints for ALARM -> OK transition)."
            ),
        ),
        (
            {"TreatMissingData": "notBreaching"},
            [None],
            (
                "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was "
                "treated as [NonBreaching]."
            ),
        ),
        (
            {"TreatMissingData": "breaching", "EvaluationPeriods": 3, "DatapointsToAlarm": 2},
            [None, 1],
            (
                "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were "
                "treated as [Breaching]."
            ),
        ),
    ],
)
def test_reasons_are_worded_as_aws_words_them(
    scene: Scene, more: dict[str, Any], errors: list[int | None], reason: str
) -> None:
    scene.put(**more)
    for value in errors:
        scene.set("errors", "INSUFFICIENT_DATA")
        if value is not None:
            scene.errors(value)
        scene.clock.advance(60)
    assert scene.alarm()["StateReason"] == reason


def test_the_reason_for_insufficient_data(scene: Scene) -> None:
    scene.put(EvaluationPeriods=2)
    scene.set("errors", "OK")
    scene.clock.advance(60)
    assert scene.alarm()["StateReason"] == "Insufficient Data: 2 datapoints were unknown."


def test_reason_data(scene: Scene) -> None:
    scene.put()
    scene.errors(3)
    scene.errors(2)
    scene.clock.advance(60)
    assert json.loads(scene.alarm()["StateReasonData"]) == {
        "version": "1.0",
        "queryDate": "2026-11-23T05:01:00.000+0000",
        "startDate": "2026-11-23T05:00:00.000+0000",
        "statistic": "Sum",
        "period": 60,
        "recentDatapoints": [5.0],
        "threshold": 1.0,
        "evaluatedDatapoints": [
            {"timestamp": "2026-11-23T05:00:00.000+0000", "sampleCount": 2.0, "value": 5.0}
        ],
    }


# States that are set


def test_a_state_that_is_set_lasts_until_the_next_look(scene: Scene) -> None:
    scene.put(TreatMissingData="notBreaching")
    scene.clock.advance(3610)
    scene.set("errors", "ALARM")
    assert scene.state() == "ALARM"
    assert scene.alarm()["StateReason"] == "testing purposes"
    scene.clock.advance(49)
    assert scene.state() == "ALARM"
    scene.clock.advance(1)
    assert scene.state() == "OK"
    assert scene.transitions() == [
        ("INSUFFICIENT_DATA", "OK"),
        ("OK", "ALARM"),
        ("ALARM", "OK"),
    ]


def test_metrics_that_come_late_do_not_delay_the_look_at_a_state_that_is_set(scene: Scene) -> None:
    scene.cloudwatch.metric_delay = timedelta(minutes=10)
    scene.put(TreatMissingData="notBreaching")
    scene.clock.advance(3600)
    scene.set("errors", "ALARM")
    scene.clock.advance(60)
    assert scene.state() == "OK"


def test_a_state_that_is_set_stays_where_missing_data_is_ignored(scene: Scene) -> None:
    scene.put(TreatMissingData="ignore")
    scene.set("errors", "ALARM")
    scene.clock.advance(3600)
    assert scene.state() == "ALARM"


def test_transitions_in_one_instant_have_their_own_timestamps(scene: Scene) -> None:
    scene.put()
    before = scene.alarm()["StateTransitionedTimestamp"]
    scene.set("errors", "ALARM")
    fired = scene.alarm()["StateTransitionedTimestamp"]
    scene.set("errors", "OK")
    recovered = scene.alarm()["StateTransitionedTimestamp"]
    assert before < fired < recovered


def test_setting_the_same_state_is_no_transition(scene: Scene) -> None:
    scene.put()
    scene.set("errors", "OK")
    transitioned = scene.alarm()["StateTransitionedTimestamp"]
    scene.clock.advance(10)
    scene.set("errors", "OK")
    assert scene.alarm()["StateTransitionedTimestamp"] == transitioned
    assert scene.alarm()["StateUpdatedTimestamp"] == START + timedelta(seconds=10)
    assert len(scene.transitions()) == 1


def test_the_evaluation_state_moves_only_the_updated_timestamp(scene: Scene) -> None:
    scene.put()
    scene.errors(1)
    scene.clock.advance(30)
    scene.cloudwatch.set_evaluation_state("errors", "EVALUATION_FAILURE")
    alarm = scene.alarm()
    assert alarm["EvaluationState"] == "EVALUATION_FAILURE"
    assert alarm["StateUpdatedTimestamp"] == START + timedelta(seconds=30)
    assert alarm["StateTransitionedTimestamp"] == START
    scene.clock.advance(60)
    assert scene.state() == "INSUFFICIENT_DATA"  # not evaluated
    scene.cloudwatch.set_evaluation_state("errors", None)
    scene.clock.advance(60)
    assert scene.state() == "ALARM"
    assert "EvaluationState" not in scene.alarm()


def test_setting_the_state_of_an_alarm_that_is_not_there(scene: Scene) -> None:
    with pytest.raises(AwsError) as refused:
        scene.set("nobody", "OK")
    assert (refused.value.code, refused.value.status) == ("ResourceNotFound", 404)


def test_reason_data_must_be_json(scene: Scene) -> None:
    scene.put()
    with pytest.raises(AwsError) as refused:
        scene(
            "SetAlarmState",
            AlarmName="errors",
            StateValue="OK",
            StateReason="",
            StateReasonData="{",
        )
    assert refused.value.code == "InvalidFormat"
