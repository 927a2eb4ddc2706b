"""What a guard can look at: Lambda's own metrics, and any metric of CloudWatch by its name.

``STAT(NAMESPACE/METRIC{name=value, …})``, or a ratio of two sums. ``$VERSION``, ``$FUNCTION`` and ``$ALIAS`` in it
are filled in for each version of each function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PLACEHOLDERS = ("$VERSION", "$FUNCTION", "$ALIAS")
"""What is filled in: the version's number, the function's name, the alias's name."""

PLACEHOLDER = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")
"""What looks like one of them, a wrong one too."""

AWS_NAMES = ("$default", "$connect", "$disconnect")
"""What looks like one and is a name that AWS gave: stages and routes of API Gateway are dimensions of its metrics.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html
"""


class Metric(StrEnum):
    """What is measured by Lambda: rates in percent, 0 to 100, durations in CloudWatch's milliseconds.

    ``throttle-rate`` is that of the alias as a whole. Source:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    ERROR_RATE = "error-rate"
    THROTTLE_RATE = "throttle-rate"
    P50_DURATION = "p50-duration"
    P90_DURATION = "p90-duration"
    P95_DURATION = "p95-duration"
    P99_DURATION = "p99-duration"

    @property
    def unit(self) -> str:
        """``%`` or ``ms``."""
        return "%" if self in {Metric.ERROR_RATE, Metric.THROTTLE_RATE} else "ms"


class Statistic(StrEnum):
    """What CloudWatch makes of the values of a minute."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    P50 = "p50"
    P90 = "p90"
    P95 = "p95"
    P99 = "p99"

    @property
    def cloudwatch(self) -> str:
        """Its name in GetMetricData.

        Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
        """
        return _IN_CLOUDWATCH.get(self, self.value)


_IN_CLOUDWATCH = {
    Statistic.SUM: "Sum",
    Statistic.AVG: "Average",
    Statistic.MIN: "Minimum",
    Statistic.MAX: "Maximum",
}


@dataclass(frozen=True, slots=True)
class CustomMetric:
    """A metric by its name, with placeholders that are not filled in yet.

    ``dimensions`` are names and values, in the order they were written. All of it is hostile text, without control
    characters.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def tells_versions_apart(self) -> bool:
        """Whether each version has a metric of its own: a dimension names it."""
        return any("$VERSION" in PLACEHOLDER.findall(value) for _, value in self.dimensions)

    def filled_in(self, function: str, alias: str, version: str) -> CustomMetric:
        """Return the metric of one version of a function (its name) behind an alias (its name)."""
        values = dict(zip(PLACEHOLDERS, (version, function, alias), strict=True))
        return CustomMetric(
            _filled(self.namespace, values),
            _filled(self.name, values),
            tuple((_filled(n, values), _filled(v, values)) for n, v in self.dimensions),
        )

    def __str__(self) -> str:
        """Write it as it is read, with quotes where it takes them."""
        dimensions = ", ".join(f"{_written(n)}={_written(v)}" for n, v in self.dimensions)
        ends_blank = any(part != part.strip() for part in self.namespace.split("/"))
        namespace = _written(self.namespace, quoted=ends_blank, slash=False)
        braces = f"{{{dimensions}}}" if dimensions else ""
        return f"{namespace}/{_written(self.name)}{braces}"


def _filled(text: str, values: Mapping[str, str]) -> str:
    # In one pass: what is filled in is not looked through again.
    return PLACEHOLDER.sub(lambda found: values.get(found.group(), found.group()), text)


def _written(text: str, *, quoted: bool = False, slash: bool = True) -> str:
    special = '{}(),="/' if slash else '{}(),="'
    if quoted or text != text.strip() or any(sign in text for sign in special):
        return '"' + text.replace('"', '""') + '"'
    return text


@dataclass(frozen=True, slots=True)
class StatisticOf:
    """One statistic of one metric, in the unit it was published in."""

    statistic: Statistic
    metric: CustomMetric

    @property
    def unit(self) -> str:
        """Empty: nobody but the owner knows it."""
        return ""

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"{self.statistic}({self.metric})"


@dataclass(frozen=True, slots=True)
class Ratio:
    """The sum of ``part`` in percent of the sum of ``whole``: two counts, the one among the other."""

    part: CustomMetric
    whole: CustomMetric

    @property
    def unit(self) -> str:
        """Percent, 0 to 100."""
        return "%"

    def __str__(self) -> str:
        """Write it as it is read."""
        return f"sum({self.part}) / sum({self.whole})"


GuardMetric = Metric | StatisticOf | Ratio
