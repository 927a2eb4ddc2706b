"""What one rule finds in one target's numbers, and the words for it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lambda_rollout.analysis.guards.rates import Limit
from lambda_rollout.inputs.guards import Absolute, BaselinePlus, BaselineTimes, Guard

_ANYTHING_RARER = 1_000_000


@dataclass(frozen=True, slots=True)
class GuardPassed:
    """The numbers are within the bound, and there were enough of them."""

    why: str
    shown: bool = False
    """Whether they prove the guard itself, margin and all, and not only that the version is not plainly worse."""


@dataclass(frozen=True, slots=True)
class GuardFailed:
    """They are over it, and not by chance."""

    why: str


@dataclass(frozen=True, slots=True)
class GuardInconclusive:
    """They do not tell."""

    why: str


GuardResult = GuardPassed | GuardFailed | GuardInconclusive


def limit_of(guard: Guard) -> Limit:
    """Return a baseline guard's bound in the unit of the numbers: rates from 0 to 1, values as they are."""
    match guard.bound:
        case BaselinePlus(margin):
            unit = 100 if guard.is_rate else 1
            return Limit(margin=float(margin / unit))
        case BaselineTimes(factor):
            return Limit(factor=float(factor))
        case Absolute():
            raise ValueError(f"{guard} has no baseline")


def as_rate(failed: int, total: int, noun: str = "invocations") -> str:
    """Return ``2.57% (31 of 1,204)``, or ``no invocations``."""
    if not total:
        return f"no {noun}"
    return f"{100 * failed / total:.3g}% ({failed:,} of {total:,})"


def as_odds(log_e_value: float) -> str:
    """Return how probable such numbers are at most while the new version is within its bound."""
    if log_e_value >= math.log(_ANYTHING_RARER):
        return f"by chance in less than 1 of {_ANYTHING_RARER:,} rollouts"
    return f"by chance in less than 1 of {math.floor(math.exp(log_e_value)):,} rollouts"
