"""The story of a rollout with ``engine: codedeploy``: AWS shifts, we look after it.

Told from top to bottom in `Deployment._tell`. CodeDeploy owns the alias while it shifts, so no record is written
then: the deployment itself, which goes on without us, is what says that somebody is at work. From 100% on the
alias is ours, with record and all, as in `lambda_rollout.rollout.rollout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED, Alias
from lambda_rollout.analysis.alarms import AlarmReading, Survey, counting, firing_at_start
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.alarms import AlarmPoll
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.alias_status import read_alias
from lambda_rollout.rollout.analysis_failed import AnalysisFailed
from lambda_rollout.rollout.codedeploy.check import (
    Prepared,
    TakenOver,
    await_promoted,
    check_group,
    check_same,
    find_running,
    prepare,
)
from lambda_rollout.rollout.codedeploy.follow import DeploymentWatcher
from lambda_rollout.rollout.codedeploy.model import (
    CodeDeploy,
    DeploymentGroup,
    DeploymentState,
    DeploymentTarget,
    LostSight,
    own_name,
)
from lambda_rollout.rollout.codedeploy.stop import (
    DeploymentStop,
    find_by_rollout_id,
    saved_state_of,
)
from lambda_rollout.rollout.events import AlarmsFound, AliasFound, Finished, Result, Warned
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.ports import Alarms, Ports
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import RolloutSpec, seconds
from lambda_rollout.rollout.story import begin_watch, end_watch, live_record, run
from lambda_rollout.rollout.version_logs import (
    RolledBackVersion,
    rolled_back_version,
    tell_what_was_logged,
)
from lambda_rollout.rollout.watch import Watch
from lambda_rollout.runtime.errors import (
    AlreadyExists,
    CallFailed,
    Cancelled,
    CredentialsExpired,
    RolloutError,
)
from lambda_rollout.runtime.retry import retrying

AlarmsOf = Callable[[Sequence[str]], Alarms]
"""Makes a reader of the order's alarms and, besides, of these of the functions' own Region."""


class Deployment:
    """One rollout of one alias by CodeDeploy."""

    def __init__(
        self, spec: RolloutSpec, ports: Ports, engine: CodeDeploy, alarms_of: AlarmsOf
    ) -> None:
        """Nothing is done yet."""
        self._spec = spec
        self._ports = ports
        self._engine = engine
        self._alarms_of = alarms_of
        self._ref = engine.place
        self._target = spec.inputs.targets[0]
        self._finisher = Finisher(spec.identity, ports, saves=spec.inputs.mode is not Mode.PLAN)
        self._arn = ""
        """The alias's ARN."""
        self._found: Alias | None = None
        """The alias before anything was shifted; None if that was before our time."""
        self._group = DeploymentGroup(frozenset(), ())
        self._shift: DeploymentTarget | None = None
        """What is moved; None while nothing was asked of CodeDeploy."""
        self._alarms = self._poll(Survey(()))
        """The alarms while CodeDeploy shifts."""
        self._watcher: DeploymentWatcher | None = None
        self._watch: Watch | None = None
        self._expiry = Expiry(ports)
        self._created_at: datetime | None = None
        """When the deployment was asked for, on AWS's clock; None for one that an earlier run has begun."""
        self._left: list[RolledBackVersion] = []
        """What CodeDeploy's rollback took the alias from, once it is back."""
        self._going_back_since = 0.0
        """When we went back, or noticed that CodeDeploy did; monotonic seconds."""
        self._watching = False
        """Whether CodeDeploy is done, and the alias in our hands."""

    def run(self) -> Finished:
        """Do it, to whatever end. Never raises."""
        return run(self._spec, self._ports, self._tell, self._bad_end, self._tell_logged)

    def _bad_end(self, cause: RolloutError, *, failed: bool) -> Finished:
        if isinstance(cause, LostSight):
            return self._let_run(cause)
        alarms = cause.alarms if isinstance(cause, AnalysisFailed) else ()
        return self._roll_back(cause, alarms, failed=failed)

    def _tell_logged(self, _finished: Finished) -> None:
        at_100 = [
            replace(rolled_back_version(rollout), since=self._created_at)
            for rollout in self._finisher.back
        ]
        left = at_100 or self._left
        seen_by = self._watch or self._watcher
        if left and seen_by is not None:
            seen_by.numbers.read_after_end(self._ports.background)
        tell_what_was_logged(self._spec, self._ports, left, self._going_back_since)

    def _tell(self) -> Finished:
        self._group = check_group(self._spec, self._ports, self._engine)
        self._heed_the_groups_alarms()
        running = find_running(self._spec, self._ports, self._engine)
        if running is None:
            ready = prepare(self._spec, self._ports, self._engine, self._group)
            if isinstance(ready, Result):
                return self._finisher.finished(ready)
            self._expiry.await_renewal()
            self._found, shift = ready.found, ready.shift
            self._arn = ready.found.arn
            self._alarms = self._poll(ready.survey)
            self._create(ready)
        else:
            if self._spec.inputs.mode is Mode.PLAN:
                return self._plan_to_follow(running[0])
            shift = running[1]
            self._join(*running)
        watcher = self._follow(shift)
        state = watcher.to_the_end(self._alarms)
        if not state.succeeded:
            return self._tell_of_rollback(state, shift)
        rollout = self._take_over(shift, watcher)
        return self._watch_whole(rollout, watcher)

    # Look --------------------------------------------------------------------------------------

    def _heed_the_groups_alarms(self) -> None:
        """Watch the group's alarms, too: CodeDeploy will stop on them, and the reason is to be told."""
        known = [
            own_name(alarm.text, self._spec.inputs.region) for alarm in self._spec.inputs.alarms
        ]
        more = tuple(name for name in self._group.alarms if name not in known)
        if not more:
            return
        missing = retrying(self._ports.clock, self._ports.stop)(self._alarms_of(more).read).missing
        if gone := [name for name in more if name in missing]:
            text = f"Deployment group {self._ref.group} names alarms that do not exist: {', '.join(gone)}."
            self._ports.emit(Warned(text=text))
        there = tuple(name for name in more if name not in missing)
        inputs = self._spec.inputs
        names = (AlarmName(name, name) for name in there)
        self._spec = replace(self._spec, inputs=replace(inputs, alarms=(*inputs.alarms, *names)))
        self._ports = replace(self._ports, alarms=self._alarms_of(there))

    # Deploy ------------------------------------------------------------------------------------

    def _create(self, ready: Prepared) -> None:
        """Start the deployment; whether AWS did is found out if it does not say."""
        self._shift = ready.shift
        self._remember(Phase.DEPLOYING)
        self._created_at = self._ports.aws_clock.now()
        try:
            deployment = retrying(self._ports.clock, self._ports.stop)(self._create_once, ready)
        except AlreadyExists as error:
            self._nothing_is_ours()
            raise RolloutError(
                f"deployment group {self._ref.group} is busy: {error.message}",
                "Wait for that deployment.",
            ) from error
        except RolloutError as error:
            if not isinstance(error, Cancelled) and not _may_have_effect(error):
                # Refused, however often it was delivered: there is nothing to stop.
                self._nothing_is_ours()
            raise
        self._ref = replace(self._ref, deployment=deployment)
        self._remember(Phase.DEPLOYING)

    def _create_once(self, ready: Prepared) -> str:
        run = self._spec.run.url or "no run of GitHub's"
        shift, rollout_id = ready.shift, self._spec.rollout_id
        text = f"lambda-rollout {self._target} {shift.old} to {shift.new}, {run}, id {rollout_id}"
        try:
            return self._engine.create(
                self._target,
                shift.old,
                shift.new,
                ready.configuration,
                text,
                self._spec.inputs.hooks,
            )
        except CallFailed as error:
            # It may have been a success, then or meanwhile; what runs says whose it is.
            if error.may_have_effect and (found := find_by_rollout_id(self._engine, rollout_id)):
                return found
            raise

    def _nothing_is_ours(self) -> None:
        """Forget what was to be moved: neither we nor the post stage have anything to stop."""
        self._shift = None
        self._finisher.remember(Phase.DONE)

    def _join(self, deployment: str, shift: DeploymentTarget) -> None:
        """Follow a deployment that an earlier run has started."""
        spec, ports = self._spec, self._ports
        alias = read_alias(self._target, spec.identity, ports)
        ports.emit(AliasFound(target=self._target, arn=alias.arn, routing=alias.shown))
        self._arn = alias.arn
        check_same(spec, ports, self._engine, deployment, shift)
        survey = retrying(ports.clock, ports.stop)(ports.alarms.read)
        ports.emit(AlarmsFound(readings=survey.readings))
        self._ref = replace(self._ref, deployment=deployment)
        self._shift = shift
        self._remember(Phase.DEPLOYING)
        ignores = spec.inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK
        self._alarms = self._poll(survey if ignores else counting(survey))
        firing = firing_at_start(survey.readings)
        if firing and not ignores:
            # It may have fired while nobody was looking.
            names = ", ".join(f"{reading.name} ({reading.reason})" for reading in firing)
            raise AnalysisFailed(f"in ALARM while CodeDeploy shifts: {names}", firing)

    def _poll(self, survey: Survey) -> AlarmPoll:
        now = self._ports.aws_clock.now()
        return AlarmPoll(self._ports, seconds(self._spec.inputs.poll_interval), survey, now)

    def _plan_to_follow(self, deployment: str) -> Finished:
        text = f"Deployment {deployment} is running. A rollout would follow it, and start no other."
        self._ports.emit(Warned(text=text))
        return self._finisher.finished(Result.PLANNED)

    def _follow(self, shift: DeploymentTarget) -> DeploymentWatcher:
        self._watcher = DeploymentWatcher(
            self._spec, self._ports, self._engine, shift, self._ref.deployment, self._expiry
        )
        return self._watcher

    # Go back -----------------------------------------------------------------------------------

    def _roll_back(
        self, cause: RolloutError, alarms: tuple[AlarmReading, ...], *, failed: bool
    ) -> Finished:
        """Stop the deployment before anything is told; or, at 100%, write the alias as ever."""
        self._going_back_since = self._ports.clock.monotonic()
        if self._watching or self._shift is None:
            return self._finisher.roll_back(cause, alarms, self._tell_alarms, failed=failed)
        self._remember(Phase.STOPPING)
        deployment_stop = DeploymentStop(
            self._spec.identity, self._target, self._ports, self._engine, self._finisher
        )
        try:
            deployment = self._ref.deployment or deployment_stop.find(self._spec.rollout_id)
            if deployment:
                self._ref = replace(self._ref, deployment=deployment)
                deployment_stop.stop(deployment)
        except CallFailed as error:
            self._tell_alarms()
            deployment_stop.left_running(self._ref, self._shift, error)
            reason = f"{cause.what}; but {self._ref} could not be stopped"
            return self._finisher.finished(Result.FAILED, reason, cause.remedy, alarms)
        self._tell_alarms()
        if deployment:
            deployment_stop.see_through(deployment)
        return self._came_back(cause, alarms, self._shift, failed=failed)

    def _tell_of_rollback(self, state: DeploymentState, shift: DeploymentTarget) -> Finished:
        """CodeDeploy has ended it by itself: see its rollback through."""
        self._going_back_since = self._ports.clock.monotonic()
        self._remember(Phase.STOPPING)
        deployment_stop = DeploymentStop(
            self._spec.identity, self._target, self._ports, self._engine, self._finisher
        )
        deployment_stop.see_through(state.id)
        alarms: tuple[AlarmReading, ...] = ()
        if state.error_code == "ALARM_ACTIVE":
            # A stop that comes now changes nothing: CodeDeploy has ended it, and said why.
            with suppress(CredentialsExpired, Cancelled):
                self._alarms.read()
            alarms = self._alarms.in_alarm
        self._tell_alarms()
        return self._came_back(RolloutError(state.why()), alarms, shift)

    def _came_back(
        self,
        cause: RolloutError,
        alarms: tuple[AlarmReading, ...],
        shift: DeploymentTarget,
        *,
        failed: bool = False,
    ) -> Finished:
        deployment_stop = DeploymentStop(
            self._spec.identity, self._target, self._ports, self._engine, self._finisher
        )
        percent = self._watcher.percent if self._watcher else Decimal()
        outcome = deployment_stop.settle(shift, percent, self._found)
        if outcome.back:
            self._finisher.remember(Phase.DONE)
            if outcome.was_shifted:
                left = RolledBackVersion(self._target, shift.new, self._arn, self._created_at)
                self._left = [left]
        rolled_back = outcome.back and outcome.was_shifted and not failed
        result = Result.ROLLED_BACK if rolled_back else Result.FAILED
        return self._finisher.finished(result, cause.what, cause.remedy, alarms)

    def _let_run(self, cause: LostSight) -> Finished:
        """Say that it goes on without us; what CodeDeploy's group does not watch, nobody does now."""
        self._tell_alarms()
        command = self._ref.stop_command(self._spec.inputs.region)
        return self._finisher.finished(
            Result.FAILED,
            f"{cause.what}; {self._ref} goes on in AWS",
            f"Run this again to follow it, or stop it: {command}",
        )

    def _tell_alarms(self) -> None:
        self._alarms.tell()
        if self._watch is not None:
            self._watch.alarms.tell()

    # At 100% -----------------------------------------------------------------------------------

    def _take_over(self, shift: DeploymentTarget, watcher: DeploymentWatcher) -> AliasRollout:
        """Take the alias into our own hands once it shows what CodeDeploy says it has done."""
        ports, spec = self._ports, self._spec
        try:
            alias = await_promoted(spec, ports, self._ref, shift)
        except TakenOver:
            self._nothing_is_ours()
            raise
        watcher.see(HUNDRED, self._alarms.readings)
        writer = writer_of(self._target, alias, spec.rollout_id, ports, shift.old)
        rollout = self._finisher.track(AliasRollout(self._target, writer, shift.new))
        # It is to go back if anything happens before our first write, too.
        rollout.possibly_written = True
        self._watching = True
        self._finisher.remember(Phase.MOVING)
        record = live_record(writer, shift.new, alias.routing, spec, ports)
        writer.forward(alias.routing, record, ports.stop)
        return rollout

    def _watch_whole(self, rollout: AliasRollout, watcher: DeploymentWatcher) -> Finished:
        self._watch = begin_watch(
            self._spec,
            self._ports,
            [rollout],
            self._alarms.survey,
            watcher.metrics,
            self._expiry,
        )
        self._watch.shifted(rollout.writer)
        self._watch.step(Step(HUNDRED, self._spec.promotion_watch), watcher.number)
        end_watch(self._watch, self._ports)
        return self._finisher.complete()

    # What the post stage gets ------------------------------------------------------------------

    def _remember(self, phase: Phase) -> None:
        if self._shift is not None:
            saved_state = saved_state_of(
                self._spec.identity,
                self._target,
                self._ref,
                self._shift,
                phase,
                self._found,
                self._arn,
            )
            self._ports.remember(saved_state)


def _may_have_effect(error: RolloutError) -> bool:
    return isinstance(error, CallFailed) and error.may_have_effect
