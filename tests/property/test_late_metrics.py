"""Datapoints that come late, or are revised: they break nothing that is good, and save nothing that is bad.

The rollout's own numbers (`RolloutMetrics`) read a CloudWatch that tells each datapoint when it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import (
    CanaryPair,
    Comparison,
    History,
    Minute,
    StepStart,
    VersionMetrics,
    first_whole_minute,
)
from lambda_rollout.inputs.guards import Guard, parse_guards
from lambda_rollout.rollout.metrics import ON_THEIR_WAY, RolloutMetrics, SuccessCriteria

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
TARGET = Target("checkout", "live")
MINUTE = timedelta(minutes=1)
GUARDS = parse_guards("error-rate <= baseline\nerror-rate < 10%")
LENGTH = 12
PAIR = CanaryPair(TARGET, "8", "7", timedelta(seconds=3))
Lateness = list[tuple[int, int, int, int]]
"""By how many minutes each minute's invocations and errors are later than usual: of the new version, of the old one."""


@dataclass
class LateCloudWatch:
    """Both versions serve the same each minute; ``fails`` of a hundred invocations of the new one do, 5 of the old."""

    fails: int
    lateness: Lateness
    now: datetime = BEGAN

    def history(
        self, pairs: Sequence[CanaryPair], guards: Sequence[Guard], until: datetime
    ) -> tuple[History, ...]:
        """Nothing is known from before."""
        return (History(),) * len(pairs)

    def compare(
        self, pairs: Sequence[CanaryPair], since: datetime, until: datetime
    ) -> tuple[Comparison, ...]:
        """Tell what is there."""
        first = round((first_whole_minute(since) - BEGAN) / MINUTE)
        numbers = range(first, round((until - BEGAN) / MINUTE))
        new = tuple(self._minute(at, 1000, 10 * self.fails, self._late(at)[:2]) for at in numbers)
        old = tuple(self._minute(at, 9000, 450, self._late(at)[2:]) for at in numbers)
        return (
            Comparison(
                VersionMetrics(TARGET, "8", new), VersionMetrics(TARGET, "7", old), 0, until
            ),
        )

    def _late(self, number: int) -> tuple[int, ...]:
        return self.lateness[number] if number < len(self.lateness) else (0, 0, 0, 0)

    def _minute(self, number: int, served: int, failed: int, late: Sequence[int]) -> Minute:
        start = BEGAN + number * MINUTE
        usual = start + 2 * MINUTE
        age = (self.now - usual) / MINUTE
        # Invocations are told little by little, as they end; the errors all at once, and nothing of them before.
        told = min(1.0, ((1 + max(0, int(age))) / (1 + late[0])) ** 2)
        invocations = round(served * told)
        errors_known = age >= late[1]
        errors = failed if errors_known else 0
        return Minute(start, invocations, errors, errors_known=errors_known)


# A number that is revised stays for a read at most; one that is not there at all may be late for longer.
revised, missing = st.integers(0, 1), st.integers(0, 4)
lateness = st.lists(st.tuples(revised, missing, revised, missing), min_size=LENGTH, max_size=LENGTH)


def polled(fails: int, late: Lateness, minutes: int = LENGTH + 10) -> list[tuple[str, str]]:
    """Return each minute's verdict on one split step as long as the traffic."""
    world = LateCloudWatch(fails, late)
    metrics = RolloutMetrics(world, [PAIR], SuccessCriteria(GUARDS), lambda: world.now)
    metrics.begin_step(StepStart(BEGAN, Decimal(10)))
    end = BEGAN + LENGTH * MINUTE
    said = []
    for minute in range(minutes):
        world.now = BEGAN + minute * MINUTE + timedelta(seconds=4)
        if metrics.due:
            metrics.read()
        said.append(metrics.verdict(end))
    return said


@settings(max_examples=30)
@given(lateness)
@example([(4, 0, 0, 0)] * LENGTH)
def test_a_version_just_as_good_is_never_broken(late: Lateness) -> None:
    assert not any(broken for broken, _ in polled(5, late))


@settings(max_examples=20)
@given(lateness)
def test_a_bad_one_is_broken_however_late_its_numbers_are(late: Lateness) -> None:
    assert polled(30, late)[-1][0]


@settings(max_examples=20)
@given(lateness, st.integers(0, 12))
def test_what_is_said_in_the_end_does_not_depend_on_the_order(late: Lateness, fails: int) -> None:
    assert polled(fails, late)[-1] == polled(fails, [])[-1]


def test_a_step_lacks_its_last_minutes_until_they_are_in() -> None:
    said = polled(5, [])
    waiting = [minute for minute, (_, lacks) in enumerate(said) if lacks.startswith(ON_THEIR_WAY)]
    # The last minute ends with minute 12; 3 minutes and the timeout later its numbers are in.
    assert waiting == list(range(15))
    assert said[15] == ("", "")
