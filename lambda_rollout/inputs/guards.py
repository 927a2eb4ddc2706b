"""The grammar of guards: what must be true of the new version's own metrics.

One guard a line, ``METRIC OP BOUND``: ``error-rate < 1%``, ``p99-duration < 800ms``,
``error-rate <= baseline + 0.5%``, ``p95-duration <= baseline * 1.2``.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NoReturn

from lambda_rollout.inputs.text import Mistake, Mistakes, all_lines, quote

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,6})?(?![0-9.])"
_SECOND = Decimal(1000)
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 15 minutes
_LONGEST_INVOCATION = 900 * _SECOND
_HIGHEST_RATE = Decimal(100)
_HIGHEST_FACTOR = Decimal(1000)


class Metric(StrEnum):
    """What is measured: ``error-rate`` in percent, 0 to 100, durations in CloudWatch's milliseconds.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    ERROR_RATE = "error-rate"
    P50_DURATION = "p50-duration"
    P90_DURATION = "p90-duration"
    P95_DURATION = "p95-duration"
    P99_DURATION = "p99-duration"

    @property
    def unit(self) -> str:
        """``%`` or ``ms``."""
        return "%" if self is Metric.ERROR_RATE else "ms"


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

    metric: Metric
    operator: Operator
    bound: Bound

    @property
    def compares_with_baseline(self) -> bool:
        """Whether the old version's invocations are needed as well."""
        return not isinstance(self.bound, Absolute)

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
        return f"{self.metric} {self.operator} {bound}"


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
                guards.append(_parse_guard(_Line(line, number)))
            except Mistakes as found:
                mistakes.extend(found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(dict.fromkeys(guards))


class _Line:
    """A line that is read from left to right."""

    def __init__(self, text: str, number: int) -> None:
        self.text = text
        self.number = number
        self.at = 0
        self._skip_spaces()

    def _skip_spaces(self) -> None:
        self.at = len(self.text) - len(self.text[self.at :].lstrip())

    def take(self, pattern: str) -> str | None:
        """Take what matches here, with the spaces after it, or nothing."""
        found = re.compile(pattern).match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        self._skip_spaces()
        return found.group()

    @property
    def rest(self) -> str:
        return self.text[self.at :].rstrip()

    def refuse(self, remedy: str, at: int | None = None) -> NoReturn:
        column = (self.at if at is None else at) + 1
        place = f"Line {self.number}, column {column}: "
        raise Mistakes(Mistake(self.text.strip(), place + remedy))


def _parse_guard(line: _Line) -> Guard:
    metric = _parse_metric(line)
    comparison = line.take(r"<=?(?!=)")
    if comparison is None:
        line.refuse("write < or <= after the metric: a guard says what must be true.")
    start = line.at
    bound = _parse_bound(line, metric)
    if line.rest:
        line.refuse(f"the guard ends before {quote(line.rest)}: write one guard on each line.")
    if bound == Absolute(Decimal(0)) and comparison == Operator.BELOW:
        line.refuse(f"nothing is below 0{metric.unit}: write a higher bound.", start)
    return Guard(metric, Operator(comparison), bound)


def _parse_metric(line: _Line) -> Metric:
    start = line.at
    word = line.take(r"[^\s<>=]*") or ""
    try:
        return Metric(word)
    except ValueError:
        *others, last = (metric.value for metric in Metric)
        metrics = f"{', '.join(others)} or {last}"
        line.refuse(f"{quote(word)} is no metric: write {metrics}.", start)


def _parse_bound(line: _Line, metric: Metric) -> Bound:
    if line.take(r"baseline\b") is None:
        return Absolute(_parse_amount(line, metric))
    if line.take(r"\+"):
        return BaselinePlus(_parse_amount(line, metric))
    if line.take(r"\*"):
        return BaselineTimes(_parse_factor(line))
    if line.rest:
        line.refuse("after baseline write + and a margin, or * and a factor, or nothing.")
    return BaselinePlus(Decimal(0))


def _parse_amount(line: _Line, metric: Metric) -> Decimal:
    start = line.at
    example = "1%" if metric is Metric.ERROR_RATE else "800ms or 1.5s"
    number = line.take(_NUMBER)
    if number is None:
        line.refuse(f"write a number with its unit, such as {example}.")
    unit = line.take(r"%|[A-Za-z]+")
    if metric is Metric.ERROR_RATE:
        if unit != "%":
            line.refuse(f"{metric} is in percent: write {number}%.", start)
        if Decimal(number) > _HIGHEST_RATE:
            line.refuse("an error rate is at most 100%.", start)
        return Decimal(number)
    if unit not in {"ms", "s"}:
        relative = " A relative margin is a factor, such as baseline * 1.2." if unit == "%" else ""
        line.refuse(f"{metric} is a time: write it in ms or s, such as {example}.{relative}", start)
    milliseconds = Decimal(number) * (_SECOND if unit == "s" else 1)
    if milliseconds > _LONGEST_INVOCATION:
        line.refuse("no invocation lasts longer than 900s.", start)
    return milliseconds


def _parse_factor(line: _Line) -> Decimal:
    start = line.at
    number = line.take(_NUMBER)
    if number is None:
        line.refuse("write a factor, such as 1.2.")
    if not 1 <= Decimal(number) <= _HIGHEST_FACTOR:
        line.refuse("a factor is 1 or more, up to 1000: a version just as good must pass.", start)
    return Decimal(number)
