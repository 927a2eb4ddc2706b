"""A sign of life, once a minute while a step is watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.rollout.events import Event, Heartbeat
from lambda_rollout.runtime.clock import Clock

BEAT_EVERY = 60.0


class Heartbeats:
    """Says where a rollout is, a minute after it last said so, or after the step began."""

    def __init__(self, clock: Clock, emit: Callable[[Event], None]) -> None:
        """The first minute begins now."""
        self._clock = clock
        self._emit = emit
        self._beat_at = clock.monotonic()

    def begin_step(self) -> None:
        """Count the minute from now: that a step began is told by itself."""
        self._beat_at = self._clock.monotonic()

    @property
    def next_at(self) -> float:
        """When the next one is due, in monotonic seconds."""
        return self._beat_at + BEAT_EVERY

    def beat(
        self,
        number: int,
        percent: Decimal,
        left: timedelta,
        left_after: timedelta,
        readings: Sequence[AlarmReading],
    ) -> None:
        """Emit a `Heartbeat` if it is time; ``left`` is what is left of the step, ``left_after`` of those after it."""
        now = self._clock.monotonic()
        if now < self.next_at:
            return
        self._beat_at = now
        states = [reading.state for reading in readings]
        self._emit(
            Heartbeat(
                number=number,
                percent=percent,
                step_left=left,
                all_left=left + left_after,
                states=tuple(
                    (state, states.count(state)) for state in AlarmState if state in states
                ),
            )
        )
