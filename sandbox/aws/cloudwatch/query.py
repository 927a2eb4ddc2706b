"""What an alarm or a GetMetricData query looks at: one metric's statistic, or math on several."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.aws.cloudwatch.expression import Expression
from sandbox.aws.cloudwatch.metrics import (
    MetricKey,
    MetricStore,
    Statistic,
    metric_key,
    statistic,
)


class Query(Protocol):
    """A source of one value per period. Times are seconds since the epoch."""

    @property
    def keys(self) -> frozenset[MetricKey]:
        """The metrics behind it: new data in any of them can change the value."""

    def value(self, store: MetricStore, start: float, end: float) -> float | None:
        """The value of [start, end). None: missing."""

    def samples(self, store: MetricStore, start: float, end: float) -> float | None:
        """The number of samples in it; None for math, which has none."""


@dataclass(frozen=True)
class MetricQuery:
    """One statistic of one metric."""

    key: MetricKey
    stat: Statistic
    unit: str | None

    @property
    def keys(self) -> frozenset[MetricKey]:
        return frozenset({self.key})

    def value(self, store: MetricStore, start: float, end: float) -> float | None:
        return self.stat(store.between(self.key, start, end, self.unit))

    def samples(self, store: MetricStore, start: float, end: float) -> float | None:
        return statistic("SampleCount")(store.between(self.key, start, end, self.unit))


@dataclass(frozen=True)
class MathQuery:
    """An expression on other queries, by their ids."""

    expression: Expression
    queries: Mapping[str, Query]

    @property
    def keys(self) -> frozenset[MetricKey]:
        return frozenset[MetricKey]().union(
            *(self.queries[id_].keys for id_ in self.expression.ids)
        )

    def value(self, store: MetricStore, start: float, end: float) -> float | None:
        return self.expression.value(lambda id_: self.queries[id_].value(store, start, end))

    def samples(self, store: MetricStore, start: float, end: float) -> float | None:
        return None


def metric_query(metric: Mapping[str, Any], stat: str, unit: str | None) -> MetricQuery:
    """`metric` is botocore's Metric shape. Raises ValueError for a statistic not modelled."""
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
    key = metric_key(metric["Namespace"], metric["MetricName"], dimensions)
    return MetricQuery(key, statistic(stat), unit)


def queries_by_id(data_queries: Iterable[Mapping[str, Any]]) -> dict[str, Query]:
    """Query for each Id of a list of botocore MetricDataQuery shapes.

    Raises ValueError for an unknown statistic, for math not modelled, for an id given twice, and
    for an expression that names an id which is not there or that stands in a circle.
    """
    queries: dict[str, Query] = {}
    waiting: dict[str, Expression] = {}
    for each in data_queries:
        if each["Id"] in queries or each["Id"] in waiting:
            raise ValueError(f"the id {each['Id']} is used twice")
        if "MetricStat" in each:
            asked = each["MetricStat"]
            queries[each["Id"]] = metric_query(asked["Metric"], asked["Stat"], asked.get("Unit"))
        else:
            waiting[each["Id"]] = Expression(each["Expression"])
    while waiting:
        ready = [id_ for id_, expression in waiting.items() if expression.ids <= queries.keys()]
        if not ready:
            raise ValueError(f"an id is not there in the expressions of {', '.join(waiting)}")
        for id_ in ready:
            queries[id_] = MathQuery(waiting.pop(id_), queries)
    return queries
