"""Ways to let GitHub into a rollout, or to leave a mess there; each must be noticed like those in `mutations`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from lambda_rollout.github.comment import thread as live_comment
from lambda_rollout.github.comment.api import GitHubComments
from lambda_rollout.github.comment.errors import Lasts, Trouble
from lambda_rollout.github.comment.sync import CommentSync, Page
from lambda_rollout.github.comment.thread import EditPace, LiveComment
from lambda_rollout.github.journal import Journal
from lambda_rollout.report.comment import record
from tests.simulation.compared import compared
from tests.simulation.github_scenario import OFF
from tests.simulation.mutations import Mutation, Patch, search
from tests.simulation.scenario import Scenario, draw
from tests.simulation.simulate import Outcome

beside_none = partial(compared, others=(OFF,))


@dataclass(frozen=True)
class GitHubMutation(Mutation):
    """Noticed by what AWS or GitHub sees, or by a difference to the same rollout without GitHub."""

    play: Callable[..., Outcome] = beside_none


def one_at_a_time(seed: int) -> Scenario:
    """No two threads in one story: one of them would wait for the other's report, which no clock sees."""
    return replace(draw(seed), at_once=False)


def _sent_by_the_story() -> list[Patch]:
    voices: dict[int, CommentSync] = {}

    def mutated(self: LiveComment, page: Page) -> None:
        sync = voices.setdefault(id(self), CommentSync(self._connect, self.lead, self._id))
        with suppress(Trouble):
            sync.say(page)
            sync.tidy()

    return [(LiveComment, "show", mutated)]


def _failure_told_to_the_story() -> list[Patch]:
    show = LiveComment.show

    def mutated(self: LiveComment, page: Page) -> None:
        if self._said:
            raise Trouble("GitHub did not take it")
        show(self, page)

    def unguarded(_self: Journal, _what: str, act: Callable[[], None]) -> None:
        act()

    return [(LiveComment, "show", mutated), (Journal, "_try", unguarded)]


def _waits_for_github() -> list[Patch]:
    finish = LiveComment.finish
    return [(LiveComment, "finish", lambda self, _seconds: finish(self, 3_600.0))]


def _end_not_sent() -> list[Patch]:
    show = LiveComment.show
    return [(LiveComment, "show", lambda self, page: None if page.over else show(self, page))]


def _no_pace() -> list[Patch]:
    return [(live_comment, "EditPace", partial(EditPace, every=0.0))]


def _asked_in_vain() -> list[Patch]:
    return [(LiveComment, "_asked_pause", lambda _self, _trouble: 0.0)]


def _gives_up() -> list[Patch]:
    say = CommentSync.say

    def mutated(self: CommentSync, page: Page) -> Any:
        try:
            return say(self, page)
        except Trouble as trouble:
            raise Trouble(trouble.what, Lasts.FOR_GOOD) from trouble

    return [(CommentSync, "say", mutated)]


def _posts_without_looking() -> list[Patch]:
    look = CommentSync._look

    def mutated(self: CommentSync, *given: Any) -> None:
        if not self._in_doubt:
            look(self, *given)

    return [(CommentSync, "_look", mutated)]


def _posts_twice() -> list[Patch]:
    create = GitHubComments.create

    def mutated(self: GitHubComments, number: int, body: str) -> int:
        try:
            return create(self, number, body)
        except Trouble:
            return create(self, number, body)

    return [(GitHubComments, "create", mutated)]


def _doubles_left() -> list[Patch]:
    return [(CommentSync, "tidy", lambda _self: False)]


def _anybody_is_us() -> list[Patch]:
    def mutated(self: GitHubComments, number: int, _login: str) -> Iterator[tuple[int, str]]:
        for comment in self._repository.get_issue(number).get_comments():
            yield comment.id, comment.body or ""

    return [(GitHubComments, "of_author", mutated)]


def _key_is_enough() -> list[Patch]:
    return [(record, "_names_itself", lambda *_: True)]


GITHUB_MUTATIONS = [
    GitHubMutation("let the story send the comment", _sent_by_the_story, (1,), drawn=one_at_a_time),
    GitHubMutation("let a comment's failure into the story", _failure_told_to_the_story, (1,)),
    GitHubMutation("wait until GitHub has the end", _waits_for_github, (1,)),
    GitHubMutation("do not send the end", _end_not_sent, (1,)),
    GitHubMutation("edit as often as there is news", _no_pace, (2,)),
    GitHubMutation("ignore how long GitHub asks to be left alone", _asked_in_vain, (1,)),
    GitHubMutation("give up at the first trouble", _gives_up, (1,)),
    GitHubMutation("post again without looking", _posts_without_looking, (3,)),
    GitHubMutation("repeat a post at once, as PyGithub does", _posts_twice, (3,)),
    GitHubMutation("leave doubles", _doubles_left, (698,)),
    GitHubMutation("take a comment of anybody for ours", _anybody_is_us, (4,)),
    GitHubMutation("take another workflow's comment for ours", _key_is_enough, (7,)),
]


if __name__ == "__main__":
    search(GITHUB_MUTATIONS, sys.argv[1:])
