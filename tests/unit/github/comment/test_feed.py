"""What is worth an edit of the comment, whose comment it is, and the environment's name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.github.comment.feed import CommentFeed, CommentOwner, state_of, told_before
from lambda_rollout.github.comment.sync import Page, Told
from lambda_rollout.github.comment.thread import LiveComment
from lambda_rollout.report.comment.record import Key
from lambda_rollout.rollout import events as e
from sandbox.clock import ManualClock
from tests.support.job import Job
from tests.support.long_rollout import LongRollout
from tests.support.stories import ERRORS_OK, STORIES, Telling, alarm

OK, NO_DATA = AlarmState.OK, AlarmState.INSUFFICIENT_DATA


class Shown(LiveComment):
    """A comment that keeps its pages and sends none."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.told = None
        self.why_not = ""

    def show(self, page: Page) -> None:
        self.pages.append(page)

    def notes(self) -> Iterator[str]:
        return iter(())


class StoryClock(ManualClock):
    """A clock that is where the story's newest event is."""

    def wait(self, seconds: float, stop: object) -> None:
        raise AssertionError("nobody waits here")


def feed_of(tmp_path: Path, story: str) -> tuple[Shown, list[int]]:
    shown, clock = Shown(), StoryClock()
    owner = CommentOwner(("checkout",), "live", lambda: "production")
    feed = CommentFeed(shown, owner, Job(tmp_path).runner, clock)
    before = STORIES[story]()[0].at
    after_each = []
    for event in STORIES[story]():
        clock.advance((event.at - before).total_seconds())
        before = event.at
        feed.emit(event)
        after_each.append(len(shown.pages))
    return shown, after_each


def test_nothing_is_shown_before_the_account_is_known(tmp_path: Path) -> None:
    _, counts = feed_of(tmp_path, "promoted")
    kinds = [type(event) for event in STORIES["promoted"]()]
    assert counts[: kinds.index(e.AliasFound)] == [0] * kinds.index(e.AliasFound)
    assert counts[kinds.index(e.AliasFound)] == 1


def test_time_alone_is_an_edit_at_most_once_a_minute(tmp_path: Path) -> None:
    shown, counts = feed_of(tmp_path, "promoted")
    events = STORIES["promoted"]()
    beats = [n for n, event in enumerate(events) if isinstance(event, e.Heartbeat)]
    told = [n for n in beats if counts[n] > counts[n - 1]]
    moments = [events[n].at for n in told]
    gaps = [later - sooner for sooner, later in pairwise(moments)]
    assert told
    assert min(gaps) >= timedelta(seconds=60)
    changes = [event for event in events if not isinstance(event, e.Heartbeat)]
    assert len(shown.pages) <= len(changes) + len(told)


def test_the_end_is_always_shown_even_without_an_alias(tmp_path: Path) -> None:
    shown, _ = feed_of(tmp_path, "denied")
    assert [page.over for page in shown.pages] == [True]
    assert shown.pages[0].key().is_loose


def test_the_same_alias_has_the_same_key_at_every_moment(tmp_path: Path) -> None:
    shown, _ = feed_of(tmp_path, "promoted")
    assert len({page.key() for page in shown.pages}) == 1
    assert not shown.pages[0].key().is_loose


def test_what_main_saved_is_read_back() -> None:
    told = Told(12, 34, Key("1" * 16, "2" * 16), "3fa94c7d")
    assert told_before(state_of(told)["comment"]) == told


@given(st.text() | st.none())
def test_nothing_readable_is_nothing(text: str | None) -> None:
    assert told_before(text) is None


def test_a_page_says_when_it_was_made(tmp_path: Path) -> None:
    shown, _ = feed_of(tmp_path, "promoted")
    assert shown.pages[-1].at == STORIES["promoted"]()[-1].at
    assert shown.pages[-1].at > datetime(2026, 1, 1, tzinfo=UTC)


def test_a_later_stage_goes_on_where_main_told(tmp_path: Path) -> None:
    key = Key("1" * 16, "2" * 16)
    shown, clock = Shown(), StoryClock()
    feed = CommentFeed(shown, CommentOwner((), "", str, key=key), Job(tmp_path).runner, clock)
    feed.emit(STORIES["promoted"]()[-1])
    assert shown.pages[-1].key() == key


def pages_of(tmp_path: Path, functions: int, alarms: int) -> list[Page]:
    folder = tmp_path / str(functions)
    folder.mkdir()
    story = LongRollout(functions, alarms, hours=1.0)
    shown, clock = Shown(), StoryClock()
    names = tuple(target.function for target in story.targets)
    feed = CommentFeed(shown, CommentOwner(names, "live", str), Job(folder).runner, clock)
    for event in story.events():
        clock.advance(max(0.0, (event.at - clock.now()).total_seconds()))
        feed.emit(event)
    return shown.pages


def test_many_that_flap_are_no_more_edits_than_one(tmp_path: Path) -> None:
    """Pages of one moment are one edit: the newest goes to GitHub, ten seconds after the one before it."""
    one, many = (
        {page.at for page in pages_of(tmp_path, functions, alarms)}
        for functions, alarms in ((1, 1), (40, 80))
    )
    assert len(many) <= len(one)


def test_a_change_that_is_not_shown_at_once_is_shown_with_the_next_heartbeat(
    tmp_path: Path,
) -> None:
    tell = Telling("10% 3h, 100% 5m")
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    shown, clock = Shown(), StoryClock()
    feed = CommentFeed(shown, CommentOwner(("checkout",), "live", str), Job(tmp_path).runner, clock)
    for event in tell.events:
        feed.emit(event)
    for moment, (before, state) in ((10, (OK, NO_DATA)), (20, (NO_DATA, OK))):
        clock.advance(moment)
        reading = alarm("checkout-errors", state)
        feed.emit(e.AlarmChanged(at=tell.now, reading=reading, before=before, fired=False))
    before_it = len(shown.pages)
    span = timedelta(hours=2)
    clock.advance(31)
    feed.emit(
        e.Heartbeat(
            at=tell.now, number=1, percent=Decimal(10), step_left=span, all_left=span, states=()
        )
    )
    assert len(shown.pages) == before_it + 1
