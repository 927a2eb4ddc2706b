"""Composite and log alarms; alarms described, remembered, changed and refused."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox.aws.errors import AwsError
from tests.sandbox.alarm_scene import ALL_TYPES, ARN, START, Scene


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Composite and log alarms


def put_composite(scene: Scene, name: str, rule: str) -> None:
    scene("PutCompositeAlarm", AlarmName=name, AlarmRule=rule)


def test_a_composite_alarm_follows_its_children_at_once(scene: Scene) -> None:
    scene.put("a", TreatMissingData="ignore")
    scene.put("b", TreatMissingData="ignore")
    put_composite(scene, "both", f'ALARM("a") AND ALARM({ARN}b)')
    assert scene.state("both") == "OK"
    assert scene.transitions("both") == [("INSUFFICIENT_DATA", "OK")]
    scene.set("a", "ALARM")
    assert scene.state("both") == "OK"
    scene.clock.advance(7)
    scene.set("b", "ALARM")
    alarm = scene.alarm("both")
    assert alarm["StateValue"] == "ALARM"
    assert (
        alarm["StateReason"]
        == f"{ARN}b transitioned to ALARM at Monday 23 November, 2026 05:00:07 UTC"
    )
    assert [each["arn"] for each in json.loads(alarm["StateReasonData"])["triggeringAlarms"]] == [
        ARN + "a",
        ARN + "b",
    ]
    scene.set("a", "OK")
    assert scene.state("both") == "OK"


def test_a_composite_alarm_of_composite_alarms(scene: Scene) -> None:
    scene.put("a", TreatMissingData="ignore")
    put_composite(scene, "inner", "ALARM(a)")
    put_composite(scene, "outer", "NOT ALARM(inner)")
    assert scene.state("outer") == "ALARM"
    scene.set("a", "ALARM")
    assert scene.state("outer") == "OK"


def test_a_composite_state_that_is_set_stays_until_a_child_changes(scene: Scene) -> None:
    scene.put("a", TreatMissingData="ignore")
    put_composite(scene, "top", "ALARM(a)")
    scene.set("top", "ALARM")
    scene.clock.advance(3600)
    assert scene.state("top") == "ALARM"
    scene.set("a", "OK")
    assert scene.state("top") == "OK"


def test_composite_alarms_in_a_circle_stop(scene: Scene) -> None:
    scene.put("a", TreatMissingData="ignore")
    put_composite(scene, "x", "ALARM(a)")
    put_composite(scene, "y", "ALARM(x)")
    put_composite(scene, "x", "ALARM(a) AND NOT ALARM(y)")
    scene.set("a", "ALARM")
    assert (scene.state("x"), scene.state("y")) == ("ALARM", "ALARM")


def test_a_composite_alarm_needs_its_children(scene: Scene) -> None:
    scene.put("a")
    with pytest.raises(
        AwsError,
        match=r"Could not save the composite alarm as alarms \[gone\] in the alarm rule do not exist",
    ):
        put_composite(scene, "top", "ALARM(a) OR ALARM(gone)")
    put_composite(scene, "top", "ALARM(a)")
    with pytest.raises(AwsError, match="there are composite alarm"):
        scene("DeleteAlarms", AlarmNames=["a"])
    assert scene.state("a") == "INSUFFICIENT_DATA"


def put_log_alarm(scene: Scene, name: str) -> None:
    scene(
        "PutLogAlarm",
        AlarmName=name,
        ScheduledQueryConfiguration={
            "QueryString": "filter @message like /ERROR/",
            "ScheduledQueryRoleARN": "arn:aws:iam::123456789012:role/query",
            "ScheduleConfiguration": {
                "ScheduleExpression": "rate(1 minute)",
                "StartTimeOffset": 60,
            },
            "AggregationExpression": "count(*)",
        },
        QueryResultsToEvaluate=1,
        QueryResultsToAlarm=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )


def test_a_log_alarm_moves_only_when_set(scene: Scene) -> None:
    put_log_alarm(scene, "logs")
    scene.set("logs", "ALARM")
    scene.clock.advance(3600)
    assert scene.state("logs") == "ALARM"
    assert scene.transitions("logs") == [("INSUFFICIENT_DATA", "ALARM")]


# DescribeAlarms


def test_only_metric_alarms_come_back_unless_types_are_asked_for(scene: Scene) -> None:
    scene.put("metric")
    put_composite(scene, "composite", "ALARM(metric)")
    put_log_alarm(scene, "log")
    names = ["metric", "composite", "log", "nobody"]

    def shown(**more: Any) -> list[list[str]]:
        answer = scene("DescribeAlarms", AlarmNames=names, **more)
        lists = ("MetricAlarms", "CompositeAlarms", "LogAlarms")
        return [[alarm["AlarmName"] for alarm in answer[each]] for each in lists]

    assert shown() == [["metric"], [], []]
    assert shown(AlarmTypes=["CompositeAlarm"]) == [[], ["composite"], []]
    assert shown(AlarmTypes=ALL_TYPES) == [["metric"], ["composite"], ["log"]]


def test_filters(scene: Scene) -> None:
    for name in ("shop-a", "shop-b", "other"):
        scene.put(name)
    scene.set("shop-b", "ALARM")

    def names(**more: Any) -> list[str]:
        return [alarm["AlarmName"] for alarm in scene("DescribeAlarms", **more)["MetricAlarms"]]

    assert names() == ["other", "shop-a", "shop-b"]
    assert names(AlarmNamePrefix="shop-") == ["shop-a", "shop-b"]
    assert names(StateValue="ALARM") == ["shop-b"]
    assert names(AlarmNames=["shop-b", "shop-b", "shop-a"]) == ["shop-a", "shop-b"]
    assert names(AlarmNames=[]) == []


def test_more_than_a_hundred_alarms(scene: Scene) -> None:
    expected = [f"alarm-{number:03}" for number in range(250)]
    for name in reversed(expected):
        scene.put(name)
    put_composite(scene, "composite", "ALARM(alarm-000)")
    with pytest.raises(AwsError, match="less than or equal to 100"):
        scene.cloudwatch.describe_alarms({"AlarmNames": expected[:101]})

    for size, pages in ((100, 3), (50, 6), (None, 6)):
        found: list[str] = []
        more: dict[str, Any] = {} if size is None else {"MaxRecords": size}
        for number in range(pages):
            answer = scene("DescribeAlarms", AlarmTypes=ALL_TYPES, **more)
            alarms = answer["MetricAlarms"] + answer["CompositeAlarms"]
            found += [alarm["AlarmName"] for alarm in alarms]
            assert ("NextToken" in answer) == (number < pages - 1)
            more["NextToken"] = answer.get("NextToken")
        assert found == [*expected, "composite"]


def test_a_page_that_is_just_full_is_the_last(scene: Scene) -> None:
    scene.put("a")
    scene.put("b")
    assert "NextToken" not in scene("DescribeAlarms", MaxRecords=2)


def test_a_page_goes_on_where_it_was_when_alarms_come_and_go(scene: Scene) -> None:
    for name in ("b", "c", "d", "e"):
        scene.put(name)
    answer = scene("DescribeAlarms", MaxRecords=2)
    scene("DeleteAlarms", AlarmNames=["b", "c"])
    scene.put("a")
    rest = scene("DescribeAlarms", NextToken=answer["NextToken"])
    assert [alarm["AlarmName"] for alarm in rest["MetricAlarms"]] == ["d", "e"]


@pytest.mark.parametrize("token", ["garbage", "IjEi", "\u00e9", ""])
def test_tokens_that_were_never_given(scene: Scene, token: str) -> None:
    scene.put()
    for operation in ("DescribeAlarms", "DescribeAlarmHistory"):
        with pytest.raises(AwsError) as refused:
            scene(operation, NextToken=token)
        assert refused.value.code == "InvalidNextToken"


# History


def test_a_history_item_looks_as_aws_shows_it(scene: Scene) -> None:
    scene.put()
    scene.set("errors", "OK")
    scene.errors(5)
    scene.clock.advance(60)
    answer = scene("DescribeAlarmHistory", AlarmName="errors", HistoryItemType="StateUpdate")
    newest = answer["AlarmHistoryItems"][0]
    assert newest["AlarmType"] == "MetricAlarm"
    assert newest["Timestamp"] == scene.alarm()["StateTransitionedTimestamp"]
    assert newest["HistorySummary"] == "Alarm updated from OK to ALARM"
    data = json.loads(newest["HistoryData"])
    assert data["version"] == "1.0"
    assert data["oldState"] == {"stateValue": "OK", "stateReason": "testing purposes"}
    assert data["newState"]["stateValue"] == "ALARM"
    assert data["newState"]["stateReason"] == scene.alarm()["StateReason"]
    assert data["newState"]["stateReasonData"]["recentDatapoints"] == [5.0]


def test_history_by_type_and_name(scene: Scene) -> None:
    scene.put("a", TreatMissingData="ignore")
    scene.put("b")
    put_composite(scene, "top", "ALARM(a)")

    def items(**more: Any) -> set[tuple[str, str]]:
        answer = scene("DescribeAlarmHistory", **more)
        return {
            (each["AlarmName"], each["HistoryItemType"]) for each in answer["AlarmHistoryItems"]
        }

    assert items() == {("a", "ConfigurationUpdate"), ("b", "ConfigurationUpdate")}
    assert items(AlarmName="top") == set()
    assert items(AlarmName="top", AlarmTypes=["CompositeAlarm"]) == {
        ("top", "ConfigurationUpdate"),
        ("top", "StateUpdate"),
    }


def test_history_between_two_dates(scene: Scene) -> None:
    scene.put(TreatMissingData="ignore")
    for state in ("ALARM", "OK", "ALARM"):
        scene.clock.advance(60)
        scene.set("errors", state)
    second = START + timedelta(minutes=2)
    assert scene.transitions(StartDate=second) == [("ALARM", "OK"), ("OK", "ALARM")]
    assert scene.transitions(EndDate=second) == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")]
    assert scene.transitions(StartDate=second, EndDate=second) == [("ALARM", "OK")]


@pytest.mark.parametrize("scan_by", ["TimestampDescending", "TimestampAscending", None])
def test_history_in_pages(scene: Scene, scan_by: str | None) -> None:
    scene.put(TreatMissingData="ignore")
    for number in range(7):
        scene.set("errors", "ALARM" if number % 2 == 0 else "OK")
        scene.clock.advance(1)
    stamps: list[datetime] = []
    more: dict[str, Any] = {"ScanBy": scan_by} if scan_by else {}
    for _ in range(3):
        answer = scene(
            "DescribeAlarmHistory",
            AlarmName="errors",
            HistoryItemType="StateUpdate",
            MaxRecords=3,
            **more,
        )
        stamps += [item["Timestamp"] for item in answer["AlarmHistoryItems"]]
        more["NextToken"] = answer.get("NextToken")
        scene.set("errors", "INSUFFICIENT_DATA")  # what happens meanwhile repeats nothing
        scene.set("errors", "OK")
    assert stamps == sorted(set(stamps), reverse=scan_by != "TimestampAscending")
    assert len(stamps) == (7 if scan_by != "TimestampAscending" else 9)


def test_history_may_lag(scene: Scene) -> None:
    scene.cloudwatch.history_lag = timedelta(seconds=5)
    scene.put(TreatMissingData="ignore")
    scene.set("errors", "ALARM")
    assert scene.state() == "ALARM"
    scene.clock.advance(4)
    assert scene.transitions() == []
    scene.clock.advance(1)
    assert scene.transitions() == [("INSUFFICIENT_DATA", "ALARM")]


def test_history_is_kept_two_weeks_and_outlives_the_alarm(scene: Scene) -> None:
    scene.put(TreatMissingData="ignore")
    scene.set("errors", "ALARM")
    scene("DeleteAlarms", AlarmNames=["errors"])
    scene.clock.advance(timedelta(days=13, hours=23).total_seconds())
    assert scene.transitions() == [("INSUFFICIENT_DATA", "ALARM")]
    scene.clock.advance(timedelta(hours=2).total_seconds())
    assert scene.transitions() == []


# Changing and deleting


def test_an_update_overwrites_everything_but_the_state(scene: Scene) -> None:
    scene.put(AlarmDescription="old", TreatMissingData="ignore")
    scene.set("errors", "ALARM")
    scene.clock.advance(5)
    scene.put(Threshold=50.0, TreatMissingData="ignore")
    alarm = scene.alarm()
    assert (alarm["StateValue"], alarm["Threshold"]) == ("ALARM", 50.0)
    assert "AlarmDescription" not in alarm
    assert alarm["AlarmConfigurationUpdatedTimestamp"] == START + timedelta(seconds=5)
    scene.errors(49)
    scene.clock.advance(60)
    assert scene.state() == "OK"
    assert scene.transitions() == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")]


def test_an_update_is_evaluated_at_its_own_pace(scene: Scene) -> None:
    scene.put()
    scene.put(Period=1)
    scene.errors(1)
    scene.clock.advance(1)
    assert scene.state() == "ALARM"


def test_a_deleted_alarm_is_not_evaluated_any_more(scene: Scene) -> None:
    scene.put()
    scene.put("other")
    scene.errors(1)
    scene("DeleteAlarms", AlarmNames=["errors", "nobody"])
    scene.clock.advance(60)
    assert scene("DescribeAlarms", AlarmNames=["errors"])["MetricAlarms"] == []
    assert scene.transitions() == []
    assert scene.state("other") == "ALARM"


def test_one_composite_alarm_at_most_is_deleted_at_once(scene: Scene) -> None:
    put_composite(scene, "x", "TRUE")
    put_composite(scene, "y", "FALSE")
    with pytest.raises(AwsError) as refused:
        scene("DeleteAlarms", AlarmNames=["x", "y"])
    assert refused.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        # Seen at AWS: https://github.com/hashicorp/terraform/issues/24070
        (
            {"EvaluationPeriods": 1, "DatapointsToAlarm": 15},
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
        ),
        ({"Period": 45}, "Period"),
        ({"Period": 90}, "Period"),
        ({"Period": 300, "EvaluationPeriods": 289}, "more than a day"),
        ({"Period": 86_400, "EvaluationPeriods": 8}, "more than seven days"),
        ({"TreatMissingData": "good"}, "TreatMissingData"),
        ({"ExtendedStatistic": "p99"}, "Exactly one of"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "enum value set"),
    ],
)
def test_alarms_that_are_refused(scene: Scene, more: dict[str, Any], says: str) -> None:
    with pytest.raises(AwsError, match=says):
        scene.put(**more)
    assert scene("DescribeAlarms")["MetricAlarms"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"ThresholdMetricId": "band"},
        {"EvaluateLowSampleCountPercentile": "ignore"},
        {"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}},
    ],
)
def test_what_is_not_modelled_is_said(scene: Scene, more: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="does not model") as refused:
        scene.put(**more)
    assert refused.value.status == 501
