"""Trying again: for how long, how often, and who can end it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    Cancelled,
    CredentialsExpired,
    Refused,
    RevisionMismatch,
    Unanswered,
    Unreachable,
)
from lambda_rollout.runtime.retry import (
    EXPIRED_LIMIT,
    FORWARD_LIMIT,
    UNREACHABLE_LIMIT,
    raise_if_stopped,
    retrying,
)
from sandbox.aws import World
from tests.support.seam import SimClock, manual


@pytest.fixture
def clock() -> SimClock:
    return SimClock(World())


def failing(*kinds: type[CallFailed]) -> Callable[[], int]:
    """A call that fails in these ways, and then answers how often it was made."""
    left = list(kinds)

    def call() -> int:
        if left:
            raise left.pop(0)("GetAlias", "Code", "message")
        return len(kinds) + 1

    return call


@pytest.mark.parametrize("kind", [Busy, Unanswered])
def test_what_may_succeed_later_is_repeated(clock: SimClock, kind: type[CallFailed]) -> None:
    assert retrying(clock, None)(failing(*[kind] * 5)) == 6
    # A quarter, a half, one, two, four seconds, and up to a quarter by chance on each.
    assert 7.75 <= clock.monotonic() <= 9.0


@pytest.mark.parametrize("kind", [Refused, RevisionMismatch, CredentialsExpired])
def test_what_was_refused_is_not(clock: SimClock, kind: type[CallFailed]) -> None:
    with pytest.raises(kind):
        retrying(clock, None)(failing(kind))
    assert clock.monotonic() == 0


def test_only_what_is_named_is_repeated(clock: SimClock) -> None:
    with pytest.raises(Unanswered):
        retrying(clock, None, repeat=Busy)(failing(Busy, Unanswered))


def test_after_its_time_the_last_failure_is_told(clock: SimClock) -> None:
    with pytest.raises(Busy):
        retrying(clock, None)(failing(*[Busy] * 1000))
    assert FORWARD_LIMIT <= clock.monotonic() < FORWARD_LIMIT + 6


def test_expired_credentials_do_not_come_back(clock: SimClock) -> None:
    expired = failing(*[CredentialsExpired] * 1000)
    with pytest.raises(CredentialsExpired):
        retrying(clock, None, 300, repeat=CredentialsExpired)(expired)
    assert EXPIRED_LIMIT <= clock.monotonic() < EXPIRED_LIMIT + 6


def test_stop_ends_a_pause(clock: SimClock) -> None:
    stop = Stop()
    calls: list[float] = []

    def call() -> None:
        calls.append(clock.monotonic())
        if len(calls) == 3:
            stop.request("cancelled")
        raise Busy("GetAlias", "Code", "message")

    with pytest.raises(Cancelled, match="cancelled"):
        retrying(clock, stop)(call)
    assert len(calls) == 3
    assert clock.monotonic() == calls[-1]


def test_without_a_stop_nothing_does(clock: SimClock) -> None:
    assert retrying(clock, None)(failing(Busy, Busy)) == 3


def test_heed() -> None:
    stop = Stop()
    raise_if_stopped(None)
    raise_if_stopped(stop)
    stop.request("cancelled (SIGINT)")
    with pytest.raises(Cancelled) as caught:
        raise_if_stopped(stop)
    assert caught.value.what == "cancelled (SIGINT)"


@pytest.mark.parametrize("kinds", [[Unreachable], [Unreachable, Busy]], ids=["alone", "by turns"])
def test_only_an_unbroken_silence_counts(kinds: list[type[Busy]]) -> None:
    world = World()
    tries = 0

    def call() -> None:
        nonlocal tries
        tries += 1
        raise kinds[tries % len(kinds)]("GetAlias", "Code", "")

    with pytest.raises(Busy):
        retrying(SimClock(world), None, unreachable=UNREACHABLE_LIMIT)(call)
    limit = UNREACHABLE_LIMIT if kinds == [Unreachable] else FORWARD_LIMIT
    assert limit <= manual(world).monotonic() < limit + 6
