"""From guards and numbers to verdicts, with the level shared out among all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.duration import judge_duration, judge_duration_beside_baseline
from lambda_rollout.analysis.guards.error_rate import judge_rate, judge_rate_beside_baseline
from lambda_rollout.analysis.guards.measures import as_counted
from lambda_rollout.analysis.guards.result import GuardFailed, GuardInconclusive, GuardResult
from lambda_rollout.analysis.guards.windows import Windows, windows_of
from lambda_rollout.analysis.metrics import Comparison, StepStart
from lambda_rollout.inputs.guards import Guard

LEVEL = 0.01
"""How probably a rollout goes back although every function's new version is as good as its guards ask: at
most this, all guards, functions and looks of the rollout taken together."""


class Outcome(StrEnum):
    """What the numbers say of a guard. After argoproj/argo-rollouts, the third one never promotes."""

    HOLDS = "holds"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """One guard on one target."""

    guard: Guard
    target: Target
    outcome: Outcome
    why: str
    """The figures, or what they lack; no full stop."""

    def __str__(self) -> str:
        """Return one line for log and reason."""
        said = {
            Outcome.HOLDS: "holds",
            Outcome.BROKEN: "is broken",
            Outcome.INCONCLUSIVE: "cannot be judged yet",
        }[self.outcome]
        return f"guard {self.guard} {said} on {self.target}: {self.why}"


def judge_guards(
    guards: Sequence[Guard], comparisons: Sequence[Comparison], steps: Sequence[StepStart]
) -> tuple[GuardVerdict, ...]:
    """Judge every guard on every target, by all minutes of the rollout so far.

    Args:
        guards: what must hold.
        comparisons: one for each target, each with all minutes since the first step began whose data are in.
            Minutes before that do no harm.
        steps: every step so far and when it began, the present one last; at least one.

    A broken guard is a reason to roll back at any time. One that holds, or is inconclusive, says so of the
    present step, and matters only once the step's time is over: an inconclusive one extends it.

    As minutes are only added, a guard that is broken stays broken.
    """
    # What is only observed takes nothing of the level away from what counts.
    counting = sum(not guard.observe_only for guard in guards)
    level = LEVEL / max(1, counting * len(comparisons))
    return tuple(
        _judged(guard, comparison, steps, level) for comparison in comparisons for guard in guards
    )


def _judged(
    guard: Guard, comparison: Comparison, steps: Sequence[StepStart], level: float
) -> GuardVerdict:
    counted, note = as_counted(guard, comparison)
    verdict = _verdict(
        guard, comparison.target, _judge(guard)(guard, windows_of(counted, steps), level)
    )
    return replace(verdict, why=f"{verdict.why} ({note})") if note else verdict


def what_failed(verdicts: Iterable[GuardVerdict]) -> str:
    """Return why to go back, in one line; empty if no guard is broken that counts."""
    return _first(verdicts, Outcome.BROKEN)


def what_is_missing(verdicts: Iterable[GuardVerdict]) -> str:
    """Return what a step waits for, in one line; empty if every guard that counts could be judged."""
    return _first(verdicts, Outcome.INCONCLUSIVE)


def _first(verdicts: Iterable[GuardVerdict], outcome: Outcome) -> str:
    lines = [
        str(verdict)
        for verdict in verdicts
        if verdict.outcome is outcome and not verdict.guard.observe_only
    ]
    if not lines:
        return ""
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")


def _judge(guard: Guard) -> Callable[[Guard, Windows, float], GuardResult]:
    if guard.is_rate:
        return judge_rate_beside_baseline if guard.compares_with_baseline else judge_rate
    return judge_duration_beside_baseline if guard.compares_with_baseline else judge_duration


def _verdict(guard: Guard, target: Target, finding: GuardResult) -> GuardVerdict:
    match finding:
        case GuardFailed(why):
            return GuardVerdict(guard, target, Outcome.BROKEN, why)
        case GuardInconclusive(why):
            return GuardVerdict(guard, target, Outcome.INCONCLUSIVE, why)
    return GuardVerdict(guard, target, Outcome.HOLDS, finding.why)
