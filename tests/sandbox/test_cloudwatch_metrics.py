"""Metrics in, statistics out."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.aws.cloudwatch import CloudWatch
from sandbox.aws.cloudwatch.expression import Expression
from sandbox.aws.errors import AwsError
from sandbox.clock import ManualClock

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LIVE = {"FunctionName": "checkout", "Resource": "checkout:live"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def cloudwatch(clock: ManualClock) -> CloudWatch:
    return CloudWatch(clock, clock.schedule, "123456789012", "eu-central-1")


def record(
    cloudwatch: CloudWatch, at: float, value: float, dimensions: dict[str, str] = LIVE
) -> None:
    cloudwatch.record(
        "AWS/Lambda", "Duration", dimensions, value, "Milliseconds", START + timedelta(seconds=at)
    )


def metric_stat(
    stat: str, period: int = 60, dimensions: dict[str, str] = LIVE, **more: Any
) -> dict[str, Any]:
    return {
        "Metric": {
            "Namespace": "AWS/Lambda",
            "MetricName": "Duration",
            "Dimensions": [{"Name": name, "Value": dimensions[name]} for name in dimensions],
        },
        "Period": period,
        "Stat": stat,
        **more,
    }


def get(
    cloudwatch: CloudWatch, *queries: dict[str, Any], seconds: float = 600, **more: Any
) -> list[dict[str, Any]]:
    answer = cloudwatch.get_metric_data(
        {
            "MetricDataQueries": list(queries),
            "StartTime": START,
            "EndTime": START + timedelta(seconds=seconds),
            **more,
        }
    )
    results: list[dict[str, Any]] = answer["MetricDataResults"]
    return results


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        ("Sum", 550.0),
        ("SampleCount", 10.0),
        ("Average", 55.0),
        ("Minimum", 10.0),
        ("Maximum", 100.0),
        ("p0", 10.0),
        ("p50", 50.0),
        ("p90", 90.0),
        ("p99", 100.0),
        ("p99.9", 100.0),
        ("p100", 100.0),
        ("TC(30:70)", 4.0),
        ("TC(80:)", 2.0),
        ("TC(:9.5)", 0.0),
        ("PR(:80)", 80.0),
        ("PR(80:)", 20.0),
    ],
)
def test_statistics_of_a_period(
    clock: ManualClock, cloudwatch: CloudWatch, stat: str, value: float
) -> None:
    for tenth in (3, 1, 10, 2, 9, 4, 8, 5, 7, 6):
        record(cloudwatch, at=tenth, value=tenth * 10)
    clock.advance(600)
    [result] = get(cloudwatch, {"Id": "m", "MetricStat": metric_stat(stat)})
    assert result["Timestamps"] == [START]
    assert result["Values"] == [value]
    assert result["StatusCode"] == "Complete"


def test_periods_without_data_are_left_out_and_the_newest_comes_first(
    clock: ManualClock, cloudwatch: CloudWatch
) -> None:
    record(cloudwatch, at=0, value=1)
    record(cloudwatch, at=59.999, value=2)
    record(cloudwatch, at=120, value=4)
    clock.advance(600)
    query = {"Id": "m", "MetricStat": metric_stat("Sum")}
    [descending] = get(cloudwatch, query)
    [ascending] = get(cloudwatch, query, ScanBy="TimestampAscending")
    assert descending["Values"] == [4.0, 3.0]
    assert ascending["Values"] == [3.0, 4.0]
    assert ascending["Timestamps"] == [START, START + timedelta(minutes=2)]


def test_datapoints_may_come_in_any_order(clock: ManualClock, cloudwatch: CloudWatch) -> None:
    for at in (130, 70, 10, 200, 75):
        record(cloudwatch, at=at, value=at)
    clock.advance(600)
    [result] = get(cloudwatch, {"Id": "m", "MetricStat": metric_stat("Sum")})
    assert result["Values"] == [200.0, 130.0, 145.0, 10.0]


def test_start_is_rounded_down_and_end_is_exclusive(
    clock: ManualClock, cloudwatch: CloudWatch
) -> None:
    record(cloudwatch, at=10, value=1)
    record(cloudwatch, at=120, value=2)
    clock.advance(600)
    query = {"Id": "m", "MetricStat": metric_stat("Sum")}
    [result] = get(cloudwatch, query, StartTime=START + timedelta(seconds=34), seconds=120)
    assert result["Values"] == [1.0]


def test_dimensions_are_exact(clock: ManualClock, cloudwatch: CloudWatch) -> None:
    """A metric is its whole set of dimensions: nothing is summed over those left out."""
    record(cloudwatch, at=1, value=1, dimensions={**LIVE, "ExecutedVersion": "2"})
    clock.advance(600)
    live, version, none = get(
        cloudwatch,
        {"Id": "live", "MetricStat": metric_stat("Sum")},
        {
            "Id": "version",
            "MetricStat": metric_stat("Sum", dimensions={"ExecutedVersion": "2", **LIVE}),
        },
        {"Id": "none", "MetricStat": metric_stat("Sum", dimensions={})},
    )
    assert (live["Values"], version["Values"], none["Values"]) == ([], [1.0], [])


def test_a_unit_that_was_not_published_finds_nothing(
    clock: ManualClock, cloudwatch: CloudWatch
) -> None:
    record(cloudwatch, at=1, value=1)
    clock.advance(600)
    right, wrong = get(
        cloudwatch,
        {"Id": "right", "MetricStat": metric_stat("Sum", Unit="Milliseconds")},
        {"Id": "wrong", "MetricStat": metric_stat("Sum", Unit="Seconds")},
    )
    assert (right["Values"], wrong["Values"]) == ([1.0], [])


def test_datapoints_are_seen_only_after_the_delay(
    clock: ManualClock, cloudwatch: CloudWatch
) -> None:
    cloudwatch.metric_delay = timedelta(seconds=90)
    record(cloudwatch, at=10, value=1)
    query = {"Id": "m", "MetricStat": metric_stat("Sum")}
    clock.advance(100)
    assert get(cloudwatch, query)[0]["Values"] == []
    clock.advance(1)
    assert get(cloudwatch, query)[0]["Values"] == [1.0]


def test_put_metric_data_takes_values_counts_and_statistic_sets(
    clock: ManualClock, cloudwatch: CloudWatch
) -> None:
    datum = {"MetricName": "Queue", "Timestamp": START, "Unit": "Count"}
    cloudwatch.put_metric_data(
        {
            "Namespace": "Shop",
            "MetricData": [
                {**datum, "Value": 5.0},
                {**datum, "Values": [1.0, 2.0], "Counts": [3.0, 1.0]},
                {
                    **datum,
                    "StatisticValues": {
                        "SampleCount": 2,
                        "Sum": 30.0,
                        "Minimum": 10.0,
                        "Maximum": 20.0,
                    },
                },
            ],
        }
    )
    clock.advance(60)
    queries = [
        {
            "Id": stat.lower(),
            "MetricStat": {
                "Metric": {"Namespace": "Shop", "MetricName": "Queue"},
                "Period": 60,
                "Stat": stat,
            },
        }
        for stat in ("Sum", "SampleCount", "Maximum", "p50")
    ]
    assert [result["Values"] for result in get(cloudwatch, *queries)] == [
        [40.0],
        [7.0],
        [20.0],
        [],  # no percentiles of a statistic set whose values differ
    ]


def test_put_metric_data_stores_all_or_nothing(clock: ManualClock, cloudwatch: CloudWatch) -> None:
    good = {"MetricName": "Duration", "Timestamp": START, "Value": 1.0}
    for bad, code in (
        ({**good, "Timestamp": START - timedelta(days=15)}, "InvalidParameterValue"),
        ({**good, "Timestamp": START + timedelta(hours=3)}, "InvalidParameterValue"),
        ({**good, "Values": [1.0]}, "InvalidParameterCombination"),
        ({"MetricName": "Duration"}, "InvalidParameterCombination"),
    ):
        with pytest.raises(AwsError) as refused:
            cloudwatch.put_metric_data({"Namespace": "AWS/Lambda", "MetricData": [good, bad]})
        assert refused.value.code == code
    clock.advance(60)
    [result] = get(cloudwatch, {"Id": "m", "MetricStat": metric_stat("Sum", dimensions={})})
    assert result["Values"] == []


def test_math_in_get_metric_data(clock: ManualClock, cloudwatch: CloudWatch) -> None:
    record(cloudwatch, at=1, value=30)
    record(cloudwatch, at=2, value=50)
    clock.advance(60)
    [rate] = get(
        cloudwatch,
        {"Id": "rate", "Expression": "100 * total / (most + 50)"},
        {"Id": "total", "MetricStat": metric_stat("Sum"), "ReturnData": False},
        {"Id": "most", "MetricStat": metric_stat("Maximum"), "ReturnData": False},
    )
    assert rate["Values"] == [80.0]


@pytest.mark.parametrize(
    "queries",
    [
        [{"Id": "a", "MetricStat": metric_stat("TM(10%:90%)")}],
        [{"Id": "a", "Expression": "SELECT AVG(x) FROM y"}],
        [{"Id": "a", "Expression": "ANOMALY_DETECTION_BAND(b)"}],
        [{"Id": "a", "Expression": "missing * 2"}],
        [{"Id": "a", "Expression": "b"}, {"Id": "b", "Expression": "a"}],
        [{"Id": "a", "MetricStat": metric_stat("Sum")}] * 2,
        [{"Id": "a", "MetricStat": metric_stat("Sum", period=45)}],
        [{"Id": "a"}],
        [{"Id": f"m{n}", "MetricStat": metric_stat("Sum")} for n in range(501)],
    ],
)
def test_queries_that_are_refused(cloudwatch: CloudWatch, queries: list[dict[str, Any]]) -> None:
    with pytest.raises(AwsError) as refused:
        get(cloudwatch, *queries)
    assert refused.value.code == "ValidationError"


def test_the_end_must_be_after_the_start(cloudwatch: CloudWatch) -> None:
    with pytest.raises(AwsError, match="StartTime must be less than"):
        get(cloudwatch, {"Id": "a", "MetricStat": metric_stat("Sum")}, seconds=0)


VALUES: list[tuple[str, dict[str, float], float | None]] = [
    ("e / m * 100", {"e": 1, "m": 4}, 25.0),
    ("e1/m1*100", {"e1": 0, "m1": 4}, 0.0),
    ("e / m", {"e": 1, "m": 0}, None),
    ("e / m", {"m": 4}, None),
    ("FILL(e, 0) / m", {"m": 4}, 0.0),
    ("-(e - 1.5) + 2", {"e": 1}, 2.5),
    ("IF(m >= 20, e / m, 0)", {"e": 5, "m": 19}, 0.0),
    ("IF(m >= 20, e / m, 0)", {"e": 5, "m": 20}, 0.25),
    ("IF(m >= 20, e / m, 0)", {"e": 5}, None),
    ("e == 5", {"e": 5}, 1.0),
    ("e != 5", {"e": 5}, 0.0),
]


@pytest.mark.parametrize(("text", "known", "value"), VALUES)
def test_expressions(text: str, known: dict[str, float], value: float | None) -> None:
    assert Expression(text).value(known.get) == value


@pytest.mark.parametrize(
    "text", ["", "1 +", "e ** 2", "e.real", "__import__('os')", "[e]", "e if e else 0", "IF(e, 1)"]
)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Expression(text)
