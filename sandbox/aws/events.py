"""What invokes functions by itself: alarms, on a transition, and schedules.

Both are asynchronous: at least once, in no order, and a failed invocation is made again twice, after one and after
two minutes, before it goes to the dead letter queue.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html (the event),
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html (the repetitions). How late an event
may come, and how often twice, no page says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock, ManualClock

Event = Mapping[str, Any]
Program = Callable[[Event], None]
"""A function that runs outside of the sandbox; it raises if the invocation fails."""

AGAIN_AFTER = (60.0, 120.0)
"""Seconds from a failed invocation to the next one."""


@dataclass(frozen=True)
class Dead:
    """An event that could not be handled: what a dead letter queue gets."""

    function: str
    event: Event
    error: str


class Deliveries:
    """The events of one account on their way to functions.

    programs: what runs a function, by its ARN. delays: how many seconds after its cause each event arrives; several
    are so many deliveries of the same. dead: what failed three times.
    """

    def __init__(self, clock: Clock, lock: threading.RLock) -> None:
        self.programs: dict[str, Program] = {}
        self.delays: Sequence[float] = (0.0,)
        self.dead: list[Dead] = []
        self._clock = clock
        self._lock = lock

    def send(self, function: str, event: Event) -> None:
        """Let an event arrive, as often and as late as `delays` says. A function that is not there hears nothing."""
        for delay in self.delays:
            self._later(delay, lambda: self._invoke(function, event, AGAIN_AFTER))

    def every(self, seconds: float, function: str) -> None:
        """Invoke a function on a schedule, from then on for ever."""

        def tick() -> None:
            self.send(function, scheduled(self._clock.now()))
            self._later(seconds, tick)

        self._later(seconds, tick)

    def _invoke(self, function: str, event: Event, again: Sequence[float]) -> None:
        program = self.programs.get(function)
        if program is None:
            return
        if isinstance(self._clock, ManualClock):
            self._run(program, function, event, again)
        else:
            # It calls the account, which is locked as long as this one is in its timeline.
            arguments = (program, function, event, again)
            threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _run(self, program: Program, function: str, event: Event, again: Sequence[float]) -> None:
        try:
            program(event)
        except Exception as error:  # noqa: BLE001  whatever it is, the invocation failed
            if not again:
                self.dead.append(Dead(function, event, f"{type(error).__name__}: {error}"))
                return
            self._later(again[0], lambda: self._invoke(function, event, again[1:]))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        with self._lock:
            self._clock.schedule(self._clock.now() + timedelta(seconds=seconds), act)


def scheduled(now: datetime) -> Event:
    """What EventBridge sends on a schedule."""
    return {
        "version": "0",
        "source": "aws.events",
        "detail-type": "Scheduled Event",
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "detail": {},
    }
