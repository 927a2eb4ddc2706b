"""Will the guards be able to tell? Reckoned with the traffic of the last hour, or day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from math import ceil

from lambda_rollout.analysis.metrics import MINUTE
from lambda_rollout.inputs.durations import format_duration, readable_duration
from lambda_rollout.inputs.guard_metrics import Metric
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.preflight.facts import Facts, Invoked, TargetFacts
from lambda_rollout.preflight.finding import Code, Finding, Level, as_inputs
from lambda_rollout.preflight.foreseen import needed_time

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

FEW = 10.0
"""Canary invocations a minute under which a larger first step is the better advice."""

LARGER = (Decimal(20), Decimal(25), Decimal(33), Decimal(50))


@dataclass(frozen=True, slots=True)
class Traffic:
    """What comes through an alias."""

    per_minute: float
    error_rate: float
    """0 to 1, of all its versions, over the last day."""
    told: str


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a step needs until its slowest guard can hold; ``needs`` is None for more than a day."""

    step: Step
    guard: Guard
    needs: timedelta | None

    def is_late(self, patience: timedelta = timedelta()) -> bool:
        """Whether that is later than the step's end and so much more."""
        return self.needs is None or self.needs > self.step.watch + patience


def guards_can_tell(facts: Facts) -> Iterator[Finding]:
    """A step in which the guards have too few numbers is extended, and rolled back in the end."""
    guards = tuple(guard for guard in facts.guards if _is_reckoned(guard))
    for each in facts.targets:
        traffic = _traffic(each)
        if traffic is None or not guards:
            continue
        late = [wait for wait in _waits(facts.plan, guards, traffic) if wait.is_late()]
        if late:
            yield _finding(facts, guards, each, traffic, late)


def _is_reckoned(guard: Guard) -> bool:
    """Whether the alias's traffic tells how many numbers there will be; throttles are those of both versions."""
    is_lambdas = isinstance(guard.metric, Metric) and guard.metric is not Metric.THROTTLE_RATE
    return is_lambdas and not guard.observe_only


def _traffic(each: TargetFacts) -> Traffic | None:
    """Return the last hour's traffic, the day's where that had none; None without any."""
    invoked = each.invoked
    if not isinstance(invoked, Invoked) or not invoked.last_day:
        return None
    served, time = (invoked.last_hour, HOUR) if invoked.last_hour else (invoked.last_day, DAY)
    per_minute = served / (time / MINUTE)
    over_the_day = invoked.last_day / (DAY / MINUTE)
    when = "the last hour" if invoked.last_hour else "the last day"
    told = f"{per_minute:.3g} requests a minute in {when}"
    if invoked.last_hour:
        told += f", {over_the_day:.3g} over the day"
    return Traffic(per_minute, invoked.errors_last_day / invoked.last_day, told)


def _waits(plan: Plan, guards: tuple[Guard, ...], traffic: Traffic) -> Iterator[Wait]:
    """Yield each step with the guard that needs the longest in it; at 100% nothing is compared with the old version.

    A hold asks for no evidence.
    """
    for step in plan.shifts:
        counting = [
            guard for guard in guards if not (step.is_promotion and guard.compares_with_baseline)
        ]
        if step.watch and counting:
            yield max(
                (
                    Wait(step, guard, _needs(guard, guards, step.percent, traffic))
                    for guard in counting
                ),
                key=lambda wait: timedelta.max if wait.needs is None else wait.needs,
            )


def _needs(
    guard: Guard, guards: tuple[Guard, ...], percent: Decimal, traffic: Traffic
) -> timedelta | None:
    return needed_time(guard, guards, traffic.per_minute, percent, traffic.error_rate)


# Words -------------------------------------------------------------------------------------------


def _finding(
    facts: Facts,
    guards: tuple[Guard, ...],
    each: TargetFacts,
    traffic: Traffic,
    late: Sequence[Wait],
) -> Finding:
    starved = [wait for wait in late if wait.is_late(facts.evidence_timeout)]
    told = "; ".join(_outlook(wait, starved=wait in starved) for wait in (starved or late)[:3])
    return Finding(
        Level.WARNING if starved else Level.NOTE,
        Code.GUARDS_CANNOT_TELL,
        f"With {traffic.told}: {told}.",
        " ".join(_advice(facts, guards, traffic, late, starved)),
        each.target,
    )


def _outlook(wait: Wait, *, starved: bool) -> str:
    if wait.needs is None:
        time = "cannot be judged within a day"
    else:
        time = f"can be judged after about {readable_duration(wait.needs)}"
    end = "which is rolled back for want of evidence" if starved else "which is extended until then"
    return f"`{wait.guard}` {time} of `{wait.step}`, {end}"


def _advice(
    facts: Facts,
    guards: tuple[Guard, ...],
    traffic: Traffic,
    late: Sequence[Wait],
    starved: Sequence[Wait],
) -> Iterator[str]:
    known = [wait.needs for wait in late if wait.needs is not None]
    if len(known) == len(late):
        yield f"Set {as_inputs(_longer(facts.plan, late), facts.plan)}."
        if starved:
            more = max(needs - wait.step.watch for wait, needs in zip(late, known, strict=True))
            yield f"Or set `evidence-timeout: {format_duration(_rounded(more))}`."
    first = facts.plan.steps[0]
    few = traffic.per_minute * first.weight < FEW
    if starved and few and (larger := _larger(facts, guards, traffic)) is not None:
        yield f"Or begin with more of the traffic: {as_inputs(larger, facts.plan)}."
    elif starved and len(known) < len(late):
        yield "Use an alarm, or a guard that asks for less, in place of this one."


def _longer(plan: Plan, late: Sequence[Wait]) -> Plan:
    needs = {wait.step.percent: wait.needs for wait in late if wait.needs is not None}
    return plan.with_shifts(
        replace(step, watch=max(step.watch, _rounded(needs.get(step.percent, step.watch))))
        for step in plan.shifts
    )


def _larger(facts: Facts, guards: tuple[Guard, ...], traffic: Traffic) -> Plan | None:
    """Return a schedule that begins with more, in which every guard can tell in time; None if none does."""
    first = facts.plan.steps[0]
    for percent in LARGER:
        if percent <= first.percent or first.is_promotion:
            continue
        later = (step for step in facts.plan.shifts if step.percent > percent)
        plan = facts.plan.with_shifts((replace(first, percent=percent), *later))
        waits = _waits(plan, guards, traffic)
        if not any(wait.is_late(facts.evidence_timeout) for wait in waits):
            return plan
    return None


def _rounded(time: timedelta) -> timedelta:
    """Round up to whole minutes, a longer time to five."""
    unit = MINUTE if time <= 10 * MINUTE else 5 * MINUTE
    return ceil(time / unit) * unit
