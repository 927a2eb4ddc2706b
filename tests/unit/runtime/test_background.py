"""Work beside the story, on real threads; nothing here depends on how fast they are."""

from __future__ import annotations

import threading

from lambda_rollout.runtime.background import BackgroundThread

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
