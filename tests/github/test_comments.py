"""The comment on the wire: PyGithub against the small GitHub, over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.github.comment.api import GitHubComments
from lambda_rollout.github.comment.errors import Lasts, Trouble
from lambda_rollout.github.comment.pull_request import ByCommit, Lead, Named, Nowhere, find
from lambda_rollout.github.comment.sync import Page, Told
from lambda_rollout.github.comment.thread import EditPace, LiveComment
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key, hidden_line, read_record
from lambda_rollout.rollout.events import Run
from lambda_rollout.runtime.clock import SystemClock
from sandbox.github import BOT, Comment, Effect, Fault, GitHub, PullRequest, Server, Token
from sandbox.github.faults import secondary_limit

SHA = "9f2c1abd5e6f708192a3b4c5d6e7f8091a2b3c4d"
AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEY = Key("1" * 16, "2" * 16)
RUN = Run("https://github.com", "octo/shop", "77", "1", "octocat", SHA)
QUICK = EditPace(every=0.05, first_retry=0.05, longest_retry=0.1, last_retry=0.05)
ENOUGH = 30.0


@contextmanager
def serving(github: GitHub, prefix: str = "") -> Iterator[str]:
    with Server(github, prefix=prefix) as server:
        yield server.url


@pytest.fixture
def github() -> GitHub:
    github = GitHub()
    github.add_pull(PullRequest(12, SHA))
    return github


def board(url: str, token: str = "ghs_sandbox") -> GitHubComments:
    return GitHubComments(token, url, "octo/shop")


def live(url: str, wanted: Lead | None = None, id_: str = "") -> LiveComment:
    def forget(_: Told) -> None:
        pass

    return LiveComment(wanted or Named(12), lambda: board(url), SystemClock(), forget, QUICK, id_)


def page(words: str, key: Key = KEY, *, over: bool = False) -> Page:
    def write(key: Key, record: CommentRecord) -> str:
        earlier = "".join(f"\n- {each.headline}" for each in record.earlier)
        return f"{hidden_line(key, record)}\n\n{words}{earlier}"

    return Page("⏳", words, AT, RUN, over, lambda: key, write)


def only(github: GitHub) -> Comment:
    [comment] = github.comments_on(12)
    return comment


def said(github: GitHub) -> str:
    return only(github).body.partition("\n\n")[2]


def test_one_comment_is_posted_and_then_edited(github: GitHub) -> None:
    with serving(github) as url:
        comment = live(url)
        for words in ("first", "second", "third"):
            comment.show(page(words))
        comment.show(page("last", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "last"
    assert len(github.saw("POST", "/comments")) == 1
    assert comment.told is not None
    assert (comment.told.number, comment.told.comment) == (12, only(github).id)


def test_what_github_had_no_time_for_is_never_sent(github: GitHub) -> None:
    github.faults.add(Fault(Effect.DELAY, "POST", "/comments", times=1, seconds=0.5))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("0"))
        while not github.saw("POST", "/comments"):
            threading.Event().wait(0.01)
        for number in range(1, 200):
            comment.show(page(str(number)))
        comment.finish(ENOUGH)
    assert said(github) == "199"
    assert len(github.saw("PATCH")) <= 2


def test_it_is_found_again_behind_pages_of_others(github: GitHub) -> None:
    mine = hidden_line(KEY, CommentRecord(entry_of("other-run")))
    github.add_comment(12, f"{mine}\n\nof a person who copied the marker", "mallory")
    for number in range(230):
        github.add_comment(12, f"comment {number}", "alice")
    theirs = hidden_line(Key("3" * 16, "4" * 16), CommentRecord(entry_of("other-run")))
    github.add_comment(12, f"{theirs}\n\nanother alias", BOT, "Bot")
    own = left_on(github, BOT)
    with serving(github) as url:
        comment = live(url)
        comment.show(page("now", over=True))
        comment.finish(ENOUGH)
    assert own.body.endswith("now\n- earlier run")
    assert github.saw("POST", "/comments") == []
    assert len([each for each in github.comments_on(12) if len(each.bodies) > 1]) == 1


def left_on(github: GitHub, login: str) -> Comment:
    """What an earlier run left: it holds its own id."""
    own = github.add_comment(12, "", login)
    record = CommentRecord(entry_of("other-run"), comment=own.id)
    own.bodies = [(AT, f"{hidden_line(KEY, record)}\n\nearlier")]
    return own


def entry_of(id_: str) -> Entry:
    return Entry.of(id_, "✅", "earlier run", AT - timedelta(days=1), RUN, over=True)


def test_a_person_is_known_by_name_too(github: GitHub) -> None:
    github.tokens["pat"] = Token("alice", "User")
    with serving(github) as url:
        assert board(url, "pat").login() == "alice"
        assert board(url).login() == BOT


@pytest.mark.parametrize("status", [400, 403, 404])
def test_where_github_will_not_say_the_job_is_taken_for_the_author(
    github: GitHub, status: int
) -> None:
    github.faults.add(Fault(part="/graphql", status=status))
    with serving(github) as url:
        assert board(url).login() == BOT


def test_a_graphql_that_asks_to_slow_down_does_not_make_the_job_the_author(
    github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With a 200: https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
    limited = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1."}
    monkeypatch.setattr("sandbox.github.routes._viewer", lambda *_: {"errors": [limited]})
    with serving(github) as url, pytest.raises(Trouble) as caught:
        board(url).login()
    assert caught.value.lasts is Lasts.NOW
    assert caught.value.pause


def test_who_we_are_is_asked_again_before_anything_is_posted(github: GitHub) -> None:
    github.tokens["ghs_sandbox"] = Token("alice", "User")
    own = left_on(github, "alice")
    github.faults.add(Fault(part="/graphql", status=502, times=2))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("now", over=True))
        comment.finish(ENOUGH)
    assert only(github) is own
    assert own.body.endswith("now\n- earlier run")


def test_a_lost_answer_makes_no_second_comment(github: GitHub) -> None:
    github.faults.add(Fault(Effect.LOSE, "POST", "/comments", times=1))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("once", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "once"
    assert len(github.saw("POST", "/comments")) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_after_the_deed_makes_no_second_comment(github: GitHub, status: int) -> None:
    github.faults.add(Fault(Effect.FAIL_LATE, "POST", "/comments", times=1, status=status))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("once", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "once"
    assert len(github.saw("POST", "/comments")) == 1


def test_an_answer_that_makes_no_sense_is_not_the_end_of_the_comment(github: GitHub) -> None:
    """A proxy's page in place of GitHub's answer, for one."""
    github.faults.add(Fault(verb="POST", part="/comments", times=1, status=200, message="Welcome"))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "first"
    assert comment.why_not == ""


REFUSALS = [
    (401, "Bad credentials", {}, Lasts.FOR_GOOD),
    (403, "Resource not accessible by integration", {}, Lasts.FOR_GOOD),
    (403, "Unable to create comment because issue is locked.", {}, Lasts.FOR_GOOD),
    (404, "Not Found", {}, Lasts.FOR_GOOD),
    (410, "Issues are disabled for this repo", {}, Lasts.FOR_GOOD),
    (422, "Validation Failed", {}, Lasts.THIS_TEXT),
    (429, "Too many", {"Retry-After": "0"}, Lasts.NOW),
    (403, "You have exceeded a secondary rate limit", {}, Lasts.NOW),
    (403, "API rate limit", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}, Lasts.NOW),
    (500, "Server Error", {}, Lasts.NOW),
    (503, "Unavailable", {}, Lasts.NOW),
]


@pytest.mark.parametrize(("status", "message", "headers", "lasts"), REFUSALS)
def test_every_refusal_is_understood(
    github: GitHub, status: int, message: str, headers: dict[str, str], lasts: Lasts
) -> None:
    github.faults.add(Fault(verb="POST", status=status, message=message, headers=headers))
    with serving(github) as url, pytest.raises(Trouble) as caught:
        board(url).create(12, "text")
    assert caught.value.lasts is lasts
    assert "\n" not in caught.value.what
    assert len(github.saw("POST", "/comments")) == 1


def test_nobody_listening_is_a_trouble_like_others() -> None:
    with serving(GitHub()) as url:
        gone = board(url)
    with pytest.raises(Trouble) as caught:
        gone.create(12, "text")
    assert caught.value.lasts is Lasts.NOW


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "Bad credentials"), (403, "Resource not accessible by integration"), (404, "Not Found")],
)
def test_what_lasts_is_said_once_and_not_tried_again(
    github: GitHub, status: int, message: str
) -> None:
    github.faults.add(Fault(verb="POST", part="/comments", status=status, message=message))
    with serving(github) as url:
        comment = live(url)
        for number in range(5):
            comment.show(page(str(number)))
        comment.finish(ENOUGH)
        comment.show(page("after the end"))
    notes = list(comment.notes())
    assert len(notes) == 1
    assert str(status) in notes[0]
    assert len(github.saw("POST", "/comments")) == 1
    assert comment.why_not


def test_a_token_that_expires_on_the_way_leaves_what_was_said(github: GitHub) -> None:
    with serving(github) as url:
        comment = live(url)
        comment.show(page("rolling out"))
        while comment.told is None:
            threading.Event().wait(0.01)
        github.tokens["ghs_sandbox"].expired = True
        comment.show(page("promoted", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "rolling out"
    assert [note for note in comment.notes() if "401" in note]


def test_github_is_left_alone_for_as_long_as_it_asks(github: GitHub) -> None:
    github.faults.add(secondary_limit(seconds=3600))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first"))
        while comment.told is None:
            threading.Event().wait(0.01)
        comment.show(page("second"))
        while not github.saw("PATCH"):
            threading.Event().wait(0.01)
        comment.show(page("third"))
        comment.finish(0.5)
        assert len(github.saw("PATCH")) == 1
    assert said(github) == "first"
    assert any("in time" in note for note in comment.notes())


@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_a_wait_of_thousands_of_years_is_no_failure(github: GitHub, header: str) -> None:
    asked = {header: "99999999999", "X-RateLimit-Remaining": "0"}
    github.faults.add(Fault(status=403, headers=asked))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first", over=True))
        comment.finish(0.5)
    assert comment.why_not == ""
    assert len(list(comment.notes())) == 2, "that GitHub asked, and that it did not take the page"


def test_a_text_that_github_does_not_take_is_not_repeated(github: GitHub) -> None:
    github.faults.add(Fault(verb="PATCH", times=1, status=422, message="Validation Failed"))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first"))
        while comment.told is None:
            threading.Event().wait(0.01)
        comment.show(page("too odd"))
        while not github.saw("PATCH"):
            threading.Event().wait(0.01)
        comment.show(page("last", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "last"
    assert len(github.saw("PATCH")) == 2


def test_a_deleted_comment_is_posted_anew(github: GitHub) -> None:
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first"))
        while comment.told is None:
            threading.Event().wait(0.01)
        github.comments.clear()
        comment.show(page("last", over=True))
        comment.finish(ENOUGH)
    assert said(github) == "last"


def test_a_hanging_github_does_not_hold_up_the_end(github: GitHub) -> None:
    github.faults.add(Fault(Effect.DELAY, seconds=60))
    with serving(github) as url:
        comment = live(url)
        comment.show(page("first"))
        while not github.log:
            threading.Event().wait(0.01)
        comment.finish(0.05)
        assert any("in time" in note for note in comment.notes())


def test_a_later_stage_goes_on_with_the_same_line(github: GitHub) -> None:
    with serving(github) as url:
        main = live(url, id_="3fa94c7d")
        main.show(page("rolling out"))
        main.finish(ENOUGH)
        post = live(url, id_="3fa94c7d")
        post.show(page("rolled back", over=True))
        post.finish(ENOUGH)
        following = live(url)
        following.show(page("the next run", over=True))
        following.finish(ENOUGH)
    record = read_record(only(github).body)
    assert record is not None
    assert [each.headline for each in record.earlier] == ["rolled back"]


def test_a_merged_one_is_found_by_its_commit(github: GitHub) -> None:
    merged = PullRequest(
        13, "b" * 40, state="closed", merged_at=AT, merge_commit_sha="c" * 40, base_ref="main"
    )
    github.add_pull(merged)
    github.add_pull(PullRequest(14, "d" * 40, state="closed", commits=("c" * 40,)))
    with serving(github) as url:
        assert find(ByCommit("c" * 40, "main"), board(url)) == 13


def test_a_forks_is_found_by_its_branch(github: GitHub) -> None:
    github.add_pull(PullRequest(15, "e" * 40, "patch-1", "eve/shop"))
    with serving(github) as url:
        assert find(ByCommit("e" * 40, fork_head="eve:patch-1"), board(url)) == 15


def test_where_there_is_none_it_is_said_why(github: GitHub) -> None:
    with serving(github) as url:
        comment = live(url, ByCommit("a" * 40))
        comment.show(page("nobody sees this"))
        comment.finish(ENOUGH)
        nowhere = live(url, Nowhere("the event names no commit"))
        nowhere.show(page("nor this"))
        nowhere.finish(ENOUGH)
    assert any("belongs to no pull request" in note for note in comment.notes())
    assert any("names no commit" in note for note in nowhere.notes())
    assert github.saw("POST", "/comments") == []


def test_github_enterprise_servers_paths_are_used(github: GitHub) -> None:
    with serving(github, prefix="/api/v3") as url:
        comment = live(url)
        comment.show(page("first"))
        comment.finish(ENOUGH)
    assert said(github) == "first"
    paths = {each.path.partition("?")[0] for each in github.log}
    assert "/api/graphql" in paths
    assert all(path.startswith("/api/") for path in paths)


def test_every_call_was_one_that_github_describes(github: GitHub) -> None:
    with serving(github) as url:
        comment = live(url, ByCommit(SHA))
        comment.show(page("first"))
        comment.finish(ENOUGH)
    assert {each.status for each in github.log} == {200, 201}
