"""The timeline: everything in the order of time, whoever moves it."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from sandbox.clock import START, ManualClock, RealClock


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@given(st.lists(st.integers(0, 100)), st.lists(st.integers(0, 40)))
def test_actions_run_once_at_their_instant_and_in_order(due: list[int], strides: list[int]) -> None:
    clock = ManualClock()
    ran: list[tuple[int, int, float]] = []
    for number, seconds in enumerate(due):
        clock.schedule(
            START + at(seconds),
            lambda n=number, s=seconds: ran.append((s, n, clock.monotonic())),  # type: ignore[misc]
        )
    for stride in strides:
        clock.advance(stride)
    passed = sum(strides)
    expected = sorted((s, n) for n, s in enumerate(due) if s <= passed)
    if not strides:
        expected = []
    assert [(s, n) for s, n, _ in ran] == expected
    assert all(s == now for s, _, now in ran)
    assert clock.monotonic() == passed


def test_an_action_may_plan_another_within_the_same_advance() -> None:
    clock = ManualClock()
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(clock.monotonic())
        clock.schedule(clock.now() + at(10), tick)

    tick()
    clock.advance(35)
    assert ticks == [0, 10, 20, 30]


def test_time_stops_where_a_wait_is_interrupted() -> None:
    clock = ManualClock()
    stopped: list[bool] = []
    clock.schedule(START + at(5), lambda: stopped.append(True))
    clock.schedule(START + at(6), lambda: stopped.append(False))
    clock.advance(60, until=lambda: bool(stopped))
    assert (clock.monotonic(), stopped) == (5, [True])


def test_an_action_that_takes_time_never_turns_it_back() -> None:
    clock = ManualClock()
    clock.schedule(START + at(1), lambda: clock.advance(100))
    clock.advance(2)
    assert clock.monotonic() == 101


def test_a_real_clock_runs_only_what_is_due() -> None:
    clock = RealClock()
    ran: list[str] = []
    clock.schedule(clock.now() + at(3600), lambda: ran.append("later"))
    clock.schedule(clock.now() - at(1), lambda: ran.append("second"))
    clock.schedule(clock.now() - at(2), lambda: ran.append("first"))
    clock.run_due()
    assert ran == ["first", "second"]
