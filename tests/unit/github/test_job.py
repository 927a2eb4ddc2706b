"""The record of a job and its comment, which begin with the first thing that is told."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from lambda_rollout.github.comment.feed import CommentFeed
from lambda_rollout.github.job import JobContext
from lambda_rollout.rollout.events import Event
from lambda_rollout.runtime.clock import Stop
from tests.support.job import Job, StandingClock
from tests.support.stories import ERRORS_OK, Telling


class Feed:
    """What shows events in a comment."""

    def __init__(self) -> None:
        self.shown: list[Event] = []

    def emit(self, event: Event) -> None:
        self.shown.append(event)


@pytest.fixture
def context(tmp_path: Path) -> JobContext:
    job = Job(tmp_path)
    return JobContext(job.environ, job.runner, StandingClock(), Stop())


def test_the_comment_hears_of_the_first_event_too(context: JobContext) -> None:
    feed = Feed()
    context.make_feed = lambda: cast("CommentFeed", feed)
    assert context.feed is None
    told = Telling()
    told.begins(ERRORS_OK)
    for event in told.events:
        context.journal.emit(event)
    assert feed.shown == list(context.journal.events) != []
    assert cast("Feed", context.feed) is feed


def test_threads_that_tell_at_once_share_one_record(context: JobContext) -> None:
    together = threading.Barrier(4)

    def journal_of(_: int) -> int:
        together.wait(60)
        return id(context.journal)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(journal_of, range(4)))) == 1


def test_without_its_comment_a_record_goes_on(context: JobContext) -> None:
    def broken() -> None:
        raise OSError("no comment")

    context.make_feed = broken
    with pytest.raises(OSError, match="no comment"):
        _ = context.journal
    context.journal.finish("done")
    assert context.feed is None
    assert context.journal.story.finished is not None
