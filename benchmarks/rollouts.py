"""Simulated rollouts: two versions of one function, minute by minute, and when a rule would go back.

Every rollout is made from a seed that is its case's name and its number, so that a run of the benchmark can
be repeated, and all rules judge the very same rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from random import Random
from statistics import NormalDist

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import judge_guards
from lambda_rollout.analysis.metrics import MINUTE, Comparison, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guards import Guard, parse_guards

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = Target("checkout", "live")
SCHEDULE = ((Decimal(10), 10), (Decimal(50), 10), (Decimal(100), 10))
"""Percent and minutes of each step."""
MINUTES = sum(minutes for _, minutes in SCHEDULE)
SPLIT_MINUTES = sum(minutes for percent, minutes in SCHEDULE if percent < 100)
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Version:
    """How one version behaves. ``error_rate`` is from 0 to 1, by minute of the rollout."""

    error_rate: Callable[[int], float] = lambda _: 0.0
    clump: int = 1
    """How many invocations of one version fail together, as those in a broken execution environment do."""
    slowness: float = 1.0
    """Durations are this many times a log-normal with a median of 100 ms and a p99 of 1 s."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Both versions' minutes, in order, through all steps, as if nothing stopped it."""

    canary: tuple[Minute, ...]
    baseline: tuple[Minute, ...]
    steps: tuple[StepStart, ...] = field(default_factory=lambda: tuple(_steps()))

    def until(self, minutes: int) -> tuple[Comparison, tuple[StepStart, ...]]:
        """Return what is known when so many of its minutes are."""
        end = BEGAN + minutes * MINUTE
        comparison = Comparison(
            VersionMetrics(TARGET, "8", self.canary[:minutes]),
            VersionMetrics(TARGET, "7", self.baseline[:minutes]),
            throttles=0,
            until=end,
        )
        return comparison, tuple(step for step in self.steps if step.at < end)

    def invocations(self, minutes: int) -> int:
        """Return what the new version served in its first minutes."""
        return sum(minute.invocations for minute in self.canary[:minutes])


def _steps() -> Iterator[StepStart]:
    at = BEGAN
    for percent, minutes in SCHEDULE:
        yield StepStart(at, percent)
        at += minutes * MINUTE


def simulate(seed: str, new: Version, old: Version, a_minute: int) -> Rollout:
    """Make one rollout with so many invocations of both versions together in a minute."""
    dice = Random(seed)
    minutes: list[tuple[Minute, Minute]] = []
    for percent, length in SCHEDULE:
        for _ in range(length):
            served = round(a_minute * percent / 100)
            minutes.append(
                (
                    _minute(dice, len(minutes), served, new),
                    _minute(dice, len(minutes), a_minute - served, old),
                )
            )
    return Rollout(tuple(new for new, _ in minutes), tuple(old for _, old in minutes))


def _minute(dice: Random, number: int, invocations: int, version: Version) -> Minute:
    events = invocations // version.clump
    errors = version.clump * binomial(dice, events, version.error_rate(number))
    return Minute(
        BEGAN + timedelta(minutes=number),
        invocations,
        errors,
        {
            f"p{percent}": version.slowness * _percentile(dice, percent, invocations)
            for percent in (50, 99)
            if invocations
        },
    )


def binomial(dice: Random, count: int, probability: float) -> int:
    """Count the hits by the gaps between them, which are few where hits are rare."""
    if probability <= 0:
        return 0
    hits, at = 0, 0
    while (at := at + 1 + int(math.log(1 - dice.random()) / math.log1p(-probability))) <= count:
        hits += 1
    return hits


def _percentile(dice: Random, percent: int, count: int) -> float:
    """Draw the nearest-rank percentile of ``count`` durations without drawing them: its rank is beta."""
    rank = -(-percent * count // 100)
    spread = math.log(10) / NORMAL.inv_cdf(0.99)
    at = min(max(dice.betavariate(rank, count - rank + 1), 1e-12), 1 - 1e-12)
    return 100 * math.exp(spread * NORMAL.inv_cdf(at))


# Rules -------------------------------------------------------------------------------------------

Rule = Callable[[Rollout], int | None]
"""Return after how many minutes of numbers to go back, if at all."""


@cache
def guard(text: str) -> tuple[Guard, ...]:
    """Return the guards that ``text`` means."""
    return parse_guards(text)


def guarded_by(text: str) -> Rule:
    """Return this project's rule. A broken guard stays broken, so the first minute is found by halves."""

    def rule(rollout: Rollout) -> int | None:
        if not _broken(text, rollout, MINUTES):
            return None
        low, high = 0, MINUTES
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _broken(text, rollout, middle) else (middle, high)
        return high

    return rule


def _broken(text: str, rollout: Rollout, minutes: int) -> bool:
    comparison, steps = rollout.until(minutes)
    verdicts = judge_guards(guard(text), [comparison], steps)
    return any(verdict.outcome is Outcome.BROKEN for verdict in verdicts)


def naive(rollout: Rollout) -> int | None:
    """Go back as soon as the canary's rate so far is over the baseline's so far, while there is one."""
    for minutes in range(1, SPLIT_MINUTES + 1):
        if _rate(rollout.canary[:minutes]) > _rate(rollout.baseline[:minutes]):
            return minutes
    return None


def plain_threshold(percent: float) -> Rule:
    """Go back as soon as the canary's rate so far is over a fixed one."""

    def rule(rollout: Rollout) -> int | None:
        for minutes in range(1, MINUTES + 1):
            if 100 * _rate(rollout.canary[:minutes]) > percent:
                return minutes
        return None

    return rule


def _rate(minutes: Sequence[Minute]) -> float:
    return sum(minute.errors for minute in minutes) / sum(minute.invocations for minute in minutes)
