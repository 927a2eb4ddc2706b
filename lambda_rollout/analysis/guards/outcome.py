"""The three things that can be said of a guard."""

from enum import StrEnum


class Outcome(StrEnum):
    """What the numbers say of a guard. After argoproj/argo-rollouts, the third one never promotes."""

    HOLDS = "holds"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"

    @property
    def words(self) -> str:
        """What is said of a guard: it holds, is broken, cannot be judged yet."""
        return {
            Outcome.HOLDS: "holds",
            Outcome.BROKEN: "is broken",
            Outcome.INCONCLUSIVE: "cannot be judged yet",
        }[self]
