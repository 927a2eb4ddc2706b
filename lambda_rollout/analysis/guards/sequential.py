"""Sequential tests: evidence that may be looked at every minute without ever being fooled more often.

All of them are wagers against the statement "the new version is within its bound". Each minute the stake is
multiplied by a factor whose expected value is at most 1 while the statement is true. By Ville's inequality
the stake then *ever* reaches 1/level with a probability of at most the level, however often and for however
long one looks (Ramdas, Grünwald, Vovk, Shafer: Game-Theoretic Statistics and Safe Anytime-Valid Inference,
https://arxiv.org/abs/2210.01948). The stake is called an e-value; logarithms here are natural.

Nobody knows beforehand how bad a bad version is, nor when it begins to be bad. So the stake is spread over
several alternatives, and a part of it is put in only with each later minute (Shin, Ramdas, Rinaldo:
E-detectors, https://arxiv.org/abs/2203.03532). The sum of all parts is 1, so the guarantee stays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

BASE_RATES = (0.001, 0.01, 0.05, 0.15, 0.35, 0.7)
"""Error rates of the old version that the alternatives assume. Where errors are rare only the ratio of the
two rates matters to the test, so a coarse grid loses next to nothing."""

EFFECTS = (1.5, 3.0, 8.0, 40.0)
"""How many times over its bound the new version is in the alternatives, as a ratio of odds."""

SLOWER_MINUTES = (0.9, 0.5)
"""Of the minutes that would not be slower by chance, how many are slower in the alternatives."""

Factors = Sequence[float]
"""The logarithm of one minute's factor, for every alternative."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The highest rate allowed beside a baseline: ``factor`` times the baseline's and ``margin``, 0 to 1."""

    factor: float = 1.0
    margin: float = 0.0

    def over(self, rate: float) -> float:
        """Return the highest rate allowed beside ``rate``, 1 at most."""
        return min(1.0, self.factor * rate + self.margin)


def log_e_values(minutes: Iterable[Factors]) -> Iterator[float]:
    """Yield the logarithm of the e-value after every minute.

    The share 1/(t(t+1)) of the stake is put in with the t-th minute, so that a version that turns bad late is
    found although it was good for long.
    """
    logs: list[float] = []
    for number, factors in enumerate(minutes, start=1):
        fresh = -math.log(number * (number + 1))
        before = logs or [-math.inf] * len(factors)
        logs = [
            _log_sum((log, fresh)) + factor for log, factor in zip(before, factors, strict=True)
        ]
        yield _log_sum(logs) - math.log(len(logs))


def highest(values: Iterable[float]) -> float:
    """Return the highest value seen, minus infinity for none: a stake once reached counts."""
    return max(values, default=-math.inf)


def _log_sum(logs: Sequence[float]) -> float:
    top = max(logs)
    if math.isinf(top):
        return top
    return top + math.log(sum(math.exp(log - top) for log in logs))


# Error rates ------------------------------------------------------------------------------------


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


def highest_believable(invocations: int, errors: int, level: float) -> float:
    """Return the rate that the true one exceeds with a probability of at most ``level``.

    It is where the Chernoff bound reaches the level (Hoeffding, Probability Inequalities for Sums of Bounded
    Random Variables, 1963, theorem 1), which also holds while the rate changes: it bounds the mean.
    """
    if not invocations:
        return 1.0
    seen = errors / invocations
    low, high = seen, 1.0
    while low < (middle := (low + high) / 2) < high:
        if invocations * _divergence(seen, middle) < -math.log(level):
            low = middle
        else:
            high = middle
    return high


def _divergence(seen: float, rate: float) -> float:
    hits = seen * math.log(seen / rate) if seen > 0 else 0.0
    misses = (1 - seen) * (math.log1p(-seen) - math.log1p(-rate)) if seen < 1 else 0.0
    return hits + misses


# Durations --------------------------------------------------------------------------------------


def sign_factors(slower: bool, chance: float) -> Factors:
    """One minute's factors against "a minute is ``slower`` with a probability of at most ``chance``"."""
    factors = []
    for share in SLOWER_MINUTES:
        probability = chance + (1 - chance) * share
        factors.append(
            math.log(probability / chance)
            if slower
            else math.log1p(-probability) - math.log1p(-chance)
        )
    return factors


@lru_cache(maxsize=8192)
def chance_of_slower(percent: int, invocations: int, old_invocations: int) -> float:
    """Return how probably a version just as fast shows the higher percentile, at least one half.

    Samples of different sizes do not have an even chance: 199 of the new version's invocations have a higher
    p99 than very many of the old one's with probability 0.59. The probability is the same for every
    distribution of durations (the precedence probability; Chakraborti, van der Laan: Precedence probability
    and prediction intervals, The Statistician 49, 2000). The percentile is taken at the nearest rank; what
    CloudWatch does is not published. Below one half it is not believed: a few slow first invocations are no
    proof, however rare they were on the old version.
    """
    rank = -(-percent * invocations // 100)
    old_rank = -(-percent * old_invocations // 100)
    total = _log_choose(invocations + old_invocations, invocations)
    # The old one's percentile is not exceeded if at least `rank` of the new version's invocations are faster.
    not_slower = 0.0
    for faster in range(rank, invocations + 1):
        ways = _log_choose(faster + old_rank - 1, faster)
        ways += _log_choose(invocations - faster + old_invocations - old_rank, invocations - faster)
        part = math.exp(ways - total)
        not_slower += part
        if part < _NEGLIGIBLE:
            break
    return max(0.5, 1 - not_slower)


_NEGLIGIBLE = 1e-18
"""The parts only get smaller from about the first one on."""


def _log_choose(count: int, chosen: int) -> float:
    return math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)
