"""Several at once: in order, no further one after a failure, and the cause of it is what is raised."""

from __future__ import annotations

import threading

import pytest

from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Cancelled
from lambda_rollout.runtime.parallel import MAX_WORKERS, Parallel, one_by_one, several_at_once


@pytest.mark.parametrize("parallel", [one_by_one, several_at_once])
def test_the_answers_come_in_the_order_of_the_items(parallel: Parallel) -> None:
    assert parallel(lambda item: item * 2, range(50)) == [item * 2 for item in range(50)]
    assert parallel(lambda item: item, [7]) == [7]
    assert parallel(lambda item: item, []) == []


def test_a_single_item_needs_no_thread() -> None:
    assert several_at_once(lambda _: threading.current_thread(), [0]) == [
        threading.current_thread()
    ]


def test_several_are_under_way_at_once_and_no_more_than_there_are_hands() -> None:
    meeting = threading.Barrier(MAX_WORKERS)
    # Nobody gets past the barrier unless all hands are there at once.
    several_at_once(lambda _: meeting.wait(30), range(2 * MAX_WORKERS))


@pytest.mark.parametrize("parallel", [one_by_one, several_at_once])
def test_once_one_has_failed_no_further_one_is_begun(parallel: Parallel) -> None:
    begun: list[int] = []

    def act(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ValueError(item)
        if parallel is several_at_once:
            failed.wait(30)

    failed = threading.Event()
    threading.Timer(0.2, failed.set).start()
    with pytest.raises(ValueError, match="0"):
        parallel(act, range(1000))
    assert len(begun) <= MAX_WORKERS


def test_what_is_raised_is_the_cause_and_not_what_came_of_it() -> None:
    stop = Stop()

    def act(item: int) -> None:
        if item == 3:
            stop.request("3 failed")
            raise KeyError(item)
        while not stop.requested:
            pass
        # Well after the other's error.
        threading.Event().wait(0.05)
        raise ValueError(item)

    with pytest.raises(KeyError, match="3"):
        several_at_once(act, range(4))


def test_all_that_were_begun_are_over_when_it_raises() -> None:
    over: list[int] = []
    gate = threading.Event()

    def act(item: int) -> None:
        if item == 0:
            threading.Timer(0.05, gate.set).start()
            raise ValueError(item)
        gate.wait(30)
        over.append(item)

    with pytest.raises(ValueError, match="0"):
        several_at_once(act, range(3))
    assert set(over) <= {1, 2}
    assert gate.is_set() or not over


def test_an_inner_stop_is_asked_for_alone_or_with_the_outer_one() -> None:
    outer = Stop()
    with outer.inner() as inner:
        inner.request("a part failed")
        assert not outer.requested
    with outer.inner() as inner:
        outer.request("cancelled")
        assert inner.requested
        assert inner.reason == "cancelled"
    with outer.inner() as late:
        assert late.requested


def test_the_cause_is_raised_even_if_what_came_of_it_is_there_first() -> None:
    stop = Stop()
    others_are_out = threading.Event()

    def act(item: int) -> None:
        if item == 0:
            stop.request("0 failed")
            others_are_out.wait(30)
            # The other thread has left this function; give it time to be noted as the first error.
            threading.Event().wait(0.2)
            raise KeyError(item)
        while not stop.requested:
            threading.Event().wait(0.01)
        others_are_out.set()
        raise Cancelled(stop.reason)

    with pytest.raises(KeyError):
        several_at_once(act, range(2))
