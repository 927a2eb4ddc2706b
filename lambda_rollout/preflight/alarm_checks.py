"""Checks on the alarms: can they see the new version at all, and do they look where they should?"""

from __future__ import annotations

from collections.abc import Iterator

from lambda_rollout.guards import Guard, Metric
from lambda_rollout.preflight.facts import AlarmFacts, Facts
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.preflight.sight import Seen, Sight, leaves, of_alarm

_GUARDS = {"Errors": "error-rate <= baseline + 1%", "Duration": "p99-duration <= baseline * 1.2"}


def alarms_see_the_new_version(facts: Facts) -> Iterator[Finding]:
    """An alarm on the wrong dimensions stays quiet whatever the new version does.

    A composite alarm is blind only if every alarm below it is.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        seen = [(leaf, of_alarm(leaf, facts)) for leaf in leaves(alarm)]
        known = [(leaf, found) for leaf, found in seen if found is not None]
        if len(known) < len(seen):
            continue
        if any(found.sight > Sight.FUNCTION for _, found in known):
            known = [(leaf, found) for leaf, found in known if found.sight is Sight.ALIAS]
        elif any(not found.sight.blind for _, found in known):
            known = [(leaf, found) for leaf, found in known if not found.sight.blind]
        for leaf, found in known:
            yield from _told(alarm, leaf, found, facts)


def _told(alarm: AlarmFacts, leaf: AlarmFacts, seen: Seen, facts: Facts) -> Iterator[Finding]:
    below = "" if leaf is alarm else f"{leaf.name}, below it, "
    counts = f"It {below}counts {seen.where}"
    target = seen.target or (facts.targets[0].target if facts.targets else None)
    wanted = f"Resource={target}" if target else "Resource=FUNCTION:ALIAS"
    aim = f"Let it count FunctionName and {wanted}"
    match seen.sight:
        case Sight.ELSEWHERE:
            what = f"{counts}: nothing of what this rollout moves."
            yield Finding(
                Level.WARNING, Code.ALARM_ELSEWHERE, what, f"{aim}.", seen.target, alarm.name
            )
        case Sight.OTHER_VERSION:
            what = (
                f"{counts}: what comes to the new version through the alias is not counted there."
            )
            yield Finding(
                Level.WARNING, Code.ALARM_ON_VERSION, what, f"{aim}.", seen.target, alarm.name
            )
        case Sight.FUNCTION:
            what = f"{counts}: both versions, $LATEST and every other alias are mixed in it."
            yield Finding(
                Level.WARNING, Code.ALARM_ON_FUNCTION, what, f"{aim}.", seen.target, alarm.name
            )
        case Sight.ALIAS if not _told_apart(leaf, facts.guards):
            what = f"{counts}: the old version's too, whose errors would roll back the new one."
            yield Finding(
                Level.NOTE,
                Code.ALARM_MIXES_VERSIONS,
                what,
                _guard(leaf),
                seen.target,
                alarm.name,
            )


def _metrics(alarm: AlarmFacts) -> set[str]:
    return {metric.name for metric in alarm.metrics} & _GUARDS.keys()


def _told_apart(alarm: AlarmFacts, guards: tuple[Guard, ...]) -> bool:
    """Whether the guards there are already compare what this alarm looks at with the baseline."""
    compared = {
        "Errors" if guard.metric is Metric.ERROR_RATE else "Duration"
        for guard in guards
        if guard.compares_with_baseline
    }
    return bool(_metrics(alarm)) and _metrics(alarm) <= compared


def _guard(alarm: AlarmFacts) -> str:
    guards = [_GUARDS[name] for name in sorted(_metrics(alarm), reverse=True)][-1:]
    if not guards:
        return ""
    return f"A guard tells the two apart: `guards: {guards[0]}`."
