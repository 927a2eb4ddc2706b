"""From guards and numbers to verdicts, with the level shared out among all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.dispersion import dispersion_of
from lambda_rollout.analysis.guards.duration import judge_duration, judge_value
from lambda_rollout.analysis.guards.error_rate import count_errors, judge_rate
from lambda_rollout.analysis.guards.known import DataKnown
from lambda_rollout.analysis.guards.measures import as_counted, note_on, noun_of, seen_by
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.result import GuardFailed, GuardInconclusive, GuardResult
from lambda_rollout.analysis.guards.windows import WARM_UP, windows_of
from lambda_rollout.analysis.metrics import Comparison, History, StepStart
from lambda_rollout.inputs.guard_metrics import StatisticOf
from lambda_rollout.inputs.guards import Guard

LEVEL = 0.01
"""How probably a rollout goes back although every function's new version is as good as its guards ask: at
most this, all guards, functions and looks of the rollout taken together."""


@dataclass(frozen=True, slots=True)
class GuardVerdict:
    """One guard on one target."""

    guard: Guard
    target: Target
    outcome: Outcome
    why: str
    """The figures, or what they lack; no full stop."""
    shown: bool = False
    """Whether the numbers prove the guard, margin and all; only of a share beside the baseline with a margin."""

    def __str__(self) -> str:
        """Return one line for log and reason."""
        return f"guard {self.guard} {self.outcome.words} on {self.target}: {self.why}"


@dataclass(frozen=True, slots=True)
class TargetEvidence:
    """One target's numbers, and what is known besides."""

    comparison: Comparison
    known: DataKnown | None = None
    """Which minutes can be judged; without it all that are there."""
    history: History = field(default_factory=History)


def judge_guards(
    guards: Sequence[Guard],
    evidence: Sequence[TargetEvidence | Comparison],
    steps: Sequence[StepStart],
) -> tuple[GuardVerdict, ...]:
    """Judge every guard on every target, by all minutes of the rollout so far.

    Args:
        guards: what must hold.
        evidence: one for each target, each with all minutes since the first step began whose data are in.
            Minutes before that do no harm.
        steps: every step so far and when it began, the present one last; at least one.

    A broken guard is a reason to roll back at any time. One that holds, or is inconclusive, says so of the
    present step, and matters only once the step's time is over: an inconclusive one extends it.

    Everything is worked out anew from all minutes as they are now. A guard that is broken stays broken as long as
    minutes are only added; one whose numbers were revised may recover.
    """
    # What is only observed takes nothing of the level away from what counts.
    counting = sum(not guard.observe_only for guard in guards)
    level = LEVEL / max(1, counting * len(evidence))
    return tuple(
        _judged(guard, known, steps, level)
        for one in evidence
        for known in [one if isinstance(one, TargetEvidence) else TargetEvidence(one)]
        for guard in guards
    )


def _judged(
    guard: Guard, known: TargetEvidence, steps: Sequence[StepStart], level: float
) -> GuardVerdict:
    comparison = seen_by(guard, known.comparison)
    minutes = tuple(as_counted(guard, minute) for minute in known.history.minutes)
    seen = replace(known, comparison=comparison, history=replace(known.history, minutes=minutes))
    verdict = _verdict(guard, comparison.target, _judge(guard, seen, steps, level))
    note = note_on(guard, known.comparison, known.known.settled if known.known else None)
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


def _judge(
    guard: Guard, known: TargetEvidence, steps: Sequence[StepStart], level: float
) -> GuardResult:
    windows = windows_of(known.comparison, steps, known.known)
    if guard.is_rate:
        counts = [count_errors(minute) for minute in known.history.minutes if minute.errors_known]
        return judge_rate(guard, windows, level, dispersion_of(counts), noun_of(guard))
    if isinstance(guard.metric, StatisticOf):
        return judge_value(guard, windows, level)
    warm = windows_of(known.comparison, steps, known.known, warm_up=WARM_UP)
    return judge_duration(guard, windows, warm, level, known.history)


def _verdict(guard: Guard, target: Target, finding: GuardResult) -> GuardVerdict:
    match finding:
        case GuardFailed(why):
            return GuardVerdict(guard, target, Outcome.BROKEN, why)
        case GuardInconclusive(why):
            return GuardVerdict(guard, target, Outcome.INCONCLUSIVE, why)
    return GuardVerdict(guard, target, Outcome.HOLDS, finding.why, shown=finding.shown)
