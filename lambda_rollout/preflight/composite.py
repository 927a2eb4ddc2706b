"""Composite alarms: which alarms below one make it fire, and whether it fires if these do.

An alarm that is none is treated as one below itself, so that whoever asks need not tell the two apart.
"""

from __future__ import annotations

from collections.abc import Collection

from lambda_rollout.preflight import alarm_rule
from lambda_rollout.preflight.facts import AlarmFacts


def leaves(alarm: AlarmFacts) -> tuple[AlarmFacts, ...]:
    """Return the alarms that look at data themselves and whose going into ALARM takes part in firing this one."""
    if alarm.kind != "CompositeAlarm":
        return (alarm,)
    below = {child.name: child for child in alarm.children}
    names = alarm_rule.firing(alarm.rule) if alarm.rule else ()
    found = [leaf for name in names if name in below for leaf in leaves(below[name])]
    return tuple({leaf.name: leaf for leaf in found}.values())


def fires(alarm: AlarmFacts, in_alarm: Collection[str]) -> bool:
    """Whether the alarm fires if those of its `leaves` go into ALARM that are named in ``in_alarm``."""
    if alarm.kind != "CompositeAlarm":
        return alarm.name in in_alarm
    if alarm.rule is None:
        return False
    below = {child.name: child for child in alarm.children}
    return bool(
        alarm_rule.holds(alarm.rule, lambda name: name in below and fires(below[name], in_alarm))
    )


def unclear_rule(alarm: AlarmFacts) -> str:
    """Say what of a composite alarm is not known; empty if its rule is, and all alarms below it."""
    if alarm.kind != "CompositeAlarm":
        return ""
    if alarm.rule is None:
        return f"the rule of {alarm.name}"
    below = {child.name: child for child in alarm.children}
    firing = tuple(alarm_rule.firing(alarm.rule))
    lost = next((name for name in firing if name not in below), "")
    if lost or not firing:
        return f"alarm {lost} below {alarm.name}" if lost else f"what lets {alarm.name} fire"
    return next(filter(None, (unclear_rule(below[name]) for name in firing)), "")
