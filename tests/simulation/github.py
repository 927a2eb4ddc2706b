"""GitHub in the simulation: `sandbox.github` in process, below PyGithub, and what a seed has happen to it.

Everything here is drawn from a chance of its own, so that a seed's rollout is the same whatever is drawn here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import requests
from github.Requester import Requester

from lambda_rollout.report.comment.record import read_record
from sandbox.github import BOT, GitHub, PullRequest
from sandbox.github.routes import Reply, answer
from tests.simulation.github_scenario import Drawn
from tests.simulation.scheduler import Scheduler

NUMBER = 12
SHA = "9f2c1ab0d3e45f60718293a4b5c6d7e8f9012345"
TOKEN = "ghs_sandbox"
DOMAIN = ".github.test"

CHECKED = 50
"""One seed in so many has its requests held against GitHub's description, as all of `tests/github` has."""


@dataclass
class Sent:
    """One request of ours, as it went."""

    by: str
    verb: str
    path: str
    body: Any
    at: float
    ended_at: float | None = None
    """When its sender knew how it ended; None if that was never."""
    fault: str = ""
    status: int = 0
    """0 if the sender got no answer."""
    asked: float = 0.0
    """Seconds for which the answer asks to be left alone."""
    keys: tuple[str, ...] = ()
    """For a list of comments: the keys of those by us that it showed."""

    @property
    def is_taken(self) -> bool:
        """Whether its sender has a sound answer."""
        return self.status in {200, 201, 204} and self.fault not in {"garbled", "odd"}

    @property
    def is_page(self) -> bool:
        return self.verb == "PATCH" or (self.verb == "POST" and self.path.endswith("/comments"))

    @property
    def is_list(self) -> bool:
        return self.verb == "GET" and "/comments" in self.path


_KEY = re.compile(r"<!-- lambda-rollout 1 ([0-9a-f]{16}) ")


def key_in(body: str) -> str:
    """Whose a comment is; empty if nobody's of us."""
    found = _KEY.match(body)
    return found[1] if found else ""


class SimGitHub:
    """GitHub, the way to it, and what befalls requests on that way."""

    def __init__(self, drawn: Drawn, seed: int, scheduler: Scheduler) -> None:
        self.drawn = drawn
        self.scheduler = scheduler
        self.world = GitHub(clock=scheduler.clock)
        self.world.checks = seed % CHECKED == 0
        if drawn.pull in {"number", "commit"}:
            self.world.add_pull(PullRequest(NUMBER, SHA))
        self.sent: list[Sent] = []
        self.over = False
        """Whether everything is well from now on."""
        self.of_others: dict[int, str] = {}
        """Comments of somebody else, which look like ours."""
        self.posted_by: dict[int, str] = {}
        """Comments of ours, and which process posted each."""
        self.tell: Callable[[str], object] = lambda _text: None
        self._random = Random(f"{seed} github weather")
        self._start = scheduler.clock.monotonic()
        if drawn.deleted_at is not None:
            at = scheduler.clock.now() + timedelta(seconds=drawn.deleted_at)
            scheduler.clock.schedule(at, self._delete_ours)

    @property
    def now(self) -> float:
        return self.scheduler.clock.monotonic()

    @contextmanager
    def on_stage(self) -> Iterator[None]:
        """Let PyGithub's connections end here."""
        Connection.there = self
        connections: Any = (Connection, Connection)
        Requester.injectConnectionClasses(*connections)
        try:
            yield
        finally:
            Requester.resetConnectionClasses()
            Connection.there = None

    def send(self, sent: Sent, timeout: float) -> tuple[Reply, str]:
        """Carry a request to GitHub and the answer back, as far as they get; the answer and its text."""
        clock = self.scheduler.clock
        fault = self._fault(sent.verb)
        # Only a text can be refused as one.
        sent.fault = "" if fault == "422" and not sent.is_page else fault
        self.sent.append(sent)
        clock.advance(self.drawn.latency / 2)
        if sent.fault in {"refused", "reset"}:
            raise requests.ConnectionError(sent.fault)
        if sent.fault == "unreachable":
            clock.advance(timeout)
            raise requests.ConnectTimeout(sent.fault)
        if sent.fault in {"late", "reset late"}:
            lands = clock.now() + timedelta(seconds=self._random.uniform(0, self.drawn.late))
            clock.schedule(lands, lambda: (self._do(sent), None)[1])
        if sent.fault in {"hang", "late"}:
            clock.advance(timeout)
            raise requests.ReadTimeout(sent.fault)
        if sent.fault == "reset late":
            raise requests.ConnectionError(sent.fault)
        reply = self._refusal(sent.fault) or self._do(sent)
        if sent.fault == "after 30 s":
            clock.advance(timeout)
            raise requests.ReadTimeout(sent.fault)
        if sent.fault == "drop":
            raise requests.ConnectionError(sent.fault)
        if sent.fault == "502 after":
            reply = _said(502)
        if sent.fault in {"slow", "drip"}:
            # Whoever sends a byte now and then may take any time.
            longest = timeout if sent.fault == "slow" else 5 * timeout
            clock.advance(self._random.uniform(0.1, longest))
        clock.advance(self.drawn.latency / 2)
        sent.status = reply.status
        text = "" if reply.body is None else json.dumps(reply.body)
        return reply, text[: len(text) // 2] if sent.fault == "garbled" else text

    def _do(self, sent: Sent) -> Reply:
        body = json.dumps(sent.body).encode() if sent.body is not None else b""
        base = f"http://{sent.by}{DOMAIN}"
        reply = answer(self.world, base, sent.verb, sent.path, TOKEN, body)
        if reply.status == 201:
            self.posted_by[reply.body["id"]] = sent.by
        if sent.is_page and reply.status in {200, 201} and self.drawn.copied:
            # What is posted, by a person; what is edited, by another workflow, which is the same bot.
            self._copied(sent.body["body"], "mallory" if reply.status == 201 else BOT)
        return reply

    def _copied(self, body: str, by: str) -> None:
        if by not in {self.world.comments[copy].login for copy in self.of_others}:
            copy = self.world.add_comment(NUMBER, body, by)
            self.of_others[copy.id] = copy.body

    def is_ours(self, comment: int, body: str, by: str) -> bool:
        """Whether a process may take it for ours: it names itself, or the process has posted it."""
        record = read_record(body)
        return self.posted_by.get(comment) == by or (
            record is not None and record.comment == comment
        )

    def _delete_ours(self) -> None:
        for comment in self.posted_by:
            self.world.comments.pop(comment, None)

    def _fault(self, verb: str) -> str:
        if self.over:
            return ""
        since = self.now - self._start
        for outage in self.drawn.outages:
            if outage.start <= since < outage.start + outage.seconds and outage.service in {
                "*",
                verb,
            }:
                return outage.fault
        for kind, chance in self.drawn.chances.items():
            if self._random.random() < chance:
                return kind
        return ""

    def _refusal(self, fault: str) -> Reply | None:
        match fault:
            case "403 limit" | "429":
                asked = self._random.choice([1, 5, 30, 90])
                said = "You have exceeded a secondary rate limit"
                return _said(int(fault[:3]), said, {"Retry-After": str(asked)})
            case "403 used up":
                now = self.scheduler.clock.now()
                reset = int(now.timestamp()) + self._random.choice([2, 40, 900])
                limits = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
                date = {"Date": format_datetime(now, usegmt=True)}
                return _said(403, "API rate limit exceeded", {**limits, **date})
            case _:
                return _REFUSALS.get(fault)


def _said(
    status: int, message: str = "Server Error", headers: Mapping[str, str] | None = None
) -> Reply:
    return Reply(status, {"message": message}, headers or {})


_REFUSALS = {
    "401": _said(401, "Bad credentials"),
    "403 fork": _said(403, "Resource not accessible by integration"),
    "404": _said(404, "Not Found"),
    "422": _said(422, "Validation Failed"),
    "500": _said(500),
    "odd": Reply(200, {"data": "<title>Welcome to our proxy</title>"}),
}


class Connection:
    """PyGithub's connection, its own seam for tests; whose it is, the host's name tells."""

    there: SimGitHub | None = None

    def __init__(self, host: str, port: int | None = None, **how: Any) -> None:
        self._by = host.removesuffix(DOMAIN)
        self._timeout = float(how["timeout"])

    def request(
        self,
        verb: str,
        url: str,
        input: str | None,  # noqa: A002
        headers: object,
        stream: bool = False,
    ) -> None:
        """Take what is to be sent."""
        self._asked = (verb, url, json.loads(input) if input else None)

    def getresponse(self) -> Response:
        """Send it, and wait for the answer. Raises as requests does."""
        there = self.there
        assert there is not None
        sent = Sent(self._by, *self._asked, at=there.now)
        try:
            reply, text = there.send(sent, self._timeout)
        finally:
            # Also for one that was killed meanwhile.
            sent.ended_at = there.now
            how = f"{sent.status or 'no answer'} {sent.fault}".rstrip()
            there.tell(f"github: {sent.by}: {sent.verb} {sent.path} -> {how}")
        sent.asked = float(reply.headers.get("Retry-After", 0))
        if sent.fault == "403 used up":
            now = there.scheduler.clock.now().timestamp()
            sent.asked = max(0.0, float(reply.headers["X-RateLimit-Reset"]) - now)
        if sent.is_list and reply.status == 200 and isinstance(reply.body, list):
            by_us = (each for each in reply.body if each["user"]["login"] == BOT)
            ours = (e["body"] for e in by_us if there.is_ours(e["id"], e["body"], sent.by))
            sent.keys = tuple(map(key_in, ours))
        return Response(reply, text)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Response:
    """What PyGithub reads of an answer."""

    reply: Reply
    text: str

    @property
    def status(self) -> int:
        return self.reply.status

    def getheaders(self) -> list[tuple[str, str]]:
        return list(self.reply.headers.items())

    def read(self) -> str:
        return self.text
