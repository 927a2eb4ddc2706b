"""How fast to call AWS, learnt from its answers: no limit until it throttles, then as fast as it lets us.

Lambda's control plane takes 15 calls a second for the whole account and Region
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), but that is shared with everybody
who deploys, and can be raised: so no number of ours stands for it. Additive increase, multiplicative
decrease, as TCP does it, from what was really answered in the last second. Pure but for its lock: time comes in.
"""

from __future__ import annotations

import threading
from collections import deque

WINDOW = 1.0
"""Seconds over which answers are counted when AWS throttles."""

SLOWER = 0.9
"""Of the rate that was answered. A little less, so that what others use up is not fought over."""

FASTER = 0.995
"""Of the gap between two calls, with every answer: at 15 calls a second it takes two seconds to try 15% more."""

LEAST = 1.0
"""Calls a second, however hard AWS throttles: a rollback must go on trying."""


class Pace:
    """The turns of all threads that call one quota. Moments are monotonic seconds."""

    def __init__(self) -> None:
        """Nothing is known of the quota yet, so every turn comes at once."""
        self._lock = threading.Lock()
        self._gap = 0.0
        self._next_at = float("-inf")
        self._slowed_at = float("-inf")
        self._answers: deque[float] = deque()

    def turn(self, now: float) -> float:
        """Take the next turn; return how many seconds it is away."""
        with self._lock:
            at = max(now, self._next_at)
            self._next_at = at + self._gap
            return at - now

    def answered(self, now: float) -> None:
        """Take note that a call was not throttled."""
        with self._lock:
            self._answers.append(now)
            self._forget(now)
            self._gap *= FASTER

    def throttled(self, sent: float, now: float) -> None:
        """Take note that the call sent at ``sent`` was throttled, and call more slowly from now on.

        Calls that were on their way already when it was last slowed down say nothing new.
        """
        with self._lock:
            if sent < self._slowed_at:
                return
            self._forget(now)
            self._gap = 1.0 / max(LEAST, SLOWER * len(self._answers) / WINDOW)
            self._slowed_at = now
            self._next_at = now + self._gap

    def _forget(self, now: float) -> None:
        while self._answers and self._answers[0] <= now - WINDOW:
            self._answers.popleft()
