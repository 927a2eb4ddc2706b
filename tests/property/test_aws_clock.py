"""When AWS's `Date` is believed, and how wrong the time can be that is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from lambda_rollout.alias.aws_clock import AGREE, NEAR, AwsClock
from lambda_rollout.alias.record import LEASE, LEASE_IN_DOUBT
from lambda_rollout.runtime.clock import Stop

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def spans(least: float, most: float) -> st.SearchStrategy[timedelta]:
    return st.floats(least, most).map(lambda seconds: timedelta(seconds=seconds))


near = spans(-298, 298)
"""How far a runner's clock may be off."""
any_skew = spans(-7200, 7200)
pauses = st.lists(st.floats(0, 3600), min_size=1, max_size=6)


@dataclass
class Machine:
    """A machine's clocks, and the true time."""

    skew: timedelta
    true: datetime = START
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.true + self.skew

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float, stop: Stop | None) -> None:
        self.sleep(seconds)

    def sleep(self, seconds: float, *, suspended: bool = False) -> None:
        self.true += timedelta(seconds=seconds)
        self.seconds += 0 if suspended else seconds

    @property
    def date(self) -> datetime:
        """The right time, in whole seconds."""
        return self.true.replace(microsecond=0)


def hearing(machine: Machine, *dates: datetime | None) -> AwsClock:
    clock = AwsClock(machine)
    for date in dates:
        clock.hear(date)
    return clock


@given(near, pauses, st.floats(0, 1e5))
def test_what_aws_says_is_believed_and_goes_on_between_its_answers(
    skew: timedelta, between: list[float], later: float
) -> None:
    machine = Machine(skew)
    clock = hearing(machine, machine.date)
    assert not clock.believed
    for seconds in between:
        machine.sleep(seconds)
        clock.hear(machine.date)
        assert clock.believed
    machine.sleep(later)
    assert abs(clock.now() - machine.true) <= SECOND
    assert abs(clock.lease_end() - machine.true - LEASE) <= SECOND


@given(any_skew, st.lists(any_skew, max_size=4), pauses)
def test_whatever_it_hears_what_it_believes_is_near_the_runners_clock(
    skew: timedelta, lies: list[timedelta], between: list[float]
) -> None:
    machine = Machine(skew)
    clock = AwsClock(machine)
    for lie, seconds in zip(lies, between, strict=False):
        machine.sleep(seconds)
        clock.hear(machine.true + lie)
    if clock.believed:
        assert abs(clock.now() - machine.now()) <= NEAR
    else:
        assert clock.now() == machine.now()
        assert clock.lease_end() == machine.now() + LEASE_IN_DOUBT


@given(any_skew, pauses)
def test_a_clock_that_is_further_off_than_a_signature_may_be_is_not_believed(
    skew: timedelta, between: list[float]
) -> None:
    assume(abs(skew) > NEAR + SECOND)
    machine = Machine(skew)
    clock = AwsClock(machine)
    for seconds in between:
        clock.hear(machine.date)
        machine.sleep(seconds)
        assert not clock.believed


@given(near, spans(32, 298), st.floats(0, 3600), st.booleans())
def test_two_answers_that_contradict_each_other_are_not_believed_until_two_agree(
    skew: timedelta, lie: timedelta, later: float, early: bool
) -> None:
    machine = Machine(skew)
    lie = -lie if early else lie
    clock = hearing(machine, machine.date, machine.date)
    machine.sleep(later)
    clock.hear(machine.date + lie)
    assert not clock.believed
    assert clock.now() == machine.now()
    clock.hear(machine.date)
    assert not clock.believed
    clock.hear(machine.date)
    assert clock.believed


@given(near, st.lists(st.none(), max_size=5))
def test_an_answer_without_a_date_says_nothing(skew: timedelta, missing: list[None]) -> None:
    machine = Machine(skew)
    assert not hearing(machine, *missing).believed
    assert not hearing(machine, *missing, machine.date, *missing).believed
    assert hearing(machine, machine.date, *missing, machine.date, *missing).believed


@given(near, st.floats(31, 90_000), st.floats(0, 3600))
def test_a_machine_that_was_suspended_knows_the_time_all_the_same(
    skew: timedelta, suspended: float, later: float
) -> None:
    machine = Machine(skew)
    clock = hearing(machine, machine.date, machine.date)
    machine.sleep(suspended, suspended=True)
    assert abs(clock.now() - machine.true) <= SECOND
    clock.hear(machine.date)
    assert clock.believed
    machine.sleep(later)
    assert abs(clock.now() - machine.true) <= SECOND


@given(near, near, st.floats(0, 3600))
def test_a_runners_clock_that_is_set_right_changes_nothing(
    skew: timedelta, corrected: timedelta, later: float
) -> None:
    machine = Machine(skew)
    clock = hearing(machine, machine.date, machine.date)
    machine.skew = min(skew, corrected)
    machine.sleep(later)
    clock.hear(machine.date)
    assert clock.believed
    assert abs(clock.now() - machine.true) <= AGREE


def test_the_doubt_is_told_once() -> None:
    machine = Machine(timedelta())
    clock = AwsClock(machine)
    assert clock.untold_doubt() == "no answer from AWS had a readable `Date` header"
    assert clock.untold_doubt() == ""


def test_what_is_believed_leaves_the_doubt_to_be_told_later() -> None:
    machine = Machine(timedelta())
    clock = hearing(machine, machine.date, machine.date)
    assert clock.untold_doubt() == ""
    clock.hear(machine.date + timedelta(hours=1))
    assert clock.untold_doubt() == (
        "an answer from AWS said 2026-11-23 06:00:00 UTC when this runner's clock said 2026-11-23 05:00:00"
    )


def test_only_one_answer_and_two_that_contradict_are_told_as_that() -> None:
    machine = Machine(timedelta())
    assert hearing(machine, machine.date).untold_doubt().startswith("only one answer")
    jumped = hearing(machine, machine.date, machine.date + timedelta(minutes=2))
    assert jumped.untold_doubt() == "two answers from AWS contradict each other"
