"""Evidence that a version is good: wagers against "it is worse than that", the other way round.

A guard holds once a version that is plainly worse would hardly have looked so good: a non-inferiority test. It is a
wager as well, so that it may be looked at every minute: each minute the stake is multiplied by the likelihood of the
numbers if both versions were alike, divided by their likelihood under the nearest rates that are "worse". While the
new version is that bad the stake ever grows tenfold with a probability of at most one in ten.

All of the stake is put in at once: what is asked is whether the whole window, since its beginning, was good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from lambda_rollout.analysis.guards.rates import Counts, Limit
from lambda_rollout.analysis.guards.sequential import Factors, log_mean

HARM = 0.10
"""What must not pass unseen: so much more than the guard allows, 10 percentage points."""

SURE = math.log(10)
"""The stake, as a logarithm, with which something is shown: in at most 1 of 10 cases by chance."""

ALIKE = (0.0, 0.001, 0.005, 0.01, 0.03, 0.1, 0.5)
"""Rates of both versions that the stake is spread over."""

USED_UP = (0.5, 1.0)
"""How much of a fixed bound a version that keeps to it uses up, in the bets: so much of the stake on each."""


def log_shown(bets: Sequence[float]) -> float:
    """Return the logarithm of the stake: the mean of its bets, each the sum of its factors over all minutes."""
    return log_mean(bets) if bets else 0.0


def against_worse(limit: Limit, new: Counts, old: Counts) -> Factors:
    """One minute's factors against "the new version's rate is over ``limit``, or just at it".

    ``limit`` is where "worse" begins: for "is it within the guard" that of the guard, which then needs a margin, for
    "is it not plainly worse" so much more (`Limit.and_more`).
    """
    (total, failed), (old_total, old_failed) = new, old
    split = math.gcd(total, old_total) or 1
    return [
        _weighed(failed, on_failure)
        + _weighed(total - failed, on_success)
        + _weighed(old_failed, on_old_failure)
        + _weighed(old_total - old_failed, on_old_success)
        for on_failure, on_success, on_old_failure, on_old_success in _bets(
            limit, total // split, old_total // split
        )
    ]


def against_worse_than(worse: float, allowed: float, new: Counts) -> Factors:
    """One minute's factors against "the new version's rate is ``worse``, or more"; all of it where that is over 1.

    The bets are on versions that keep to what is ``allowed``, from 0 to less than 1: where the bound is high, as that
    of a median is, a bet on any lower rate says little.
    """
    total, failed = new
    return [
        _weighed(failed, on_failure) + _weighed(total - failed, on_success)
        for on_failure, on_success in _bets_below(min(worse, 1.0), allowed)
    ]


def _weighed(count: float, factor: float) -> float:
    # A rate of 0 excludes a failure: minus infinity, of which none is nothing.
    return count * factor if count else 0.0


@lru_cache(maxsize=8192)
def _bets(
    limit: Limit, total: int, old_total: int
) -> tuple[tuple[float, float, float, float], ...]:
    bets = []
    for rate in ALIKE:
        if limit.over(rate) <= rate or limit.margin >= 1 or not total or not old_total:
            # Alike at this rate would be "worse" already, or nothing is; and one version alone shows nothing.
            bets.append((0.0, 0.0, 0.0, 0.0))
            continue
        worse, old = _nearest_worse(limit, rate, total, old_total)
        bets.append((*_odds(rate, worse), *_odds(rate, old)))
    return tuple(bets)


@lru_cache(maxsize=256)
def _bets_below(worse: float, allowed: float) -> tuple[tuple[float, float], ...]:
    return tuple(_odds(part * allowed, worse) for part in USED_UP)


def _odds(rate: float, instead: float) -> tuple[float, float]:
    """Return the logarithms of both likelihood ratios, of a failure and of a success."""
    failure = math.log(rate / instead) if rate else -math.inf
    # What always fails is refuted by one that did not.
    return failure, math.log1p(-rate) - math.log1p(-instead) if instead < 1 else math.inf


def _nearest_worse(limit: Limit, rate: float, total: int, old_total: int) -> tuple[float, float]:
    """Return the rates of the new and the old version, on the limit, that are nearest to both being at ``rate``.

    The divergence is convex along the limit. The old version's rate is at most ``rate`` there.
    """
    low, high = 0.0, min(rate, (1 - limit.margin) / limit.factor)
    while low < (middle := (low + high) / 2) < high:
        worse = limit.factor * middle + limit.margin
        if worse >= 1:
            high = middle
            continue
        slope = total * limit.factor * (worse - rate) / (worse * (1 - worse))
        slope += old_total * (middle - rate) / (middle * (1 - middle))
        low, high = (low, middle) if slope > 0 else (middle, high)
    return limit.factor * low + limit.margin, low
