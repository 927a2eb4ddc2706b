"""One event -> its lines for the log. Pure; what is foreign in them is not escaped yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from lambda_rollout.analysis.alarms import PARTIAL, AlarmReading, AlarmState
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.cancellation import on_cancelling
from lambda_rollout.report.errors import error_lines, in_short, not_read
from lambda_rollout.report.findings import counted, numbers
from lambda_rollout.report.hold import held_now, hold_ends, waits_for, ways_to_say
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.verdict import executions_left, last_live
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

STATE_MARKS = {
    AlarmState.ALARM: "🔴",
    AlarmState.INSUFFICIENT_DATA: "⚪",
    AlarmState.OK: "🟢",
}
NOT_EVALUATED_MARK = "⚪"
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
        case e.AlarmsFound() | e.GuardiansFound():
            yield from _alarms_found(event)
        case e.AlarmChanged() | e.EvaluationChanged():
            yield _alarm_changed(event)
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
        case e.Unreadable():
            yield f"the {event.what.removeprefix('the ')} could not be read: {event.why}"
        case _:
            yield from _told_of_target(event, story)


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


def _told_of_target(event: e.Event, story: RolloutState) -> Iterator[str]:
    match event:
        case e.WeightShifted():
            now = story.targets[event.target].routing
            yield f"{event.target} now sends {traffic(now) if now else share(event.percent)}"
        case e.RolledBack() | e.TakenBack():
            yield _back(event)
        case e.ExecutionsLeft():
            yield from executions_left(event)
        case e.Held():
            yield f"{event.target} is held at {share(event.percent)} on version {event.version}"
        case e.RecordCleared():
            yield f"{event.target}: record removed, description restored"
        case e.PreviousAliasSet() | e.PreviousAliasFound():
            yield _told_of_previous(event)
        case e.DeploymentChanged():
            yield _deployment_changed(event)
        case e.AbandonedFound():
            run = f" ({event.run_url})" if event.run_url else ""
            yield f"{event.target} was left by a run that died{run}: {event.record}"
        case e.Restored():
            yield (
                f"{event.target} sends 100% to version {event.version} again; "
                f"version {event.from_version} of the dead run gets no traffic"
            )
        case _:
            yield from _told_of_alias(event, story)


def _back(event: e.RolledBack | e.TakenBack) -> str:
    by = "was taken back by somebody else: it " if isinstance(event, e.TakenBack) else ""
    return f"{event.target} {by}sends 100% to version {event.version} again"


def _told_of_previous(event: e.PreviousAliasSet | e.PreviousAliasFound) -> str:
    kept = replace(event.target, alias=event.alias)
    match event:
        case e.PreviousAliasSet():
            return f"{kept} points at version {event.version}, to go back to"
        case e.PreviousAliasFound():
            return f"{kept} keeps the way back. {last_live(event)}"


def _told_of_alias(event: e.Event, story: RolloutState) -> Iterator[str]:
    match event:
        case e.AliasFound():
            yield f"{event.target} sends {traffic(event.routing)}"
        case e.AliasMissing():
            then = "" if story.mode == "publish" else " and will be created"
            yield f"{event.target} does not exist yet{then}"
        case e.AliasCreated():
            yield f"{event.target} created, sends 100% to version {event.version}"
        case e.HooksNamed():
            yield f"hooks: {', '.join(f'{hook.stage} {hook.function}' for hook in event.hooks)}"
        case e.HookStarted() | e.HookInProgress() | e.HookUnanswered() | e.HookEnded():
            yield _hook(event)
        case e.AlreadyThere():
            yield f"{event.target} already sends 100% to version {event.version}"
        case _:
            yield from _told_of_version(event)


def _told_of_version(event: e.Event) -> Iterator[str]:
    match event:
        case e.VersionPublished(target=target, version=version):
            same = version == event.previous
            words = (
                f"no changes since version {version}" if same else f"version {version} published"
            )
            yield f"{target.name}: {words}"
        case e.VersionTaken():
            yield f"{event.target.name}: using version {event.version} (already published)"
        case e.VersionWaited():
            yield f"{event.target.name}: version {event.version} is not ready yet: {event.state}"
        case e.VersionReady():
            yield f"{event.target.name}: version {event.version} is ready"
        case e.SmokeTestStarted():
            yield f"{event.target.name}: invoking version {event.version} for its smoke test"
        case e.SmokeTested():
            verdict = "passed its smoke test" if event.passed else "did not pass its smoke test: "
            yield f"{event.target.name}: version {event.version} {verdict}{event.why}"
            if event.error is not None:
                yield f"{event.target.name}: its log tells of {in_short(event.error)}"


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


def mark_of(reading: AlarmReading) -> str:
    """Return the sign of an alarm's state; OK is not green where nobody looks."""
    stale = not reading.is_evaluated and reading.state is not AlarmState.ALARM
    return NOT_EVALUATED_MARK if stale else STATE_MARKS[reading.state]


def _alarms_found(event: e.AlarmsFound | e.GuardiansFound) -> Iterator[str]:
    if isinstance(event, e.GuardiansFound):
        yield guardians(event)
        return
    for reading in event.readings:
        because = f": {reading.reason}" if reading.state is AlarmState.ALARM else ""
        yield f"{mark_of(reading)} alarm {reading.name}: {reading.state}{because}{_not_evaluated(reading)}"


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


def _alarm_changed(event: e.AlarmChanged | e.EvaluationChanged) -> str:
    if isinstance(event, e.EvaluationChanged):
        return _evaluation_changed(event)
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


def _hook(event: e.HookStarted | e.HookInProgress | e.HookUnanswered | e.HookEnded) -> str:
    match event:
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


def _deployment_changed(event: e.DeploymentChanged) -> str:
    events = ", ".join(f"{name} {status}" for name, status in event.lifecycle)
    back = f", which rolls back {event.rolls_back}," if event.rolls_back else ""
    more = f": {events}" if events else ""
    return f"CodeDeploy deployment {event.deployment}{back} is {event.status}{more}"


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
