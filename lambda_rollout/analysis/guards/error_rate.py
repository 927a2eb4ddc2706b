"""Error rates, and other rates that were put into their words: of the invocations, those that failed."""

from __future__ import annotations

from collections.abc import Iterable

from lambda_rollout.analysis.guards.counts import (
    CountedWindows,
    Pair,
    judge_below,
    judge_beside_baseline,
)
from lambda_rollout.analysis.guards.rates import Counts
from lambda_rollout.analysis.guards.result import GuardResult, limit_of
from lambda_rollout.analysis.guards.windows import Both, Windows
from lambda_rollout.analysis.metrics import Minute
from lambda_rollout.inputs.guards import Absolute, Guard, Operator


def judge_rate(
    guard: Guard,
    windows: Windows,
    level: float,
    dispersion: float = 1.0,
    noun: str = "invocations",
) -> GuardResult:
    """Judge the new version's error rate, or another rate, beside the old one's or below a fixed one.

    ``dispersion``: how many errors come together (`lambda_rollout.analysis.guards.dispersion`); ``noun``: what the
    minutes' invocations are, as it is told.
    """
    counted = _counted(windows, dispersion, noun)
    if isinstance(guard.bound, Absolute):
        allowed = float(guard.bound.value / 100)
        return judge_below(allowed, counted, level, strict=guard.operator is Operator.BELOW)
    return judge_beside_baseline(limit_of(guard), counted, level)


def _counted(windows: Windows, dispersion: float, noun: str) -> CountedWindows:
    return CountedWindows(
        split=list(_pairs(windows.split)),
        whole=[count_errors(new) for new in windows.whole if new.errors_known],
        step=list(_pairs(windows.step)),
        at_whole=windows.at_whole,
        dispersion=dispersion,
        noun=noun,
    )


def _pairs(minutes: Iterable[Both]) -> Iterable[Pair]:
    for new, old in minutes:
        if new.errors_known and old.errors_known:
            yield count_errors(new), count_errors(old)


def count_errors(minute: Minute) -> Counts:
    """Return invocations and errors. Two metrics of one minute may be read a moment apart."""
    return minute.invocations, min(minute.errors, minute.invocations)
