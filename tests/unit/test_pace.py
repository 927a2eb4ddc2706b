"""The pace keeps close to a quota that it was never told, alone or beside others."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_rollout.aws.rate_limit import LEAST, Pace


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
    pace: Pace, bucket: Bucket, calls: int, hands: int, takes: float
) -> tuple[float, int]:
    """Make so many calls with so many hands; return the seconds it took, and how many were throttled."""
    free = [(0.0, hand) for hand in range(hands)]
    done = throttled = 0
    now = 0.0
    while done < calls:
        now, hand = heapq.heappop(free)
        away = pace.turn(now)
        if away:
            heapq.heappush(free, (now + away, hand))
        elif bucket.takes(now):
            done += 1
            pace.answered(now + takes)
            heapq.heappush(free, (now + takes, hand))
        else:
            throttled += 1
            pace.throttled(now, now + takes)
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
    took, throttled = until_done(Pace(), Bucket(per_second, burst, tokens=burst), calls, 8, takes)
    assert took <= 1.2 * (calls - burst) / per_second + 2.0
    assert throttled <= 0.1 * calls + 30


def test_without_throttling_nobody_waits() -> None:
    pace = Pace()
    for moment in range(100):
        assert pace.turn(moment / 100) == 0
        pace.answered(moment / 100)


def test_threads_take_turns_one_after_the_other() -> None:
    pace = Pace()
    for moment in range(10):
        pace.answered(moment / 10)
    pace.throttled(sent=1.0, now=1.0)
    away = pace.turn(1.0)
    assert away > 0
    assert pace.turn(1.0 + away) == 0
    assert pace.turn(1.0 + away) == pytest.approx(away)


def test_calls_that_were_on_their_way_slow_it_down_once() -> None:
    one, many = Pace(), Pace()
    for pace, late in ((one, 0), (many, 7)):
        for moment in range(10):
            pace.answered(moment / 10)
        pace.throttled(sent=0.95, now=1.0)
        for _ in range(late):
            pace.throttled(sent=0.96, now=1.0)
    assert one.turn(1.0) == many.turn(1.0)


def test_it_never_stops_trying() -> None:
    pace = Pace()
    for moment in range(100):
        pace.throttled(sent=float(moment), now=float(moment))
    assert pace.turn(99.0) == pytest.approx(1.0 / LEAST)
