"""Checks on steps that may end early: not before the alarms could have fired."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.steps import Step
from lambda_rollout.preflight.composite import unclear_rule
from lambda_rollout.preflight.facts import AlarmFacts, Facts, Unread
from lambda_rollout.preflight.finding import Code, Finding, Level, in_words
from lambda_rollout.preflight.speed import takes


def alarms_need(facts: Facts) -> timedelta | None:
    """Return how long the slowest alarm needs to fire, 0 without alarms; None if that is not known of one."""
    if isinstance(facts.alarms, Unread):
        return None
    times = [_takes(alarm) for alarm in facts.alarms]
    known = [time for time in times if time is not None]
    return max(known, default=timedelta()) if len(known) == len(times) else None


def _takes(alarm: AlarmFacts) -> timedelta | None:
    return None if unclear_rule(alarm) else takes(alarm)


def early_ends_wait_for_alarms(facts: Facts) -> Iterator[Finding]:
    """A step that ended before an alarm could fire would not have been guarded by it."""
    early = [step for step in facts.plan.steps if step.earliest is not None]
    if not early:
        return
    if isinstance(facts.alarms, Unread):
        yield _never(early, "how long the alarms need to fire", "")
        return
    for alarm in facts.alarms:
        if _takes(alarm) is None:
            yield _never(early, "how long it needs to fire", alarm.name)
    need = alarms_need(facts)
    later = [
        step
        for step in early
        if need is not None and step.earliest is not None and step.earliest < need
    ]
    if need is None or not later:
        return
    slowest = next(alarm for alarm in facts.alarms if _takes(alarm) == need)
    yield Finding(
        Level.NOTE,
        Code.EARLY_END_WAITS,
        f"It needs at least {readable_duration(need)} to fire, so {in_words(later)} "
        f"{'lasts' if len(later) == 1 else 'last'} at least so long.",
        "",
        alarm=slowest.name,
    )


def _never(early: list[Step], what: str, alarm: str) -> Finding:
    return Finding(
        Level.WARNING,
        Code.EARLY_END_WAITS,
        f"It is not known {what}, so {in_words(early)} {'is' if len(early) == 1 else 'are'} always watched to the end.",
        "Use a metric alarm, or write one duration for the step.",
        alarm=alarm,
    )
