"""Durations: of the invocations, those that took longer than a bound.

CloudWatch counts them (``TC(800:)``), so that a guard on durations is one on a share like any other: a p99 below 800 ms
says that at most 1% take longer. Where a server knows no such statistic only the percentile of each minute is left,
which tells on which side of a value most invocations were, not how many were how slow; then what is counted is minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lambda_rollout.analysis.guards.counts import (
    CountedWindows,
    Pair,
    judge_below,
    judge_beside_baseline,
)
from lambda_rollout.analysis.guards.dispersion import dispersion_of
from lambda_rollout.analysis.guards.enough import tail
from lambda_rollout.analysis.guards.rates import SAME, Counts, Limit
from lambda_rollout.analysis.guards.result import (
    GuardFailed,
    GuardInconclusive,
    GuardPassed,
    GuardResult,
    as_odds,
    limit_of,
)
from lambda_rollout.analysis.guards.sequential import Factors, highest, log_e_values
from lambda_rollout.analysis.guards.signs import chance_of_slower, is_fair_reference, sign_factors
from lambda_rollout.analysis.guards.windows import Both, Windows
from lambda_rollout.analysis.metrics import PERCENTILES, History, Minute
from lambda_rollout.inputs.guard_metrics import Metric
from lambda_rollout.inputs.guards import Absolute, Guard, Operator

LEAST_MINUTES = 3
"""The least number of a step's minutes that a percentile below a fixed time holds on."""

REFERENCE_SHARE = 0.1
"""The part of a guard's level that the reference at 100% may be wrong by."""

MOSTLY = 0.7
"""A version is plainly slower if so much of what should be within the bound is not. A few slow invocations more are
found, or not, by the wager that breaks the guard."""

MOSTLY_BEYOND_MEDIAN = 0.96
"""The same for a median, which half of the invocations may be over anyway: fewer would take more of them to tell from a
good version than a small service has in a step."""

PLAUSIBLE_SLOW = 0.02
"""Of a few invocations one may be slow, as the first of an environment is: that is put down to chance."""

MUCH_MORE = 1.5
"""How many times more samples the new version's average may be made of than the old one's."""

MANY_SAMPLES = 100
"""Samples of the old version's average from which on it does not matter how many the new one's has."""

_EVEN = 0.5


@dataclass(frozen=True, slots=True)
class DurationBounds:
    """What is counted for a guard: how many of each version's invocations took longer than that, in ms."""

    new: float
    old: float


def bounds_of(guard: Guard, history: History) -> DurationBounds | None:
    """Return what is to be counted; None if nothing is, or the old version's percentile is not known from before.

    Beside the baseline the bound is fixed once and for all: counts over a bound that moved with what is counted would
    be no fair ones.
    """
    if guard.is_rate or not isinstance(guard.metric, Metric):
        return None
    if isinstance(guard.bound, Absolute):
        bound = float(guard.bound.value)
        return DurationBounds(bound, bound)
    before = history.percentiles.get(percentile_of(guard))
    if before is None:
        return None
    limit = limit_of(guard)
    # As CloudWatch is asked: to the microsecond.
    before = round(before, 3)
    return DurationBounds(round(limit.factor * before + limit.margin, 3), before)


def judge_duration(
    guard: Guard, windows: Windows, warm: Windows, level: float, history: History
) -> GuardResult:
    """Judge how many invocations were slow or, where that was not counted, in how many minutes most were.

    ``warm`` are the windows without the first minute of each step, in which a few slow ones are no wonder.
    """
    bounds = bounds_of(guard, history)
    counted = _counted(bounds, warm, history, _share_over(guard)) if bounds else None
    if isinstance(guard.bound, Absolute):
        if counted is None:
            return judge_percentile(guard, windows, level)
        return judge_below(_share_over(guard), counted, level, strict=False)
    if counted is None:
        return judge_percentile_beside_baseline(guard, windows, level)
    return judge_beside_baseline(SAME, counted, level)


def judge_value(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Judge a guard on one value a minute that is no duration of Lambda's: in how many minutes it was over."""
    if isinstance(guard.bound, Absolute):
        return judge_percentile(guard, windows, level)
    return judge_percentile_beside_baseline(guard, windows, level)


def percentile_of(guard: Guard) -> str:
    """Return ``p99`` of ``p99-duration``; ``avg`` and the like of a guard on another statistic."""
    return guard.statistic


def _share_over(guard: Guard) -> float:
    """Return the share of the invocations that may take longer than the guard's percentile."""
    return (100 - int(percentile_of(guard)[1:])) / 100


def _nothing_yet(guard: Guard) -> str:
    what = "invocation" if isinstance(guard.metric, Metric) else "data"
    return f"no {what} of the new version in this step's full minutes yet"


# Counted -----------------------------------------------------------------------------------------


def _counted(
    bounds: DurationBounds, windows: Windows, history: History, share: float
) -> CountedWindows | None:
    new = [one for one, _ in (*windows.split, *windows.step)] + [*windows.whole]
    old = [other for _, other in (*windows.split, *windows.step)]
    if not (_is_told(new, bounds.new) or _is_told(old, bounds.old)):
        return None
    return CountedWindows(
        split=list(_pairs(bounds, windows.split)),
        whole=[_count(one, bounds.new) for one in windows.whole if _is_in(one, bounds.new)],
        step=list(_pairs(bounds, windows.step)),
        at_whole=windows.at_whole,
        dispersion=dispersion_of(
            [_count(one, bounds.old) for one in history.minutes if bounds.old in one.slower_than]
        ),
        harm=_plainly_slower(share),
        plausible=PLAUSIBLE_SLOW,
        what=f" over {bounds.new:g} ms",
    )


def _plainly_slower(share: float) -> float:
    """Return how much more than the ``share`` that may be is over the bound of a plainly slower version, 0 to 1."""
    return (1 - share) * (MOSTLY_BEYOND_MEDIAN if share >= _EVEN else MOSTLY)


def _is_told(minutes: Iterable[Minute], bound: float) -> bool:
    return any(bound in minute.slower_than for minute in minutes)


def _pairs(bounds: DurationBounds, minutes: Iterable[Both]) -> Iterable[Pair]:
    for new, old in minutes:
        if _is_in(new, bounds.new) and _is_in(old, bounds.old):
            yield _count(new, bounds.new), _count(old, bounds.old)


def _is_in(minute: Minute, bound: float) -> bool:
    """Whether a minute's durations are in, where such counts are told: if none is slow there may be no datapoint."""
    return bound in minute.slower_than or bool(minute.durations) or not minute.invocations


def _count(minute: Minute, bound: float) -> Counts:
    return minute.invocations, min(minute.slower_than.get(bound, 0), minute.invocations)


# Minute by minute --------------------------------------------------------------------------------


def judge_percentile_beside_baseline(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Count the minutes in which the new version's percentile was over the bound made from the old one's.

    At 100% it is held against the slowest minute that the old version had in the last split step, where that is fair.
    """
    limit, percentile = limit_of(guard), percentile_of(guard)
    needed = -math.log(level)
    split = [both for both in windows.split if all(percentile in one.durations for one in both)]
    if percentile not in PERCENTILES:
        split = [both for both in split if _is_fair_average(both)]
    signs = [_sign(limit, percentile, both) for both in split]
    at_whole = _signs_at_whole(limit, percentile, windows, level)
    signs += at_whole
    value = highest(log_e_values(sign_factors(*sign) for sign in signs))
    slower = sum(slower for slower, _ in signs)
    what = "slower" if isinstance(guard.metric, Metric) else "higher"
    figures = f"{what} than allowed in {slower} of {len(signs)} minutes"
    if at_whole:
        figures += ", those at 100% compared with the last split step's"
    if value >= needed:
        return GuardFailed(f"{figures}; {as_odds(value)}")
    if windows.at_whole and not at_whole:
        return GuardPassed(f"{figures}; not compared at 100%, where there is no old version")
    if not any(percentile in new.durations for new in windows.new_in_step):
        return GuardInconclusive(_nothing_yet(guard))
    if highest(log_e_values(sign_factors(True, chance) for _, chance in signs)) < needed:
        return GuardInconclusive(f"{figures}; at least {minutes_needed(level)} minutes are needed")
    return GuardPassed(figures)


def _signs_at_whole(
    limit: Limit, percentile: str, windows: Windows, level: float
) -> list[tuple[bool, float]]:
    reference = [old for _, old in windows.last_split if percentile in old.durations]
    if not reference or percentile not in PERCENTILES:
        return []
    slowest = max(old.durations[percentile] for old in reference)
    allowed = limit.factor * slowest + limit.margin
    served = tuple(old.invocations for old in reference)
    return [
        (new.durations[percentile] > allowed, _EVEN)
        for new in windows.whole
        if percentile in new.durations
        and is_fair_reference(int(percentile[1:]), new.invocations, served, level * REFERENCE_SHARE)
    ]


def judge_percentile(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Count the minutes in which the new version's percentile was over a fixed one.

    If just as many invocations are slow as may be, a minute of few invocations shows a percentile over the bound
    with a chance that is known exactly; it is held against that. Of another statistic nothing is known: it is held
    against every second minute.
    """
    percentile = percentile_of(guard)
    signs = [
        (_over(guard, new.durations[percentile]), _chance_of_over(guard, new.invocations))
        for new in windows.canary
        if percentile in new.durations
    ]
    value = highest(log_e_values(sign_factors(*sign) for sign in signs))
    if value >= -math.log(level):
        over = sum(over for over, _ in signs)
        return GuardFailed(f"over the bound in {over} of {len(signs)} minutes; {as_odds(value)}")
    step = [new.durations[percentile] for new in windows.new_in_step if percentile in new.durations]
    over = sum(_over(guard, duration) for duration in step)
    figures = f"over the bound in {over} of {len(step)} minutes"
    if len(step) < LEAST_MINUTES:
        return GuardInconclusive(f"{figures} of this step; at least {LEAST_MINUTES} are needed")
    return GuardInconclusive(figures) if 2 * over > len(step) else GuardPassed(figures)


def minutes_needed(level: float) -> int:
    """Return the least number of minutes in which a comparison of percentiles can be broken."""
    slower: list[Factors] = [sign_factors(True, _EVEN)]
    while highest(log_e_values(slower)) < -math.log(level):
        slower.append(slower[0])
    return len(slower)


def _chance_of_over(guard: Guard, invocations: int) -> float:
    """Return how probably the percentile, at the nearest rank, is over what just as many as may be are over."""
    if percentile_of(guard) not in PERCENTILES:
        return _EVEN
    share = _share_over(guard)
    rank = -(-round((1 - share) * 100) * invocations // 100)
    return min(1 - 1e-9, max(_EVEN, tail(invocations - rank + 1, invocations, share)))


def _sign(limit: Limit, percentile: str, both: Both) -> tuple[bool, float]:
    new, old = both
    allowed = limit.factor * old.durations[percentile] + limit.margin
    return new.durations[percentile] > allowed, _chance(percentile, both)


def _chance(statistic: str, both: Both) -> float:
    """How probably a version just as fast shows the higher value; for an average its margin makes up for that."""
    if statistic not in PERCENTILES:
        return _EVEN
    new, old = both
    return chance_of_slower(int(statistic[1:]), new.invocations, old.invocations)


def _is_fair_average(both: Both) -> bool:
    """Whether two averages can be compared, given that there is a margin.

    Of skewed values, most of which are small and a few very large, the average of a few is usually lower than that of
    many. So a small sample of the old version makes any new one look higher. Measured on log-normal values with a sigma
    of up to 2: with this rule and a margin of 10% a version just as good breaks the guard in at most 1 of 100 rollouts.
    """
    new, old = (minute.invocations for minute in both)
    return new <= MUCH_MORE * old or old >= MANY_SAMPLES


def _over(guard: Guard, duration: float) -> bool:
    assert isinstance(guard.bound, Absolute)  # noqa: S101 - the grammar's other bounds have a baseline
    bound = float(guard.bound.value)
    return duration > bound or (duration == bound and guard.operator is Operator.BELOW)
