"""What a guard on a metric of any kind needs, and the minutes that its rule is to judge.

The rules count: so many failures among so many invocations, or one value a minute. Whatever a guard looks at is put
into those words, and then judged as Lambda's own metrics are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from lambda_rollout.analysis.metrics import MINUTE, Comparison, Measure, Minute, VersionMetrics
from lambda_rollout.inputs.guard_metrics import CustomMetric, Metric, Ratio, StatisticOf
from lambda_rollout.inputs.guards import Guard

_ALIAS = (("FunctionName", "$FUNCTION"), ("Resource", "$FUNCTION:$ALIAS"))
THROTTLES = Measure("Sum", CustomMetric("AWS/Lambda", "Throttles", _ALIAS))
SERVED = Measure("Sum", CustomMetric("AWS/Lambda", "Invocations", _ALIAS))
"""Of the alias as a whole: which version a throttled call was for is not told. A throttled call is no invocation.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

_ROUNDING = 1e-6

_T = TypeVar("_T")


def measures_of(guards: Iterable[Guard]) -> tuple[Measure, ...]:
    """Return what is to be read for these guards, besides what is read anyway; each once."""
    return _each_once(measure for guard in guards for measure in _of(guard))


def _of(guard: Guard) -> tuple[Measure, ...]:
    match guard.metric:
        case Ratio(part, whole):
            return (Measure("Sum", part), Measure("Sum", whole))
        case StatisticOf(statistic, metric):
            return (Measure(statistic.cloudwatch, metric), Measure("SampleCount", metric))
        case Metric.THROTTLE_RATE:
            return (THROTTLES, SERVED)
    return ()


def _each_once(items: Iterable[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(items))


def seen_by(guard: Guard, comparison: Comparison) -> Comparison:
    """Return the minutes of both versions as the guard sees them (`as_counted`)."""

    def of(version: VersionMetrics) -> VersionMetrics:
        minutes = tuple(as_counted(guard, minute) for minute in version.minutes)
        return VersionMetrics(version.target, version.version, minutes)

    return replace(comparison, canary=of(comparison.canary), baseline=of(comparison.baseline))


def as_counted(guard: Guard, minute: Minute) -> Minute:
    """Return a minute in the words that the guard's rule knows.

    For a rate, ``invocations`` are the whole and ``errors`` the part of it, not known where they are no share of
    whole numbers. For a value, ``durations`` has it, by `Guard.statistic`, and ``invocations`` how many samples it was
    made of.
    """
    match guard.metric:
        case Ratio() | Metric.THROTTLE_RATE:
            part, whole = _sums(guard, minute)
            if _fault(part, whole):
                return Minute(minute.start, 0, 0, errors_known=False)
            return Minute(minute.start, round(whole), round(part))
        case StatisticOf():
            value, samples = _of(guard)
            values = {guard.statistic: minute.measured[value]} if value in minute.measured else {}
            return Minute(minute.start, round(minute.measured.get(samples, 0.0)), 0, values)
    return minute


def noun_of(guard: Guard) -> str:
    """Return what a rate counts, in the plural."""
    match guard.metric:
        case Ratio(whole=whole):
            return whole.name
        case Metric.THROTTLE_RATE:
            return "calls"
    return "invocations"


def note_on(guard: Guard, comparison: Comparison, settled: datetime | None = None) -> str:
    """Say what the guard could not count, and why; empty if there is nothing.

    ``settled``: until when minutes should have all their data, None for all of them.
    """
    minutes = (*comparison.canary.minutes, *comparison.baseline.minutes)
    if guard.metric is Metric.ERROR_RATE:
        return _note_on_errors(minutes, settled)
    if not isinstance(guard.metric, Ratio):
        return ""
    faults: dict[str, set[datetime]] = {}
    for minute in minutes:
        if fault := _fault(*_sums(guard, minute)):
            faults.setdefault(fault, set()).add(minute.start)
    said = {
        _MORE: f"more {guard.metric.part.name} than {guard.metric.whole.name}",
        _NO_COUNTS: "sums that are no whole numbers",
    }
    return "; ".join(f"{said[fault]}, {_minutes(len(when))}" for fault, when in faults.items())


def _note_on_errors(minutes: Iterable[Minute], settled: datetime | None) -> str:
    untold = {
        minute.start
        for minute in minutes
        if not minute.errors_known and (settled is None or minute.start + MINUTE <= settled)
    }
    return f"no datapoint of Errors {_minutes(len(untold))}" if untold else ""


_MORE, _NO_COUNTS = "more", "no counts"


def _fault(part: float, whole: float) -> str:
    """Return why two sums are no share of counts; empty if they are."""
    if not (_is_count(part) and _is_count(whole)):
        return _NO_COUNTS
    return _MORE if part > whole + _ROUNDING else ""


def _is_count(value: float) -> bool:
    return value >= 0 and abs(value - round(value)) <= _ROUNDING


def _sums(guard: Guard, minute: Minute) -> tuple[float, float]:
    part, whole = (minute.measured.get(measure, 0.0) for measure in _of(guard))
    # A throttled call is no invocation: it is one of all calls.
    return (part, part + whole) if guard.metric is Metric.THROTTLE_RATE else (part, whole)


def _minutes(number: int) -> str:
    return (
        "in 1 minute, which tells nothing"
        if number == 1
        else f"in {number} minutes, which tell nothing"
    )
