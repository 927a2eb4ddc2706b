"""The clock of one process of the simulation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_rollout.runtime.clock import Stop
from tests.simulation.scheduler import TurnClock


@dataclass
class OwnClock:
    """`lambda_rollout.runtime.clock.Clock` of one process: the world's time, as its machine shows it."""

    clock: TurnClock
    skew: timedelta
    stood_still: float = 0.0
    """Seconds that the machine was suspended: its monotonic clock did not go on meanwhile."""

    def now(self) -> datetime:
        return self.clock.now() + self.skew

    def monotonic(self) -> float:
        return self.clock.monotonic() - self.stood_still

    def wait(self, seconds: float, stop: Stop | None) -> None:
        # No wait takes no time at all: whoever waits in a circle must get older by it.
        if stop is None:
            self.clock.advance(max(seconds, 0.0) + 1e-5)
        elif stop.requested:
            self.clock.advance(0.02)
        else:
            self.clock.advance(max(seconds, 0.0) + 1e-5, lambda: stop.requested)
