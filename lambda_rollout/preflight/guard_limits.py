"""Checks on what guards cannot tell, however much traffic there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.analysis.guards.known import TIMEOUT_WAIT
from lambda_rollout.analysis.metrics import EMISSION_DELAY, MINUTE
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.guard_metrics import Metric
from lambda_rollout.inputs.guards import BaselinePlus, BaselineTimes, Guard
from lambda_rollout.inputs.steps import Plan
from lambda_rollout.preflight.facts import Configuration, Facts
from lambda_rollout.preflight.finding import Code, Finding, Level, as_inputs

_A_FIFTH_MORE = Decimal("1.2")


def hangs_end_within_the_steps(facts: Facts) -> Iterator[Finding]:
    """A version that hangs tells nothing before its timeout: by then the last split step may be over."""
    split = facts.plan.split_steps
    counting = [guard for guard in facts.guards if not guard.observe_only]
    if not counting or not split:
        return
    watched = sum((step.watch for step in split), timedelta())
    for each in facts.targets:
        timeout = each.new.timeout if isinstance(each.new, Configuration) else timedelta()
        if timeout <= TIMEOUT_WAIT or watched >= timeout + EMISSION_DELAY:
            continue
        longer = _longer(facts.plan, timeout + EMISSION_DELAY + MINUTE)
        yield Finding(
            Level.WARNING,
            Code.TIMEOUT_OUTLASTS_STEPS,
            f"An invocation may last {readable_duration(timeout)}, and the steps below 100% last "
            f"{readable_duration(watched)} together: guards see nothing of a new version that hangs before it is promoted.",
            f"Set {as_inputs(longer, facts.plan)}, or give the function a shorter timeout.",
            each.target,
        )


def _longer(plan: Plan, least: timedelta) -> Plan:
    """Return the schedule with its last split step so long that all of these take that long."""
    *before, last = plan.split_steps
    rest = sum((step.watch for step in before), timedelta())
    longer = replace(last, watch=max(last.watch, least - rest))
    return plan.with_shifts((*before, longer, *plan.shifts[len(before) + 1 :]))


def durations_have_a_margin(facts: Facts) -> Iterator[Finding]:
    """The same code is slower on some hosts, for as long as it stays there; a margin allows for that."""
    for guard in facts.guards:
        if guard.observe_only or not _compares_durations_bare(guard):
            continue
        yield Finding(
            Level.NOTE,
            Code.DURATION_WITHOUT_MARGIN,
            f"The guard `{guard}` has no margin: where hosts differ in speed by 10%, it takes several in a hundred "
            "versions that are just as good for slower ones (docs/guards.md has the figures).",
            f"Write `{replace(guard, bound=BaselineTimes(_A_FIFTH_MORE))}`.",
        )


def _compares_durations_bare(guard: Guard) -> bool:
    if guard.is_rate or not isinstance(guard.metric, Metric):
        return False
    match guard.bound:
        case BaselinePlus(margin):
            return not margin
        case BaselineTimes(factor):
            return factor <= 1
    return False
