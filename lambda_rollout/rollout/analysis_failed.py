"""What ends a watch with a rollback."""

from __future__ import annotations

from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.runtime.errors import CallFailed, CredentialsExpired, RolloutError


class AnalysisFailed(RolloutError):
    """The watch found a reason to roll back."""

    def __init__(
        self, reason: str, alarms: tuple[AlarmReading, ...] = (), remedy: str = ""
    ) -> None:
        """``reason`` is one line; ``alarms`` are those that caused it, ``remedy`` what to do next."""
        super().__init__(reason, remedy)
        self.alarms = alarms


def give_up_if_expired(error: CallFailed) -> None:
    """End the watch, on the second failure in a row: nothing guards it, and the environment's never come back."""
    if isinstance(error, CredentialsExpired):
        raise AnalysisFailed(f"the AWS credentials have expired ({error.operation}: {error.code})")
