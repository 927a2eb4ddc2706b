"""How long to go on asking AWS, and how often: strategies for tenacity on our own clock and stop.

botocore's own retries are switched off for the calls that write the alias or read alarms: they sleep
where no stop can wake them, and they would hide that an answer was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_exception_type,
    wait_exponential_jitter,
)

from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    Cancelled,
    CredentialsExpired,
    OtherAccount,
    Unanswered,
    Unreachable,
)

FORWARD_LIMIT = 60.0
"""Seconds to try a read or a forward write before it ends the rollout."""

SETTLE_LIMIT = 300.0
"""Seconds to try a settling write before saying that the alias is left as it is (README, promise 1)."""

EXPIRED_LIMIT = 30.0
"""Seconds of nothing but expired credentials after which trying is over: those of the environment never come
back, and the runner's time is better spent on saying what state the alias is in."""

UNREACHABLE_LIMIT = 10.0
"""Seconds without a single connection after which the very first call is given up: a wrong Region or endpoint, or
a runner without a way to AWS. Only there: later the same is an outage, which is waited out."""

REFUSED_LIMIT = 10.0
"""Seconds of nothing but refusals after which they are believed, where one may pass; with the pause under way that
makes 10 to 15."""

THROTTLED_FOR = 15.0
"""Seconds of throttled reads of one thing after which they are worth a line in the log: a hundred functions are more
than AWS answers at once."""

PAUSES = wait_exponential_jitter(multiplier=0.25, max=5.0, exp_base=2.0, jitter=0.25)
"""Between two tries, seconds: a quarter, a half, … at most five, each with a little chance added."""


Repeated = type[CallFailed] | tuple[type[CallFailed], ...] | Callable[[BaseException], bool]


def stop_after(
    clock: Clock,
    seconds: float,
    unreachable: float | None = None,
    expired: float | None = EXPIRED_LIMIT,
    is_refusal: Callable[[BaseException | None], bool] | None = None,
) -> Callable[[RetryCallState], bool]:
    """Stop trying when ``seconds`` from now have passed on our own clock (tenacity's is the machine's).

    Or after so many seconds, where a number is given, in which every single answer was of a kind: that the credentials
    ``expired``; that there was no connection at all (``unreachable``). Or after `REFUSED_LIMIT` seconds of what
    ``is_refusal`` says is one. A try fails by raising a `CallFailed`, or by returning a list of them.
    """
    end = clock.monotonic() + seconds
    limits: list[tuple[Callable[[BaseException | None], bool], float]] = [
        (partial(_is_a, kind), limit)
        for kind, limit in ((CredentialsExpired, expired), (Unreachable, unreachable))
        if limit is not None
    ]
    if is_refusal is not None:
        limits.append((is_refusal, REFUSED_LIMIT))
    since: dict[int, float] = {}

    def stop(state: RetryCallState) -> bool:
        now = clock.monotonic()
        failures = _failures(state)
        for number, (is_it, _) in enumerate(limits):
            if failures and all(is_it(failure) for failure in failures):
                since.setdefault(number, now)
            else:
                since.pop(number, None)
        return now >= end or any(now - at >= limits[number][1] for number, at in since.items())

    return stop


def _is_a(kind: type[CallFailed], failure: BaseException | None) -> bool:
    return isinstance(failure, kind)


def _failures(state: RetryCallState) -> list[BaseException | None]:
    if state.outcome is None:
        return []
    if state.outcome.failed:
        return [state.outcome.exception()]
    result = state.outcome.result()
    return result if isinstance(result, list) else []


def retrying(
    clock: Clock,
    stop: Stop | None,
    seconds: float = FORWARD_LIMIT,
    repeat: Repeated = (Busy, Unanswered),
    unreachable: float | None = None,
    expired: float | None = EXPIRED_LIMIT,
    is_refusal: Callable[[BaseException | None], bool] | None = None,
) -> Retrying:
    """Build a caller that repeats a call that may succeed later, for at most ``seconds``.

    ``repeat`` are the kinds of errors that may pass, or says so of each. After `stop_after`'s other limits it gives up
    earlier; None: as after any failure. It re-raises the last error when time is up. Raises `Cancelled` as soon as
    ``stop`` is requested; with None it listens to nobody.
    """

    def pause(length: float) -> None:
        clock.wait(length, stop)
        raise_if_stopped(stop)

    return Retrying(
        sleep=pause,
        stop=stop_after(clock, seconds, unreachable, expired, is_refusal),
        wait=PAUSES,
        retry=(
            retry_if_exception_type(repeat)
            if isinstance(repeat, type | tuple)
            else retry_if_exception(repeat)
        ),
        reraise=True,
    )


def retrying_until(
    gives_up: Callable[[BaseException | None], bool], clock: Clock, stop: Stop | None
) -> Retrying:
    """Build a caller as `retrying` does that goes on until ``gives_up`` says of an error that it was the last one."""

    def last(state: RetryCallState) -> bool:
        return gives_up(state.outcome.exception() if state.outcome else None)

    return retrying(clock, stop).copy(stop=last)


def may_be_answered_yet(error: BaseException) -> bool:
    """Whether who settles goes on asking: after all that AWS says, but not with another account's credentials."""
    return isinstance(error, CallFailed) and not isinstance(error, OtherAccount)


def raise_if_stopped(stop: Stop | None) -> None:
    """Raise `Cancelled` if somebody asked to stop."""
    if stop is not None and stop.requested:
        raise Cancelled(stop.reason)
