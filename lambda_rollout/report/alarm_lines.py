"""What alarms did, as lines for the log. Pure; what is foreign in them is not escaped yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lambda_rollout.analysis.alarms import PARTIAL, AlarmReading, AlarmState
from lambda_rollout.report.alike import FEW_ROWS
from lambda_rollout.report.wording import listing
from lambda_rollout.rollout import events as e

STATE_MARKS = {
    AlarmState.ALARM: "🔴",
    AlarmState.INSUFFICIENT_DATA: "⚪",
    AlarmState.OK: "🟢",
}
NOT_EVALUATED_MARK = "⚪"


def told_of_alarms(
    event: e.AlarmsFound | e.GuardiansFound | e.AlarmChanged | e.EvaluationChanged,
) -> Iterator[str]:
    """Say in which states alarms were found, and who else is told of them, or what one did."""
    match event:
        case e.AlarmsFound():
            yield from _alarms_found(event)
        case e.GuardiansFound():
            yield guardians(event)
        case e.AlarmChanged():
            yield _alarm_changed(event)
        case e.EvaluationChanged():
            yield _evaluation_changed(event)


def mark_of(reading: AlarmReading) -> str:
    """Return the sign of an alarm's state; OK is not green where nobody looks."""
    stale = not reading.is_evaluated and reading.state is not AlarmState.ALARM
    return NOT_EVALUATED_MARK if stale else STATE_MARKS[reading.state]


def _alarms_found(event: e.AlarmsFound) -> Iterator[str]:
    for several in _in_one_line(event.readings):
        yield _alarm_found(several[0]) if len(several) == 1 else _alarms_alike(several)


def _in_one_line(readings: Sequence[AlarmReading]) -> Iterator[Sequence[AlarmReading]]:
    """Put together what is alike in more than a few alarms: only those in ALARM, or not evaluated, say more."""
    alike: dict[AlarmState, list[AlarmReading]] = {}
    for reading in readings:
        if reading.state is not AlarmState.ALARM and reading.is_evaluated:
            alike.setdefault(reading.state, []).append(reading)
    folded = {state for state, several in alike.items() if len(several) > FEW_ROWS}
    yield from (alike[state] for state in alike if state in folded)
    yield from ([one] for one in readings if one.state not in folded or not one.is_evaluated)


def _alarms_alike(readings: Sequence[AlarmReading]) -> str:
    names = listing([reading.name for reading in readings], most=5)
    return f"{mark_of(readings[0])} {len(readings)} alarms: {readings[0].state} ({names})"


def _alarm_found(reading: AlarmReading) -> str:
    because = f": {reading.reason}" if reading.state is AlarmState.ALARM else ""
    return f"{mark_of(reading)} alarm {reading.name}: {reading.state}{because}{_not_evaluated(reading)}"


def guardians(event: e.GuardiansFound) -> str:
    """Say who watches what no job watches."""
    names = listing([arn.split(":")[6] for arn in event.arns])
    if names:
        watches = "watches" if len(event.arns) == 1 else "watch"
        return f"guardian: {names} {watches} these alarms while no job does"
    return (
        "guardian: none is among the actions of these alarms; nobody watches what is held, or left by a job that died, "
        "until the next run"
    )


def _alarm_changed(event: e.AlarmChanged) -> str:
    reading = event.reading
    mark = STATE_MARKS[AlarmState.ALARM if event.fired else reading.state]
    who = f"{mark} alarm {reading.name}"
    if event.fired and reading.state is not AlarmState.ALARM:
        return f"{who} was in ALARM between two reads, and is {reading.state} now"
    if event.before is reading.state:
        return f"{who} left {reading.state} between two reads, and is {reading.state} again"
    return f"{who}: {event.before} → {reading.state}: {reading.reason}"


def _evaluation_changed(event: e.EvaluationChanged) -> str:
    reading = event.reading
    if reading.evaluation == PARTIAL:
        return f"alarm {reading.name} is evaluated in part only ({PARTIAL}): {reading.reason}"
    if not reading.is_evaluated:
        return f"alarm {reading.name} is {reading.state}{_not_evaluated(reading)}"
    return f"alarm {reading.name} is evaluated again (it was {event.before})"


def _not_evaluated(reading: AlarmReading) -> str:
    if reading.is_evaluated:
        return ""
    return f", but CloudWatch does not evaluate it ({reading.evaluation}: {reading.reason})"
