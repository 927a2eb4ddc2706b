"""How fast to call AWS, learnt from its answers: no limit until it throttles, then as fast as it lets us.

Lambda's control plane takes 15 calls a second for the whole account and Region, GetFunction 100 and GetPolicy 15 of
their own (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html), but each of these is shared with
everybody who deploys, and some can be raised: so no number of ours stands for them. A rate creeps up with every answer
and drops with a throttled call, as TCP's does. Pure but for its locks: time comes in.
"""

from __future__ import annotations

import threading
from collections import deque

SHORTEST, LONGEST = 0.25, 1.0
"""Seconds over which answers are counted when AWS throttles for the first time. Too fast is corrected with a few
throttled calls, too slow only with time."""

SLOWER = 0.9
"""Times the rate, with every throttled call."""

FASTER = 0.999
"""Times the gap between two calls with the first answer after a throttled call, times its square with the
second, and so on: some fifteen answers make up for one, and a rate that is far too low does not last."""

LEAST = 1.0
"""Calls a second, however hard AWS throttles: a rollback must go on trying."""


class RateLimit:
    """The turns of all threads that call one quota. Moments are monotonic seconds."""

    def __init__(self, at_most: float | None = None) -> None:
        """Nothing is known of the quota yet, so everybody's turn comes at once; ``at_most`` is calls a second."""
        self._lock = threading.Lock()
        self._least_gap = 1.0 / at_most if at_most else 0.0
        self._gap = self._least_gap
        self._next_at = float("-inf")
        self._slowed_at = float("-inf")
        self._answers: deque[float] = deque()
        self._in_a_row = 0

    def turn(self, now: float) -> float:
        """Take a turn now, and return 0; or return after how many seconds to ask again.

        Nobody queues: a turn promised before AWS throttled would come too early after it.
        """
        with self._lock:
            if now < self._next_at:
                return self._next_at - now
            self._next_at = now + self._gap
            return 0.0

    def answered(self, now: float) -> None:
        """Take note that a call was not throttled."""
        with self._lock:
            self._answers.append(now)
            self._forget(now)
            self._in_a_row += 1
            self._gap = max(self._least_gap, self._gap * FASTER**self._in_a_row)

    def throttled(self, sent: float, now: float) -> None:
        """Take note that the call sent at ``sent`` was throttled, and call more slowly from now on.

        Calls that were on their way already when it was last slowed down say nothing new.
        """
        with self._lock:
            if sent < self._slowed_at:
                return
            self._gap = min((self._gap or self._seen(now)) / SLOWER, 1.0 / LEAST)
            self._in_a_row = 0
            self._slowed_at = now
            self._next_at = now + self._gap

    def _seen(self, now: float) -> float:
        """Return the gap between two answers so far."""
        self._forget(now)
        if not self._answers:
            return 1.0 / LEAST
        span = min(max(now - self._answers[0], SHORTEST), LONGEST)
        return span / len(self._answers)

    def _forget(self, now: float) -> None:
        while self._answers and self._answers[0] <= now - LONGEST:
            self._answers.popleft()


OWN_QUOTA = frozenset({"GetFunction", "GetPolicy"})
"""Operations of Lambda's that are not counted with the others, but each for itself."""


class RateLimits:
    """The rate of each of a service's quotas, by operation."""

    def __init__(self, at_most: float | None = None) -> None:
        """Nothing is known of any of them yet; ``at_most`` is calls a second of the one that most calls share."""
        self._shared = RateLimit(at_most)
        self._own = {operation: RateLimit() for operation in OWN_QUOTA}

    def of(self, operation: str) -> RateLimit:
        """Return that of the quota that calls of ``operation`` use up."""
        return self._own.get(operation, self._shared)
