"""The sign test: in how many minutes was the new version's percentile the higher one?"""

from __future__ import annotations

import math
from functools import lru_cache

from lambda_rollout.analysis.guards.enough import tail
from lambda_rollout.analysis.guards.sequential import Factors, log_choose

SLOWER_MINUTES = (0.9, 0.5)
"""Of the minutes that would not be slower by chance, how many are slower in the alternatives."""


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
    total = log_choose(invocations + old_invocations, invocations)
    # The old one's percentile is not exceeded if at least `rank` of the new version's invocations are faster.
    not_slower = 0.0
    for faster in range(rank, invocations + 1):
        ways = log_choose(faster + old_rank - 1, faster)
        ways += log_choose(invocations - faster + old_invocations - old_rank, invocations - faster)
        part = math.exp(ways - total)
        not_slower += part
        if part < _NEGLIGIBLE:
            break
    return max(0.5, 1 - not_slower)


@lru_cache(maxsize=4096)
def is_fair_reference(
    percent: int, invocations: int, old_invocations: tuple[int, ...], level: float
) -> bool:
    """Whether the slowest of the old version's minutes is one that a version just as fast is rarely over.

    That is: all of the old version's percentiles are below the middle of the new one's with a probability of at most
    ``level``. A percentile of few invocations is lower, as a rule, than that of many.
    """
    # Ranks of uniform samples: the distribution of durations does not matter. The median of a beta distribution is
    # where Kerman puts it (A closed-form approximation for the median of the beta distribution, 2011).
    rank = -(-percent * invocations // 100)
    middle = (rank - 1 / 3) / (invocations + 1 / 3)
    below = 1.0
    for count in old_invocations:
        below *= tail(-(-percent * count // 100), count, middle)
    return below <= level


_NEGLIGIBLE = 1e-18
"""The parts only get smaller from about the first one on."""
