"""How the small GitHub misbehaves on demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What becomes of the connection."""

    ANSWER = "answer"
    """It answers with the fault's status and does nothing."""
    LOSE = "lose"
    """It does what was asked, then drops the connection before answering."""
    RESET = "reset"
    """It does nothing and resets the connection."""
    DELAY = "delay"
    """It does what was asked and answers after ``seconds``."""
    FAIL_LATE = "fail-late"
    """It does what was asked and answers with the fault's status."""


@dataclass(slots=True)
class Fault:
    """Applies to the next ``times`` requests of ``verb`` whose path holds ``part``; empty matches all."""

    effect: Effect = Effect.ANSWER
    verb: str = ""
    part: str = ""
    times: int = 1_000_000
    after: int = 0
    """How many matching requests are let through before it begins."""
    status: int = 500
    message: str = "Server Error"
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def matches(self, verb: str, path: str) -> bool:
        """Whether it is about this request."""
        return self.times > 0 and self.verb in ("", verb) and self.part in path


class Faults:
    """The faults in force, the first that matches counts."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Put faults in force."""
        self._faults.extend(faults)

    def add_described(self, described: Mapping[str, Any]) -> None:
        """Put in force what JSON describes with the fields of `Fault`."""
        self.add(Fault(**{**described, "effect": Effect(described.get("effect", "answer"))}))

    def clear(self) -> None:
        """Be well again."""
        self._faults.clear()

    def take(self, verb: str, path: str) -> Fault | None:
        """Return what befalls this request."""
        for fault in self._faults:
            if not fault.matches(verb, path):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            return fault
        return None


def secondary_limit(seconds: int, times: int = 1) -> Fault:
    """What too many writes in a minute get."""
    return Fault(
        verb="PATCH",
        times=times,
        status=403,
        message="You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        headers={"Retry-After": str(seconds)},
    )
