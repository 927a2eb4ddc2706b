"""Wagers on rates, from counts of anything that either fails or does not: how many in all, and how many failed.

Nothing here knows what is counted: invocations and errors, invocations and slow ones, orders and failed orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from lambda_rollout.analysis.guards.sequential import Factors, log_choose

Counts = tuple[int, int]
"""How many there were, and how many of these failed."""

BASE_RATES = (0.00001, 0.0001, 0.001, 0.01, 0.05, 0.15, 0.35, 0.7)
"""Rates of the old version that the alternatives assume, where the bound has a margin."""

EFFECTS = (1.5, 3.0, 8.0, 40.0)
"""How many times over its bound the new version is in the alternatives, as a ratio of odds."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The highest rate allowed beside a baseline: ``factor`` times the baseline's and ``margin``, 0 to 1."""

    factor: float = 1.0
    margin: float = 0.0

    def over(self, rate: float) -> float:
        """Return the highest rate allowed beside ``rate``, 1 at most."""
        return min(1.0, self.factor * rate + self.margin)

    def and_more(self, harm: float) -> Limit:
        """Return the limit that is so much higher, 0 to 1."""
        return Limit(self.factor, self.margin + harm)


SAME = Limit()
"""No more than the old version's, without a margin."""

ODDS = (1.8, 3.0, 8.0, 60.0)
"""How many times the old version's odds the new one's are in the alternatives, where there is no margin."""


def against_baseline(
    limit: Limit, canary: tuple[int, float], baseline: tuple[int, float]
) -> Factors:
    """One minute's factors against "the canary's error rate is within ``limit`` of the baseline's".

    ``canary`` and ``baseline`` are invocations and errors (which may be fractions, for a what-if).

    The factor is the likelihood of the minute under an alternative, divided by that under the point of the
    statement nearest to it in the sense of Kullback and Leibler. For statements that are convex, as these
    are, its expected value is at most 1 at every point of the statement (Turner, Ly, Grünwald: Generic
    E-variables for Exact Sequential k-Sample Tests, https://arxiv.org/abs/2106.02693; Turner, Grünwald: Exact
    anytime-valid confidence intervals for contingency tables and beyond, https://arxiv.org/abs/2203.09785).
    Because that holds for each minute by itself, both rates and the weight may change from one to the next.
    """
    (invocations, errors), (old_invocations, old_errors) = canary, baseline
    split = math.gcd(invocations, old_invocations) or 1
    bets = _bets(limit, invocations // split, old_invocations // split)
    return [
        errors * on_error
        + (invocations - errors) * on_success
        + old_errors * on_old_error
        + (old_invocations - old_errors) * on_old_success
        for on_error, on_success, on_old_error, on_old_success in bets
    ]


def against_rate(highest_rate: float, canary: tuple[int, float]) -> Factors:
    """One minute's factors against "the canary's error rate is at most ``highest_rate``", 0 to 1.

    The alternatives are as many as in `against_baseline`, so that one test can go on as the other.
    """
    invocations, errors = canary
    if highest_rate >= 1:
        return [0.0] * _ALTERNATIVES
    if highest_rate <= 0:
        return [math.inf if errors else 0.0] * _ALTERNATIVES
    worse = [_worse(highest_rate, effect) for effect in EFFECTS]
    factors = [
        errors * math.log(rate / highest_rate)
        + (invocations - errors) * (math.log1p(-rate) - math.log1p(-highest_rate))
        for rate in worse
    ]
    return factors * len(BASE_RATES)


def beside_baseline(limit: Limit, new: Counts, old: Counts) -> Factors:
    """One minute's factors against "the new version's rate is within ``limit`` of the old one's".

    Without a margin by the sharper test, which knows no other limit.
    """
    return given_the_total(new, old) if limit == SAME else against_baseline(limit, new, old)


@lru_cache(maxsize=65536)
def given_the_total(new: Counts, old: Counts) -> Factors:
    """One minute's factors against "the new version's rate is at most the old one's", with no margin.

    How many of a minute's failures are the new version's, given how many there were in all: the noncentral
    hypergeometric distribution, which knows nothing but the ratio of the two odds (Cornfield 1956; Agresti,
    Categorical Data Analysis, 3.5). So there is no rate to be guessed, and the stake is spread over the ratios alone.
    At any ratio below 1 the factor's mean is below 1 as well, since the likelihood ratio is monotone.
    """
    (total, failed), (old_total, old_failed) = new, old
    all_failed = failed + old_failed
    return [
        failed * math.log(odds) - _log_mean_power(odds, total, old_total, all_failed)
        for odds in ODDS
    ]


def _log_mean_power(odds: float, total: int, old_total: int, failed: int) -> float:
    """Return log E[odds^J], J being hypergeometric: how many of all that ``failed`` are the new version's."""
    low, high = max(0, failed - old_total), min(total, failed)
    if low >= high:
        return low * math.log(odds)

    def weight(one: int) -> float:
        return log_choose(total, one) + log_choose(old_total, failed - one)

    def ratio(one: int) -> float:
        """Return the weight of one more, tilted, over that of ``one``."""
        up = (total - one) * (failed - one) / ((one + 1) * (old_total - failed + one + 1))
        return odds * up

    top = _mode(ratio, low, high)
    above = _sum_of_ratios(ratio(one) for one in range(top, high))
    below = _sum_of_ratios(1 / ratio(one - 1) for one in range(top, low, -1))
    tilted = weight(top) + top * math.log(odds) + math.log(1 + above + below)
    return tilted - log_choose(total + old_total, failed)


def _mode(ratio: Callable[[int], float], low: int, high: int) -> int:
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if ratio(middle) > 1 else (low, middle)
    return low


def _sum_of_ratios(ratios: Iterable[float]) -> float:
    term, total = 1.0, 0.0
    for ratio in ratios:
        term *= ratio
        total += term
        if term < _NEGLIGIBLE:
            break
    return total


_NEGLIGIBLE = 1e-17
"""The terms only get smaller from the largest one on."""


_ALTERNATIVES = len(BASE_RATES) * len(EFFECTS)


def _worse(rate: float, effect: float) -> float:
    odds = rate / (1 - rate) * effect
    return odds / (1 + odds)


@lru_cache(maxsize=8192)
def _bets(
    limit: Limit, invocations: int, old_invocations: int
) -> tuple[tuple[float, float, float, float], ...]:
    bets = []
    for old in BASE_RATES:
        allowed = limit.over(old)
        for effect in EFFECTS:
            if allowed >= 1:
                bets.append((0.0, 0.0, 0.0, 0.0))
                continue
            new = _worse(allowed, effect)
            near_new, near_old = _nearest(limit, (invocations, new), (old_invocations, old))
            bets.append(
                (
                    math.log(new / near_new),
                    math.log1p(-new) - math.log1p(-near_new),
                    math.log(old / near_old),
                    math.log1p(-old) - math.log1p(-near_old),
                )
            )
    return tuple(bets)


def _nearest(
    limit: Limit, canary: tuple[int, float], baseline: tuple[int, float]
) -> tuple[float, float]:
    """Return the pair of rates on the limit that is nearest to the two of an alternative.

    The divergence is convex along the limit: its slope is negative at the baseline's rate, positive where the
    limit reaches the canary's, and is halved in between until doubles can no longer be told apart.
    """
    (invocations, new), (old_invocations, old) = canary, baseline
    low, high = old, min((new - limit.margin) / limit.factor, 1.0)
    while low < (middle := (low + high) / 2) < high:
        allowed = limit.factor * middle + limit.margin
        slope = invocations * limit.factor * (allowed - new) / (allowed * (1 - allowed))
        slope += old_invocations * (middle - old) / (middle * (1 - middle))
        low, high = (low, middle) if slope > 0 else (middle, high)
    return limit.factor * low + limit.margin, low
