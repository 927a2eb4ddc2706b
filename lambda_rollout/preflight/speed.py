"""How soon an alarm can fire after the first failure: the least, reckoned from how it is made.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.preflight.composite import fires, leaves
from lambda_rollout.preflight.facts import AlarmFacts

ARRIVAL = timedelta(minutes=2)
"""From an invocation to a change of the alarm's state, besides the alarm's own periods: measured from published
notifications, 71 and 123 s with periods of a minute."""


def takes(alarm: AlarmFacts) -> timedelta | None:
    """Return how long the alarm, or those below it that are enough to fire it, need; None if that is not known."""
    slowest = decisive(alarm)
    return None if slowest is None else _of_leaf(slowest)


def decisive(alarm: AlarmFacts, blind: Collection[str] = ()) -> AlarmFacts | None:
    """Return the slowest of the alarms that fire this one the soonest; None if that is not known.

    Those that are ``blind`` never fire.
    """
    timed = [
        (time, leaf)
        for leaf in leaves(alarm)
        if leaf.name not in blind and (time := _of_leaf(leaf)) is not None
    ]
    fired: set[str] = set()
    for _, leaf in sorted(timed, key=lambda each: each[0]):
        fired.add(leaf.name)
        if fires(alarm, fired):
            return leaf
    return None


def _of_leaf(alarm: AlarmFacts) -> timedelta | None:
    if not alarm.period:
        return None
    return alarm.period * alarm.datapoints_to_alarm + alarm.pending + _way(alarm)


def _way(alarm: AlarmFacts) -> timedelta:
    """How long the data are on their way: a log query looks at what is there when it runs."""
    return alarm.query_offset if alarm.kind == "LogAlarm" else ARRIVAL


def speed_in_words(alarm: AlarmFacts) -> str:
    """Say what the time is made of: ``3 × 1m, and 2m until the data are there``."""
    parts = [f"{alarm.datapoints_to_alarm} × {readable_duration(alarm.period)}"]
    if alarm.pending:
        parts.append(f"{readable_duration(alarm.pending)} of breaching without a break")
    if way := _way(alarm):
        parts.append(f"{readable_duration(way)} until the data are there")
    return ", and ".join(parts)


def warm_until(alarm: AlarmFacts) -> datetime | None:
    """Return when those below the alarm that are enough to fire it are warmed up; None without a warm-up."""
    warm = {leaf.name for leaf in leaves(alarm) if leaf.warm_until is None}
    warming = [(leaf.warm_until, leaf) for leaf in leaves(alarm) if leaf.warm_until is not None]
    if fires(alarm, warm):
        return None
    for until, leaf in sorted(warming, key=lambda each: each[0]):
        warm.add(leaf.name)
        if fires(alarm, warm):
            return until
    return None
