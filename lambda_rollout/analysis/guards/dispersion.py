"""How many failures come together: those of one broken execution environment, or of one event tried again.

What is counted one by one must come one by one. Where failures come in clumps of ten, a minute's numbers say a tenth
of what they seem to. The old version's minutes before the rollout show how it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from lambda_rollout.analysis.guards.rates import Counts

CLUMPS_SEEN = 3
"""So many pairs of minutes with failures are the least that says anything."""

MOST_SAID = 60.0
"""What one pair of minutes may say at most: the two edges of an outage are no clumps."""


def dispersion_of(minutes: Sequence[Counts]) -> float:
    """Return how many failures come together, at least 1: by how much each two successive minutes differ.

    If failures come one by one, those of two minutes are divided between them like as many coins, in the ratio of what
    was served: the squared difference from that, over its variance, has a mean of 1. In clumps of c it is c. Only
    neighbours are compared, so that a rate which slowly changes is none (after von Neumann, Distribution of the Ratio
    of the Mean Square Successive Difference to the Variance, 1941; McCullagh, Nelder, Generalized Linear Models, 4.5).
    """
    said = list(_differences(minutes))
    if len(said) < CLUMPS_SEEN:
        return 1.0
    return max(1.0, sum(said) / len(said))


def _differences(minutes: Sequence[Counts]) -> Iterable[float]:
    for (total, failed), (next_total, next_failed) in pairwise(minutes):
        all_failed, both = failed + next_failed, total + next_total
        if not (total and next_total and 0 < all_failed < both):
            continue
        share = total / both
        # Hypergeometric: of many that fail there are fewer left to fail in the other minute.
        variance = all_failed * share * (1 - share) * (both - all_failed) / (both - 1)
        yield min(MOST_SAID, (failed - all_failed * share) ** 2 / variance)
