"""The pace keeps close to a quota that it was never told, alone or beside others."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_rollout.aws.rate_limit import LEAST, RateLimit, RateLimits


@dataclass
class Bucket:
    """AWS's side: tokens at ``per_second``, at most ``burst`` of them, some of it used by others."""

    per_second: float
    burst: float
    tokens: float = 0.0
    at: float = 0.0

    def takes(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def until_done(
    rate_limit: RateLimit, bucket: Bucket, calls: int, hands: int, takes: float
) -> tuple[float, int]:
    """Make so many calls with so many hands; return the seconds it took, and how many were throttled."""
    free = [(0.0, hand) for hand in range(hands)]
    done = throttled = 0
    now = 0.0
    while done < calls:
        now, hand = heapq.heappop(free)
        away = rate_limit.turn(now)
        if away:
            heapq.heappush(free, (now + away, hand))
        elif bucket.takes(now):
            done += 1
            rate_limit.answered(now + takes)
            heapq.heappush(free, (now + takes, hand))
        else:
            throttled += 1
            rate_limit.throttled(now, now + takes)
            heapq.heappush(free, (now + takes, hand))
    return now, throttled


@given(
    per_second=st.floats(3.0, 100.0),
    burst=st.floats(5.0, 30.0),
    takes=st.floats(0.005, 0.05),
)
@settings(max_examples=50)
def test_it_uses_the_quota_that_there_is(per_second: float, burst: float, takes: float) -> None:
    calls = 300
    took, throttled = until_done(
        RateLimit(), Bucket(per_second, burst, tokens=burst), calls, 8, takes
    )
    assert took <= 1.2 * (calls - burst) / per_second + 2.0
    assert throttled <= 0.1 * calls + 30


def test_without_throttling_nobody_waits() -> None:
    rate_limit = RateLimit()
    for moment in range(100):
        assert rate_limit.turn(moment / 100) == 0
        rate_limit.answered(moment / 100)


def test_threads_take_turns_one_after_the_other() -> None:
    rate_limit = RateLimit()
    for moment in range(10):
        rate_limit.answered(moment / 10)
    rate_limit.throttled(sent=1.0, now=1.0)
    away = rate_limit.turn(1.0)
    assert away > 0
    assert rate_limit.turn(1.0 + away) == 0
    assert rate_limit.turn(1.0 + away) == pytest.approx(away)


def test_calls_that_were_on_their_way_slow_it_down_once() -> None:
    one, many = RateLimit(), RateLimit()
    for rate_limit, late in ((one, 0), (many, 7)):
        for moment in range(10):
            rate_limit.answered(moment / 10)
        rate_limit.throttled(sent=0.95, now=1.0)
        for _ in range(late):
            rate_limit.throttled(sent=0.96, now=1.0)
    assert one.turn(1.0) == many.turn(1.0)


def test_it_never_stops_trying() -> None:
    rate_limit = RateLimit()
    for moment in range(100):
        rate_limit.throttled(sent=float(moment), now=float(moment))
    assert rate_limit.turn(99.0) == pytest.approx(1.0 / LEAST)


def test_each_quota_has_a_rate_of_its_own() -> None:
    rate_limits = RateLimits()
    rate_limits.of("GetPolicy").throttled(0.0, 0.1)
    assert rate_limits.of("GetPolicy").turn(0.1) > 0
    for free in ("GetFunction", "GetAlias"):
        assert rate_limits.of(free).turn(0.1) == 0
    rate_limits.of("GetAlias").throttled(0.2, 0.3)
    assert rate_limits.of("UpdateAlias").turn(0.3) > 0, "what has none of its own shares one"
    assert rate_limits.of("GetFunction").turn(0.3) == 0


def test_a_quota_that_is_known_is_kept_to_from_the_first_call() -> None:
    rate_limit = RateLimits(at_most=5.0).of("FilterLogEvents")
    assert rate_limit.turn(0.0) == 0
    for answered in range(50):
        rate_limit.answered(answered / 1000)
    assert rate_limit.turn(0.05) == pytest.approx(0.15), "no answer makes it faster than that"
    assert rate_limit.turn(0.2) == 0
    assert rate_limit.turn(0.2) == pytest.approx(0.2), "nor the next one"
