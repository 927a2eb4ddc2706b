"""A whole simulated rollout on its timeline: read each minute, judged by this project's rules, promoted or rolled back.

It decides as `lambda_rollout.rollout.metrics` and the watch do, with the same pure functions, but has no alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from random import Random

from benchmarks.traffic import BEGAN, Served, Version, binomial, history, poisson, serve
from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.duration import bounds_of
from lambda_rollout.analysis.guards.known import data_delay, what_is_known
from lambda_rollout.analysis.guards.verdict import (
    TargetEvidence,
    judge_guards,
    what_failed,
    what_is_missing,
)
from lambda_rollout.analysis.metrics import (
    FIRST_LOOK,
    MINUTE,
    CanaryPair,
    Comparison,
    History,
    Minute,
    StepStart,
    VersionMetrics,
)
from lambda_rollout.inputs.guards import Guard, parse_guards

TARGET = Target("checkout", "live")
OFFSET = timedelta(seconds=24)
"""How long after a full minute the first step begins: the minute in which the weight changes counts for nothing."""

EVIDENCE_TIMEOUT = timedelta(minutes=15)
_KEPT = 0.9

Steps = Sequence[tuple[float, float]]
"""Percent and minutes of each."""


class End(StrEnum):
    """How it ended."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    NO_EVIDENCE = "for want of evidence"


@dataclass(frozen=True, slots=True)
class Ended:
    """How, after how many minutes, and after how many invocations of the new version."""

    how: End
    minutes: float
    served: int
    at_percent: float


@dataclass
class World:
    """What is there to be seen of both versions."""

    guards: tuple[Guard, ...]
    new: Version
    old: Version
    a_minute: float
    dice: Random
    past: History
    steps: list[StepStart] = field(default_factory=list)
    minutes: list[tuple[Served, Served]] = field(default_factory=list)
    late: float = 0.0
    """How probably a datapoint is late by a minute, and again by another one with even chance."""
    again: list[int] = field(default_factory=list)
    """How many failed for the first time in each of the last minutes: all of them are tried again in the next."""
    slower: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """The logarithm of what each version's present minute is slower by."""

    def __post_init__(self) -> None:
        """Draw the hosts."""
        self.hosts = [self.dice.gauss(0, each.hosts) for each in (self.new, self.old)]
        self.again = [0] * self.old.retries

    def grow(self, until: datetime) -> None:
        """Draw the minutes that ended by then."""
        while BEGAN + (len(self.minutes) + 1) * MINUTE <= until:
            self.minutes.append(self._minute(len(self.minutes)))

    def _minute(self, number: int) -> tuple[Served, Served]:
        start = BEGAN + number * MINUTE
        last = [step for step in self.steps if step.at < start + MINUTE][-1]
        share = float(last.percent) / 100
        begun = max(0, number - math.ceil((last.at - BEGAN) / MINUTE))
        bounds = [each for guard in self.guards if (each := bounds_of(guard, self.past))]
        percentiles = [int(g.statistic[1:]) for g in self.guards if not g.is_rate]
        started = _environments(self.a_minute * share) if not begun else 0
        both = []
        for index, (version, part, over, cold) in enumerate(
            (
                (self.new, share, [each.new for each in bounds], started),
                (self.old, 1 - share, [each.old for each in bounds], 0),
            )
        ):
            slower = math.exp(self.hosts[index] + self._drift(index, version))
            served = poisson(self.dice, self.a_minute * part) if part > 0 else 0
            served = 0 if number % version.every else served
            fresh = cold + binomial(self.dice, _environments(self.a_minute * part), 1 / 60)
            drawn = serve(self.dice, number, served, version, over, percentiles, fresh, slower)
            drawn.late = [self._lateness() for _ in range(3)] if self.late else (0.0, 0.0, 0.0)
            both.append(drawn)
        if self.again:
            self._try_again(share, both)
        return both[0], both[1]

    def _try_again(self, share: float, both: Sequence[Served]) -> None:
        """Add what failed before, and fails again; which version it meets is drawn anew each time."""
        failed, due = sum(one.errors for one in both), sum(self.again)
        to_new = binomial(self.dice, due, share)
        for one, more in zip(both, (to_new, due - to_new), strict=True):
            one.invocations += more
            one.errors += more
        self.again = [*self.again[1:], failed]

    def _drift(self, index: int, version: Version) -> float:
        # Stationary: what is kept of the last minute and what comes new add up to the same variance.
        new = self.dice.gauss(0, version.drift * math.sqrt(1 - _KEPT**2))
        self.slower[index] = _KEPT * self.slower[index] + new
        return self.slower[index]

    def _lateness(self) -> float:
        if self.dice.random() >= self.late:
            return 0.0
        minutes = 1
        while self.dice.random() < 0.5:
            minutes += 1
        return 180.0 + 60.0 * minutes

    def seen(self, now: datetime) -> Comparison:
        """Return what CloudWatch tells now."""
        until = now - FIRST_LOOK
        self.grow(until)
        there = [both for both in self.minutes if both[0].start + MINUTE <= until]

        def of(index: int, version: str) -> VersionMetrics:
            minutes = tuple(_seen(both[index], now) for both in there)
            return VersionMetrics(TARGET, version, minutes)

        return Comparison(of(0, "8"), of(1, "7"), 0, until)


def _seen(served: Served, now: datetime) -> Minute:
    age = (now - served.start - MINUTE - FIRST_LOOK).total_seconds()
    # What ends later is told as long after its end as the rest.
    return served.seen(age if served.later else age + FIRST_LOOK.total_seconds())


def _environments(a_minute: float) -> int:
    """Return how many run at once, at a mean of 160 ms and twice as many at a peak: each starts cold."""
    return max(1, round(2 * a_minute / 60 * 0.16))


@cache
def guards_of(text: str) -> tuple[Guard, ...]:
    """Return the guards that ``text`` means, separated by semicolons."""
    return parse_guards(text.replace(";", "\n"))


def roll_out(
    seed: str,
    guards: str,
    new: Version,
    old: Version,
    a_minute: float,
    steps: Steps,
    *,
    late: float = 0.0,
    counts: bool = True,
) -> Ended:
    """Tell how one rollout ends, with so many invocations of both versions a minute.

    Without ``counts`` durations are judged by the percentiles of each minute.
    """
    parsed = guards_of(guards)
    percentiles = [int(guard.statistic[1:]) for guard in parsed if not guard.is_rate]
    known = history(seed, old, a_minute, percentiles)
    if not counts:
        known = replace(known, percentiles={})
    world = World(parsed, new, old, a_minute, Random(seed), known, late=late)
    at = BEGAN + OFFSET
    changes = bool(late or new.hangs or new.lasts)
    for percent, minutes in steps:
        end, how = _step(world, at, percent, minutes, changes=changes)
        if how is not None:
            served = sum(both[0].invocations for both in world.minutes)
            return Ended(how, (end - BEGAN - OFFSET) / MINUTE, served, percent)
        at = end
    served = sum(both[0].invocations for both in world.minutes)
    return Ended(End.PROMOTED, (at - BEGAN - OFFSET) / MINUTE, served, 100)


def _step(
    world: World, at: datetime, percent: float, minutes: float, *, changes: bool
) -> tuple[datetime, End | None]:
    pair = CanaryPair(TARGET, "8", "7", timedelta(seconds=world.new.timeout))
    world.steps.append(StepStart(at, Decimal(str(percent))))
    planned = at + minutes * MINUTE
    waits = percent < 100 or any(not guard.compares_with_baseline for guard in world.guards)
    delay = data_delay(pair, world.past)
    last_whole = planned.replace(second=0, microsecond=0)
    first_end = max(planned, last_whole + delay) if waits and minutes else planned
    last_end = planned + EVIDENCE_TIMEOUT + (delay if waits else timedelta())
    phase = timedelta(seconds=delay.total_seconds() % 60)
    now = _next_minute(at if changes else first_end - MINUTE, phase)
    before: Comparison | None = None
    while True:
        comparison = world.seen(now)
        known = what_is_known(pair, world.past, now, comparison, before if changes else comparison)
        before = comparison
        evidence_now = TargetEvidence(comparison, known, world.past)
        verdicts = judge_guards(world.guards, [evidence_now], world.steps)
        if what_failed(verdicts):
            return now, End.ROLLED_BACK
        lacks = waits and bool(minutes) and bool(what_is_missing(verdicts))
        if now >= first_end and not lacks:
            return max(now, planned) if waits else planned, None
        if now >= last_end:
            return now, End.NO_EVIDENCE
        now = _next_minute(now, phase)


def _next_minute(moment: datetime, phase: timedelta) -> datetime:
    """Return the next read after a moment."""
    whole = (moment - phase).replace(second=0, microsecond=0)
    return whole + MINUTE + phase
