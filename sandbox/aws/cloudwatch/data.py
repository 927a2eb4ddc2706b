"""PutMetricData and GetMetricData."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.cloudwatch.metrics import Datapoint, MetricKey, MetricStore, metric_key
from sandbox.aws.cloudwatch.query import Query, queries_by_id
from sandbox.aws.cloudwatch.validation import invalid, not_modelled
from sandbox.aws.errors import AwsError

OLDEST = timedelta(days=14)
NEWEST = timedelta(hours=2)
"""How far a datapoint's timestamp may be from now (PutMetricData's page)."""


def datapoints(params: Mapping[str, Any], now: datetime) -> list[tuple[MetricKey, Datapoint]]:
    """What a PutMetricData request stores: all of it, or nothing and an AwsError."""
    if "EntityMetricData" in params:
        raise not_modelled("EntityMetricData")
    stored: list[tuple[MetricKey, Datapoint]] = []
    for number, datum in enumerate(params.get("MetricData", ()), start=1):
        at = datum.get("Timestamp", now)
        member = f"The parameter MetricData.member.{number}"
        if at < now - OLDEST:
            raise _refused(f"{member}.Timestamp must specify a time within the past two weeks.")
        if at > now + NEWEST:
            raise _refused(
                f"{member}.Timestamp must specify a time no more than two hours in the future."
            )
        if sum(each in datum for each in ("Value", "Values", "StatisticValues")) != 1:
            raise AwsError(
                "InvalidParameterCombination",
                f"{member} must have exactly one of Value, Values and StatisticValues.",
            )
        dimensions = {each["Name"]: each["Value"] for each in datum.get("Dimensions", ())}
        key = metric_key(params["Namespace"], datum["MetricName"], dimensions)
        stored += ((key, point) for point in _points(datum, at.timestamp()))
    return stored


def _points(datum: Mapping[str, Any], at: float) -> Iterator[Datapoint]:
    unit = datum.get("Unit", "None")
    if "StatisticValues" in datum:
        given = datum["StatisticValues"]
        yield Datapoint(
            at, given["Sum"], given["Minimum"], given["Maximum"], given["SampleCount"], unit
        )
        return
    values = datum.get("Values") or [datum["Value"]]
    counts = datum.get("Counts") or [1.0] * len(values)
    for value, count in zip(values, counts, strict=True):
        yield Datapoint(at, value * count, value, value, count, unit)


def results(params: Mapping[str, Any], store: MetricStore, seen_until: datetime) -> dict[str, Any]:
    """The answer of GetMetricData, in one page, every query Complete.

    Datapoints stamped at `seen_until` or later are not there yet. A period that has begun before
    EndTime is told with what it holds until then.
    """
    try:
        queries = queries_by_id(params["MetricDataQueries"])
    except ValueError as error:
        raise invalid(f"The query is not one that the sandbox models: {error}") from error
    end = min(params["EndTime"], seen_until).timestamp()
    periods = _periods(params["MetricDataQueries"])
    answers = []
    for each in params["MetricDataQueries"]:
        if not each.get("ReturnData", True):
            continue
        values = list(
            _values(queries[each["Id"]], store, params["StartTime"], end, periods[each["Id"]])
        )
        if params.get("ScanBy", "TimestampDescending") == "TimestampDescending":
            values.reverse()
        answers.append(
            {
                "Id": each["Id"],
                "Label": each.get("Label") or _label(each),
                "Timestamps": [at for at, _ in values],
                "Values": [value for _, value in values],
                "StatusCode": "Complete",
            }
        )
    return {"MetricDataResults": answers, "Messages": []}


def _values(
    query: Query, store: MetricStore, start: datetime, end: float, period: int
) -> Iterator[tuple[datetime, float]]:
    """One value per period that has one.

    StartTime is rounded down to a whole minute, or to the period if that is shorter
    (GetMetricData's page).
    """
    rounding = min(period, 60)
    at = start.timestamp() // rounding * rounding
    while at < end:
        value = query.value(store, at, min(at + period, end))
        if value is not None:
            yield datetime.fromtimestamp(at, UTC), value
        at += period


def _periods(data_queries: list[Mapping[str, Any]]) -> dict[str, int]:
    """Seconds by Id. Math takes its own Period or, as AWS does for several, the longest one."""
    asked = {
        each["Id"]: int(each["MetricStat"]["Period"])
        for each in data_queries
        if "MetricStat" in each
    }
    longest = max(asked.values(), default=60)
    math = {
        each["Id"]: int(each.get("Period", longest))
        for each in data_queries
        if "Expression" in each
    }
    return asked | math


def _label(data_query: Mapping[str, Any]) -> str:
    if "MetricStat" in data_query:
        return str(data_query["MetricStat"]["Metric"]["MetricName"])
    return str(data_query["Id"])


def _refused(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)
