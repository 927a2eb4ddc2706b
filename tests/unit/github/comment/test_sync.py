"""Two comments of ours where there should be one: the oldest stays and tells it all, nobody else's is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.github.comment.errors import Lasts, Trouble
from lambda_rollout.github.comment.pull_request import Candidate, Named
from lambda_rollout.github.comment.sync import CommentSync, Page, Told
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key, hidden_line, read_record
from lambda_rollout.rollout.events import Run

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEY = Key("1" * 16, "2" * 16)
US, MALLORY = "github-actions[bot]", "mallory"
RUN = Run("https://github.com", "octo/shop", "77", "1")


class Shelf:
    """A pull request in memory: id -> author and text."""

    def __init__(self) -> None:
        self.comments: dict[int, tuple[str, str]] = {}
        self.looks = 0
        self.before_create: Callable[[], object] = lambda: None
        self.refuses_to_delete: Trouble | None = None
        self._last = 0

    def add(self, body: str, author: str = US) -> int:
        self._last += 1
        self.comments[self._last] = (author, body)
        return self._last

    def left(self, id_: str, words: str, key: Key = KEY, *, minutes: int = 0, by: str = US) -> int:
        """What an earlier run left, or somebody in its name who knows what the id will be."""
        return self.add(text(id_, words, key, minutes=minutes, comment=self._last + 1), by)

    def of_commit(self, sha: str) -> Iterable[Candidate]:
        raise AssertionError

    def of_head(self, head: str) -> Iterable[Candidate]:
        raise AssertionError

    def login(self) -> str:
        return US

    def of_author(self, number: int, login: str) -> Iterable[tuple[int, str]]:
        self.looks += 1
        return [(id_, body) for id_, (author, body) in self.comments.items() if author == login]

    def create(self, number: int, body: str) -> int:
        self.before_create()
        return self.add(body)

    def edit(self, comment: int, body: str) -> None:
        if comment not in self.comments:
            raise Trouble("somebody deleted the comment", Lasts.THIS_COMMENT)
        self.comments[comment] = (US, body)

    def delete(self, comment: int) -> None:
        if self.refuses_to_delete is not None:
            raise self.refuses_to_delete
        self.comments.pop(comment, None)


def page(words: str, key: Key = KEY, *, minutes: int = 0) -> Page:
    at = AT + timedelta(minutes=minutes)
    return Page("⏳", words, at, RUN, False, lambda: key, hidden_line)


def text(id_: str, words: str, key: Key = KEY, *, minutes: int = 0, comment: int = 0) -> str:
    """A comment just posted, or as it is once it was edited: then it names itself."""
    at = AT + timedelta(minutes=minutes)
    now = Entry.of(id_, "⏳", words, at, RUN, over=True)
    return hidden_line(key, CommentRecord(now, comment=comment))


def voice(shelf: Shelf, id_: str = "ours") -> CommentSync:
    return CommentSync(lambda: shelf, Named(12), id_)


def say(ours: CommentSync, newest: Page) -> Told | None:
    """Say it as the comment's thread does."""
    said = ours.say(newest)
    if ours.tidy():
        said = ours.say(newest)
        assert not ours.tidy()
    return said


def told(shelf: Shelf, comment: int) -> list[str]:
    record = read_record(shelf.comments[comment][1])
    assert record is not None
    return [each.headline for each in (record.now, *record.earlier)]


def lost(shelf: Shelf) -> Callable[[], object]:
    """GitHub does not answer a post, and carries it out later, if ever."""

    def no_answer() -> None:
        shelf.before_create = lambda: None
        raise Trouble("GitHub did not answer in time")

    return no_answer


def test_a_post_that_lands_after_the_next_one_goes_again() -> None:
    shelf = Shelf()
    ours = voice(shelf)
    shelf.before_create = lost(shelf)
    with pytest.raises(Trouble):
        say(ours, page("rolling out, 10%"))
    say(ours, page("rolling out, 50%"))
    shelf.add(text("ours", "rolling out, 10%"))
    said = say(ours, page("promoted"))
    assert said is not None
    assert list(shelf.comments) == [said.comment] == [1]
    assert told(shelf, 1) == ["promoted"]


def test_a_post_that_landed_between_look_and_post_is_the_one_that_stays() -> None:
    shelf = Shelf()
    ours = voice(shelf)
    shelf.before_create = lost(shelf)
    with pytest.raises(Trouble):
        say(ours, page("rolling out, 10%"))

    def it_lands() -> None:
        shelf.add(text("ours", "rolling out, 10%"))

    shelf.before_create = it_lands
    said = say(ours, page("rolling out, 50%"))
    assert said is not None
    assert list(shelf.comments) == [said.comment] == [1]
    assert told(shelf, 1) == ["rolling out, 50%"]


def test_of_two_runs_that_post_in_one_moment_the_first_comment_stays_and_tells_of_both() -> None:
    shelf = Shelf()
    theirs, ours = voice(shelf, "theirs"), voice(shelf)

    def they_post_first() -> None:
        shelf.before_create = lambda: None
        say(theirs, page("theirs"))

    shelf.before_create = they_post_first
    say(ours, page("ours", minutes=1))
    assert list(shelf.comments) == [1]
    assert told(shelf, 1) == ["ours", "theirs"]


def test_a_run_whose_comment_was_folded_goes_on_with_the_one_that_stays() -> None:
    shelf = Shelf()
    shelf.left("first", "first")
    theirs = voice(shelf, "theirs")
    say(theirs, page("theirs"))
    shelf.comments.pop(1)
    with pytest.raises(Trouble):
        say(theirs, page("theirs, on"))
    shelf.left("third", "third")
    say(theirs, page("theirs, on"))
    assert told(shelf, 2)[:2] == ["theirs, on", "third"]


def test_the_next_run_folds_what_was_left_and_loses_no_line() -> None:
    shelf = Shelf()
    shelf.left("one", "the first")
    shelf.left("two", "the second", minutes=2)
    shelf.left("one", "the first, earlier")
    shelf.left("three", "the third", minutes=1)
    say(voice(shelf), page("now", minutes=3))
    assert list(shelf.comments) == [1]
    assert sorted(told(shelf, 1)) == ["now", "the first", "the second", "the third"]


def test_nothing_that_is_not_ours_by_marker_and_author_is_touched() -> None:
    shelf = Shelf()
    others = [
        shelf.left("one", "copied", by=MALLORY),
        shelf.left("one", "another alias", Key("3" * 16, "4" * 16)),
        shelf.add(f"> {text('one', 'quoted', comment=3)}"),
        shelf.add("Deployed."),
    ]
    own = shelf.left("one", "ours")
    others += [
        shelf.left("one", "copied", by=MALLORY),
        shelf.left("one", "another account", Key("5" * 16, "2" * 16)),
        shelf.add(f"<!-- lambda-rollout 1 {KEY.exact} {KEY.loose} unreadable -->"),
        shelf.add(f"See above.\n{text('one', 'repeated', comment=own)}"),
    ]
    before = {comment: shelf.comments[comment] for comment in others}
    say(voice(shelf), page("now"))
    assert told(shelf, own) == ["now", "ours"]
    assert {comment: shelf.comments[comment] for comment in others} == before


def test_the_marker_in_another_workflows_comment_is_not_adopted() -> None:
    """It is by the same bot, with the very same key, and copied from ours, or made up: it cannot name itself."""
    shelf = Shelf()
    own = shelf.left("one", "ours")
    others = [
        shelf.add(shelf.comments[own][1]),
        shelf.add(text("one", "made up")),
        shelf.add(text("two", "made up", comment=own)),
        shelf.add(text("two", "made up", comment=2**62)),
    ]
    before = {comment: shelf.comments[comment] for comment in others}
    say(voice(shelf), page("now"))
    assert told(shelf, own) == ["now", "ours"]
    assert {comment: shelf.comments[comment] for comment in others} == before


def test_nor_is_one_that_was_there_before_ours() -> None:
    shelf = Shelf()
    other = shelf.add(text("one", "made up"))
    before = shelf.comments[other]
    said = say(voice(shelf), page("now"))
    assert said is not None
    assert said.comment != other
    assert told(shelf, said.comment) == ["now"]
    assert shelf.comments[other] == before


def test_what_is_posted_names_itself_at_once() -> None:
    shelf = Shelf()
    said = say(voice(shelf), page("now"))
    assert said is not None
    record = read_record(shelf.comments[said.comment][1])
    assert record is not None
    assert record.comment == said.comment


def test_a_copy_of_what_was_just_posted_is_not_ours_either() -> None:
    shelf = Shelf()
    ours = voice(shelf)
    assert ours.say(page("now")) is not None
    copy = shelf.add(shelf.comments[1][1])
    before = shelf.comments[copy]
    assert not ours.tidy()
    say(ours, page("later"))
    assert told(shelf, 1) == ["later"]
    assert shelf.comments[copy] == before


def test_a_later_stage_knows_what_main_posted_and_could_not_edit() -> None:
    shelf = Shelf()
    assert voice(shelf).say(page("rolling out, 10%")) is not None
    say(voice(shelf), page("rolled back"))
    assert list(shelf.comments) == [1]
    assert told(shelf, 1) == ["rolled back"]


def test_what_cannot_be_deleted_is_tried_again_with_the_next_page() -> None:
    shelf = Shelf()
    shelf.left("one", "the first")
    shelf.left("two", "the second")
    shelf.refuses_to_delete = Trouble("GitHub asked to wait 1m (429)", pause=60)
    ours = voice(shelf)
    assert ours.say(page("now")) is not None
    with pytest.raises(Trouble):
        ours.tidy()
    shelf.refuses_to_delete = None
    say(ours, page("later"))
    assert list(shelf.comments) == [1]
    assert sorted(told(shelf, 1)) == ["later", "the first", "the second"]


def test_who_posted_and_sees_it_alone_looks_no_more() -> None:
    shelf = Shelf()
    ours = voice(shelf)
    for number in range(5):
        say(ours, page(str(number)))
    assert shelf.looks == 2


def test_two_runs_that_take_turns_on_one_comment_are_told_once_each() -> None:
    shelf = Shelf()
    for number in range(6):
        say(voice(shelf, "ab"[number % 2]), page(f"page {number}", minutes=number))
    assert told(shelf, 1) == ["page 5", "page 4"]
