"""Work beside the story, on real threads; nothing here depends on how fast they are."""

from __future__ import annotations

import threading

import pytest

from lambda_rollout.runtime.background import BackgroundThread, Inline, pending
from lambda_rollout.runtime.clock import Stop, SystemClock

LONG = 60.0


def test_a_wake_before_the_rest_is_not_lost() -> None:
    aside = BackgroundThread("comment")
    aside.wake()
    aside.start(lambda: aside.rest(None))
    assert aside.join(LONG)


def test_a_rest_ends_with_its_time() -> None:
    aside = BackgroundThread("comment")
    aside.start(lambda: aside.rest(0.0))
    assert aside.join(LONG)


def test_whoever_waits_for_its_end_does_so_for_his_time_only() -> None:
    aside = BackgroundThread("comment")
    aside.start(lambda: aside.rest(None))
    assert not aside.join(0.0)
    aside.wake()
    assert aside.join(LONG)


def test_what_never_began_is_over() -> None:
    assert BackgroundThread("comment").join(LONG)


def test_it_keeps_no_process_from_ending() -> None:
    aside, daemon = BackgroundThread("comment"), threading.Event()

    def body() -> None:
        if threading.current_thread().daemon:
            daemon.set()

    aside.start(body)
    assert aside.join(LONG)
    assert daemon.is_set()


class Halted(Exception):
    pass


def test_a_call_beside_the_story_answers_or_raises_what_it_raised() -> None:
    for background in (BackgroundThread("call"), Inline()):
        with pending(background, Stop(), lambda: 7) as call:
            assert call.wait(SystemClock(), LONG)
            assert call.done
            assert call.result() == 7

    def halt() -> int:
        raise Halted

    for background in (BackgroundThread("call"), Inline()):
        with pending(background, Stop(), halt) as call:
            assert call.wait(SystemClock(), LONG)
            with pytest.raises(Halted):
                call.result()


def test_it_is_waited_for_until_stop_and_in_pieces() -> None:
    stop, may_end = Stop(), threading.Event()
    with pending(BackgroundThread("call"), stop, lambda: may_end.wait(LONG)) as call:
        assert not call.wait(SystemClock(), 0.0)
        stop.request("cancelled")
        assert not call.wait(SystemClock(), LONG)
        assert not call.done
        may_end.set()
