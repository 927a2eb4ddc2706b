"""Lambda's own metrics, and any that a guard names, out of CloudWatch.

Alias traffic is counted under ``Resource=name:alias``, and by version under ``ExecutedVersion`` besides; not
under ``Resource=name:8``. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import (
    MINUTE,
    PERCENTILES,
    CanaryPair,
    Comparison,
    Measure,
    Minute,
    VersionMetrics,
    first_whole_minute,
)
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.preflight.facts import Invoked
from lambda_rollout.runtime.errors import AccessDenied, Unanswered

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

QUERIES = 500
"""Queries in one GetMetricData call, at most."""

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
COARSE = timedelta(minutes=5)
"""The period in which a day's traffic is read: an hour's can be told from it, in few datapoints."""


@dataclass(frozen=True, slots=True)
class Series:
    """One statistic of one metric; ``dimensions`` in any order make the same one."""

    namespace: str
    metric: str
    statistic: str
    dimensions: frozenset[tuple[str, str]]

    def query(self, number: int, period: timedelta) -> MetricDataQueryTypeDef:
        """Return it as GetMetricData wants it; an Id begins with a small letter."""
        return {
            "Id": f"q{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.metric,
                    "Dimensions": [{"Name": n, "Value": v} for n, v in sorted(self.dimensions)],
                },
                "Period": int(period.total_seconds()),
                "Stat": self.statistic,
            },
        }


Points = Mapping[datetime, float]
"""A value for each period that has one, by the period's start."""


class CloudWatchMetrics:
    """`lambda_rollout.analysis.metrics` over boto3: one try each, errors are `CallFailed` and its kinds."""

    def __init__(self, clients: Clients, measures: Sequence[Measure] = ()) -> None:
        """Make no call yet. ``measures`` is what is read besides Lambda's own metrics."""
        self._clients = clients
        self._measures = measures

    def compare(
        self, pairs: Sequence[CanaryPair], since: datetime, until: datetime
    ) -> tuple[Comparison, ...]:
        """Read every whole minute between ``since`` and ``until``, for all pairs at once.

        One call for each 38 pairs, more if the answer is long or there are measures. CloudWatch bills by the
        metric, 13 a pair and each measure of each version here: read when `complete_until` has moved, and no oftener.
        """
        start = first_whole_minute(since)
        minutes = list(_periods(start, until))
        asked = dict.fromkeys(one for pair in pairs for one in self._series(pair))
        found = self._read(list(asked), start, until, MINUTE) if minutes else {}
        return tuple(
            _comparison(pair, self._measures, found, minutes, max(start, until)) for pair in pairs
        )

    def _series(self, pair: CanaryPair) -> Iterator[Series]:
        yield from _series(pair)
        for version in (pair.canary, pair.baseline):
            for measure in self._measures:
                yield _of_measure(measure, pair.target, version)

    def invoked(self, targets: Sequence[Target], until: datetime) -> tuple[Invoked, ...]:
        """Count how often each alias, and its function at all, were invoked in the day before ``until``."""
        seconds = int(COARSE.total_seconds())
        until = datetime.fromtimestamp(until.timestamp() // seconds * seconds, UTC)
        through = {target: _count("Invocations", target, str(target)) for target in targets}
        at_all = {target: _count("Invocations", target) for target in targets}
        series = [*through.values(), *at_all.values()]
        found = self._read(list(dict.fromkeys(series)), until - DAY, until, COARSE)
        return tuple(
            Invoked(
                target,
                last_hour=_total(found[through[target]], until - HOUR),
                last_day=_total(found[through[target]], until - DAY),
                function_last_day=_total(found[at_all[target]], until - DAY),
            )
            for target in targets
        )

    def _read(
        self, series: Sequence[Series], start: datetime, end: datetime, period: timedelta
    ) -> Mapping[Series, Points]:
        found: dict[Series, Points] = {}
        for first in range(0, len(series), QUERIES):
            part = series[first : first + QUERIES]
            queries = [one.query(number, period) for number, one in enumerate(part)]
            by_id = self._pages(queries, start, end)
            found.update({one: by_id[f"q{number}"] for number, one in enumerate(part)})
        return found

    def _pages(
        self, queries: Sequence[MetricDataQueryTypeDef], start: datetime, end: datetime
    ) -> Mapping[str, Points]:
        found: defaultdict[str, dict[datetime, float]] = defaultdict(dict)
        status: dict[str, str] = {}
        token: dict[str, Any] = {}
        while True:
            answer: Mapping[str, Any] = ask(
                "GetMetricData",
                partial(
                    self._clients.cloudwatch(self._clients.region).get_metric_data,
                    MetricDataQueries=queries,
                    StartTime=start,
                    EndTime=end,
                    ScanBy="TimestampAscending",
                    **token,
                ),
                dict,
            )
            for result in answer["MetricDataResults"]:
                name = result["Id"]
                status[name] = result["StatusCode"]
                values = zip(result.get("Timestamps", ()), result.get("Values", ()), strict=True)
                found[name].update(values)
            if not answer.get("NextToken"):
                _check([status.get(query["Id"], "missing") for query in queries])
                return found
            token = {"NextToken": answer["NextToken"]}


def _check(statuses: Sequence[str]) -> None:
    """Refuse an answer with a hole in it: what was not read must not pass for "nothing happened"."""
    bad = next((status for status in statuses if status != "Complete"), None)
    if bad == "Forbidden":
        raise AccessDenied(
            "GetMetricData",
            bad,
            "these metrics may not be read",
            "Allow cloudwatch:GetMetricData to the role of this job; the README has the complete policy.",
        )
    if bad is not None:
        raise Unanswered("GetMetricData", bad, "not all metrics were answered")


def _series(pair: CanaryPair) -> Iterator[Series]:
    resource = str(pair.target)
    for version in (pair.canary, pair.baseline):
        for metric in ("Invocations", "Errors"):
            yield _count(metric, pair.target, resource, version)
        for percentile in PERCENTILES:
            yield _of_lambda("Duration", percentile, pair.target, resource, version)
    # By version it is unconfirmed that throttles are counted at all.
    yield _count("Throttles", pair.target, resource)


def _count(metric: str, target: Target, resource: str = "", version: str = "") -> Series:
    return _of_lambda(metric, "Sum", target, resource, version)


def _of_lambda(metric: str, statistic: str, target: Target, resource: str, version: str) -> Series:
    dimensions = {
        "FunctionName": target.name,
        "Resource": resource,
        "ExecutedVersion": version,
    }
    present = frozenset((name, value) for name, value in dimensions.items() if value)
    return Series("AWS/Lambda", metric, statistic, present)


def _of_measure(measure: Measure, target: Target, version: str) -> Series:
    metric = measure.metric.filled_in(target.name, target.alias, version)
    return Series(metric.namespace, metric.name, measure.statistic, frozenset(metric.dimensions))


def _comparison(
    pair: CanaryPair,
    measures: Sequence[Measure],
    found: Mapping[Series, Points],
    minutes: Sequence[datetime],
    until: datetime,
) -> Comparison:
    throttles = found.get(_count("Throttles", pair.target, str(pair.target)), {})
    return Comparison(
        canary=_numbers(pair.target, pair.canary, measures, found, minutes),
        baseline=_numbers(pair.target, pair.baseline, measures, found, minutes),
        throttles=round(sum(throttles.get(minute, 0.0) for minute in minutes)),
        until=until,
    )


def _numbers(
    target: Target,
    version: str,
    measures: Sequence[Measure],
    found: Mapping[Series, Points],
    minutes: Iterable[datetime],
) -> VersionMetrics:
    resource = str(target)
    invocations = found.get(_count("Invocations", target, resource, version), {})
    errors = found.get(_count("Errors", target, resource, version), {})
    durations = {
        name: found.get(_of_lambda("Duration", name, target, resource, version), {})
        for name in PERCENTILES
    }
    measured = {
        measure: found.get(_of_measure(measure, target, version), {}) for measure in measures
    }
    return VersionMetrics(
        target,
        version,
        tuple(
            Minute(
                start=minute,
                invocations=round(invocations.get(minute, 0.0)),
                errors=round(errors.get(minute, 0.0)),
                durations={
                    n: points[minute] for n, points in durations.items() if minute in points
                },
                measured={
                    each: points[minute] for each, points in measured.items() if minute in points
                },
            )
            for minute in minutes
        ),
    )


def _periods(start: datetime, end: datetime) -> Iterator[datetime]:
    while start + MINUTE <= end:
        yield start
        start += MINUTE


def _total(points: Points, since: datetime) -> int:
    return round(sum(value for at, value in points.items() if at >= since))
