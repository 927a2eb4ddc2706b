"""When the versions' own numbers are read, and what is told of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from lambda_rollout.rollout.events import Event, MetricsRead, Unreadable, Warned
from lambda_rollout.rollout.metrics import RolloutMetrics
from lambda_rollout.runtime.background import Background, pending
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import CallFailed
from lambda_rollout.runtime.retry import raise_if_stopped

RETRY_EVERY = 15.0
"""Seconds until metrics are asked for again after a read that failed."""


AFTER_END_LIMIT = 4.0
"""Seconds that a verdict waits for numbers when the aliases are back."""


class MetricsPoll:
    """Reads the numbers when another minute of them can be there, and tells what came in."""

    def __init__(
        self, clock: Clock, stop: Stop, emit: Callable[[Event], None], metrics: RolloutMetrics
    ) -> None:
        """Nothing is read yet."""
        self._clock = clock
        self._stop = stop
        self._emit = emit
        self._metrics = metrics
        self._tried_at = -math.inf

    @property
    def next_at(self) -> float:
        """When to read next, in monotonic seconds; infinite if nothing is read."""
        due = self._clock.monotonic() + self._metrics.next_due()
        return max(due, self._tried_at + RETRY_EVERY)

    def read_if_due(self, step: int) -> None:
        """Read them if it is time, one try; a failed read is told once. Raises `Cancelled` on stop."""
        now = self._clock.monotonic()
        if not self._metrics.due or now < self._tried_at + RETRY_EVERY:
            return
        raise_if_stopped(self._stop)
        first = self._tried_at == -math.inf or not self._metrics.trouble
        self._tried_at = now
        try:
            news = self._metrics.read()
        except CallFailed as error:
            if first:
                self._emit(Unreadable(what="metrics", why=str(error)))
            return
        self._emit(MetricsRead(number=step, comparisons=news))

    def read_after_end(self, background: Callable[[], Background]) -> None:
        """Read what there is once every alias is back, for the verdict; one try, and no longer than a few seconds.

        Nothing is read in a cancelled job, and a read that fails is not told: nothing depends on it any more.
        """
        if self._stop.requested or not self._metrics.has_minutes:
            return
        read = partial(self._metrics.read, at_end=True)
        with pending(background(), self._stop, read) as answer, suppress(CallFailed):
            answer.wait(self._clock, AFTER_END_LIMIT)
            if answer.done:
                news = answer.result()
                self._emit(MetricsRead(number=self._metrics.number, comparisons=news))

    def read_at_last(self) -> None:
        """Read what has come in by the very end, even if a try has just failed, and tell what is not seen.

        That is for which steps there is no evidence of traffic.
        """
        self._tried_at = -math.inf
        self.read_if_due(self._metrics.number)
        if gaps := list(self._metrics.gaps()):
            text = f"Passed without evidence of traffic on the new version: {'; '.join(gaps)}."
            self._emit(Warned(text=text))
