"""How long a guard will need before it can hold: the same judge, on the numbers that the traffic promises. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.analysis.guards.duration import bounds_of
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import TargetEvidence, judge_guards
from lambda_rollout.analysis.metrics import (
    MINUTE,
    PERCENTILES,
    Comparison,
    History,
    Minute,
    StepStart,
    VersionMetrics,
)
from lambda_rollout.inputs.guards import Absolute, Guard

HORIZON = timedelta(hours=24)
"""What a guard does not hold on after that is told as never."""

_ENTRIES = 20
"""Minutes that are made up at most; in a longer time each of them stands for several."""

_BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
_SOMEWHERE = Target("foreseen", "foreseen")
_USUAL = dict.fromkeys(PERCENTILES, 100.0)
"""Durations in ms; how long they are makes no difference, only how many are longer."""


@lru_cache(maxsize=1024)
def needed_time(
    guard: Guard, guards: tuple[Guard, ...], per_minute: float, percent: Decimal, error_rate: float
) -> timedelta | None:
    """Return after how many whole minutes of a step a guard can hold, if the new version is as good as the old one.

    ``per_minute`` are the alias's invocations, of which ``percent`` go to the new version; ``error_rate``, 0 to 1, is
    the old version's. ``guards`` are all that share the level. None: not within `HORIZON`.
    """

    def holds(minutes: int) -> bool:
        return _holds(guard, guards, per_minute, percent, error_rate, minutes)

    longest = HORIZON // MINUTE
    # The first power of two that is enough, then halved: more numbers never take an answer back.
    powers = (1 << power for power in range(longest.bit_length()))
    enough = next((minutes for minutes in powers if holds(minutes)), None)
    if enough is None:
        return HORIZON if holds(longest) else None
    low, high = enough // 2, enough
    while high - low > max(1, high // 10):
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high * MINUTE


def _holds(
    guard: Guard,
    guards: Sequence[Guard],
    per_minute: float,
    percent: Decimal,
    error_rate: float,
    minutes: int,
) -> bool:
    rate = error_rate
    if isinstance(guard.bound, Absolute) and guard.is_rate:
        # Reckoned for a version that keeps to its bound: what does not is for the guard to find.
        rate = min(rate, float(guard.bound.value) / 200)
    history = History(percentiles=_USUAL)
    entries = min(minutes, _ENTRIES)
    new, old = (
        tuple(_minutes(guard, history, per_minute * share * minutes, rate, entries))
        for share in (float(percent / HUNDRED), float(1 - percent / HUNDRED))
    )
    comparison = Comparison(
        VersionMetrics(_SOMEWHERE, "new", new),
        VersionMetrics(_SOMEWHERE, "old", old),
        throttles=0,
        until=_BEGAN + entries * MINUTE,
    )
    # The guard itself comes first; the others only take their part of the level.
    others = tuple(each for each in guards if each != guard)
    verdicts = judge_guards(
        (guard, *others),
        [TargetEvidence(comparison, history=history)],
        [StepStart(_BEGAN, percent)],
    )
    return verdicts[0].outcome is Outcome.HOLDS


def _minutes(
    guard: Guard, history: History, served: float, error_rate: float, entries: int
) -> Iterator[Minute]:
    """Spread invocations evenly, and what is wrong with some of them as well; whole ones only."""
    bounds = bounds_of(guard, history)
    over = 0.0 if bounds is None else (100 - int(guard.statistic[1:])) / 100
    for number, (before, after) in enumerate(pairwise(_ramp(served, entries))):
        failed = math.floor(after * error_rate) - math.floor(before * error_rate)
        slow = math.floor(after * over) - math.floor(before * over)
        yield Minute(
            _BEGAN + number * MINUTE,
            after - before,
            failed,
            dict(_USUAL),
            slower_than={} if bounds is None else {bounds.new: slow, bounds.old: slow},
        )


def _ramp(served: float, entries: int) -> Iterator[int]:
    for number in range(entries + 1):
        yield math.floor(served * number / entries)
