"""The story of a rollout with ``engine: codedeploy``: AWS shifts, we look after it.

Told from top to bottom in `Deployment._tell`. CodeDeploy owns the alias while it shifts, so no record is written
then: the deployment itself, which goes on without us, is what says that somebody is at work. From 100% on the
alias is ours, with record and all, as in `lambda_rollout.rollout.rollout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED, Alias
from lambda_rollout.alias.writer import Conflict, Traffic
from lambda_rollout.analysis.alarms import AlarmReading, Survey, firing_at_start
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.rollout.acquire import say_if_time_is_in_doubt
from lambda_rollout.rollout.alarms import AlarmPoll
from lambda_rollout.rollout.alias_status import read_alias
from lambda_rollout.rollout.codedeploy.check import (
    Ready,
    TakenOver,
    await_promoted,
    check_group,
    check_same,
    find_running,
    prepare,
)
from lambda_rollout.rollout.codedeploy.follow import Following
from lambda_rollout.rollout.codedeploy.model import (
    DeploymentState,
    Engine,
    Group,
    LostSight,
    Shift,
    own_name,
)
from lambda_rollout.rollout.codedeploy.stop import Retreat, find_by_nonce, handover_of
from lambda_rollout.rollout.events import AlarmsFound, AliasFound, Finished, Result, Warned
from lambda_rollout.rollout.finish import Ending, InCharge
from lambda_rollout.rollout.ports import Alarms, Parts
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.spec import Order, seconds
from lambda_rollout.rollout.watch import GoBack, Rules, Stage, Watch
from lambda_rollout.runtime.errors import (
    AlreadyExists,
    CallFailed,
    Cancelled,
    CredentialsExpired,
    RolloutError,
)
from lambda_rollout.runtime.retry import patiently

AlarmsOf = Callable[[Sequence[str]], Alarms]
"""Makes a reader of the order's alarms and, besides, of these of the functions' own Region."""


class Deployment:
    """One rollout of one alias by CodeDeploy."""

    def __init__(self, order: Order, parts: Parts, engine: Engine, alarms_of: AlarmsOf) -> None:
        """Nothing is done yet."""
        self._order = order
        self._parts = parts
        self._engine = engine
        self._alarms_of = alarms_of
        self._place = engine.place
        self._target = order.targets[0]
        self._ending = Ending(order, parts)
        self._found: Alias | None = None
        """The alias before anything was shifted; None if that was before our time."""
        self._group = Group(frozenset(), ())
        self._shift: Shift | None = None
        """What is moved; None while nothing was asked of CodeDeploy."""
        self._alarms = self._poll(Survey(()))
        """The alarms while CodeDeploy shifts."""
        self._following: Following | None = None
        self._watch: Watch | None = None
        self._watching = False
        """Whether CodeDeploy is done, and the alias in our hands."""

    def run(self) -> Finished:
        """Do it, to whatever end. Never raises."""
        parts, order = self._parts, self._order
        parts.emit(order.started(parts.clock.now()))
        for text in order.warnings:
            parts.emit(Warned(at=parts.clock.now(), text=text))
        finished = self._run()
        parts.emit(finished)
        return finished

    def _run(self) -> Finished:
        try:
            return self._tell()
        except GoBack as cause:
            return self._go_back(cause, cause.alarms)
        except LostSight as cause:
            return self._let_run(cause)
        except RolloutError as cause:
            return self._go_back(cause, failed=isinstance(cause, Conflict))
        except Exception as error:  # noqa: BLE001 - whatever it is, an alias must not stay split for it
            what = f"internal error: {type(error).__name__}: {error}"
            return self._go_back(RolloutError(what, "Please report it with the log."))

    def _tell(self) -> Finished:
        self._group = check_group(self._order, self._parts, self._engine)
        self._heed_the_groups_alarms()
        running = find_running(self._order, self._parts, self._engine)
        if running is None:
            ready = prepare(self._order, self._parts, self._engine, self._group)
            if isinstance(ready, Result):
                return self._ending.finished(ready)
            self._found, shift = ready.found, ready.shift
            self._alarms = self._poll(ready.survey)
            self._create(ready)
        else:
            if self._order.mode is Mode.PLAN:
                return self._plan_to_follow(running[0])
            shift = running[1]
            self._join(*running)
        following = self._follow(shift)
        state = following.to_the_end(self._alarms)
        if not state.succeeded:
            return self._tell_of_rollback(state, shift)
        charge = self._take_over(shift, following)
        return self._watch_whole(charge, following)

    # Look --------------------------------------------------------------------------------------

    def _heed_the_groups_alarms(self) -> None:
        """Watch the group's alarms, too: CodeDeploy will stop on them, and the reason is to be told."""
        known = [own_name(alarm, self._order.region) for alarm in self._order.alarms]
        more = tuple(name for name in self._group.alarms if name not in known)
        if not more:
            return
        missing = patiently(self._parts.clock, self._parts.stop)(self._alarms_of(more).read).missing
        if gone := [name for name in more if name in missing]:
            text = f"Deployment group {self._place.group} names alarms that do not exist: {', '.join(gone)}."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        there = tuple(name for name in more if name not in missing)
        self._order = replace(self._order, alarms=(*self._order.alarms, *there))
        self._parts = replace(self._parts, alarms=self._alarms_of(there))

    # Deploy ------------------------------------------------------------------------------------

    def _create(self, ready: Ready) -> None:
        """Start the deployment; whether AWS did is found out if it does not say."""
        self._shift = ready.shift
        self._remember(Phase.DEPLOYING)
        try:
            deployment = patiently(self._parts.clock, self._parts.stop)(self._create_once, ready)
        except AlreadyExists as error:
            self._nothing_is_ours()
            raise RolloutError(
                f"deployment group {self._place.group} is busy: {error.message}",
                "Wait for that deployment.",
            ) from error
        except RolloutError as error:
            if not isinstance(error, Cancelled) and not _may_have_effect(error):
                # Refused, however often it was delivered: there is nothing to stop.
                self._nothing_is_ours()
            raise
        self._place = replace(self._place, deployment=deployment)
        self._remember(Phase.DEPLOYING)

    def _create_once(self, ready: Ready) -> str:
        run = self._order.run.url or "no run of GitHub's"
        shift, nonce = ready.shift, self._order.nonce
        text = f"lambda-rollout {self._target} {shift.old} to {shift.new}, {run}, id {nonce}"
        try:
            return self._engine.create(
                self._target, shift.old, shift.new, ready.configuration, text
            )
        except CallFailed as error:
            # It may have been a success, then or meanwhile; what runs says whose it is.
            if error.may_have_effect and (found := find_by_nonce(self._engine, nonce)):
                return found
            raise

    def _nothing_is_ours(self) -> None:
        """Forget what was to be moved: neither we nor the post stage have anything to stop."""
        self._shift = None
        self._ending.remember(Phase.DONE)

    def _join(self, deployment: str, shift: Shift) -> None:
        """Follow a deployment that an earlier run has started."""
        order, parts = self._order, self._parts
        alias = read_alias(self._target, order, parts)
        if alias is None:
            raise RolloutError(f"there is no alias {self._target}.")
        now = parts.clock.now()
        parts.emit(AliasFound(at=now, target=self._target, arn=alias.arn, routing=alias.shown))
        check_same(order, parts, self._engine, deployment, shift)
        survey = patiently(parts.clock, parts.stop)(parts.alarms.read)
        parts.emit(AlarmsFound(at=parts.clock.now(), readings=survey.readings))
        self._place = replace(self._place, deployment=deployment)
        self._shift = shift
        self._remember(Phase.DEPLOYING)
        self._alarms = self._poll(survey)
        firing = firing_at_start(survey.readings)
        if firing and order.alarm_at_start is not AlarmAtStart.IGNORE_UNTIL_OK:
            # It may have fired while nobody was looking.
            names = ", ".join(f"{reading.name} ({reading.reason})" for reading in firing)
            raise GoBack(f"in ALARM while CodeDeploy shifts: {names}", firing)

    def _poll(self, survey: Survey) -> AlarmPoll:
        now = self._parts.aws_clock.now()
        return AlarmPoll(self._parts, self._order.poll_interval, survey, now)

    def _plan_to_follow(self, deployment: str) -> Finished:
        text = f"Deployment {deployment} is running: a rollout would follow it, and start no other."
        self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        return self._ending.finished(Result.PLANNED)

    def _follow(self, shift: Shift) -> Following:
        self._following = Following(
            self._order, self._parts, self._engine, shift, self._place.deployment
        )
        return self._following

    # Go back -----------------------------------------------------------------------------------

    def _go_back(
        self, cause: RolloutError, alarms: tuple[AlarmReading, ...] = (), *, failed: bool = False
    ) -> Finished:
        """Stop the deployment before anything is told; or, at 100%, write the alias as ever."""
        if self._watching or self._shift is None:
            return self._ending.go_back(cause, alarms, self._tell_alarms, failed=failed)
        self._remember(Phase.STOPPING)
        retreat = Retreat(self._order, self._parts, self._engine, self._ending)
        try:
            deployment = self._place.deployment or retreat.find(self._order.nonce)
            if deployment:
                self._place = replace(self._place, deployment=deployment)
                retreat.stop(deployment)
        except CallFailed as error:
            self._tell_alarms()
            retreat.left_running(self._place, self._shift, error)
            reason = f"{cause.what}; but {self._place} could not be stopped"
            return self._ending.finished(Result.FAILED, reason, cause.remedy, alarms)
        self._tell_alarms()
        if deployment:
            retreat.see_through(deployment)
        return self._came_back(cause, alarms, self._shift, failed=failed)

    def _tell_of_rollback(self, state: DeploymentState, shift: Shift) -> Finished:
        """CodeDeploy has ended it by itself: see its rollback through."""
        self._remember(Phase.STOPPING)
        retreat = Retreat(self._order, self._parts, self._engine, self._ending)
        retreat.see_through(state.id)
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
        shift: Shift,
        *,
        failed: bool = False,
    ) -> Finished:
        retreat = Retreat(self._order, self._parts, self._engine, self._ending)
        percent = self._following.percent if self._following else Decimal()
        outcome = retreat.settle(shift, percent, self._found)
        if outcome.back:
            self._ending.remember(Phase.DONE)
        rolled_back = outcome.back and outcome.was_shifted and not failed
        result = Result.ROLLED_BACK if rolled_back else Result.FAILED
        return self._ending.finished(result, cause.what, cause.remedy, alarms)

    def _let_run(self, cause: LostSight) -> Finished:
        """Say that it goes on without us; what CodeDeploy's group does not watch, nobody does now."""
        self._tell_alarms()
        command = self._place.stop_command(self._order.region)
        return self._ending.finished(
            Result.FAILED,
            f"{cause.what}; {self._place} goes on in AWS",
            f"Run this again to follow it, or stop it: {command}",
        )

    def _tell_alarms(self) -> None:
        self._alarms.tell()
        if self._watch is not None:
            self._watch.alarms.tell()

    # At 100% -----------------------------------------------------------------------------------

    def _take_over(self, shift: Shift, following: Following) -> InCharge:
        """Take the alias into our own hands once it shows what CodeDeploy says it has done."""
        parts, order = self._parts, self._order
        try:
            alias = await_promoted(order, parts, self._place, shift)
        except TakenOver:
            self._nothing_is_ours()
            raise
        following.see(HUNDRED, self._alarms.readings)
        traffic = Traffic(
            self._target, alias, parts.aliases, parts.clock, parts.aws_clock, order.nonce, shift.old
        )
        charge = self._ending.take_charge(traffic, shift.new)
        # It is to go back if anything happens before our first write, too.
        charge.doubtful = True
        charge.tried.append(str(HUNDRED))
        self._watching = True
        self._ending.remember(Phase.MOVING)
        say_if_time_is_in_doubt(parts)
        traffic.forward(alias.routing, order.live_record(traffic, shift.new), parts.stop)
        return charge

    def _watch_whole(self, charge: InCharge, following: Following) -> Finished:
        order, traffic = self._order, charge.traffic
        self._watch = Watch(
            self._parts,
            Rules(order.poll_interval, order.evidence_timeout, order.insufficient_data),
            [traffic],
            self._alarms.survey,
            following.numbers,
            lambda _: order.live_record(traffic, charge.new),
        )
        self._watch.shifted(traffic)
        watch = seconds(order.promotion_watch)
        stage = Stage(following.number, HUNDRED, watch, left_after=0.0, may_still_move=False)
        self._watch.step(stage)
        for reading in self._watch.alarms.never_counted:
            text = f"Alarm {reading.name} did not guard: it was in ALARM from before the start and never OK."
            self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        self._watch.say_what_was_not_seen()
        return self._ending.let_go()

    # What the post stage gets ------------------------------------------------------------------

    def _remember(self, phase: Phase) -> None:
        if self._shift is not None:
            handover = handover_of(self._order, self._place, self._shift, phase, self._found)
            self._parts.remember(handover)


def _may_have_effect(error: RolloutError) -> bool:
    return isinstance(error, CallFailed) and error.may_have_effect
