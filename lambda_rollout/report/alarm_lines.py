"""What alarms did, as lines for the log. Pure; what is foreign in them is not escaped yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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
    for reading in event.readings:
        because = f": {reading.reason}" if reading.state is AlarmState.ALARM else ""
        yield f"{mark_of(reading)} alarm {reading.name}: {reading.state}{because}{_not_evaluated(reading)}"


def part_quiet_alarms(
    readings: Sequence[AlarmReading],
) -> tuple[Sequence[AlarmReading], Mapping[str, Sequence[AlarmReading]]]:
    """Part those to look at from many that are in the same state and say no more than that, by what these are."""
    alike: dict[AlarmState, list[AlarmReading]] = {}
    for reading in readings:
        if reading.state is not AlarmState.ALARM and reading.is_evaluated:
            alike.setdefault(reading.state, []).append(reading)
    quiet = {state: several for state, several in alike.items() if len(several) > FEW_ROWS}
    others = [one for one in readings if not one.is_evaluated or one.state not in quiet]
    return others, {
        f"{STATE_MARKS[state]} {len(several)} alarms: {state}": several
        for state, several in quiet.items()
    }


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
