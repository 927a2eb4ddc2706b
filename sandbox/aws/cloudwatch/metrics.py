"""Metrics: series of datapoints, and the statistics CloudWatch makes of them.

Times are seconds since the epoch (floats): every window here is arithmetic on multiples
of a period, which is exact on whole seconds.

Source: "CloudWatch statistics definitions" and "Metrics concepts" in the CloudWatch User Guide.
"""

import math
import re
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Dimensions = frozenset[tuple[str, str]]


class MetricKey(NamedTuple):
    """What makes a metric unique.

    `fn:live` with and without ExecutedVersion are two metrics: CloudWatch never aggregates
    across dimensions that were not emitted.
    """

    namespace: str
    name: str
    dimensions: Dimensions


def metric_key(namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricKey:
    """The key of the metric with these dimensions, in any order."""
    return MetricKey(namespace, name, frozenset(dimensions.items()))


class Datapoint(NamedTuple):
    """One published value, or a statistic set (then `low` and `high` may differ)."""

    at: float
    total: float
    low: float
    high: float
    samples: float
    unit: str


def _at(point: Datapoint) -> float:
    return point.at


class Series:
    """The datapoints of one metric, in order of their timestamps."""

    def __init__(self) -> None:
        self._points: list[Datapoint] = []

    def add(self, point: Datapoint) -> None:
        if not self._points or point.at >= self._points[-1].at:
            self._points.append(point)
        else:
            insort(self._points, point, key=_at)

    @property
    def latest(self) -> float | None:
        """Timestamp of the newest datapoint."""
        return self._points[-1].at if self._points else None

    def between(self, start: float, end: float, unit: str | None = None) -> list[Datapoint]:
        """Datapoints with start <= timestamp < end, of `unit` only where one is asked for."""
        first = bisect_left(self._points, start, key=_at)
        last = bisect_left(self._points, end, lo=first, key=_at)
        points = self._points[first:last]
        return points if unit is None else [point for point in points if point.unit == unit]


class MetricStore:
    """Every metric of one account in one Region."""

    def __init__(self) -> None:
        self._series: dict[MetricKey, Series] = {}

    def add(self, key: MetricKey, point: Datapoint) -> None:
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = Series()
        series.add(point)

    def between(
        self, key: MetricKey, start: float, end: float, unit: str | None
    ) -> list[Datapoint]:
        series = self._series.get(key)
        return series.between(start, end, unit) if series else []

    def latest(self, key: MetricKey) -> float | None:
        series = self._series.get(key)
        return series.latest if series else None


Statistic = Callable[[Sequence[Datapoint]], float | None]

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(TC|PR)\((\d*(?:\.\d+)?):(\d*(?:\.\d+)?)\)")


def statistic(name: str) -> Statistic:
    """The function that makes one value of a window's datapoints, None where there is none.

    `name` is Sum, SampleCount, Average, Minimum, Maximum, pNN, or one of a range of values: how many lie in it,
    TC(low:high), and how many percent do, PR(low:high), without the lower bound and with the upper one. Raises
    ValueError for others (trimmed means, ranges in percent and the like are not modelled).
    """
    if name in _SIMPLE:
        simple = _SIMPLE[name]
        return lambda points: simple(points) if points else None
    if ranged := _RANGE.fullmatch(name):
        return _of_range(ranged[1], ranged[2], ranged[3])
    match = _PERCENTILE.fullmatch(name)
    if match is None:
        raise ValueError(name)
    fraction = float(match[1]) / 100
    return lambda points: _percentile(points, fraction)


def _sum(points: Sequence[Datapoint]) -> float:
    return math.fsum(point.total for point in points)


def _count(points: Sequence[Datapoint]) -> float:
    return math.fsum(point.samples for point in points)


_SIMPLE: dict[str, Callable[[Sequence[Datapoint]], float]] = {
    "Sum": _sum,
    "SampleCount": _count,
    "Average": lambda points: _sum(points) / _count(points),
    "Minimum": lambda points: min(point.low for point in points),
    "Maximum": lambda points: max(point.high for point in points),
}


def _percentile(points: Sequence[Datapoint], fraction: float) -> float | None:
    """The nearest-rank percentile; AWS approximates in buckets and does not publish how.

    A statistic set has no percentiles unless all its values are equal (PutMetricData's page).
    """
    if not points or any(point.low != point.high for point in points):
        return None
    rank = math.ceil(fraction * _count(points))
    ranked = sorted(points, key=lambda point: point.low)
    seen = 0.0
    for point in ranked:
        seen += point.samples
        if seen >= rank:
            return point.low
    return ranked[-1].low


def _of_range(kind: str, low: str, high: str) -> Statistic:
    """TC or PR; one of the bounds may be left out. As a percentile, there is none of a statistic set."""
    if not low and not high:
        raise ValueError(f"{kind}(:)")
    lowest, highest = float(low or "-inf"), float(high or "inf")

    def counted(points: Sequence[Datapoint]) -> float | None:
        if not points or any(point.low != point.high for point in points):
            return None
        inside = _count([point for point in points if lowest < point.low <= highest])
        return inside if kind == "TC" else 100.0 * inside / _count(points)

    return counted
