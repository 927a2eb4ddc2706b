"""The two long tables of the summary: the schedule, and the alarms."""

from __future__ import annotations

from datetime import timedelta

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.report.console import alarm_url
from lambda_rollout.report.lines import mark_of
from lambda_rollout.report.markdown import breakable, code, link, prose, table, unbroken
from lambda_rollout.report.state import AlarmNow, RolloutState, Status, StepNow
from lambda_rollout.report.wording import clock_time, count, duration, share
from lambda_rollout.rollout.events import Result

_MOST_ROWS = 50


def schedule(story: RolloutState) -> str:
    """Show what happened at each step; empty if none began."""
    if not story.watched:
        return ""
    rows = [
        (
            f"{step.number}.&nbsp;{share(step.percent)}",
            unbroken(duration(step.watch)),
            _what_happened(step, story.result),
        )
        for step in story.steps
    ]
    return table(("step", "planned watch", "what happened"), rows)


def plan(story: RolloutState) -> str:
    """Show when each step would begin, counted from the first shift."""
    if story.started is None:
        return ""
    schedule = story.started.plan
    rows = [
        (str(number), _after(start), share(step.percent), unbroken(duration(step.watch)))
        for number, (start, step) in enumerate(schedule.timetable(), start=1)
    ]
    end = "held there" if schedule.ends_held else "done"
    rows.append(("", _after(schedule.total_watch), end, ""))
    return table(("step", "begins", "on the new version", "watched for"), rows)


def _after(start: timedelta) -> str:
    return f"after {unbroken(duration(start))}" if start else "at once"


def _what_happened(step: StepNow, result: Result) -> str:
    match step.status:
        case Status.PASSED:
            said = f"✅ passed{_span(step)}"
        case Status.FAILED if result is Result.ROLLED_BACK:
            said = f"↩️ rolled back{_after_watch(step)}"
        case Status.FAILED:
            said = f"❌ ended{_after_watch(step)}"
        case Status.SKIPPED:
            said = "done by an earlier run"
        case Status.NOT_REACHED | Status.WAITING:
            said = "not reached"
        case Status.SHIFTING | Status.WATCHING | Status.EXTENDED:
            said = "❌ broke off"
    if step.extended_until is not None:
        said += f"; extended: {breakable(prose(step.lacked, 120))}"
    return said


def _span(step: StepNow) -> str:
    if step.watched_from is None or step.ended is None:
        return ""
    return f", {clock_time(step.watched_from)} to {clock_time(step.ended)}"


def _after_watch(step: StepNow) -> str:
    if step.lasted is None or step.ended is None:
        return " before it was watched"
    return f" at {clock_time(step.ended)}, after {unbroken(duration(step.lasted))}"


def alarms(story: RolloutState) -> str:
    """Show each alarm's newest state with AWS's reason for it, the ones that matter first."""
    ordered = sorted(story.alarms.values(), key=_urgency)
    shown = ordered[:_MOST_ROWS]
    rows = [
        (
            link(code(alarm.newest.name), alarm_url(alarm.newest)),
            _state(alarm, story),
            _reason(alarm),
        )
        for alarm in shown
    ]
    text = table(("alarm", "state", "AWS's reason"), rows)
    hidden = len(ordered) - len(shown)
    return f"{text}\n\nAnd {count(hidden, 'alarm')} more, told in the log." if hidden else text


def _urgency(alarm: AlarmNow) -> int:
    if alarm.fired is not None:
        return 0
    return 1 + list(AlarmState).index(alarm.newest.state)


def _state(alarm: AlarmNow, story: RolloutState) -> str:
    state = alarm.newest.state
    if alarm.fired is not None and state is not AlarmState.ALARM:
        return f"🔴&nbsp;was ALARM, {state} now"
    # Where a line may break is said for the sake of phones.
    said = f"{mark_of(alarm.newest)}{' ' if '_' in state else '&nbsp;'}{state.replace('_', '_&#8203;')}"
    if not story.watched:
        return said
    if not alarm.newest.is_evaluated:
        return f"{said}, not evaluated"
    if not alarm.guarded:
        return f"{said} all the time, did not guard"
    return said


def _reason(alarm: AlarmNow) -> str:
    return prose((alarm.fired or alarm.newest).reason)
