"""The tables that summary and comment share: the schedule, the plan and the alarms.

None has more columns than a phone has room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alarm_lines import mark_of
from lambda_rollout.report.alike import FEW_ROWS, FLAPS, is_quiet
from lambda_rollout.report.console import alarm_url
from lambda_rollout.report.markdown import (
    PROSE_LIMIT,
    breakable,
    code,
    folded,
    link,
    prose,
    table,
    unbroken,
)
from lambda_rollout.report.state import AlarmNow, RolloutState, Status, StepNow
from lambda_rollout.report.wording import clean, clock_time, count, planned_watch, step_name
from lambda_rollout.rollout.events import Result

MOST_ROWS = 50
_LACKED_LIMIT = 120  # characters of why a step was extended

_RUNNING = {
    Status.SHIFTING: "👀 being shifted",
    Status.WATCHING: "👀 being watched",
    Status.EXTENDED: "👀 extended, being watched",
}


# Schedule --------------------------------------------------------------------------------------


def schedule(story: RolloutState, most: int = MOST_ROWS, *, live: bool = False) -> str:
    """Show what has come of each step, of ``most`` around the running one; empty if none began.

    ``live``: the rollout may be going on. Otherwise one without an end was interrupted.
    """
    if not story.watched:
        return ""
    steps = _around_the_running_one(story, most)
    rows = [
        (
            f"{step.number}.&nbsp;{unbroken(step_name(step.percent, holds=step.holds))}",
            unbroken(planned_watch(step.watch, step.earliest, holds=step.holds)),
            _outcome(step, story, live=live),
        )
        for step in steps
    ]
    text = table(("step", "planned watch", "what happened"), rows)
    hidden = len(story.steps) - len(steps)
    return f"{text}\n\nAnd {count(hidden, 'more step')}, in the log." if hidden else text


def _around_the_running_one(story: RolloutState, most: int) -> tuple[StepNow, ...]:
    begun = sum(step.began is not None for step in story.steps)
    first = max(0, min(begun - most // 2, len(story.steps) - most))
    return story.steps[first : first + most]


def is_going_back(story: RolloutState) -> bool:
    """Whether something was decided that only a rollback can follow."""
    begun = any(now.rolled_back_at for now in story.targets.values())
    fired = any(alarm.fired is not None for alarm in story.alarms.values())
    return begun or fired or any(hook.is_fatal for hook in story.hooks)


def _outcome(step: StepNow, story: RolloutState, *, live: bool) -> str:
    match step.status:
        case Status.SHIFTING | Status.WATCHING | Status.EXTENDED:
            return _running(step, story) if live else "❌ interrupted"
        case Status.WAITING if live and not is_going_back(story):
            return "⬜ waiting"
        case Status.WAITING | Status.NOT_REACHED:
            return "⬜ not reached"
        case Status.SKIPPED:
            return "done by an earlier run"
        case Status.LEFT_OUT:
            return "⏩ left out"
        case Status.PASSED if step.holds:
            return f"✅ told to go on{_span(step)}{_refused(step)}"
        case Status.PASSED:
            return f"✅ passed{_span(step)}{_early(step)}{_extended(step)}{_refused(step)}"
        case Status.FAILED:
            words = "↩️ rolled back" if story.result is Result.ROLLED_BACK else "❌ ended"
            return f"{words}{_after_watch(step)}{_extended(step)}{_refused(step)}"


def _running(step: StepNow, story: RolloutState) -> str:
    if is_going_back(story):
        return "↩️ rolling back"
    since = f" since {clock_time(step.watched_from)}" if step.watched_from else ""
    if step.holds:
        return f"⏸️ waiting for a yes or no{since}"
    return f"{_RUNNING[step.status]}{since}"


def _span(step: StepNow) -> str:
    if step.watched_from is None or step.ended is None:
        return ""
    if not (step.watch or step.extended_until):
        return f" at {clock_time(step.ended)}, not watched"
    return f", {clock_time(step.watched_from)} to {clock_time(step.ended)}"


def _after_watch(step: StepNow) -> str:
    at = f" at {clock_time(step.ended)}" if step.ended else ""
    if step.lasted is None:
        return f"{at}, before it was watched"
    return f"{at}, after {unbroken(readable_duration(step.lasted))}"


def _early(step: StepNow) -> str:
    if step.saved is None:
        return ""
    why = "told to go on" if step.told_to_go_on else "all guards shown to hold"
    return f"; {unbroken(readable_duration(step.saved))} early, {why}"


def _refused(step: StepNow) -> str:
    if not step.refused:
        return ""
    return f"; a request to go on was refused: {prose(step.refused, _LACKED_LIMIT)}"


def _extended(step: StepNow) -> str:
    if step.extended_until is None:
        return ""
    return f"; extended: {breakable(prose(step.lacked, _LACKED_LIMIT))}"


# Plan ------------------------------------------------------------------------------------------


def plan(story: RolloutState) -> str:
    """Show when each step would begin, counted from the first shift."""
    if story.started is None:
        return ""
    planned = story.started.plan
    rows = [
        (
            str(number),
            _begins(start),
            step_name(step.percent, holds=step.holds),
            unbroken(planned_watch(step.watch, step.earliest, holds=step.holds)),
        )
        for number, (start, step) in enumerate(planned.timetable(), start=1)
    ]
    end = "held there" if planned.ends_held else "done"
    rows.append(("", _begins(planned.total_watch), end, ""))
    return table(("step", "begins", "on the new version", "watched for"), rows)


def _begins(start: timedelta) -> str:
    return f"after {unbroken(readable_duration(start))}" if start else "at once"


# Alarms ----------------------------------------------------------------------------------------


def alarms(story: RolloutState, most: int = MOST_ROWS, reason_limit: int = PROSE_LIMIT) -> str:
    """Show ``most`` alarms, those that matter first, each with its newest state and AWS's reason for it."""
    ordered = sorted(story.alarms.values(), key=_urgency)
    if len(ordered) <= FEW_ROWS:
        return _alarm_table(ordered, story, most, reason_limit)
    quiet = [alarm for alarm in ordered if is_quiet(alarm)]
    others = [alarm for alarm in ordered if not is_quiet(alarm)]
    parts = [_alarm_table(others, story, most, reason_limit)] if others else []
    if quiet:
        them = _alarm_table(quiet, story, max(1, most - len(others)), reason_limit)
        parts.append(folded(f"🟢 {count(len(quiet), 'alarm')} OK", them))
    return "\n\n".join(parts)


def _alarm_table(
    ordered: Sequence[AlarmNow], story: RolloutState, most: int, reason_limit: int
) -> str:
    shown = ordered[:most]
    rows = [(_state(alarm, story), _name_and_reason(alarm, story, reason_limit)) for alarm in shown]
    text = table(("state", "alarm, and AWS's reason"), rows)
    hidden = len(ordered) - len(shown)
    return f"{text}\n\nAnd {count(hidden, 'more alarm')}, in the log." if hidden else text


def _urgency(alarm: AlarmNow) -> tuple[int, int]:
    """Those first that fired, then by their states, those that flap most first."""
    if alarm.fired is not None:
        return 0, 0
    flaps = alarm.changes if alarm.changes >= FLAPS else 0
    return 1 + list(AlarmState).index(alarm.newest.state), -flaps


def _state(alarm: AlarmNow, story: RolloutState) -> str:
    state = alarm.newest.state
    if alarm.fired is not None:
        since, began = alarm.fired.transitioned_at, story.started and story.started.at
        when = f" at {clock_time(since)}" if since and began and since >= began else ""
        now = "" if state is AlarmState.ALARM else f", {state} now"
        return f"🔴&nbsp;**fired**{when}{now}"
    # As in the chart; AWS's own word would leave a phone no room for the rest.
    known = "no data" if state is AlarmState.INSUFFICIENT_DATA else state
    said = unbroken(f"{mark_of(alarm.newest)} {known}")
    if not alarm.newest.is_evaluated:
        return f"{said}, not evaluated"
    if alarm.changes >= FLAPS:
        return f"{said}, {unbroken(f'changed {alarm.changes} times')}"
    if not story.watched:
        return said
    if not alarm.had_data:
        return f"{said} throughout" if story.finished is not None else said
    return said if alarm.guarded else f"{said} throughout, did not guard"


def _name_and_reason(alarm: AlarmNow, story: RolloutState, limit: int) -> str:
    """Put AWS's words below the name: a column of their own would leave a phone no room."""
    name = link(code(alarm.newest.name), alarm_url(alarm.newest))
    reason = _reason(alarm, story, limit)
    return f"{name}<br>{reason}" if reason else name


def _reason(alarm: AlarmNow, story: RolloutState, limit: int) -> str:
    """Give AWS's words where they tell something: not why all is well, and not what the verdict said."""
    if alarm.fired is None and alarm.newest.is_ok:
        return ""
    reason = clean((alarm.fired or alarm.newest).reason, limit)
    verdict = clean(story.reason, 2 * limit) if story.finished else ""
    return "" if reason in verdict else prose(reason, limit)
