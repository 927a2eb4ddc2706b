"""The one thing that every wait listens to, with real signals and the machine's clock."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.runtime.clock import Stop, SystemClock

LONG = 60.0
"""Seconds that nothing here waits out, on the slowest machine either."""


@pytest.fixture
def handled() -> Iterator[Stop]:
    """A stop that SIGUSR1 asks for, as entrypoint.py does it for SIGINT."""
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.request("a signal"))
    yield stop
    signal.signal(signal.SIGUSR1, before)


def test_it_is_asked_for_once_and_the_first_reason_stays() -> None:
    stop = Stop()
    stop.request("SIGINT")
    stop.request("SIGTERM")
    assert stop.requested
    assert stop.reason == "SIGINT"


def test_nobody_has_asked_at_first() -> None:
    assert not Stop().requested


def test_a_wait_that_begins_after_it_ends_at_once() -> None:
    stop = Stop()
    stop.request("SIGINT")
    SystemClock().wait(LONG, stop)
    SystemClock().wait(LONG, stop)


def test_a_signal_ends_a_wait(handled: Stop) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
    clock.wait(LONG, handled)
    assert handled.requested
    assert clock.monotonic() - began < LONG


def test_a_second_signal_changes_nothing(handled: Stop) -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert handled.reason == "a signal"


def test_another_signal_does_not_end_a_wait(handled: Stop) -> None:
    seen: list[bool] = []

    def other(*_: object) -> None:
        seen.append(handled.requested)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR2, other)
    try:
        threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGUSR2)).start()
        SystemClock().wait(LONG, handled)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert seen == [False]
    assert handled.requested


def test_a_wait_that_nobody_ends_waits_its_time_out() -> None:
    clock = SystemClock()
    began = clock.monotonic()
    clock.wait(0.3, None)
    clock.wait(0.3, Stop())
    assert clock.monotonic() - began >= 0.6
    clock.wait(-1, None)
    clock.wait(-1, Stop())


def test_everybody_who_waits_is_woken() -> None:
    stop = Stop()
    waiting = [threading.Thread(target=SystemClock().wait, args=(LONG, stop)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    stop.request("SIGINT")
    for thread in waiting:
        thread.join()


def test_a_part_of_the_work_can_be_stopped_alone() -> None:
    stop = Stop()
    with stop.inner() as inner:
        inner.request("enough")
        assert not stop.requested
    with stop.inner() as inner:
        stop.request("SIGINT")
        assert inner.reason == "SIGINT"
    with stop.inner() as late:
        assert late.reason == "SIGINT"


def test_it_leaves_no_descriptor_open() -> None:
    stop = Stop()
    descriptor = stop.fileno()
    assert select.select([descriptor], [], [], 0) == ([], [], [])
    del stop
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_the_wall_clock_is_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
