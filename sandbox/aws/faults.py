"""Misbehaviour on demand: rules that say which request meets which fault.

A fault is a value that is put around the work of one request: it may refuse before the
work is done, lose the answer afterwards, let the effect land late, or change the world
in between. Both doors show it to the client as a real network and the real AWS would.

    world.faults.add(Throttle(), operation="UpdateAlias", nth=2)
    world.faults.add(DropAnswer(), service="lambda", operation="UpdateAlias")
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sandbox.aws.errors import AwsError

if TYPE_CHECKING:
    from sandbox.aws.request import Account, Request

Work = Callable[[], dict[str, Any]]
Effect = Literal["before", "never", "late"]
"""When a request has its effect: before its answer, not at all, or later, when nobody waits any more."""


class Lost(Exception):
    """No answer of AWS comes back. `outcome` is the word for it in the log."""

    outcome = "lost"


class Refused(Lost):
    """Nobody listens: the connection is not made."""

    outcome = "refused"


class Unreachable(Lost):
    """Nothing answers the attempt to connect."""

    outcome = "unreachable"


class Closed(Lost):
    """The connection is closed before an answer."""

    outcome = "closed"


class Silent(Lost):
    """The connection stays open for `seconds` and nothing comes."""

    outcome = "silent"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds} s")
        self.seconds = seconds


class Fault(Protocol):
    """Something put around a request's work."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Answer the request; calling `work` does what was asked."""
        ...


@dataclass(frozen=True)
class Throttle:
    """Too many requests; nothing is done."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Refuse as the service in question does."""
        if request.service == "lambda":
            raise AwsError("TooManyRequestsException", "Rate exceeded", 429)
        code = "ThrottlingException" if request.service == "logs" else "Throttling"
        raise AwsError(code, "Rate exceeded", 400)


@dataclass
class Bucket:
    """Tokens: so many come in a second, and there is room for `burst` of them. It begins full."""

    per_second: float
    burst: float
    tokens: float = field(init=False)
    _filled_at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Begin rested."""
        self.tokens = self.burst

    def take(self, now: float) -> bool:
        """Take a token if there is one; `now` in seconds."""
        if self._filled_at is not None:
            brought = (now - self._filled_at) * self.per_second
            self.tokens = min(self.burst, self.tokens + brought)
        self._filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


OWN_RATES = {"GetFunction": 100.0, "GetPolicy": 15.0}
"""Requests a second of what Lambda does not count with the rest of its control plane."""


@dataclass
class Quota:
    """Lambda's token buckets: so many requests a second, and `burst` of them at once after a rest.

    One for the control plane, and one each for GetFunction and GetPolicy. Requests over them are throttled and use
    nothing up. Invocations have quotas of their own
    (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 15 control-plane requests a second "across
    all operations", without invocations, GetFunction (100) and GetPolicy (15); how many at once is not published: here
    as many as in a second).
    """

    per_second: float = 15.0
    burst: float = 15.0
    shared: Bucket = field(init=False)
    own: dict[str, Bucket] = field(init=False)

    def __post_init__(self) -> None:
        """Begin rested."""
        self.shared = Bucket(self.per_second, self.burst)
        self.own = {operation: Bucket(rate, rate) for operation, rate in OWN_RATES.items()}

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Let it pass if there is a token left."""
        bucket = self.own.get(request.operation, self.shared)
        if request.operation == "Invoke" or bucket.take(world.clock.monotonic()):
            return work()
        return Throttle().around(world, request, work)


@dataclass(frozen=True)
class ServerError:
    """A 5xx, before or after the work is done."""

    after_effect: bool = False
    status: int = 500

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Fail, having done the work or not."""
        if self.after_effect:
            do(work)
        if request.service == "lambda":
            raise AwsError(
                "ServiceException",
                "An error occurred and the request cannot be processed.",
                self.status,
            )
        raise AwsError(
            "InternalServiceError",
            "Request processing has failed due to some unknown error, exception or failure.",
            self.status,
        )


@dataclass(frozen=True)
class Answer:
    """Any other error answer of AWS.

    The work is not done, unless `effect` says otherwise: what is refused may be the second of two deliveries of the
    request, the first of which was taken, or is still on its way.
    """

    code: str
    message: str
    status: int = 400
    effect: Effect = "never"
    lands_after: float = 0.0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Refuse as told."""
        take_effect(world, work, self.effect, self.lands_after)
        raise AwsError(self.code, self.message, self.status)


@dataclass(frozen=True)
class Echo:
    """An error answer of AWS that repeats all secrets that were issued so far, and `more`, in words of its own."""

    code: str
    status: int = 400
    more: tuple[str, ...] = ()

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Refuse, and say too much."""
        said = ", ".join((*self.more, *world.sts.issued))
        raise AwsError(self.code, f"We were sent {said}.", self.status)


@dataclass(frozen=True)
class RefuseConnection:
    """Nobody listens (in process), or the connection is reset at once (over HTTP)."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Never get as far as the work."""
        raise Refused


@dataclass(frozen=True)
class LoseConnection:
    """Packets vanish: in process the connection times out, over HTTP nothing ever comes."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Never get as far as the work."""
        raise Unreachable


@dataclass(frozen=True)
class ResetConnection:
    """The connection is made and then cut, before the work."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Cut the connection."""
        raise Closed


@dataclass(frozen=True)
class DropAnswer:
    """The work is done, then the connection is closed without an answer."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Do the work and say nothing."""
        do(work)
        raise Closed


@dataclass(frozen=True)
class Hang:
    """No answer for `seconds`.

    effect: ``before`` the silence, ``never``, or ``late``: `lands_after` seconds from now,
    also when the client has long given up.
    """

    seconds: float = 60.0
    effect: Effect = "never"
    lands_after: float = 0.0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Fall silent."""
        take_effect(world, work, self.effect, self.lands_after)
        raise Silent(self.seconds)


@dataclass(frozen=True)
class Slow:
    """The work is done at once, its answer takes `seconds`."""

    seconds: float

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Do the work; the door keeps the answer back."""
        request.delay = self.seconds
        return work()


@dataclass(frozen=True)
class StaleRead:
    """GetAlias answers the alias as it was before the last write to it."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Answer from the past, where there is one."""
        if request.operation != "GetAlias":
            return work()
        return world.lambda_(request.region).get_alias(request.params, stale=True)


@dataclass(frozen=True)
class ExpiredCredentials:
    """The caller's session token is over its time."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Refuse as AWS does."""
        code = "ExpiredTokenException" if request.service == "lambda" else "ExpiredToken"
        raise AwsError(code, "The security token included in the request is expired", 403)


@dataclass(frozen=True)
class AccessDenied:
    """The caller's policy lacks this action on this resource."""

    user: str = "arn:aws:sts::123456789012:assumed-role/deploy/GitHubActions"

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Refuse in AWS's words."""
        raise AwsError(*denied(world, request, self.user), 403)


@dataclass(frozen=True)
class Meanwhile:
    """Somebody else acts just before the request arrives; the request then goes on."""

    act: Callable[[Any], object]

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Let them act, then do the work."""
        self.act(world)
        return work()


@dataclass(frozen=True)
class Die:
    """The client dies at this request, before its work or after.

    die: raises a BaseException of the test's choice (in process), or kills a process.
    """

    die: Callable[[], object]
    after_effect: bool = False

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Die; the answer, if anyone is still there for it, is lost."""
        if self.after_effect:
            do(work)
        self.die()
        raise Closed


@dataclass
class Rule:
    """Which requests meet a fault.

    The `nth` matching request and the `count` - 1 after it (count None: all after it).
    `service`, `operation` and `caller` (access key id) are exact, ``*`` matches any.
    """

    fault: Fault
    service: str = "*"
    operation: str = "*"
    nth: int = 1
    count: int | None = 1
    caller: str = "*"
    seen: int = 0

    def meets(self, request: Request) -> bool:
        """Count the request if it matches; True if this one meets the fault."""
        asked = (self.service, self.operation, self.caller)
        given = (request.service, request.operation, request.caller)
        if any(a not in ("*", g) for a, g in zip(asked, given, strict=True)):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.count is None or self.seen < self.nth + self.count)


class Faults:
    """The rules in force; the first added is the outermost."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._inside = False

    def add(self, fault: Fault, **match: Any) -> Rule:
        """Add a rule; `match` are the fields of `Rule`."""
        rule = Rule(fault, **match)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Behave from now on."""
        self.rules.clear()

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Answer the request through every fault that it meets.

        What a fault does itself (somebody else's edit) meets none.
        """
        if self._inside or not self.rules:
            return work()
        for rule in reversed([rule for rule in self.rules if rule.meets(request)]):
            work = partial(rule.fault.around, world, request, work)
        self._inside = True
        try:
            return work()
        finally:
            self._inside = False


def do(work: Work) -> None:
    """Do the work; an error answer of it is lost like any other answer."""
    with suppress(AwsError):
        work()


def take_effect(world: Account, work: Work, effect: Effect, lands_after: float) -> None:
    """Do the work now, or `lands_after` seconds from now, or never; its own answer is lost."""
    if effect == "before":
        do(work)
    elif effect == "late":
        world.schedule(world.clock.now() + timedelta(seconds=lands_after), partial(do, work))


def denied(world: Account, request: Request, user: str) -> tuple[str, str]:
    """Code and message of AWS's refusal (the form of its documented 403 answers)."""
    action = f"{request.service}:{'InvokeFunction' if request.operation == 'Invoke' else request.operation}"
    if request.service == "lambda":
        resource = f"arn:aws:lambda:{request.region}:{world.account}:function:{request.function}"
        if qualifier := request.params.get("Qualifier"):
            resource += f":{qualifier}"
    else:
        resource = f"arn:aws:cloudwatch:{request.region}:{world.account}:alarm:*"
    code = "AccessDeniedException" if request.service == "lambda" else "AccessDenied"
    return code, (
        f"User: {user} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
