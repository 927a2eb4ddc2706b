"""What a middle box does to one request: the columns of the matrix. Each says when AWS gets the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.middle_box import Answer, Exchange, Mischief, page

PAGES = (302, 400, 403, 404, 407, 451)


@dataclass(frozen=True)
class Twice:
    """Delivered twice at once; the client gets the answer to the second."""

    def meddle(self, exchange: Exchange) -> None:
        exchange.deliver()
        exchange.answer(exchange.deliver())


@dataclass(frozen=True)
class TwiceLate:
    """Delivered and answered, and delivered again later."""

    before_next_write: bool

    def meddle(self, exchange: Exchange) -> None:
        answer = exchange.deliver()
        exchange.keep(for_next_write=self.before_next_write)
        exchange.answer(answer)


@dataclass(frozen=True)
class TwiceUnanswered:
    """Delivered, but not answered, and delivered again later."""

    before_next_write: bool

    def meddle(self, exchange: Exchange) -> None:
        exchange.deliver()
        exchange.keep(for_next_write=self.before_next_write)
        exchange.close()


@dataclass(frozen=True)
class Again:
    """Delivered but not answered, and delivered again so many seconds later, whether or not the client waits."""

    seconds: float

    def meddle(self, exchange: Exchange) -> None:
        exchange.deliver()
        exchange.box.stopping.wait(self.seconds)
        exchange.answer(exchange.deliver())


@dataclass(frozen=True)
class OnlyLate:
    """The client gets a page at once, AWS gets the request later, when it is tried again or all is over."""

    before_next_write: bool

    def meddle(self, exchange: Exchange) -> None:
        exchange.keep(for_next_write=self.before_next_write)
        exchange.answer(page(404))


@dataclass(frozen=True)
class Page:
    """Answered with a page of the box's own, with or without the effect."""

    status: int
    effect: bool
    body: bytes | None = None

    def meddle(self, exchange: Exchange) -> None:
        if self.effect:
            exchange.deliver()
        exchange.answer(page(self.status, self.body))


@dataclass(frozen=True)
class Cut:
    """The connection ends in the middle of AWS's answer, or before AWS has the request."""

    effect: bool

    def meddle(self, exchange: Exchange) -> None:
        if self.effect:
            exchange.cut(exchange.deliver())
        else:
            exchange.close()


@dataclass(frozen=True)
class Half:
    """Half of AWS's answer, as if it were all."""

    def meddle(self, exchange: Exchange) -> None:
        whole = exchange.deliver()
        half = whole.body[: len(whole.body) // 2]
        exchange.answer(Answer(whole.status, whole.headers, half))


@dataclass(frozen=True)
class Dripping:
    """A byte every two seconds: AWS's answer, or a page before AWS has the request."""

    effect: bool

    def meddle(self, exchange: Exchange) -> None:
        exchange.drip(exchange.deliver() if self.effect else page(200))


@dataclass(frozen=True)
class AwsError:
    """An error with all of AWS's marks: its answer to a second delivery, or to the only one."""

    code: str
    status: int
    effect: bool = True

    def meddle(self, exchange: Exchange) -> None:
        if self.effect:
            exchange.deliver()
        headers = (
            ("Content-Type", "application/json"),
            ("x-amzn-RequestId", "7c1f2d3e-0000-4000-8000-000000000000"),
            ("x-amzn-ErrorType", self.code),
        )
        body = json.dumps({"Type": "User", "message": "as AWS says it"}).encode()
        exchange.answer(Answer(self.status, headers, body))


def _both(what: str, make: Callable[[bool], Mischief]) -> dict[str, Mischief]:
    """The same before the effect and after it; ``make`` is given whether there is one."""
    return {f"{what} before the effect": make(False), f"{what} after the effect": make(True)}


def _pages(status: int) -> dict[str, Mischief]:
    return _both(str(status), lambda effect: Page(status, effect))


def _in_json(status: int, message: str) -> dict[str, Mischief]:
    body = json.dumps({"message": message}).encode()
    return _both(f"{status} in JSON", lambda effect: Page(status, effect, body))


FROM_AWS: Mapping[str, Mischief] = {
    "409 of AWS's after the effect": AwsError("ResourceConflictException", 409),
    "429 of AWS's after the effect": AwsError("TooManyRequestsException", 429),
    "429 of AWS's before the effect": AwsError("TooManyRequestsException", 429, effect=False),
    "ExpiredToken of AWS's after the effect": AwsError("ExpiredTokenException", 403),
}
"""What AWS itself may answer to the second delivery, besides the 412 that `Twice` gets from it."""

FROM_THE_BOX: dict[str, Mischief] = {
    "twice": Twice(),
    "twice, again before the next write": TwiceLate(before_next_write=True),
    "twice, again at the end": TwiceLate(before_next_write=False),
    "twice unanswered, again before the next write": TwiceUnanswered(before_next_write=True),
    "twice unanswered, again at the end": TwiceUnanswered(before_next_write=False),
    "404 at once, delivered before the next write": OnlyLate(before_next_write=True),
    "404 at once, delivered at the end": OnlyLate(before_next_write=False),
    **{name: each for status in PAGES for name, each in _pages(status).items()},
    **_both("200 with a page", lambda effect: Page(200, effect)),
    **_both("empty", lambda effect: Page(200, effect, b"")),
    **_in_json(403, "Forbidden"),
    **_in_json(404, "Not Found"),
    **_both("cut", Cut),
    "half an answer": Half(),
    **_both("dripping", Dripping),
}

MISCHIEFS: Mapping[str, Mischief] = {**FROM_THE_BOX, **FROM_AWS}
"""All that is done to a write."""

TO_A_READ: Mapping[str, Mischief] = {
    name.removesuffix(" before the effect"): mischief
    for name, mischief in FROM_THE_BOX.items()
    if name.endswith(" before the effect") or isinstance(mischief, Half)
}
"""What is done to a read: it has no effect, so there is no after."""
