"""The grammar of guards: what must be true of the new version's own metrics.

One guard a line, ``[?] METRIC OP BOUND``: ``error-rate < 1%``, ``p99-duration < 800ms``,
``error-rate <= baseline + 0.5%``, ``p95-duration <= baseline * 1.2``, ``? throttle-rate < 1%``,
``sum(Shop/Failed{version=$VERSION}) / sum(Shop/Orders{version=$VERSION}) <= baseline + 1%``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from lambda_rollout.inputs.guard_metrics import (
    CustomMetric,
    GuardMetric,
    Metric,
    Ratio,
    Statistic,
    StatisticOf,
)
from lambda_rollout.inputs.line import Line
from lambda_rollout.inputs.metric_text import parse_metric
from lambda_rollout.inputs.text import Mistake, Mistakes, all_lines, quote

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?(?![0-9.])"
_VALUE = r"[0-9]{1,15}(?:\.[0-9]{1,9})?(?![0-9.])"
_LONG = re.compile(r"-?(?:[0-9]{10,}(?:\.[0-9]+)?|[0-9]+\.[0-9]{7,})(?![0-9.])")
"""More digits than `_NUMBER` takes, and maybe than `_VALUE` does."""
_GOES_ON = re.compile(r",[0-9]|e[+-]?[0-9]", re.IGNORECASE)
"""A comma for a point, or an exponent: what is left of them is no unit."""
_SECOND = Decimal(1000)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 15 minutes
_LONGEST_INVOCATION = 900 * _SECOND
_HIGHEST_RATE = Decimal(100)
_HIGHEST_FACTOR = Decimal(1000)
OBSERVED = "?"
"""What the line of a guard that is only observed begins with."""


class Operator(StrEnum):
    """How the metric must compare with its bound."""

    BELOW = "<"
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Absolute:
    """``value`` itself, in the metric's unit."""

    value: Decimal


@dataclass(frozen=True, slots=True)
class BaselinePlus:
    """The old version's value and ``margin`` more, in the metric's unit: percentage points or ms."""

    margin: Decimal


@dataclass(frozen=True, slots=True)
class BaselineTimes:
    """The old version's value times ``factor``, which is at least 1."""

    factor: Decimal


Bound = Absolute | BaselinePlus | BaselineTimes


@dataclass(frozen=True, slots=True)
class Guard:
    """One check; ``str()`` writes it as :func:`parse_guards` reads it."""

    metric: GuardMetric
    operator: Operator
    bound: Bound
    observe_only: bool = False
    """Whether it is judged and told, and never rolls back, holds up or fails: its line begins with ``?``."""

    @property
    def compares_with_baseline(self) -> bool:
        """Whether the old version's invocations are needed as well."""
        return not isinstance(self.bound, Absolute)

    @property
    def is_rate(self) -> bool:
        """Whether it is about a share of counts, in percent; else it is about one value a minute."""
        return self.metric.unit == "%"

    @property
    def statistic(self) -> str:
        """The statistic that a value is judged by: ``p50`` to ``p99``, ``avg``, ``sum``, ``min`` or ``max``.

        Raises:
            ValueError: a rate has none.
        """
        match self.metric:
            case StatisticOf(statistic):
                return statistic.value
            case Metric() if not self.is_rate:
                return self.metric.value.partition("-")[0]
        raise ValueError(f"{self.metric} is no single value")

    @property
    def can_be_shown(self) -> bool:
        """Whether numbers can show that it holds: a rate beside the baseline, with a margin.

        A factor is none: it allows nothing while the old version has no failures.
        """
        return self.is_rate and isinstance(self.bound, BaselinePlus) and self.bound.margin > 0

    def __str__(self) -> str:
        """Write the guard with one space between its parts."""
        match self.bound:
            case Absolute(value):
                bound = f"{_plain(value)}{self.metric.unit}"
            case BaselinePlus(margin) if not margin:
                bound = "baseline"
            case BaselinePlus(margin):
                bound = f"baseline + {_plain(margin)}{self.metric.unit}"
            case BaselineTimes(factor):
                bound = f"baseline * {_plain(factor)}"
        observed = f"{OBSERVED} " if self.observe_only else ""
        return f"{observed}{self.metric} {self.operator} {bound}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def parse_guards(text: str) -> tuple[Guard, ...]:
    """Read guards, one a line; blank lines are nothing and a repeated guard counts once.

    Raises:
        Mistakes: one for each line that is no guard, with line and column, both from 1, in the
            remedy.
    """
    guards: list[Guard] = []
    mistakes: list[Mistake] = []
    for number, line in enumerate(all_lines(text), start=1):
        if line.strip():
            try:
                guards.append(_parse_guard(Line(line, number)))
            except Mistakes as found:
                mistakes.extend(found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(dict.fromkeys(guards))


def _parse_guard(line: Line) -> Guard:
    observe_only = line.take(r"\?") is not None
    if observe_only and not line.rest:
        line.refuse("after ? write the guard that is only observed, such as ? error-rate < 1%.")
    named_at = line.at
    metric = parse_metric(line)
    comparison = line.take(r"<=?(?!=)")
    if comparison is None:
        line.refuse("write < or <= after the metric: a guard says what must be true.")
    start = line.at
    bound = _parse_bound(line, metric)
    if line.rest:
        _refuse_rest(line, bound)
    if bound == Absolute(Decimal(0)) and comparison == Operator.BELOW and metric.unit:
        line.refuse(f"nothing is below 0{metric.unit}: write a higher bound.", start)
    guard = Guard(metric, Operator(comparison), bound, observe_only)
    if guard.compares_with_baseline:
        _check_comparable(line, guard, named_at, start)
    return guard


def _refuse_rest(line: Line, bound: Bound) -> None:
    if isinstance(bound, Absolute) and line.next in {"+", "*"}:
        line.refuse("a number stands alone. Beside the old version write baseline + MARGIN.")
    line.refuse(f"the guard ends before {quote(line.rest)}: write one guard on each line.")


def _check_comparable(line: Line, guard: Guard, named_at: int, bound_at: int) -> None:
    """Refuse what cannot be compared with the old version."""
    match guard.metric:
        case Metric.THROTTLE_RATE:
            line.refuse(
                "Lambda counts throttles for the alias as a whole, not by version: compare with a number, such as "
                "throttle-rate < 1%.",
                bound_at,
            )
        case StatisticOf(Statistic.SUM | Statistic.MIN | Statistic.MAX as statistic):
            line.refuse(
                f"{statistic} cannot be compared with baseline, because the versions have different shares of the "
                "traffic: write a ratio of two sums, a percentile, or a number.",
                bound_at,
            )
        case StatisticOf(Statistic.AVG) if not _has_margin(guard.bound):
            line.refuse(
                "avg beside baseline needs a margin: write baseline + a number, or baseline * 1.2.",
                bound_at,
            )
    for metric in _metrics_of(guard.metric):
        if not metric.tells_versions_apart:
            line.refuse(
                f"beside baseline a dimension must tell the versions apart, and {quote(str(metric))} has none: write "
                "$VERSION as its value, such as {version=$VERSION}, or compare with a number.",
                named_at,
            )


def _has_margin(bound: Bound) -> bool:
    match bound:
        case BaselinePlus(margin):
            return margin > 0
        case BaselineTimes(factor):
            return factor > 1
    return False


def _metrics_of(metric: GuardMetric) -> tuple[CustomMetric, ...]:
    match metric:
        case StatisticOf(metric=one):
            return (one,)
        case Ratio(part, whole):
            return (part, whole)
    return ()


def _parse_bound(line: Line, metric: GuardMetric) -> Bound:
    if line.take(r"baseline\b") is None:
        if late := re.search(r"\bbaseline\b", line.rest):
            line.refuse(
                "baseline comes first: write baseline, baseline + MARGIN or baseline * FACTOR.",
                line.at + late.start(),
            )
        return Absolute(_parse_amount(line, metric))
    if line.take(r"\+"):
        return BaselinePlus(_parse_amount(line, metric, signed=False))
    if line.take(r"\*"):
        return BaselineTimes(_parse_factor(line))
    if line.rest:
        line.refuse("after baseline write + and a margin, or * and a factor, or nothing.")
    return BaselinePlus(Decimal(0))


def _parse_amount(line: Line, metric: GuardMetric, *, signed: bool = True) -> Decimal:
    if metric.unit == "%":
        return _parse_rate(line, metric)
    if metric.unit == "ms":
        return _parse_time(line, metric)
    start = line.at
    number = _take_number(line, f"-?{_VALUE}" if signed else _VALUE, "write a number, such as 250.")
    if unit := line.take(r"%|[A-Za-z]+"):
        line.refuse(
            f"write {number}, without {quote(unit)}: a metric's value is compared in the unit it was published in.",
            start,
        )
    return Decimal(number)


def _take_number(line: Line, pattern: str, otherwise: str) -> str:
    """Take a number; refuse what stands here ``otherwise``, or how it is written."""
    start = line.at
    number = line.take(pattern)
    if number is None and _LONG.match(line.rest):
        line.refuse("this number has too many digits: round it.")
    if number is None:
        line.refuse(otherwise)
    if _GOES_ON.match(line.rest):
        line.refuse("write a number in digits, with a point for a fraction, such as 1.5.", start)
    return number


def _parse_rate(line: Line, metric: GuardMetric) -> Decimal:
    start = line.at
    number = _take_number(line, _NUMBER, "write a number with its unit, such as 1%.")
    if line.take(r"%|[A-Za-z]+") != "%":
        what = "a ratio of sums" if isinstance(metric, Ratio) else str(metric)
        line.refuse(f"{what} is in percent: write {number}%.", start)
    if Decimal(number) > _HIGHEST_RATE:
        kinds: dict[GuardMetric, str] = {
            Metric.ERROR_RATE: "an error rate",
            Metric.THROTTLE_RATE: "a throttle rate",
        }
        line.refuse(f"{kinds.get(metric, 'a ratio')} is at most 100%.", start)
    return Decimal(number)


def _parse_time(line: Line, metric: GuardMetric) -> Decimal:
    start, example = line.at, "800ms or 1.5s"
    number = _take_number(line, _NUMBER, f"write a number with its unit, such as {example}.")
    unit = line.take(r"%|[A-Za-z]+")
    if unit not in {"ms", "s"}:
        relative = " A relative margin is a factor, such as baseline * 1.2." if unit == "%" else ""
        line.refuse(f"{metric} is a time: write it in ms or s, such as {example}.{relative}", start)
    milliseconds = Decimal(number) * (_SECOND if unit == "s" else 1)
    if milliseconds > _LONGEST_INVOCATION:
        line.refuse("no invocation lasts longer than 900s.", start)
    return milliseconds


def _parse_factor(line: Line) -> Decimal:
    start = line.at
    number = _take_number(line, _NUMBER, "write a factor, such as 1.2.")
    if not 1 <= Decimal(number) <= _HIGHEST_FACTOR:
        line.refuse("a factor is 1 or more, up to 1000: a version just as good must pass.", start)
    return Decimal(number)
