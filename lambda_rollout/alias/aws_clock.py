"""AWS's clock, by the ``Date`` headers of its answers, for as long as they can be believed.

A lease on an alias is judged by runs on other machines, so it counts by a clock that all of them see. A `Date` is not
that in itself: something between us and AWS may leave it out, make it up, or answer from a cache. It is believed if
two answers in a row agree on the time that passed between them, and if the runner's clock is near: AWS accepts no
signature that is further away (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html),
so then it is not AWS's clock. Otherwise the runner's clock has to do, and no other run's lease is judged by it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_rollout.alias.record import LEASE, LEASE_IN_DOUBT
from lambda_rollout.runtime.clock import Clock

AGREE = timedelta(seconds=30)
"""How far two answers may disagree: a `Date` has whole seconds, and answers take their time."""

NEAR = timedelta(minutes=5)
"""How far AWS's clock and the runner's may be apart: that is as much as a signature allows."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an answer said, and this machine's clocks when it came."""

    date: datetime
    monotonic: float
    runner: datetime

    def passed(self, monotonic: float, runner: datetime) -> timedelta:
        """How much time has passed since.

        A suspended machine's monotonic clock stands still, and its wall clock does not once it is set again.
        """
        measured = timedelta(seconds=monotonic - self.monotonic)
        shown = runner - self.runner
        return shown if shown - measured > AGREE else measured


def agree(first: Heard, second: Heard) -> bool:
    """Whether as much time has passed for AWS between two answers as for this machine, by either of its clocks."""
    for_aws = second.date - first.date
    measured = timedelta(seconds=second.monotonic - first.monotonic)
    return any(
        abs(for_aws - passed) <= AGREE for passed in (measured, second.runner - first.runner)
    )


def doubt(first: Heard | None, second: Heard | None) -> str:
    """Say why the newest two answers do not tell the time; empty if they do."""
    if second is None:
        return "no answer from AWS had a readable `Date` header"
    if abs(second.date - second.runner) > NEAR:
        said = f"an answer from AWS said {second.date:%Y-%m-%d %H:%M:%S} UTC"
        return f"{said} when this runner's clock said {second.runner:%Y-%m-%d %H:%M:%S}"
    if first is None:
        return "only one answer from AWS had a readable `Date` header"
    return "" if agree(first, second) else "two answers from AWS contradict each other"


class AwsClock:
    """One process's knowledge of AWS's time, fed by all of its answers. May be used from several threads."""

    def __init__(self, clock: Clock) -> None:
        """Nothing was heard yet; ``clock`` is this machine's."""
        self._clock = clock
        self._heard: tuple[Heard | None, Heard | None] = (None, None)
        self._told = False
        self._lock = threading.Lock()

    def hear(self, date: datetime | None) -> None:
        """Take note of an answer that just came; None if it had no `Date`."""
        if date is not None:
            heard = Heard(date, self._clock.monotonic(), self._clock.now())
            with self._lock:
                self._heard = (self._heard[1], heard)

    @property
    def believed(self) -> bool:
        """Whether `now` is AWS's time."""
        return not doubt(*self._heard)

    def now(self) -> datetime:
        """AWS's time if it is believed, or else the runner's."""
        heard = self._heard
        runner = self._clock.now()
        if heard[1] is None or doubt(*heard):
            return runner
        return heard[1].date + heard[1].passed(self._clock.monotonic(), runner)

    def lease_end(self) -> datetime:
        """Until when a record that is written now speaks for its writer. In doubt it is made longer, to be safe."""
        return self.now() + (LEASE if self.believed else LEASE_IN_DOUBT)

    def untold_doubt(self) -> str:
        """Return why it is not believed, for the first who asks; empty afterwards, or if it is believed."""
        with self._lock:
            why = "" if self._told else doubt(*self._heard)
            self._told = self._told or bool(why)
        return why
