"""Error rates, from counts of invocations and errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from lambda_rollout.analysis.guards.result import (
    GuardFailed,
    GuardInconclusive,
    GuardPassed,
    GuardResult,
    as_odds,
    as_rate,
    limit_of,
)
from lambda_rollout.analysis.guards.sequential import (
    Factors,
    Limit,
    against_baseline,
    against_rate,
    highest,
    highest_believable,
    log_e_values,
)
from lambda_rollout.analysis.guards.windows import Both, Windows
from lambda_rollout.analysis.metrics import Minute
from lambda_rollout.inputs.guards import Absolute, Guard, Operator

CLEARLY_WORSE = 0.10
"""A guard holds only on numbers that would have broken it in about 9 of 10 cases, had the new version's error
rate been so much over what the guard allows: 10 percentage points."""

NINE_IN_TEN = 1.2816
"""The normal distribution's 90% point: in 9 of 10 cases there are at least so few standard deviations fewer
errors than expected."""

EXPECTED_ERRORS = 5.0
"""And that many errors must then have been expected: none at all would be seen in 1 of 148 cases."""

REFERENCE_SHARE = 0.1
"""The part of a guard's level that is kept for what the old version's rate is believed to be at 100%."""

_MOST_TIMES_MORE = 1000.0


def judge_rate_beside_baseline(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Compare the new version's error rate with the old one's, minute by minute.

    At 100% there is nothing to compare with in the same minute. The new version is then held against the
    highest rate that the last split step's numbers leave believable for the old one.
    """
    limit = limit_of(guard)
    needed = -math.log(level * (1 - REFERENCE_SHARE))
    split = [both for both in windows.split if both[0].invocations and both[1].invocations]
    if not split:
        return GuardInconclusive("there was no minute in which both versions were invoked")
    reference = _counts(old for _, old in windows.last_split)
    allowed = limit.over(highest_believable(*reference, level * REFERENCE_SHARE))
    value = highest(
        log_e_values(
            [
                *(against_baseline(limit, *map(_count, both)) for both in split),
                *(against_rate(allowed, _count(new)) for new in windows.whole),
            ]
        )
    )
    figures = _beside(windows, split)
    if value >= needed:
        return GuardFailed(f"{figures}; {as_odds(value)}")
    if windows.at_whole:
        return _if_enough(
            figures, windows.whole, _what_if(allowed, windows.whole, reference[0]), needed
        )
    return _if_enough(figures, windows.step, _what_if_beside(limit, windows.last_split), needed)


def judge_rate(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Hold the new version's error rate against a fixed one.

    Over it by more than chance is broken, at any time. Plainly within it over the present step holds. In
    between, over it but perhaps by chance, more numbers must tell.
    """
    assert isinstance(guard.bound, Absolute)  # noqa: S101 - the grammar's other bounds have a baseline
    allowed = float(guard.bound.value / 100)
    needed = -math.log(level)
    value = highest(log_e_values(against_rate(allowed, _count(new)) for new in windows.canary))
    if value >= needed:
        return GuardFailed(f"{as_rate(*_errors_of(windows.canary))}; {as_odds(value)}")
    invocations, errors = _counts(windows.step)
    figures = as_rate(errors, invocations)
    at = Decimal(100 * errors) - guard.bound.value * invocations
    if invocations and (at > 0 or (at == 0 and guard.operator is Operator.BELOW)):
        return GuardInconclusive(f"{figures} is over the bound, but could be by chance")
    return _if_enough(figures, windows.step, _what_if(allowed, windows.step), needed)


# Was it enough to tell? --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The present step, had the new version's error rate been clearly over the bound."""

    allowed: float
    """The highest rate allowed, 0 to 1."""
    factors: Callable[[float], list[Factors]]
    """Every minute's factors, if the new version's rate in it was the one given."""
    compared_with: float = math.inf
    """Invocations that ``allowed`` was learned from; endless for a fixed one."""

    def tells(self, invocations: int, times: float, needed: float) -> bool:
        """Whether the step would break the guard in 9 of 10 cases if it were so many times as long."""
        rate = min(1.0, self.allowed + CLEARLY_WORSE)
        served = times * invocations
        seen = max(0.0, rate - NINE_IN_TEN * math.sqrt(rate * (1 - rate) / served))
        longer = ([times * factor for factor in minute] for minute in self.factors(seen))
        return served * rate >= EXPECTED_ERRORS and highest(log_e_values(longer)) >= needed


def _what_if(allowed: float, step: Sequence[Minute], compared_with: float = math.inf) -> WhatIf:
    served = [new.invocations for new in step if new.invocations]
    return WhatIf(
        allowed,
        lambda seen: [against_rate(allowed, (count, seen * count)) for count in served],
        compared_with,
    )


def _what_if_beside(limit: Limit, step: Sequence[Both]) -> WhatIf:
    both = [
        (new.invocations, _count(old)) for new, old in step if new.invocations and old.invocations
    ]
    invocations, errors = _counts(old for _, old in step)
    return WhatIf(
        limit.over(errors / max(1, invocations)),
        lambda seen: [against_baseline(limit, (count, seen * count), old) for count, old in both],
        invocations,
    )


def _if_enough(figures: str, step: Sequence[Minute], what_if: WhatIf, needed: float) -> GuardResult:
    """Return whether the step's minutes could have broken the guard at all."""
    invocations, _ = _counts(step)
    if not invocations:
        return GuardInconclusive("no invocation of the new version in this step's full minutes yet")
    if not what_if.factors(0):
        return GuardInconclusive("no minute of this step in which both versions were invoked")
    if what_if.allowed >= 1:
        if min(invocations, what_if.compared_with) * CLEARLY_WORSE < EXPECTED_ERRORS:
            return GuardInconclusive(
                f"{figures}; too few invocations to tell a bad version from a good one"
            )
        return GuardPassed(f"{figures}; no error rate could be over the bound")
    if what_if.tells(invocations, 1, needed):
        return GuardPassed(figures)
    times = 1.0
    while times < _MOST_TIMES_MORE and not what_if.tells(invocations, times, needed):
        times *= 1.1
    return GuardInconclusive(
        f"{figures}; about {math.ceil(times * invocations):,} invocations of the new version are needed"
        " in this step to tell a bad version from a good one"
    )


# Counts and words --------------------------------------------------------------------------------


def _count(minute: Minute) -> tuple[int, int]:
    # Two metrics of one minute may be read a moment apart.
    return minute.invocations, min(minute.errors, minute.invocations)


def _counts(minutes: Iterable[Minute]) -> tuple[int, int]:
    pairs = [_count(minute) for minute in minutes]
    return sum(invocations for invocations, _ in pairs), sum(errors for _, errors in pairs)


def _errors_of(minutes: Iterable[Minute]) -> tuple[int, int]:
    invocations, errors = _counts(minutes)
    return errors, invocations


def _beside(windows: Windows, split: Sequence[Both]) -> str:
    if windows.at_whole:
        new = as_rate(*_errors_of(windows.whole))
        old = as_rate(*_errors_of(old for _, old in windows.last_split))
        return f"new {new}, old {old} in the last split step"
    new = as_rate(*_errors_of(new for new, _ in split))
    return f"new {new}, old {as_rate(*_errors_of(old for _, old in split))}"
