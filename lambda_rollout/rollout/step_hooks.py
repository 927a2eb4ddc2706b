"""The hooks that a step asks at its end, beside the watch that goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from lambda_rollout.rollout.analysis_failed import AnalysisFailed
from lambda_rollout.rollout.hooks import HookRun
from lambda_rollout.runtime.clock import Clock, Stop

Asks = Callable[[float], HookRun]
"""Makes the hooks of a stage, which are to have said yes at this moment (monotonic seconds)."""


class StepHooks:
    """Asked once all else is shown, and looked at from then on. Nothing here blocks but `wait`."""

    def __init__(self, clock: Clock, stop: Stop, asks: Asks | None) -> None:
        """Ask nobody yet; ``asks`` makes the hooks, None for none."""
        self._clock, self._stop = clock, stop
        self._asks = asks
        self._run: HookRun | None = None

    @property
    def are_asked(self) -> bool:
        """Whether their word is still to come."""
        return self._run is not None and not self._run.passed

    @property
    def passed(self) -> bool:
        """Whether they have said yes; so they have if there are none."""
        return self._asks is None or (self._run is not None and self._run.passed)

    def ask(self, last_end: float) -> None:
        """Begin to ask them, if that was not done yet: they are to have said yes at ``last_end``."""
        if self._run is None and self._asks is not None:
            self._run = self._asks(last_end)

    def advance(self) -> bool:
        """See what they say; whether all have just said yes. Raises `AnalysisFailed` if one says no."""
        if self._run is None or self._run.passed:
            return False
        passed = self._run.advance()
        if self._run.failed:
            raise AnalysisFailed(self._run.failed)
        return passed

    def next_at(self, otherwise: float) -> float:
        """When there is something to do if no answer comes before, in monotonic seconds; ``otherwise`` if not asked."""
        return self._run.next_at if self._run is not None and self.are_asked else otherwise

    def wait(self, seconds: float) -> None:
        """Wait for an answer, at most so long, and no longer than until stop."""
        if self._run is not None and self.are_asked:
            self._run.wait(seconds)
        else:
            self._clock.wait(seconds, self._stop)

    def abandon(self) -> None:
        """Look at no answer any more."""
        if self._run is not None:
            self._run.abandon()
