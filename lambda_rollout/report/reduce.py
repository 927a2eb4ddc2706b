"""Events in, `RolloutState` out: the one place that knows what each event changes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import reduce

from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.report.lines import observed
from lambda_rollout.report.reduce_target import moved, rolled_back, to_be_ended
from lambda_rollout.report.state import (
    GOING_ON,
    MOST_WARNINGS,
    AlarmNow,
    HookNow,
    HookSaid,
    RolloutState,
    Status,
    StepNow,
    TargetNow,
)
from lambda_rollout.rollout import events as e


def rollout_state(events: Iterable[e.Event]) -> RolloutState:
    """Fold the events of one run, in their order."""
    return reduce(after, events, RolloutState())


def after(story: RolloutState, event: e.Event) -> RolloutState:
    """Take one more event into account."""
    story = replace(story, latest=event.at)
    match event:
        case e.Started():
            return _started(story, event)
        case (
            e.Warned()
            | e.GuardObserved()
            | e.PreflightFound()
            | e.PermissionsNeeded()
            | e.MetricsRead()
            | e.LogRead()
            | e.LogNotRead()
        ):
            return _evidence(story, event)
        case e.Finished():
            return _finished(story, event)
        case e.StepStarted() | e.StepExtended() | e.StepEndsEarly() | e.StepPassed():
            return _step(story, event)
        case e.RequestSeen() | e.RequestRefused():
            return _request(story, event)
        case (
            e.HooksNamed()
            | e.HookStarted()
            | e.HookInProgress()
            | e.HookUnanswered()
            | e.HookEnded()
        ):
            return _hook(story, event)
        case e.AlarmsFound() | e.GuardiansFound() | e.EvaluationChanged() | e.AlarmChanged():
            return _alarm(story, event)
        case _:
            return _target(story, event)


def _evidence(
    story: RolloutState,
    event: e.Warned
    | e.GuardObserved
    | e.PreflightFound
    | e.PermissionsNeeded
    | e.MetricsRead
    | e.LogRead
    | e.LogNotRead,
) -> RolloutState:
    match event:
        case e.Warned():
            return _warned(story, event.text)
        case e.GuardObserved():
            if event.outcome is not Outcome.BROKEN:
                return story
            return _warned(story, f"Only observed: {observed(event)}.")
        case e.LogRead():
            return replace(story, logs=(*story.logs, event))
        case e.LogNotRead():
            return replace(story, unread_logs=(*story.unread_logs, event))
        case e.PreflightFound():
            return replace(story, findings=event.findings)
        case e.PermissionsNeeded():
            return replace(story, permissions=event)
        case e.MetricsRead():
            known = dict(story.numbers)
            for more in event.comparisons:
                before = known.get(more.target)
                known[more.target] = before.joined(more) if before else more
            return replace(story, numbers=known)


def _warned(story: RolloutState, text: str) -> RolloutState:
    if len(story.warnings) >= MOST_WARNINGS:
        return replace(story, more_warnings=story.more_warnings + 1)
    return replace(story, warnings=(*story.warnings, text))


def _hook(
    story: RolloutState,
    event: e.HooksNamed | e.HookStarted | e.HookInProgress | e.HookUnanswered | e.HookEnded,
) -> RolloutState:
    if isinstance(event, e.HooksNamed):
        return replace(story, named_hooks=event.hooks)
    if isinstance(event, e.HookStarted):
        return replace(story, hooks=(*story.hooks, HookNow(event.hook, event.step, event.at)))

    def changed(hook: HookNow) -> HookNow:
        match event:
            case e.HookInProgress(details=details):
                return replace(hook, said=HookSaid.IN_PROGRESS, why="", details=details)
            case e.HookUnanswered(why=why):
                return replace(hook, why=why)
            case e.HookEnded(passed=passed):
                said = HookSaid.SUCCEEDED if passed else HookSaid.FAILED
                known = replace(hook, said=said, ended=event.at)
                return replace(known, why=event.why, details=event.details)

    return replace(
        story,
        hooks=tuple(
            changed(hook) if hook.ended is None and hook.hook == event.hook else hook
            for hook in story.hooks
        ),
    )


def _nobody_waits(story: RolloutState, at: datetime) -> RolloutState:
    """Let those end that were still asked: something else was decided."""
    return replace(
        story,
        hooks=tuple(
            hook if hook.ended else replace(hook, said=HookSaid.NOT_AWAITED, why="", ended=at)
            for hook in story.hooks
        ),
    )


def _started(story: RolloutState, event: e.Started) -> RolloutState:
    steps = tuple(
        StepNow(number, step.percent, step.watch, earliest=step.earliest, holds=step.holds)
        for number, step in enumerate(event.plan.steps, start=1)
    )
    targets = {target: TargetNow(target) for target in event.targets}
    return replace(story, started=event, steps=steps, targets=targets)


def _each_step(story: RolloutState, change: Callable[[StepNow], StepNow]) -> RolloutState:
    return replace(story, steps=tuple(change(step) for step in story.steps))


def _finished(story: RolloutState, event: e.Finished) -> RolloutState:
    story = _nobody_waits(story, event.at)
    for reading in event.failed_alarms:
        seen = story.alarms.get(reading.arn, AlarmNow(reading))
        # One that was not evaluated is a cause, too, and did not fire.
        known = (
            replace(seen, fired=reading) if reading.is_evaluated else replace(seen, newest=reading)
        )
        story = _with_alarm(story, known)

    def closed(step: StepNow) -> StepNow:
        if step.status is Status.WAITING:
            return replace(step, status=Status.NOT_REACHED)
        if step.status in GOING_ON:
            return replace(step, status=Status.FAILED, ended=step.ended or event.at)
        return step

    return _each_step(replace(story, finished=event), closed)


def _step(
    story: RolloutState,
    event: e.StepStarted | e.StepExtended | e.StepEndsEarly | e.StepPassed,
) -> RolloutState:
    match event:
        case e.StepStarted():
            return _step_started(story, event)
        case e.StepExtended():

            def extended(step: StepNow) -> StepNow:
                if step.status not in GOING_ON:
                    return step
                late = replace(step, extended_until=event.until, lacked=event.why)
                return replace(late, status=Status.EXTENDED)

            return _each_step(story, extended)
        case e.StepEndsEarly():

            def early(step: StepNow) -> StepNow:
                return replace(step, saved=event.saved) if step.status in GOING_ON else step

            return _each_step(story, early)
        case e.StepPassed():

            def passed(step: StepNow) -> StepNow:
                running = step.status in GOING_ON
                return replace(step, status=Status.PASSED, ended=event.at) if running else step

            return _each_step(_readings(story, event.readings), passed)


def _request(story: RolloutState, event: e.RequestSeen | e.RequestRefused) -> RolloutState:
    def changed(step: StepNow) -> StepNow:
        if step.status not in GOING_ON:
            return step
        if isinstance(event, e.RequestSeen):
            return replace(step, told_to_go_on=True, saved=event.saved)
        return replace(step, told_to_go_on=False, saved=None, refused=event.why)

    if isinstance(event, e.RequestRefused):
        story = _nobody_waits(story, event.at)
    return _each_step(story, changed)


def _step_started(story: RolloutState, event: e.StepStarted) -> RolloutState:
    """Begin the step of this weight. A resumed rollout may begin at one that is not in the schedule, and hold there."""
    begins = (event.percent, event.holds)
    steps = tuple(
        replace(step, percent=event.percent)
        if step.holds and step.percent < event.percent < HUNDRED
        else step
        for step in story.steps
    )
    if all((step.percent, step.holds) != begins for step in steps):
        more = StepNow(0, event.percent, event.watch, earliest=event.earliest, holds=event.holds)
        steps = (*steps, more)
    steps = tuple(
        replace(step, number=number)
        for number, step in enumerate(
            sorted(steps, key=lambda step: (step.percent, step.holds)), start=1
        )
    )

    without = Status.LEFT_OUT if any(step.told_to_go_on for step in steps) else Status.SKIPPED

    def begun(step: StepNow) -> StepNow:
        if (step.percent, step.holds) == begins:
            now = replace(step, status=Status.SHIFTING, began=event.at, watch=event.watch)
            # There is nothing to shift: the weight is out already.
            held = replace(now, status=Status.WATCHING, watched_from=event.at)
            return held if event.holds else now
        skipped = (step.percent, step.holds) < begins and step.status is Status.WAITING
        return replace(step, status=without) if skipped else step

    return _each_step(replace(story, steps=steps), begun)


def _readings(story: RolloutState, readings: Iterable[AlarmReading]) -> RolloutState:
    for reading in readings:
        seen = story.alarms.get(reading.arn, AlarmNow(reading))
        known = replace(
            seen,
            newest=reading,
            was_ok=seen.was_ok or reading.is_ok,
            had_data=seen.had_data or reading.state is not AlarmState.INSUFFICIENT_DATA,
        )
        story = _with_alarm(story, known)
    return story


def _alarm(
    story: RolloutState,
    event: e.AlarmsFound | e.GuardiansFound | e.EvaluationChanged | e.AlarmChanged,
) -> RolloutState:
    match event:
        case e.AlarmsFound():
            return _readings(story, event.readings)
        case e.GuardiansFound():
            return replace(story, guardians=event)
        case e.EvaluationChanged():
            return _readings(story, (event.reading,))
        case e.AlarmChanged():
            return _alarm_changed(story, event)


def _alarm_changed(story: RolloutState, event: e.AlarmChanged) -> RolloutState:
    story = _readings(story, (event.reading,))
    # The state may be what it was before: then it came and went between two reads, on data.
    seen = story.alarms[event.reading.arn]
    seen = replace(seen, had_data=True, changes=seen.changes + 1)
    if event.fired and seen.fired is None:
        seen = replace(seen, fired=event.reading)
    return _with_alarm(story, seen)


def _with_alarm(story: RolloutState, alarm: AlarmNow) -> RolloutState:
    return replace(story, alarms={**story.alarms, alarm.newest.arn: alarm})


def _target(story: RolloutState, event: e.Event) -> RolloutState:
    target = getattr(event, "target", None)
    if not isinstance(target, Target):
        return story
    now = moved(story.targets.get(target, TargetNow(target)), event)
    match event:
        case e.AliasFound():
            now = replace(now, version=to_be_ended(event.routing, story.mode) or now.version)
        case e.TakenBack():
            now = rolled_back(now, event, None)
            now = replace(now, taken_back=True)
        case e.RolledBack():
            in_this_run = now.version is not None and story.mode != "rollback"
            began = _step_began(story, event) if in_this_run else None
            now = rolled_back(now, event, began)
    story = replace(story, targets={**story.targets, target: now})
    match event:
        case e.WeightShifted():
            return _watch_begins(story, event)
        case e.RolledBack() | e.TakenBack() | e.AliasLeft():
            return _watch_ends(_nobody_waits(story, event.at), event)
        case _:
            return story


def _step_began(story: RolloutState, event: e.Event) -> datetime:
    begun = [step.began for step in story.steps if step.began is not None]
    return begun[-1] if begun else event.at


def _watch_begins(story: RolloutState, event: e.WeightShifted) -> RolloutState:
    """Let the running step's watch begin once its weight is out on every target."""
    moving = (now for now in story.targets.values() if not now.already_there and not now.created)
    if any(now.weight != event.percent for now in moving):
        return story

    def watched(step: StepNow) -> StepNow:
        if step.status is not Status.SHIFTING:
            return step
        return replace(step, status=Status.WATCHING, watched_from=event.at)

    return _each_step(story, watched)


def _watch_ends(story: RolloutState, event: e.Event) -> RolloutState:
    """Let a running step end with the first alias that is put back, not with the verdict on it."""

    def ended(step: StepNow) -> StepNow:
        running = step.status in GOING_ON and step.ended is None
        return replace(step, ended=event.at) if running else step

    return _each_step(story, ended)
