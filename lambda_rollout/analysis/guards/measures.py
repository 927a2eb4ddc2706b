"""What a guard on a metric of any kind needs, and the minutes that its rule is to judge.

The rules count: so many failures among so many invocations, or one value a minute. Whatever a guard looks at is put
into those words, and then judged as Lambda's own metrics are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from lambda_rollout.analysis.metrics import Comparison, Measure, Minute, VersionMetrics
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


def as_counted(guard: Guard, comparison: Comparison) -> tuple[Comparison, str]:
    """Return the minutes as the guard sees them, and a note on those that it cannot count; empty if there are none.

    For a rate, ``invocations`` are the whole and ``errors`` the part of it; for a value, ``durations`` has it, by
    `Guard.statistic`, and ``invocations`` how many samples it was made of.
    """
    match guard.metric:
        case Ratio(part, whole):
            return _as_rate(comparison, lambda minute: _sums(minute, part, whole), guard.metric)
        case Metric.THROTTLE_RATE:
            return _as_rate(comparison, _throttled, None)
        case StatisticOf(statistic):
            value, samples = _of(guard)
            name = statistic.value
            return _each(comparison, lambda minute: _as_value(minute, name, value, samples)), ""
    return comparison, ""


def _sums(minute: Minute, part: CustomMetric, whole: CustomMetric) -> tuple[float, float]:
    return (
        minute.measured.get(Measure("Sum", part), 0.0),
        minute.measured.get(Measure("Sum", whole), 0.0),
    )


def _throttled(minute: Minute) -> tuple[float, float]:
    throttles = minute.measured.get(THROTTLES, 0.0)
    return throttles, throttles + minute.measured.get(SERVED, 0.0)


def _as_value(minute: Minute, name: str, value: Measure, samples: Measure) -> Minute:
    values: Mapping[str, float] = {name: minute.measured[value]} if value in minute.measured else {}
    return Minute(minute.start, round(minute.measured.get(samples, 0.0)), 0, values)


def _as_rate(
    comparison: Comparison, count: Callable[[Minute], tuple[float, float]], ratio: Ratio | None
) -> tuple[Comparison, str]:
    """Count; a minute that is no share of whole numbers tells nothing, of either version."""
    more, broken = set(), set()
    for minute in (*comparison.canary.minutes, *comparison.baseline.minutes):
        part, whole = count(minute)
        if not (_is_count(part) and _is_count(whole)):
            broken.add(minute.start)
        elif part > whole + _ROUNDING:
            more.add(minute.start)

    def counted(minute: Minute) -> Minute:
        if minute.start in more | broken:
            return Minute(minute.start, 0, 0)
        part, whole = count(minute)
        return Minute(minute.start, round(whole), round(part))

    return _each(comparison, counted), _note(ratio, len(more - broken), len(broken))


def _is_count(value: float) -> bool:
    return value >= 0 and abs(value - round(value)) <= _ROUNDING


def _note(ratio: Ratio | None, more: int, broken: int) -> str:
    if ratio is None:
        return ""
    notes = []
    if more:
        notes.append(f"more {ratio.part.name} than {ratio.whole.name}, {_minutes(more)}")
    if broken:
        notes.append(f"sums that are no whole numbers, {_minutes(broken)}")
    return "; ".join(notes)


def _minutes(number: int) -> str:
    return (
        "in 1 minute, which tells nothing"
        if number == 1
        else f"in {number} minutes, which tell nothing"
    )


def _each(comparison: Comparison, seen: Callable[[Minute], Minute]) -> Comparison:
    def of(version: VersionMetrics) -> VersionMetrics:
        return VersionMetrics(version.target, version.version, tuple(map(seen, version.minutes)))

    return replace(comparison, canary=of(comparison.canary), baseline=of(comparison.baseline))
