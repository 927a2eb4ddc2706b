"""What invokes functions by itself: alarms, on a transition, and schedules.

Both are asynchronous: at least once, in no order, and a failed invocation is made again twice, after one and after
two minutes, before it goes to the dead letter queue. One that finds all of a function's reserved concurrency in use is
throttled, and made again for up to six hours; of a function for which none at all is reserved, each goes to the queue
at once.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html (the event),
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html (the repetitions),
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html (none reserved). How late an event may
come, and how often twice, no page says.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock, ManualClock

Event = Mapping[str, Any]
Program = Callable[[Event], None]
"""A function that runs outside of the sandbox; it raises if the invocation fails."""

AGAIN_AFTER = (60.0, 120.0)
"""Seconds from a failed invocation to the next one."""

THROTTLED_LIMIT = timedelta(hours=6)
LONGEST_PAUSE = 300.0
"""A throttled invocation is made again after one second, then after twice as long each time, up to so many seconds."""


@dataclass(frozen=True)
class Dead:
    """An event that could not be handled: what a dead letter queue gets."""

    function: str
    event: Event
    error: str


@dataclass(frozen=True)
class _Invocation:
    """One try of an event. again: the pauses before the next ones. throttled: how often it was, since then."""

    function: str
    event: Event
    again: Sequence[float]
    since: datetime
    throttled: int = 0


class Deliveries:
    """The events of one account on their way to functions.

    programs: what runs a function, by its ARN. delays: how many seconds after its cause each event arrives; several
    are so many deliveries of the same. dead: what failed three times, or was throttled for too long. throttled: how
    often an invocation was.
    """

    def __init__(
        self,
        clock: Clock,
        lock: threading.RLock,
        reserved: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        """``reserved`` tells a function's reserved concurrency by its ARN, None if it has none of its own."""
        self.programs: dict[str, Program] = {}
        self.delays: Sequence[float] = (0.0,)
        self.dead: list[Dead] = []
        self.throttled = 0
        self._running: Counter[str] = Counter()
        self._reserved = reserved
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
        self._try(_Invocation(function, event, again, self._clock.now()))

    def _try(self, invocation: _Invocation) -> None:
        function = invocation.function
        program = self.programs.get(function)
        if program is None:
            return
        with self._lock:
            limit = self._reserved(function)
            if limit is not None and self._running[function] >= limit:
                self._throttle(invocation, limit)
                return
            self._running[function] += 1
        if isinstance(self._clock, ManualClock):
            self._run(program, invocation)
        else:
            # It calls the account, which is locked as long as this one is in its timeline.
            threading.Thread(target=self._run, args=(program, invocation), daemon=True).start()

    def _throttle(self, invocation: _Invocation, limit: int) -> None:
        self.throttled += 1
        if limit == 0 or self._clock.now() - invocation.since >= THROTTLED_LIMIT:
            self.dead.append(Dead(invocation.function, invocation.event, "Rate Exceeded."))
            return
        next_one = replace(invocation, throttled=invocation.throttled + 1)
        pause = min(2.0**invocation.throttled, LONGEST_PAUSE)
        self._later(pause, lambda: self._try(next_one))

    def _run(self, program: Program, invocation: _Invocation) -> None:
        function, event, again = invocation.function, invocation.event, invocation.again
        try:
            program(event)
        except Exception as error:  # noqa: BLE001  whatever it is, the invocation failed
            if not again:
                self.dead.append(Dead(function, event, f"{type(error).__name__}: {error}"))
                return
            self._later(again[0], lambda: self._invoke(function, event, again[1:]))
        finally:
            with self._lock:
                self._running[function] -= 1

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
