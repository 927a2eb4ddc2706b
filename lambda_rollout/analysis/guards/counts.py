"""Guards on a share: of all invocations those that failed, or were slow; of all orders those that were refused.

Everything here is about counts alone, and does not know what is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lambda_rollout.analysis.guards.enough import PLAUSIBLE, WhatIf, is_over_by_chance
from lambda_rollout.analysis.guards.holding import (
    HARM,
    SURE,
    against_worse,
    against_worse_than,
    log_shown,
)
from lambda_rollout.analysis.guards.rates import (
    Counts,
    Limit,
    against_baseline,
    against_rate,
    beside_baseline,
)
from lambda_rollout.analysis.guards.result import (
    GuardFailed,
    GuardInconclusive,
    GuardPassed,
    GuardResult,
    as_odds,
    as_rate,
)
from lambda_rollout.analysis.guards.sequential import Factors, highest, log_e_values

Pair = tuple[Counts, Counts]
"""The new version's counts and the old one's, of the same minute."""

_MOST_TIMES_MORE = 1000.0


@dataclass(frozen=True, slots=True)
class CountedWindows:
    """A rollout so far, minute by minute, in order."""

    split: Sequence[Pair]
    """Of all steps below 100%: what can break a guard."""
    whole: Sequence[Counts]
    """The new version's at 100%: what can break one that needs no old version."""
    step: Sequence[Pair]
    """Of the present step: what one can hold on."""
    at_whole: bool
    """Whether the present step is the one at 100%."""
    dispersion: float = 1.0
    """How many failures come together: so many count as one. 1 where they come one by one."""
    noun: str = "invocations"
    """What is counted, as it is told."""
    harm: float = HARM
    """How much more than the guard allows must not pass unseen, 0 to 1."""
    plausible: float = PLAUSIBLE
    """How improbable a share over a fixed bound may be to be put down to chance."""
    what: str = ""
    """What is said after a share: nothing, or `` over 800 ms``."""


def judge_beside_baseline(limit: Limit, counted: CountedWindows, level: float) -> GuardResult:
    """Compare both versions' shares minute by minute, in the split steps.

    At 100% there is nothing to compare with: an outage of what both versions need and a version that fails only there
    give the same numbers. So nothing breaks it there, and nothing is waited for.
    """
    split = [pair for pair in counted.split if _both_ran(pair)]
    value = highest(
        log_e_values(_tempered(beside_baseline(limit, *pair), counted) for pair in split)
    )
    if split:
        figures = f"new {_share(_new(split), counted)}, old {_share(_old(split), counted)}"
    else:
        figures = f"there was no minute with {counted.noun} of both versions"
    if value >= -math.log(level):
        return GuardFailed(f"{figures}; {as_odds(value)}")
    if counted.at_whole:
        seen = _share(counted.whole, counted)
        return GuardPassed(
            f"{figures}; {seen} at 100%, where there is no old version to compare with"
        )
    if not split:
        return GuardInconclusive(figures)
    step = [pair for pair in counted.step if _both_ran(pair)]
    return _if_enough(figures, _BesideBaseline(limit, step, counted, -math.log(level)))


def judge_below(
    allowed: float, counted: CountedWindows, level: float, *, strict: bool
) -> GuardResult:
    """Hold the new version's share against a fixed one, 0 to 1; ``strict``: it must be below it.

    Over it by more than chance is broken, at any time. Over it in the present step, by a little more than chance
    explains well, needs more numbers to tell.
    """
    new = [*_new(counted.split), *counted.whole]
    value = highest(log_e_values(_tempered(against_rate(allowed, one), counted) for one in new))
    if value >= -math.log(level):
        return GuardFailed(f"{_share(new, counted)}; {as_odds(value)}")
    step = _new(counted.step)
    total, failed = _sum(step)
    figures = _share(step, counted)
    over = failed > allowed * total or (strict and failed == allowed * total)
    by_chance = is_over_by_chance(
        failed, total, allowed, counted.plausible, dispersion=counted.dispersion
    )
    if total and over and not by_chance:
        return GuardInconclusive(f"{figures} is over the bound, but could be by chance")
    return _if_enough(figures, _Below(allowed, step, counted, -math.log(level)))


# Was it enough to tell? --------------------------------------------------------------------------


class _BesideBaseline:
    """The present step's evidence that the new version is not plainly worse than its limit."""

    needs = "both versions"

    def __init__(
        self, limit: Limit, step: Sequence[Pair], counted: CountedWindows, needed: float
    ) -> None:
        self.new = _new(step)
        self.needed, self.harm = needed, counted.harm
        self._limit, self._step, self._counted = limit, step, counted
        total, failed = _sum(_old(step))
        self.what_if = WhatIf(
            limit.over(failed / max(1, total)),
            [one[0] for one in self.new],
            lambda seen: [
                _tempered(against_baseline(limit, (new[0], seen * new[0]), old), counted)
                for new, old in step
            ],
            counted.harm,
            total,
        )

    def shown(self, harm: float) -> list[float]:
        """Return the logarithm of what each bet against "so much over the limit" is worth."""
        limit = self._limit.and_more(harm)
        return _sums(_tempered(against_worse(limit, *pair), self._counted) for pair in self._step)

    @property
    def is_within(self) -> bool:
        """Whether the step proves the guard itself."""
        return bool(self._step) and log_shown(self.shown(0.0)) >= SURE


class _Below:
    """The same for a fixed bound."""

    is_within = False
    needs = "the new version"

    def __init__(
        self, allowed: float, step: Sequence[Counts], counted: CountedWindows, needed: float
    ) -> None:
        self.new = [one for one in step if one[0]]
        self.needed, self.harm = needed, counted.harm
        self._allowed, self._counted = allowed, counted
        self.what_if = WhatIf(
            allowed,
            [one[0] for one in self.new],
            lambda seen: [
                _tempered(against_rate(allowed, (new[0], seen * new[0])), counted)
                for new in self.new
            ],
            counted.harm,
        )

    def shown(self, harm: float) -> list[float]:
        worse = self._allowed + harm
        return _sums(
            _tempered(against_worse_than(worse, self._allowed, one), self._counted)
            for one in self.new
        )


def _if_enough(figures: str, step: _BesideBaseline | _Below) -> GuardResult:
    """Return whether a plainly worse version would have looked worse in this step.

    Either by a test of its own, or because the wager that breaks the guard would have been won.
    """
    total, _ = _sum(step.new)
    if not total:
        return GuardInconclusive(
            f"{figures}; no data of {step.needs} in this step's full minutes yet"
        )
    if step.what_if.is_always_within:
        if step.what_if.has_enough:
            return GuardPassed(f"{figures}; nothing could be over the bound")
        return GuardInconclusive(f"{figures}; too few to tell a bad version from a good one")
    bets = step.shown(step.harm)

    def enough(times: float) -> bool:
        if log_shown([times * bet for bet in bets]) >= SURE:
            return True
        return step.what_if.tells(times, step.needed)

    if enough(1):
        return GuardPassed(figures, shown=step.is_within)
    times = _least_times(enough)
    return GuardInconclusive(
        f"{figures}; about {math.ceil(times * total):,} of the new version are needed in this step to tell a bad "
        "version from a good one"
    )


def _least_times(enough: Callable[[float], bool]) -> float:
    """Return how many times as long the step must be, to a few percent; `_MOST_TIMES_MORE` if that is not enough."""
    low, high = 1.0, 2.0
    while high < _MOST_TIMES_MORE and not enough(high):
        low, high = high, 2 * high
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return min(high, _MOST_TIMES_MORE)


# Counts and words --------------------------------------------------------------------------------


def _tempered(factors: Factors, counted: CountedWindows) -> Factors:
    """Let so many failures as come together count as one."""
    if counted.dispersion <= 1:
        return factors
    return [factor / counted.dispersion for factor in factors]


def _both_ran(pair: Pair) -> bool:
    return all(total for total, _ in pair)


def _new(pairs: Iterable[Pair]) -> list[Counts]:
    return [new for new, _ in pairs]


def _old(pairs: Iterable[Pair]) -> list[Counts]:
    return [old for _, old in pairs]


def _sum(counts: Iterable[Counts]) -> Counts:
    pairs = list(counts)
    return sum(total for total, _ in pairs), sum(failed for _, failed in pairs)


def _sums(minutes: Iterable[Factors]) -> list[float]:
    return [sum(bet) for bet in zip(*minutes, strict=True)]


def _share(counts: Iterable[Counts], counted: CountedWindows) -> str:
    total, failed = _sum(counts)
    return as_rate(failed, total, counted.noun) + (counted.what if total else "")
