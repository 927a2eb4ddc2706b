"""What stands between us and AWS: faults of whoever delivers requests and answers.

UpdateAlias is a PUT, which a middle box may deliver twice (RFC 9110, section 9.2.2; nginx repeats it by default).
A proxy, load balancer or filter answers with any status and a page of its own, none of AWS's marks on it (no request
id, no error code), before the request has had its effect or after. All of it meets requests as the rules of
`sandbox.aws.faults` say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from sandbox.aws.faults import Closed, Effect, Lost, Silent, Work, do, take_effect
from sandbox.aws.request import Account

if TYPE_CHECKING:
    from sandbox.aws.request import Request


class Foreign(Lost):
    """Somebody who is not AWS answers."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__(f"a page with status {status}")
        self.status = status
        self.headers = headers
        self.body = body
        self.outcome = f"page {status}"


class Cut(Lost):
    """Only the first half of AWS's `answer` gets through, and looks like all of it."""

    outcome = "cut"

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__("half an answer")
        self.answer = answer


class Dripping(Silent):
    """A byte every `every` seconds, for `seconds` in all, and never a whole answer."""

    outcome = "dripping"

    def __init__(self, every: float, seconds: float) -> None:
        super().__init__(seconds)
        self.every = every


@dataclass(frozen=True)
class Twice:
    """The request is delivered twice.

    answered: whose answer gets through, the ``second`` delivery's, the ``first`` one's, or ``none``.
    lands_after: seconds until the second delivery, 0 for at once. Nobody waits for the answer to a second one that
    comes later: the connection is closed then.
    """

    answered: Literal["second", "first", "none"] = "second"
    lands_after: float = 0.0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Do the work twice."""
        if self.answered == "second" and not self.lands_after:
            do(work)
            return work()
        try:
            answer = work()
        finally:
            self._deliver_again(world, work)
        if self.answered == "first":
            return answer
        raise Closed

    def _deliver_again(self, world: Account, work: Work) -> None:
        if self.lands_after:
            at = world.clock.now() + timedelta(seconds=self.lands_after)
            world.schedule(at, partial(do, work))
        else:
            do(work)


@dataclass(frozen=True)
class Page:
    """A page of somebody's own, with any status; 200 and an empty `body` are possible.

    effect: when AWS does the work all the same, see `sandbox.aws.faults.take_effect`. body: None for a page that
    fits the status.
    """

    status: int = 502
    body: str | None = None
    content_type: str = "text/html"
    effect: Effect = "never"
    lands_after: float = 0.0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Answer in AWS's place."""
        take_effect(world, work, self.effect, self.lands_after)
        body = page_of(self.status) if self.body is None else self.body
        raise Foreign(self.status, {"Content-Type": self.content_type}, body.encode())


@dataclass(frozen=True)
class Half:
    """The work is done, and half of AWS's answer is passed on as if it were all."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Do the work and cut the answer."""
        raise Cut(work())


@dataclass(frozen=True)
class Drip:
    """An answer that drips: a byte every `every` seconds, for `seconds` in all.

    Each byte begins a read timeout anew, so over HTTP only a deadline for the whole call ends it before; in process
    a client's read timeout is that deadline. effect: as for `Page`.
    """

    every: float = 2.0
    seconds: float = 3600.0
    effect: Effect = "never"
    lands_after: float = 0.0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Begin to answer, and never end."""
        take_effect(world, work, self.effect, self.lands_after)
        raise Dripping(self.every, self.seconds)


def page_of(status: int) -> str:
    """A page such as nginx has for a status."""
    try:
        title = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        title = str(status)
    return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
