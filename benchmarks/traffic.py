"""Simulated traffic of one version: what CloudWatch would tell of each minute, and when.

Everything is drawn from a seed, so that a run of the benchmark can be repeated. Durations are log-normal with a median
of 100 ms and a p99 of 1 s, times a version's ``slowness``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import NormalDist

from lambda_rollout.analysis.metrics import MINUTE, History, Minute

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
NORMAL = NormalDist()
MEDIAN = 100.0
SPREAD = math.log(10) / NORMAL.inv_cdf(0.99)
_MANY, _ENOUGH = 400.0, 50.0


@dataclass(frozen=True, slots=True)
class Version:
    """How one version behaves."""

    error_rate: Callable[[int], float] = lambda _: 0.0
    """From 0 to 1, by minute of the rollout."""
    clump: int = 1
    """How many invocations of one version fail together, as those in a broken execution environment do."""
    slowness: float = 1.0
    cold: bool = False
    """Whether the first invocation of each fresh environment is slower than any bound."""
    hangs: float = 0.0
    """Which share hangs until the timeout, and fails."""
    lasts: float = 0.0
    """Median in seconds of a log-normal with a p99 of 3.75 times that; quick failures last no time."""
    timeout: float = 3.0
    retries: int = 0
    """How often what failed is tried again, a minute later each; it fails again, on whichever version it then meets."""
    every: int = 1
    """It is invoked only in each so many-th minute."""
    hosts: float = 0.0
    """Standard deviation of the logarithm of what the hosts of one rollout are slower by."""
    drift: float = 0.0
    """The same of what changes from minute to minute, with an autocorrelation of 0.9."""


@dataclass(slots=True)
class Served:
    """One version's minute: what is told at once, and what only when it is over."""

    start: datetime
    invocations: int
    errors: int
    slow: dict[float, int]
    durations: dict[str, float]
    later: list[tuple[float, int, int]]
    """After how many seconds how many more invocations and errors are told; they are among the above."""
    late: Sequence[float] = (0.0, 0.0, 0.0)
    """Seconds that the datapoints of invocations, errors and durations are late beyond what is usual."""

    def seen(self, age: float) -> Minute:
        """Return what is told so many seconds after its end, beyond CloudWatch's usual delay."""
        missing = [(number, failed) for after, number, failed in self.later if after > age]
        invocations = self.invocations - sum(number for number, _ in missing)
        errors = self.errors - sum(failed for _, failed in missing)
        in_time = [late <= age for late in self.late]
        return Minute(
            self.start,
            invocations if in_time[0] else 0,
            errors if in_time[1] else 0,
            self.durations if in_time[2] else {},
            slower_than=self.slow if in_time[2] else {},
            errors_known=in_time[1],
        )


def serve(
    dice: Random,
    number: int,
    invocations: int,
    version: Version,
    bounds: Sequence[float] = (),
    percentiles: Sequence[int] = (),
    fresh: int = 0,
    slower: float = 1.0,
) -> Served:
    """Draw a minute.

    ``bounds`` are what durations are counted over; ``fresh``: environments that are new in it; ``slower``: by what
    factor this minute is.
    """
    slowness = version.slowness * slower
    errors = version.clump * binomial(
        dice, invocations // version.clump, version.error_rate(number)
    )
    later: list[tuple[float, int, int]] = []
    if version.hangs:
        hanging = binomial(dice, invocations - errors, version.hangs)
        later.append((version.timeout, hanging, hanging))
        errors += hanging
    if version.lasts:
        later += [
            (min(version.timeout, _lasts(dice, version)), 1, 0) for _ in range(invocations - errors)
        ]
    cold = min(invocations, fresh) if version.cold else 0
    return Served(
        BEGAN + timedelta(minutes=number),
        invocations,
        errors,
        {
            bound: cold + binomial(dice, invocations - cold, share_over(bound, slowness))
            for bound in bounds
        },
        {
            f"p{percent}": slowness * percentile(dice, percent, invocations)
            for percent in percentiles
            if invocations
        },
        later,
    )


def _lasts(dice: Random, version: Version) -> float:
    return version.lasts * math.exp(dice.gauss(0, math.log(3.75) / NORMAL.inv_cdf(0.99)))


def share_over(bound: float, slowness: float = 1.0) -> float:
    """Return which share of all invocations takes longer than that, in ms."""
    return 1 - NORMAL.cdf(math.log(bound / (MEDIAN * slowness)) / SPREAD)


def percentile(dice: Random, percent: int, count: int) -> float:
    """Draw the nearest-rank percentile of ``count`` durations without drawing them: its rank is beta."""
    rank = -(-percent * count // 100)
    at = min(max(dice.betavariate(rank, count - rank + 1), 1e-12), 1 - 1e-12)
    return MEDIAN * math.exp(SPREAD * NORMAL.inv_cdf(at))


def binomial(dice: Random, count: int, probability: float) -> int:
    """Count the hits by the gaps between them, which are few where hits are rare; of many, from the normal curve."""
    if probability <= 0 or count <= 0:
        return 0
    if probability >= 1:
        return count
    if (variance := count * probability * (1 - probability)) > _MANY:
        return min(count, max(0, round(dice.gauss(count * probability, math.sqrt(variance)))))
    hits, at = 0, 0
    while (at := at + 1 + int(math.log(1 - dice.random()) / math.log1p(-probability))) <= count:
        hits += 1
    return hits


def poisson(dice: Random, mean: float) -> int:
    """Count arrivals; of many, from the normal curve."""
    if mean > _ENOUGH:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    return binomial(dice, max(1, round(mean * 1000)), min(1.0, mean / max(1, round(mean * 1000))))


def history(seed: str, old: Version, a_minute: float, percentiles: Sequence[int] = ()) -> History:
    """Draw the old version's three hours before the rollout."""
    dice = Random(f"before {seed}")
    served = max(1, round(60 * a_minute))
    before = {
        f"p{percent}": round(old.slowness * percentile(dice, percent, served), 3)
        for percent in percentiles
    }
    minutes = tuple(
        serve(dice, 0, poisson(dice, a_minute), old, tuple(before.values())).seen(math.inf)
        for _ in range(180)
    )
    starts = (BEGAN - (180 - number) * MINUTE for number in range(180))
    longest = _lasts_at_most(old)
    return History(
        longest=timedelta(seconds=longest),
        percentiles=before,
        minutes=tuple(
            Minute(start, m.invocations, m.errors, slower_than=m.slower_than)
            for start, m in zip(starts, minutes, strict=True)
        ),
    )


def _lasts_at_most(version: Version) -> float:
    """Return what all but one in a thousand of its invocations last, in seconds."""
    if version.hangs:
        return version.timeout
    spread = math.log(3.75) / NORMAL.inv_cdf(0.99)
    return min(version.timeout, version.lasts * math.exp(spread * NORMAL.inv_cdf(0.999)))
