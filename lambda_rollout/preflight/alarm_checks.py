"""Checks on the alarms: can they see the new version at all, and do they look where they should?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lambda_rollout.inputs.guard_metrics import Metric
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.preflight.composite import fires, leaves, unclear_rule
from lambda_rollout.preflight.facts import AlarmFacts, Facts
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.preflight.sight import AlarmSight, Seen, of_alarm, unjudged
from lambda_rollout.preflight.speed import takes

_GUARDS = {"Errors": "error-rate <= baseline + 1%", "Duration": "p99-duration <= baseline * 1.2"}


def alarms_see_the_new_version(facts: Facts) -> Iterator[Finding]:
    """An alarm on the wrong dimensions stays quiet whatever the new version does.

    A composite alarm sees as much as the alarms that its rule needs in order to fire.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        known = [
            (leaf, seen) for leaf in leaves(alarm) if (seen := of_alarm(leaf, facts)) is not None
        ]
        if unclear_rule(alarm) or len(known) < len(leaves(alarm)):
            continue
        best = _best({leaf.name: seen.sight for leaf, seen in known}, alarm)
        for leaf, seen in known:
            if seen.sight is best or (best.blind and seen.sight.blind):
                yield from _told(alarm, leaf, seen, facts)


def _best(sights: Mapping[str, AlarmSight], alarm: AlarmFacts) -> AlarmSight:
    """Return the most that the alarms see which are enough to fire this one."""
    able = [
        least
        for least in AlarmSight
        if fires(alarm, {name for name, sight in sights.items() if sight >= least})
    ]
    return max(able, default=AlarmSight.NOTHING)


def every_alarm_was_judged(facts: Facts) -> Iterator[Finding]:
    """Silence means that an alarm was looked at and found good: so what was not looked at is told."""
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        why = unclear_rule(alarm)
        aim = [f"{unjudged(leaf)}{_below(alarm, leaf)}" for leaf in leaves(alarm) if unjudged(leaf)]
        if why or aim:
            what = "whether it sees the new version and in time" if why else _open(alarm)
            yield Finding(
                Level.NOTE,
                Code.ALARM_NOT_JUDGED,
                f"Not checked: {what}. This action cannot judge {why or '; '.join(aim)}.",
                "Check yourself that it counts the requests through the alias, and fires within a step.",
                alarm=alarm.name,
            )
        elif takes(alarm) is None:
            yield Finding(
                Level.NOTE,
                Code.ALARM_NOT_JUDGED,
                "Not checked: whether it fires within a step. How often it is evaluated is not known.",
                "Check yourself that it fires within a step.",
                alarm=alarm.name,
            )


def alarms_are_evaluated(facts: Facts) -> Iterator[Finding]:
    """An alarm that CloudWatch does not evaluate keeps its state, whatever its data say.

    So does a composite one that rests on it. Docs/preflight.md has AWS's states.
    """
    if not isinstance(facts.alarms, tuple):
        return
    for alarm in facts.alarms:
        for idle in {each.name: each for each in _not_evaluated(alarm)}.values():
            what = f"{idle.evaluation}: {idle.evaluation_reason or 'AWS gives no reason'}"
            yield Finding(
                Level.WARNING,
                Code.ALARM_NOT_EVALUATED,
                f"CloudWatch does not evaluate it{_below(alarm, idle)} ({what}), so its state says nothing.",
                "Correct its definition if that is the reason, or wait until CloudWatch evaluates it again.",
                alarm=alarm.name,
            )


def _not_evaluated(alarm: AlarmFacts) -> Iterator[AlarmFacts]:
    if not alarm.is_evaluated:
        yield alarm
    for child in alarm.children:
        yield from _not_evaluated(child)


def _open(alarm: AlarmFacts) -> str:
    seen = "whether it sees the new version"
    return seen if takes(alarm) is not None else f"{seen} and in time"


def _below(alarm: AlarmFacts, leaf: AlarmFacts) -> str:
    return "" if leaf is alarm else f" (alarm {leaf.name}, below it)"


def _told(alarm: AlarmFacts, leaf: AlarmFacts, seen: Seen, facts: Facts) -> Iterator[Finding]:
    below = "" if leaf is alarm else f"{leaf.name}, below it, "
    counts = f"It {below}counts {seen.where}"
    target = seen.target or (facts.targets[0].target if facts.targets else None)
    wanted = f"Resource={target}" if target else "Resource=FUNCTION:ALIAS"
    aim = f"Let it count FunctionName and {wanted}"
    match seen.sight:
        case AlarmSight.NOTHING:
            what = f"{counts}: Lambda has no metric with exactly these dimensions, so it never has data."
            yield Finding(
                Level.WARNING, Code.ALARM_WITHOUT_DATA, what, f"{aim}.", seen.target, alarm.name
            )
        case AlarmSight.ELSEWHERE:
            what = f"{counts}: nothing that this rollout shifts."
            yield Finding(
                Level.WARNING, Code.ALARM_ELSEWHERE, what, f"{aim}.", seen.target, alarm.name
            )
        case AlarmSight.OTHER_VERSION:
            what = f"{counts}: requests that reach the new version through the alias are not counted there."
            yield Finding(
                Level.WARNING, Code.ALARM_ON_VERSION, what, f"{aim}.", seen.target, alarm.name
            )
        case AlarmSight.FUNCTION:
            what = f"{counts}: both versions, $LATEST and every other alias together."
            yield Finding(
                Level.WARNING, Code.ALARM_ON_FUNCTION, what, f"{aim}.", seen.target, alarm.name
            )
        case AlarmSight.ALIAS if not _told_apart(leaf, facts.guards):
            what = f"{counts}: the old version too, whose errors would roll back the new one."
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
        if guard.compares_with_baseline and isinstance(guard.metric, Metric)
    }
    return bool(_metrics(alarm)) and _metrics(alarm) <= compared


def _guard(alarm: AlarmFacts) -> str:
    guards = [_GUARDS[name] for name in sorted(_metrics(alarm), reverse=True)][-1:]
    if not guards:
        return ""
    return f"A guard tells the two apart: `guards: {guards[0]}`."
