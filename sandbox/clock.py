"""The time of the sandbox: a timeline, and who moves along it.

Whatever happens by itself in the sandbox (a version becomes Active, an alarm is
evaluated, traffic arrives, an effect lands late) stands on one timeline and is run in
the order of time. With a `ManualClock` time moves only when told, so an hour takes
milliseconds; with a `RealClock` whoever serves requests calls `run_due`.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Action = Callable[[], None]

# Seconds between two looks at a real clock's timeline.
TICK = 0.05

START = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)


def to_milliseconds(at: datetime) -> datetime:
    """`at` as AWS stores it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Timeline:
    """Actions and when they are due; those of the same instant keep their order."""

    def __init__(self) -> None:
        self._due: list[tuple[datetime, int, Action]] = []
        self._order = itertools.count()

    def schedule(self, at: datetime, action: Action) -> None:
        """Run `action` once at `at` (aware), or at the next look if that is past."""
        heapq.heappush(self._due, (at, next(self._order), action))

    def take(self, until: datetime) -> tuple[datetime, Action] | None:
        """Remove and return the earliest action due at or before `until`."""
        if not self._due or self._due[0][0] > until:
            return None
        at, _, action = heapq.heappop(self._due)
        return at, action


class ManualClock:
    """A clock that stands still until it is told to advance."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._now = start
        self._timeline = Timeline()

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._now - self._start).total_seconds()

    def schedule(self, at: datetime, action: Action) -> None:
        """Run `action` when the clock reaches `at`."""
        self._timeline.schedule(at, action)

    def advance(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Move on by `seconds`, running everything due at its own instant.

        `until` is asked after each action; once it is true time stops right there, as a
        wait does that is interrupted. An action may itself advance the clock; time never
        goes back.
        """
        end = self._now + timedelta(seconds=seconds)
        while due := self._timeline.take(end):
            at, action = due
            self._now = max(self._now, at)
            action()
            if until is not None and until():
                return
        self._now = max(self._now, end)

    def run_due(self) -> None:
        """Run what is due now, without moving on."""
        self.advance(0)


class RealClock:
    """The machine's clock; `run_due` must be called by whoever keeps the world going."""

    def __init__(self) -> None:
        self._timeline = Timeline()

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds, from an arbitrary start."""
        return time.monotonic()

    def schedule(self, at: datetime, action: Action) -> None:
        """Run `action` at the first `run_due` at or after `at`."""
        self._timeline.schedule(at, action)

    def advance(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Wait for `seconds`, running what comes due, or until `until` is true."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not (until is not None and until()):
            self.run_due()
            time.sleep(min(left, TICK))

    def run_due(self) -> None:
        """Run everything whose time has come, in time order."""
        while due := self._timeline.take(self.now()):
            due[1]()


Clock = ManualClock | RealClock
