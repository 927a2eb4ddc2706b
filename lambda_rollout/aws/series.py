"""What GetMetricData is asked for: one statistic of one metric, Lambda's own or any that a guard names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import Comparison, Measure, VersionMetrics

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.type_defs import MetricDataQueryTypeDef

COUNT_ABOVE = "TC"
"""CloudWatch's statistic that counts the datapoints in a range."""


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
        return self.statistic.startswith(COUNT_ABOVE)


Points = Mapping[datetime, float]
"""A value for each period that has one, by the period's start."""


def of_lambda(
    metric: str, statistic: str, function: str, resource: str = "", version: str = ""
) -> Series:
    """Return one of Lambda's own; with the dimensions that are not empty."""
    dimensions = {"FunctionName": function, "Resource": resource, "ExecutedVersion": version}
    present = frozenset((name, value) for name, value in dimensions.items() if value)
    return Series("AWS/Lambda", metric, statistic, present)


def of_measure(measure: Measure, target: Target, version: str) -> Series:
    """Return what a guard looks at, of one version."""
    metric = measure.metric.filled_in(target.name, target.alias, version)
    return Series(metric.namespace, metric.name, measure.statistic, frozenset(metric.dimensions))


def with_measured(
    comparison: Comparison, measures: Sequence[Measure], found: Mapping[Series, Points]
) -> Comparison:
    """Add what was found of the measures to both versions' minutes."""
    return replace(
        comparison,
        canary=measured(comparison.canary, measures, found),
        baseline=measured(comparison.baseline, measures, found),
    )


def measured(
    version: VersionMetrics, measures: Sequence[Measure], found: Mapping[Series, Points]
) -> VersionMetrics:
    """Add what was found of the measures to a version's minutes."""
    points = {
        each: found.get(of_measure(each, version.target, version.version), {}) for each in measures
    }

    def at(start: datetime) -> dict[Measure, float]:
        return {each: values[start] for each, values in points.items() if start in values}

    return replace(
        version,
        minutes=tuple(replace(minute, measured=at(minute.start)) for minute in version.minutes),
    )
