"""Which minutes can be judged, by how old they are and by whether they still change."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.known import data_delay, was_revised, what_is_known
from lambda_rollout.analysis.metrics import CanaryPair, Comparison, History, Minute, VersionMetrics

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
TARGET = Target("checkout", "live")


def at(minute: float) -> datetime:
    return BEGAN + timedelta(minutes=minute)


def pair(timeout: float = 3) -> CanaryPair:
    return CanaryPair(TARGET, "8", "7", timedelta(seconds=timeout))


def read(new: Sequence[Minute]) -> Comparison:
    return Comparison(
        VersionMetrics(TARGET, "8", tuple(new)), VersionMetrics(TARGET, "7", ()), 0, at(0)
    )


@pytest.mark.parametrize(
    ("timeout", "longest", "delay"), [(3, 0.2, 183), (60, 61, 241), (900, 2, 480), (900, 700, 880)]
)
def test_a_step_waits_for_the_timeout_up_to_five_minutes(
    timeout: float, longest: float, delay: float
) -> None:
    history = History(longest=timedelta(seconds=longest))
    assert data_delay(pair(timeout), history) == timedelta(seconds=delay)


def test_what_can_break_a_guard_does_not_wait_for_a_timeout_that_nobody_reaches() -> None:
    known = what_is_known(pair(900), History(timedelta(seconds=20)), at(20.4), read(()), None)
    assert (known.settled, known.complete) == (at(17), at(12))


def test_a_slow_old_version_delays_both() -> None:
    known = what_is_known(pair(900), History(timedelta(seconds=600)), at(20.4), read(()), None)
    assert (known.settled, known.complete) == (at(7), at(7))


def changing(before: Minute | None, now: Minute, when: float = 4.1, timeout: float = 60) -> bool:
    earlier = read([before]) if before else None
    known = what_is_known(pair(timeout), History(), at(when), read([now]), earlier)
    return now.start in known.changing


def test_a_minute_that_was_not_seen_a_read_before_is_new() -> None:
    assert changing(None, Minute(at(0), 100, 3))
    assert not changing(None, Minute(at(0), 100, 3), when=6.1, timeout=900)
    assert not changing(Minute(at(0), 100, 3), Minute(at(0), 100, 3))


def test_a_minute_whose_errors_come_late_is_not_judged_until_they_stay() -> None:
    late, there = Minute(at(0), 1000, 0), Minute(at(0), 1000, 10)
    assert changing(late, there)
    assert not changing(there, there)


def test_a_minute_that_never_stays_is_judged_in_the_end() -> None:
    before, now = Minute(at(0), 100, 0), Minute(at(0), 140, 40)
    assert changing(before, now, when=14.5)
    assert not changing(before, now, when=15.1)


def test_no_step_passes_on_a_minute_that_is_changing() -> None:
    before = read([Minute(at(0), 100, 0), Minute(at(1), 100, 0), Minute(at(2), 100, 0)])
    now = read([Minute(at(0), 100, 0), Minute(at(1), 140, 40), Minute(at(2), 100, 0)])
    known = what_is_known(pair(), History(), at(6.1), now, before)
    assert (known.settled, known.complete, known.changing) == (at(3), at(1), {at(1)})


@pytest.mark.parametrize(
    ("now", "revised"),
    [
        (Minute(BEGAN, 1000, 100), False),
        (Minute(BEGAN, 1040, 104), False),
        (Minute(BEGAN, 1060, 100), True),
        (Minute(BEGAN, 1000, 110), True),
        (Minute(BEGAN, 1000, 100, slower_than={800.0: 9}), True),
        (Minute(BEGAN, 1000, 100, errors_known=False), True),
    ],
)
def test_a_straggler_is_no_revision(now: Minute, revised: bool) -> None:
    assert was_revised(Minute(BEGAN, 1000, 100), now) is revised
