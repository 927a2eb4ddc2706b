"""A small GitHub: one repository with pull requests, comments and runs, and who may do what.

Facts: https://docs.github.com/en/rest/issues/comments, https://docs.github.com/en/rest/commits/commits and
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import Clock, RealClock
from sandbox.github.faults import Faults

COMMENT_LIMIT = 262_144
"""Bytes of a comment that GitHub takes; over it, 422."""

CHARACTERS = 65_536
"""Characters of a comment that GitHub states as its limit; over it, 422."""

BOT = "github-actions[bot]"


@dataclass(slots=True)
class Token:
    """Who a token speaks for. ``GET /user`` is refused to apps; GraphQL's ``viewer`` answers all."""

    login: str = BOT
    type: str = "Bot"
    may_comment: bool = True
    may_read_runs: bool = True
    expired: bool = False


@dataclass(slots=True)
class PullRequest:
    """A pull request; ``commits`` are those that are only reachable through it."""

    number: int
    head_sha: str
    head_ref: str = "feature"
    head_repository: str = ""
    """Empty for one from the repository itself, else the fork's owner/name."""
    base_ref: str = "main"
    state: str = "open"
    merged_at: datetime | None = None
    merge_commit_sha: str | None = None
    commits: tuple[str, ...] = ()
    locked: bool = False

    def has(self, sha: str) -> bool:
        """Whether GitHub lists it for the commit. A fork's commits are not looked up."""
        if self.head_repository and self.merged_at is None:
            return False
        return sha in {self.head_sha, self.merge_commit_sha, *self.commits}


@dataclass(slots=True)
class Comment:
    """A comment and everything that it ever said."""

    id: int
    number: int
    login: str
    type: str
    created_at: datetime
    bodies: list[tuple[datetime, str]] = field(default_factory=list)

    @property
    def body(self) -> str:
        """What it says now."""
        return self.bodies[-1][1]


@dataclass(frozen=True, slots=True)
class Request:
    """What GitHub saw."""

    at: datetime
    verb: str
    path: str
    body: Any
    status: int
    """0 if the client got no answer."""


class GitHub:
    """One repository, and everything that a test or a demo may want to see or to break."""

    def __init__(self, repository: str = "octo/shop", clock: Clock | None = None) -> None:
        self.clock = clock or RealClock()
        self.repository = repository
        self.tokens: dict[str, Token] = {"ghs_sandbox": Token()}
        self.pulls: dict[int, PullRequest] = {}
        self.comments: dict[int, Comment] = {}
        self.runs: dict[tuple[int, int], str] = {}
        self.limit = 1000
        self.remaining = 1000
        self.resets_at: datetime | None = None
        self.faults = Faults()
        self.checks = True
        """Whether requests and answers are held against GitHub's description: most of the work."""
        self.log: list[Request] = []
        self._last_id = 1_000_000_000

    def add_pull(self, pull: PullRequest) -> PullRequest:
        """Open a pull request."""
        self.pulls[pull.number] = pull
        return pull

    def add_comment(self, number: int, body: str, login: str, kind: str = "User") -> Comment:
        """Have somebody comment."""
        self._last_id += 1
        now = self.clock.now()
        comment = Comment(self._last_id, number, login, kind, now, [(now, body)])
        self.comments[comment.id] = comment
        return comment

    def comments_on(self, number: int) -> Iterator[Comment]:
        """Yield the comments of a pull request, oldest first."""
        return (each for each in self.comments.values() if each.number == number)

    def saw(self, verb: str, part: str = "") -> list[Request]:
        """Return the requests of a verb whose path holds ``part``, in order."""
        return [each for each in self.log if each.verb == verb and part in each.path]
