"""Were the numbers enough to tell a bad version from a good one?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lambda_rollout.analysis.guards.sequential import Factors, highest, log_choose, log_e_values

NINE_IN_TEN = 1.2816
"""The normal distribution's 90% point: in 9 of 10 cases there are at least so few standard deviations fewer
failures than expected."""

EXPECTED_FAILURES = 5.0
"""And that many must then have been expected: none at all would be seen in 1 of 148 cases."""

PLAUSIBLE = 0.1
"""A share over a fixed bound is put down to chance if a version just at the bound shows so much in 1 of 10 cases."""


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The present step, had the new version's share been plainly over the bound."""

    allowed: float
    """The highest share allowed, 0 to 1."""
    totals: Sequence[int]
    """How many there were of the new version, each minute."""
    factors: Callable[[float], list[Factors]]
    """Every minute's factors, if the new version's share in it was the one given."""
    harm: float
    """How much more than that is plainly worse."""
    compared_with: float = math.inf
    """How many ``allowed`` was learned from; endless for a fixed one."""

    @property
    def is_always_within(self) -> bool:
        """Whether no share could be over the bound."""
        return self.allowed >= 1

    @property
    def has_enough(self) -> bool:
        """Whether there were enough at all, where nothing could be over the bound."""
        return min(sum(self.totals), self.compared_with) * self.harm >= EXPECTED_FAILURES

    def tells(self, times: float, needed: float) -> bool:
        """Whether the step would break the guard in 9 of 10 cases if it were so many times as long."""
        rate = min(1.0, self.allowed + self.harm)
        served = times * sum(self.totals)
        if served * rate < EXPECTED_FAILURES:
            return False
        seen = max(0.0, rate - NINE_IN_TEN * math.sqrt(rate * (1 - rate) / served))
        longer = ([times * factor for factor in minute] for minute in self.factors(seen))
        return highest(log_e_values(longer)) >= needed


def is_over_by_chance(
    failed: int,
    total: int,
    allowed: float,
    plausible: float = PLAUSIBLE,
    *,
    dispersion: float = 1.0,
) -> bool:
    """Whether a version whose true share is just ``allowed``, 0 to 1, shows that much often enough.

    ``dispersion``: so many failures count as one.
    """
    if allowed <= 0:
        return not failed
    return tail(math.ceil(failed / dispersion), math.ceil(total / dispersion), allowed) >= plausible


def tail(failed: int, total: int, rate: float) -> float:
    """Return how probably at least so many of ``total`` fail, each with a probability of ``rate``: binomial."""
    if failed <= 0:
        return 1.0
    if failed > total or rate <= 0:
        return 0.0
    if rate >= 1:
        return 1.0
    if failed <= total * rate:
        return 1 - tail(total - failed + 1, total, 1 - rate)
    log = log_choose(total, failed)
    term = math.exp(log + failed * math.log(rate) + (total - failed) * math.log1p(-rate))
    probability = 0.0
    for more in range(failed, total + 1):
        probability += term
        term *= (total - more) * rate / ((more + 1) * (1 - rate))
        if term < probability * _NEGLIGIBLE:
            break
    return min(1.0, probability)


_NEGLIGIBLE = 1e-12
