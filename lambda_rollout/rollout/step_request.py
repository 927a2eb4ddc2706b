"""A request to go on (``mode: promote``) while a step is watched: the step ends early, or the request is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from lambda_rollout.rollout.alias_poll import AliasPoll
from lambda_rollout.rollout.events import Event, RequestRefused, RequestSeen

TAKEN_BACK = "it was withdrawn before it could be answered"


class StepRequest:
    """One step's requests. Moments are monotonic seconds."""

    def __init__(self, aliases: AliasPoll, emit: Callable[[Event], None], number: int) -> None:
        """Nobody has asked in this step yet."""
        self._aliases = aliases
        self._emit = emit
        self._number = number
        self.planned_end: float | None = None
        """When the step was to end that is ending on request; None while nobody asks."""

    @property
    def ends_step(self) -> bool:
        """Whether the step is ending on request."""
        return self.planned_end is not None

    @property
    def is_new(self) -> bool:
        """Whether there is one that the step does not end by yet."""
        return self.planned_end is None and bool(self._aliases.asked)

    @property
    def was_taken_back(self) -> bool:
        """Whether the one that the step is ending by is not there any more."""
        return self.planned_end is not None and not self._aliases.asked

    def begin(self, end: float, now: float) -> None:
        """Let the step end by it ``now``, in place of its planned ``end``."""
        self.planned_end = end
        target = self._aliases.asked[0].target
        saved = timedelta(seconds=max(0.0, end - now))
        self._emit(RequestSeen(number=self._number, target=target, saved=saved))

    def refuse(self, why: str) -> float:
        """Let the step go on, and have the request taken off its record; return when the step was to end."""
        if self.planned_end is None:
            raise ValueError("nobody has asked")
        end, self.planned_end = self.planned_end, None
        self._aliases.refuse_requests()
        self._emit(RequestRefused(number=self._number, why=why))
        return end
