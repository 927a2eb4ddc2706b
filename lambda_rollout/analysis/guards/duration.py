"""Durations, from one percentile a minute.

A percentile tells on which side of a value most invocations were, not how many were how slow; percentiles of
minutes cannot be added up to that of a step. So what is counted is minutes.
"""

from __future__ import annotations

import math

from lambda_rollout.analysis.guards.result import (
    GuardFailed,
    GuardInconclusive,
    GuardPassed,
    GuardResult,
    as_odds,
    limit_of,
)
from lambda_rollout.analysis.guards.sequential import (
    Factors,
    Limit,
    chance_of_slower,
    highest,
    log_e_values,
    sign_factors,
)
from lambda_rollout.analysis.guards.windows import Both, Windows
from lambda_rollout.analysis.metrics import PERCENTILES
from lambda_rollout.inputs.guards import Absolute, Guard, Operator

IN_A_ROW = 3
"""Minutes over an absolute bound, one after the other, that break a guard; as an alarm of 3 out of 3 would.
Also the least number of minutes that it can hold on in a step."""

REFERENCE_MINUTES = 5
"""The least number of the old version's minutes that the new one is compared with at 100%. Of five and more
minutes the slowest is exceeded by the next ten, by chance, in at most 1 of 3,003 cases."""

_EVEN = 0.5


def judge_duration_beside_baseline(guard: Guard, windows: Windows, level: float) -> GuardResult:
    """Count the minutes in which the new version's percentile was over the bound made from the old one's.

    At 100% it is held against the slowest minute that the old version had in the last split step.
    """
    limit, percentile = limit_of(guard), _percentile(guard)
    needed = -math.log(level)
    split = [both for both in windows.split if all(percentile in one.durations for one in both)]
    signs = [_sign(limit, percentile, both) for both in split]
    whole = [new for new in windows.whole if percentile in new.durations]
    reference = [
        old.durations[percentile] for _, old in windows.last_split if percentile in old.durations
    ]
    if len(reference) >= REFERENCE_MINUTES:
        slowest = limit.factor * max(reference) + limit.margin
        signs += [(new.durations[percentile] > slowest, _EVEN) for new in whole]
    value = highest(log_e_values(sign_factors(*sign) for sign in signs))
    slower = sum(slower for slower, _ in signs)
    figures = f"slower than allowed in {slower} of {len(signs)} minutes"
    if windows.at_whole:
        figures += ", those at 100% compared with the last split step's"
    if value >= needed:
        return GuardFailed(f"{figures}; {as_odds(value)}")
    if not any(percentile in new.durations for new in windows.step):
        return GuardInconclusive("no invocation of the new version in this step's full minutes yet")
    if highest(log_e_values(sign_factors(True, chance) for _, chance in signs)) < needed:
        return GuardInconclusive(f"{figures}; at least {minutes_needed(level)} minutes are needed")
    return GuardPassed(figures)


def judge_duration(guard: Guard, windows: Windows, level: float) -> GuardResult:  # noqa: ARG001 - all rules take one
    """Count the minutes in which the new version's percentile was over a fixed one."""
    percentile = _percentile(guard)
    row = longest = 0
    for new in windows.canary:
        if percentile in new.durations:
            row = row + 1 if _over(guard, new.durations[percentile]) else 0
            longest = max(longest, row)
    if longest >= IN_A_ROW:
        return GuardFailed(f"over the bound in {longest} minutes in a row")
    step = [new.durations[percentile] for new in windows.step if percentile in new.durations]
    over = sum(_over(guard, duration) for duration in step)
    figures = f"over the bound in {over} of {len(step)} minutes"
    if len(step) < IN_A_ROW:
        return GuardInconclusive(f"{figures} of this step; at least {IN_A_ROW} minutes are needed")
    return GuardInconclusive(figures) if 2 * over > len(step) else GuardPassed(figures)


def minutes_needed(level: float) -> int:
    """Return the least number of minutes in which a comparison with the baseline can be broken."""
    slower: list[Factors] = [sign_factors(True, _EVEN)]
    while highest(log_e_values(slower)) < -math.log(level):
        slower.append(slower[0])
    return len(slower)


def _percentile(guard: Guard) -> str:
    return guard.statistic


def _sign(limit: Limit, percentile: str, both: Both) -> tuple[bool, float]:
    new, old = both
    allowed = limit.factor * old.durations[percentile] + limit.margin
    return new.durations[percentile] > allowed, _chance(percentile, both)


def _chance(statistic: str, both: Both) -> float:
    """How probably a version just as fast shows the higher value; for an average its margin makes up for that."""
    if statistic not in PERCENTILES:
        return _EVEN
    new, old = both
    return chance_of_slower(int(statistic[1:]), new.invocations, old.invocations)


def _over(guard: Guard, duration: float) -> bool:
    assert isinstance(guard.bound, Absolute)  # noqa: S101 - the grammar's other bounds have a baseline
    bound = float(guard.bound.value)
    return duration > bound or (duration == bound and guard.operator is Operator.BELOW)
