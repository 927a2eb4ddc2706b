"""One event -> its lines for the log. Pure; what is foreign in them is not escaped yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alarm_lines import told_of_alarms
from lambda_rollout.report.cancellation import on_cancelling
from lambda_rollout.report.errors import error_lines, not_read
from lambda_rollout.report.findings import counted, numbers
from lambda_rollout.report.hold import held_now, hold_ends, waits_for, ways_to_say
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.target_lines import told_of_target
from lambda_rollout.report.wording import (
    clock_time,
    date_and_time,
    listing,
    planned_watch,
    share,
    states,
    step_name,
    traffic,
)
from lambda_rollout.rollout import events as e

_BAR = 20
_DOING = {
    "plan": "Planning for",
    "publish": "Publishing for",
    "promote": "Promoting",
    "rollback": "Rolling back",
}


def told(event: e.Event, story: RolloutState) -> Iterator[str]:
    """Say what one event changed, a line for each thing; ``story`` includes the event already."""
    match event:
        case e.Started():
            yield from _started(event)
        case e.AlarmsFound() | e.GuardiansFound() | e.AlarmChanged() | e.EvaluationChanged():
            yield from told_of_alarms(event)
        case e.Heartbeat():
            yield _heartbeat(event, story)
        case (
            e.StepStarted()
            | e.StepExtended()
            | e.StepEndsEarly()
            | e.GuardObserved()
            | e.StepPassed()
        ):
            yield from _told_of_step(event, story)
        case (
            e.RolloutAwaited()
            | e.RolloutRunning()
            | e.PromotionRequested()
            | e.RequestEnded()
            | e.RequestSeen()
            | e.RequestRefused()
        ):
            yield _told_of_request(event)
        case e.PreflightFound() | e.MetricsRead() | e.LogRead() | e.LogNotRead():
            yield from _told_of_evidence(event, story)
        case e.PermissionsNeeded():
            from lambda_rollout.report.permissions import told_of_permissions

            yield from told_of_permissions(event)
        case (
            e.HooksNamed()
            | e.HookStarted()
            | e.HookInProgress()
            | e.HookUnanswered()
            | e.HookEnded()
        ):
            yield _told_of_hook(event)
        case e.Unreadable():
            yield f"the {event.what.removeprefix('the ')} could not be read: {event.why}"
        case _:
            yield from told_of_target(event, story)


def _told_of_evidence(
    event: e.PreflightFound | e.MetricsRead | e.LogRead | e.LogNotRead, story: RolloutState
) -> Iterator[str]:
    match event:
        case e.PreflightFound():
            yield f"preflight: {counted(event.findings)}"
        case e.MetricsRead():
            yield from numbers(event.comparisons)
        case e.LogRead():
            yield from error_lines(event, story)
        case e.LogNotRead():
            yield not_read(event)


def about_what(event: e.Event) -> str:
    """Say in a few words what an event that repeats itself is about: ``changes of alarm checkout-errors``."""
    match event:
        case e.AlarmChanged():
            return f"changes of alarm {event.reading.name}"
        case e.EvaluationChanged():
            return f"evaluation of alarm {event.reading.name}"
        case e.Unreadable():
            return f"failed reads of the {event.what.removeprefix('the ')}"
        case e.HookUnanswered():
            return f"unanswered calls of the {event.hook}"
        case e.GuardObserved():
            return f"guard {event.guard} on {event.target}"
        case e.VersionWaited() | e.DeploymentChanged():
            return f"waiting for {event.target}"
        case _:
            return "step extended"


def _told_of_step(
    event: e.StepStarted | e.StepExtended | e.StepEndsEarly | e.GuardObserved | e.StepPassed,
    story: RolloutState,
) -> Iterator[str]:
    match event:
        case e.StepStarted():
            # Any other step is told by its shifts.
            if (held := held_now(story)) is not None:
                yield waits_for(held)
                yield from ways_to_say(story)
        case e.StepExtended():
            yield f"step {event.number} extended until {clock_time(event.until)} at the latest: {event.why}"
        case e.StepEndsEarly():
            yield f"step {event.number} ends {readable_duration(event.saved)} early: all guards are shown to hold"
        case e.GuardObserved():
            yield f"only observed: {observed(event)}"
        case e.StepPassed():
            yield f"step {event.number} passed{_alarms_at_end(event)}"


def _told_of_request(
    event: e.RolloutAwaited
    | e.RolloutRunning
    | e.PromotionRequested
    | e.RequestEnded
    | e.RequestSeen
    | e.RequestRefused,
) -> str:
    match event:
        case e.RolloutAwaited():
            names = listing([str(target) for target in event.targets], most=10)
            until = clock_time(event.until)
            return f"no rollout is under way on {names}: waiting until {until} for one to begin"
        case e.RolloutRunning():
            run = f" ({event.run_url})" if event.run_url else ""
            return f"{event.target} is being rolled out by a run that is still at work{run}: {event.record}"
        case e.PromotionRequested():
            return f"{event.target}: asked to go on from {share(event.percent)} to 100%, waiting for the answer"
        case e.RequestEnded():
            return f"{event.target} sends {traffic(event.routing)}"
        case e.RequestSeen():
            saved = readable_duration(event.saved)
            return f"step {event.number} is told to go on, {saved} early: mode: promote asked on {event.target}"
        case e.RequestRefused():
            return f"step {event.number} goes on as planned, the request was refused: {event.why}"


def _started(event: e.Started) -> Iterator[str]:
    doing = _DOING.get(event.mode, "Rolling out to")
    names = listing([str(target) for target in event.targets], most=10)
    yield f"{doing} {names} in {event.region}, {date_and_time(event.at)} (all times are UTC)"
    if event.mode in {"publish", "rollback"}:
        return
    steps = [
        f"{step_name(step.percent, holds=step.holds)} for "
        f"{planned_watch(step.watch, step.earliest, holds=step.holds)}"
        for step in event.plan.steps
    ]
    held = ", then hold" if event.plan.ends_held else ""
    most = "at most " if event.plan.may_end_early or event.plan.hold else ""
    in_all = f"{most}{readable_duration(event.plan.total_watch)} in all"
    # A rollout that is running goes by a schedule of its own.
    whose = ", if it is held" if event.mode == "promote" else ""
    yield f"schedule{whose}: {', '.join(steps)}{held}; {in_all}"
    if event.guards:
        yield f"guards: {', '.join(event.guards)}"
    if event.mode in {"rollout", "promote", "plan"} and (
        large := on_cancelling(len(event.targets))
    ):
        yield f"large group: {large}"


def observed(event: e.GuardObserved) -> str:
    """Say what the numbers say of a guard that is only observed."""
    return f"guard {event.guard} {event.outcome.words} on {event.target}: {event.why}"


def _told_of_hook(
    event: e.HooksNamed | e.HookStarted | e.HookInProgress | e.HookUnanswered | e.HookEnded,
) -> str:
    match event:
        case e.HooksNamed():
            return f"hooks: {', '.join(f'{hook.stage} {hook.function}' for hook in event.hooks)}"
        case e.HookStarted():
            return f"{event.hook} invoked"
        case e.HookInProgress():
            again = readable_duration(event.again_in)
            return f"{event.hook} is IN_PROGRESS, asked again in {again}{_details(event.details)}"
        case e.HookUnanswered():
            return f"{event.hook} was not answered and is invoked again: {event.why}"
        case e.HookEnded(passed=True):
            return f"{event.hook} said SUCCEEDED{_details(event.details)}"
        case e.HookEnded():
            return f"{event.hook} failed: {event.why}"


def _details(details: str) -> str:
    return f": {details}" if details else ""


def _alarms_at_end(event: e.StepPassed) -> str:
    if not event.readings:
        return ""
    return f"; alarms after its end: {states(_counted(event.readings))}"


def _counted(readings: Iterable[AlarmReading]) -> list[tuple[AlarmState, int]]:
    found = Counter(reading.state for reading in readings)
    return [(state, found[state]) for state in AlarmState]


def _heartbeat(event: e.Heartbeat, story: RolloutState) -> str:
    total = story.started.plan.total_watch if story.started else timedelta()
    held = held_now(story)
    if held is not None and (until := hold_ends(held)) is not None:
        return (
            f"{bar(total, event.all_left)} {share(event.percent)} · held until {clock_time(until)}, "
            f"{readable_duration(event.step_left)} left to say yes or no · alarms: {states(event.states)}"
        )
    return (
        f"{bar(total, event.all_left)} {share(event.percent)}"
        f" · step {event.number}: {readable_duration(event.step_left)} left"
        f" · all: {readable_duration(event.all_left)} left · alarms: {states(event.states)}"
    )


def bar(total: timedelta, left: timedelta) -> str:
    """Draw how much of ``total`` is over: ``█████░░░░░░░░░░░░░░░``."""
    done = 1 - left / total if total else 1.0
    filled = min(_BAR, max(0, int(done * _BAR)))
    return "█" * filled + "░" * (_BAR - filled)
