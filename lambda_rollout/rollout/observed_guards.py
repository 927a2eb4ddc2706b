"""Guards that are only observed: told, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import GuardVerdict
from lambda_rollout.rollout.events import Event, GuardObserved


class ObservedGuards:
    """Tells of a guard that is broken as soon as that is known, and of each guard at the end of a step."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        """Nothing was told yet."""
        self._emit = emit
        self._told_broken: set[tuple[str, Target]] = set()

    def tell_broken(self, verdicts: Iterable[GuardVerdict], number: int) -> None:
        """Tell of those that are broken, each once in a rollout; ``number`` is that of the step."""
        for verdict in self._untold(verdicts):
            if verdict.outcome is Outcome.BROKEN:
                self._told_broken.add((str(verdict.guard), verdict.target))
                self._tell(verdict, number)

    def tell_all(self, verdicts: Iterable[GuardVerdict], number: int) -> None:
        """Tell of all at the end of a step; of one that was told to be broken no more."""
        for verdict in self._untold(verdicts):
            self._tell(verdict, number)

    def _untold(self, verdicts: Iterable[GuardVerdict]) -> list[GuardVerdict]:
        return [
            each
            for each in verdicts
            if each.guard.observe_only and (str(each.guard), each.target) not in self._told_broken
        ]

    def _tell(self, verdict: GuardVerdict, number: int) -> None:
        self._emit(
            GuardObserved(
                number=number,
                guard=str(verdict.guard),
                target=verdict.target,
                outcome=verdict.outcome,
                why=verdict.why,
            )
        )
