"""The series of CloudWatch that are read, as queries and as minutes.

Alias traffic is counted under ``Resource=name:alias``, and by version under ``ExecutedVersion`` besides; not
under ``Resource=name:8``. https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import (
    PERCENTILES,
    Measure,
    Minute,
    Percentiles,
    VersionMetrics,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""One for all minutes that have no data of a kind: hours of a hundred functions are many."""

_COUNT = "TC"


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

    @property
    def counts_durations(self) -> bool:
        """Whether it is a statistic that not every server knows."""
        return self.statistic.startswith(_COUNT)


Points = Mapping[datetime, float]
"""A value for each period that has one, by the period's start."""


def version_series(
    target: Target, version: str, bounds: Sequence[float] = (), measures: Sequence[Measure] = ()
) -> Iterator[Series]:
    """Yield all that is read of a version through its alias, each minute; of all versions for "", without ``measures``.

    ``bounds`` are what durations are counted over, in ms.
    """
    for metric in ("Invocations", "Errors"):
        yield lambda_count(metric, target, str(target), version)
    for percentile in PERCENTILES:
        yield duration(percentile, target, version)
    for bound in bounds:
        yield _slower_than(bound, target, version)
    for measure in measures:
        yield of_measure(measure, target, version)


def lambda_count(metric: str, target: Target, resource: str = "", version: str = "") -> Series:
    """Return how often something happened, by Lambda's count."""
    return _of_lambda(metric, "Sum", target, resource, version)


def duration(statistic: str, target: Target, version: str) -> Series:
    """Return one statistic of a version's durations through its alias."""
    return _of_lambda("Duration", statistic, target, str(target), version)


def _slower_than(bound: float, target: Target, version: str) -> Series:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
    written = f"{bound:.3f}".rstrip("0").rstrip(".")
    return duration(f"{_COUNT}({written}:)", target, version)


def of_measure(measure: Measure, target: Target, version: str) -> Series:
    """Return what a guard looks at, of a version."""
    metric = measure.metric.filled_in(target.name, target.alias, version)
    return Series(metric.namespace, metric.name, measure.statistic, frozenset(metric.dimensions))


def _of_lambda(metric: str, statistic: str, target: Target, resource: str, version: str) -> Series:
    dimensions = {
        "FunctionName": target.name,
        "Resource": resource,
        "ExecutedVersion": version,
    }
    present = frozenset((name, value) for name, value in dimensions.items() if value)
    return Series("AWS/Lambda", metric, statistic, present)


def version_metrics(
    target: Target,
    version: str,
    found: Mapping[Series, Points],
    minutes: Iterable[datetime],
    bounds: Sequence[float] = (),
    measures: Sequence[Measure] = (),
) -> VersionMetrics:
    """Make minutes of what was found of `version_series`."""
    invocations = found.get(lambda_count("Invocations", target, str(target), version), {})
    errors = found.get(lambda_count("Errors", target, str(target), version), {})
    durations = {name: found.get(duration(name, target, version), {}) for name in PERCENTILES}
    slower = {bound: found.get(_slower_than(bound, target, version), {}) for bound in bounds}
    # Without any datapoint the statistic is not known there, whatever it would have been.
    slower = {bound: points for bound, points in slower.items() if points}
    measured = {each: found.get(of_measure(each, target, version), {}) for each in measures}
    return VersionMetrics(
        target,
        version,
        tuple(
            Minute(
                start=minute,
                invocations=round(invocations.get(minute, 0.0)),
                errors=round(errors.get(minute, 0.0)),
                durations=_percentiles(at(minute, durations)),
                measured=at(minute, measured) or NOTHING,
                slower_than={bound: round(n) for bound, n in at(minute, slower).items()} or NOTHING,
                # Lambda's metrics are "binary indicators of the outcome" of each invocation (the page named above), an
                # error of 0 too: what is not told is missing, and not zero.
                errors_known=minute in errors or minute not in invocations,
            )
            for minute in minutes
        ),
    )


def _percentiles(values: Mapping[str, float]) -> Mapping[str, float]:
    return Percentiles(values) if values else NOTHING


_Name = TypeVar("_Name")


def at(moment: datetime, series: Mapping[_Name, Points]) -> dict[_Name, float]:
    """Return what each series has at a moment; one that has nothing is left out."""
    return {name: points[moment] for name, points in series.items() if moment in points}
