"""The story of a rollout: look, publish, shift, watch, and promote or roll back.

Told from top to bottom in `Rollout._tell`; each verb is a method below it, in the order of the telling.
It knows no boto3 and no GitHub: what it needs of them comes in as the small protocols of `Ports`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lambda_rollout.alias.routing import HUNDRED, routing_of
from lambda_rollout.analysis.alarms import Survey
from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.analysis.metrics import CanaryPair
from lambda_rollout.analysis.version import VersionState
from lambda_rollout.inputs.choices import HookStage, Mode, OnCancel
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.acquire import acquire
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.alias_status import others_may_be_held, say_if_cut
from lambda_rollout.rollout.all_mistakes import all_or_mistakes
from lambda_rollout.rollout.analysis_failed import AnalysisFailed
from lambda_rollout.rollout.events import (
    AliasCreated,
    AlreadyThere,
    Finished,
    Result,
    StepStarted,
    WeightShifted,
)
from lambda_rollout.rollout.expiry import CredentialsEnd, Expiry
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.hook_stages import before_traffic, make_request, on_rollback
from lambda_rollout.rollout.hooks import HookRun
from lambda_rollout.rollout.metrics import RolloutMetrics, SuccessCriteria
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import Phase
from lambda_rollout.rollout.smoke_test import ReadyVersion, smoke_test
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.step_hooks import Asks
from lambda_rollout.rollout.story import begin_watch, end_watch, live_record, run
from lambda_rollout.rollout.version import await_ready, check_version
from lambda_rollout.rollout.versions_seen import FirstLook
from lambda_rollout.rollout.watch import Watch
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Cancelled, RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped, retrying

SHOWN_FOR = 15.0
"""Seconds for which the record is to be seen at 100% once somebody has asked to go on: who asked looks every 5 s, and
nothing else tells him whose 100% it is."""


class Rollout:
    """One rollout of one or several targets: all go forward, or all go back."""

    def __init__(self, spec: RolloutSpec, ports: Ports) -> None:
        """Nothing is done yet."""
        self._spec = spec
        self._ports = ports
        self._rollouts: list[AliasRollout] = []
        self._finisher = Finisher(spec.identity, ports, saves=spec.inputs.mode is not Mode.PLAN)
        self._watch: Watch | None = None
        self._expiry = Expiry(ports)
        self._step: int | None = None
        """The number of the step that goes on, or was the last; None before the first."""
        self._shifted_at = 0.0
        """When the newest weight was confirmed everywhere; monotonic seconds."""
        self._first_look = FirstLook()

    def run(self) -> Finished:
        """Do it, to whatever end. Never raises."""
        return run(self._spec, self._ports, self._tell, self._bad_end, self._tell_of_rollback)

    def _bad_end(self, cause: RolloutError, *, failed: bool) -> Finished:
        is_cut_short = isinstance(cause, Cancelled | CredentialsEnd)
        holds = is_cut_short and self._spec.inputs.on_cancel is OnCancel.HOLD
        if holds and self._finisher.can_hold:
            return self._finisher.hold(f"{cause.what}; on-cancel is `hold`")
        alarms = cause.alarms if isinstance(cause, AnalysisFailed) else ()
        return self._finisher.roll_back(cause, alarms, self._tell_alarms, failed=failed)

    def _tell_of_rollback(self, finished: Finished) -> None:
        # What only a rollback needs is not imported at the start.
        from lambda_rollout.rollout.version_logs import rolled_back_version, tell_what_was_logged

        back, since = self._finisher.back, self._finisher.rolling_back_since
        moved = [each for each in back if each.moves]
        on_rollback(self._spec, self._ports, moved, finished.reason, step=self._step, since=since)
        if moved and self._watch is not None:
            self._watch.numbers.read_after_end(self._ports.background)
        tell_what_was_logged(self._spec, self._ports, map(rolled_back_version, moved), since)

    def _tell(self) -> Finished:
        if self._spec.inputs.mode is Mode.PROMOTE:
            from lambda_rollout.rollout.request import ask_if_running

            asked = ask_if_running(self._spec, self._ports)
            if asked is not None:
                return asked
        self._look_at_aliases()
        # Not needed for the first request, so not imported before it.
        from lambda_rollout.rollout.prepare import look_first

        self._first_look = look_first(self._spec, self._ports, self._rollouts)
        self._finisher.guardians = self._first_look.guardians
        if self._spec.inputs.mode is Mode.PLAN:
            return self._check_versions()
        self._choose_versions()
        self._wait_until_ready()
        self._smoke_test()
        before_traffic(self._spec, self._ports, self._rollouts)
        self._create_missing_aliases()
        self._say_what_stays()
        if not self._moving():
            return self._nothing_to_shift()
        watch = self._begin_watch()
        last = self._go_through(self._steps(), watch)
        self._after_traffic(last, watch)
        self._look_at_what_stays()
        end_watch(watch, self._ports)
        if last.percent < HUNDRED:
            return self._finisher.hold("the schedule ends with `hold`")
        self._show_who_asked()
        finished = self._finisher.complete()
        if finished.result is Result.PROMOTED and self._spec.inputs.mode is Mode.PROMOTE:
            return replace(finished, remedy=others_may_be_held(self._spec))
        return finished

    # Look --------------------------------------------------------------------------------------

    def _look_at_aliases(self) -> None:
        spec, ports = self._spec, self._ports
        self._rollouts = acquire(spec, ports)
        for rollout in self._rollouts:
            if rollout.existing is None:
                continue
            self._finisher.track(rollout)
            if rollout.resumed is not None:
                say_if_cut(rollout.target, rollout.existing.found, ports)
                # Nobody watches what a dead run left, so whatever ends us now puts it back. A held one stays.
                rollout.possibly_written = spec.inputs.mode is Mode.ROLLOUT
        self._finisher.remember(Phase.MOVING)

    # Publish -----------------------------------------------------------------------------------

    def _check_versions(self) -> Finished:
        """For ``mode: plan``: what can be known of the version without publishing one."""
        seen = self._first_look.versions
        all_or_mistakes(
            lambda each: check_version(each.target, each.old, self._spec, self._ports, seen),
            self._rollouts,
            lambda each: each.target,
        )
        return self._finisher.finished(Result.PLANNED)

    def _choose_versions(self) -> None:
        rollouts, parallel = self._rollouts, self._ports.parallel
        if self._spec.publishes:
            # Nothing more is published for a group of which one cannot be.
            versions = parallel(self._version_of, rollouts)
        else:
            versions = all_or_mistakes(
                self._version_of, rollouts, lambda each: each.target, parallel
            )
        for rollout, version in zip(self._rollouts, versions, strict=True):
            rollout.new = version
        self._finisher.remember(Phase.MOVING)

    def _version_of(self, rollout: AliasRollout) -> str:
        from lambda_rollout.rollout.version_choice import choose_for

        seen = self._first_look.versions
        return choose_for(rollout, self._rollouts, self._spec, self._ports, seen)

    def _wait_until_ready(self) -> None:
        waiting = [rollout for rollout in self._rollouts if rollout.new != rollout.old]
        self._ports.parallel(self._wait_for_one, waiting)

    def _wait_for_one(self, rollout: AliasRollout) -> None:
        seen = self._first_look.versions
        rollout.new_state = await_ready(rollout.target, rollout.new, self._spec, self._ports, seen)

    def _smoke_test(self) -> None:
        """Invoke what has had no traffic yet; a version that a run before this one has shifted to has had some."""
        if self._spec.inputs.mode is not Mode.ROLLOUT:
            return
        versions = [
            ReadyVersion(rollout.target, rollout.new, _limits_of(rollout.new_state))
            for rollout in self._rollouts
            if rollout.new != rollout.old and rollout.resumed is None
        ]
        smoke_test(versions, self._spec, self._ports)

    def _create_missing_aliases(self) -> None:
        from lambda_rollout.rollout.create_alias import create_alias

        for rollout in self._rollouts:
            if rollout.existing is not None:
                continue
            raise_if_stopped(self._ports.stop)
            alias = create_alias(rollout.target, rollout.new, self._ports)
            self._finisher.created.append(rollout.target)
            self._ports.emit(
                AliasCreated(
                    target=rollout.target,
                    arn=alias.arn,
                    version=rollout.new,
                )
            )

    def _moving(self) -> list[AliasRollout]:
        return [rollout for rollout in self._rollouts if rollout.moves]

    def _say_what_stays(self) -> None:
        for rollout in self._rollouts:
            if rollout.existing is not None and not rollout.moves:
                self._ports.emit(AlreadyThere(target=rollout.target, version=rollout.new))

    def _look_at_what_stays(self) -> None:
        """See that what was on its version already still is: somebody may have put it back, and the group is in parts.

        Raises `Conflict`, and `CallFailed` if it cannot be read for a minute.
        """
        read = retrying(self._ports.clock, self._ports.stop)
        staying = [each.existing for each in self._rollouts if each.existing and not each.moves]
        self._ports.parallel(lambda each: read(each.look, may_still_move=False), staying)

    def _nothing_to_shift(self) -> Finished:
        self._finisher.remember(Phase.DONE)
        return self._finisher.finished(
            Result.PROMOTED if self._finisher.created else Result.UNCHANGED
        )

    # Shift and watch ---------------------------------------------------------------------------

    def _begin_watch(self) -> Watch:
        metrics = self._numbers()
        self._judge_the_split_before(metrics)
        survey = self._last_survey()
        self._watch = begin_watch(
            self._spec,
            self._ports,
            self._moving(),
            survey,
            metrics,
            self._expiry,
            self._first_look.alarms_need,
        )
        return self._watch

    def _last_survey(self) -> Survey:
        """Read the alarms just before the first shift, which waits for credentials that last."""
        from lambda_rollout.rollout.prepare import recheck_alarms

        while True:
            self._expiry.await_renewal()
            survey = recheck_alarms(self._spec, self._ports)
            if not self._expiry.heed():
                return survey

    def _numbers(self) -> RolloutMetrics:
        moving = self._moving()
        before = []
        goes_on = any(rollout.resumed for rollout in self._rollouts)
        if goes_on and all(step.percent >= HUNDRED for step in self._steps()):
            shares = [rollout.writer.found.routing.percent_of(rollout.new) for rollout in moving]
            from lambda_rollout.rollout.split_before import split_before

            since = [rollout.resumed.since if rollout.resumed else None for rollout in moving]
            before = [split_before(shares, since, self._ports.aws_clock.now())]
        return RolloutMetrics(
            self._ports.metrics,
            [
                CanaryPair(each.target, each.new, each.writer.old, _timeout_of(each.new_state))
                for each in moving
            ],
            SuccessCriteria(self._spec.inputs.guards, self._spec.inputs.min_invocations),
            self._ports.aws_clock.now,
            before,
        )

    def _judge_the_split_before(self, metrics: RolloutMetrics) -> None:
        """Judge what goes to 100% at once by the split that it was left in: later there is no baseline.

        Raises `AnalysisFailed` if a guard failed, `RolloutError` if one that compares with the old version cannot be
        judged.
        """
        if not (self._spec.inputs.guards and metrics.looks_back):
            return
        from lambda_rollout.rollout.split_before import judge_split_before

        if broken := judge_split_before(metrics, self._ports):
            for rollout in self._moving():
                rollout.possibly_written = True
            raise AnalysisFailed(broken)

    def _after_traffic(self, last: Step, watch: Watch) -> None:
        """Ask the hooks of after-traffic, with everything watched on; not where it ends held."""
        if last.percent >= HUNDRED and (asks := self._hooks(HookStage.AFTER_TRAFFIC, last)):
            watch.after(last, asks)

    def _hooks(self, stage: HookStage, step: Step) -> Asks | None:
        """Return what makes the hooks of a stage, to be asked while ``step`` has its weight; None without any.

        Those that are asked at each weight have said yes to it before a hold begins.
        """
        hooks = self._spec.inputs.hooks_of(stage)
        if not hooks or step.holds:
            return None
        request = make_request(stage, self._spec, self._moving(), step.percent, self._step)
        return lambda until: HookRun(hooks, request, self._ports, lambda _: until)

    def _steps(self) -> Sequence[Step]:
        """Return the schedule; a resumed one starts with the weight it was left at.

        Left at 100%, which a `mode: promote` gave it, it stays there, also where this run's own schedule ends held.
        """
        plan = self._spec.plan
        if self._spec.inputs.mode is Mode.PROMOTE:
            return plan.steps
        reached = [
            rollout.writer.found.routing.percent_of(rollout.new)
            for rollout in self._rollouts
            if rollout.resumed is not None
        ]
        if not reached:
            return plan.steps
        at = min(reached)
        if at >= HUNDRED:
            return (Step(HUNDRED, self._spec.promotion_watch),)
        return plan.resumed_at(at).steps

    def _go_through(self, steps: Sequence[Step], watch: Watch, first: int = 1) -> Step:
        """Begin each step, the ``first`` of which has that number, and watch it; return the last one.

        Once told to go on, 100% is next, and the last.
        """
        for index, step in enumerate(steps):
            number = first + index
            self._begin(step, number, watch)
            watch.step(step, number, steps[index + 1 :], self._hooks(HookStage.EACH_STEP, step))
            if watch.told_to_go_on:
                promotion = Step(HUNDRED, self._spec.promotion_watch)
                return self._go_through([promotion], watch, max(number + 1, len(steps)))
        return steps[-1]

    def _begin(self, step: Step, number: int, watch: Watch) -> None:
        """Begin a step: with a shift to its weight, but for a hold, which stays where it is."""
        self._step = number
        self._ports.emit(
            StepStarted(
                number=number,
                percent=step.percent,
                watch=step.watch,
                earliest=step.earliest,
                holds=step.holds,
            )
        )
        if not step.holds:
            self._shift(step, watch)

    def _shift(self, step: Step, watch: Watch) -> None:
        ports = self._ports
        for rollout in self._moving():
            rollout.attempted_percents.append(str(step.percent))
            rollout.shifted_at = rollout.shifted_at or self._first_shift(rollout)
        self._finisher.remember(Phase.MOVING)
        with ports.stop.inner() as stop:
            ports.parallel(
                lambda rollout: self._shift_one(rollout, step, watch, stop), self._moving()
            )
        self._shifted_at = ports.clock.monotonic()

    def _show_who_asked(self) -> None:
        """Leave the record at 100% long enough to be seen, if anybody has asked to go on. A stop ends the wait."""
        left = self._shifted_at + SHOWN_FOR - self._ports.clock.monotonic()
        if left > 0 and any(rollout.writer.was_asked for rollout in self._moving()):
            self._ports.clock.wait(left, self._ports.stop)

    def _first_shift(self, rollout: AliasRollout) -> datetime:
        """Return when the version gets its first traffic: now, or as the run before this one has written."""
        if rollout.resumed is not None and rollout.resumed.since is not None:
            return rollout.resumed.since
        return self._ports.aws_clock.now()

    def _shift_one(self, rollout: AliasRollout, step: Step, watch: Watch, stop: Stop) -> None:
        ports, writer = self._ports, rollout.writer
        raise_if_stopped(stop)
        routing = routing_of(writer.old, rollout.new, step.percent)
        try:
            record = live_record(writer, rollout.new, routing, self._spec, ports)
            writer.forward(routing, record, stop)
        except Exception:
            # All go back now: another one that AWS keeps waiting must not keep them waiting.
            stop.request(f"{writer.target} could not be shifted")
            raise
        watch.shifted(writer)
        ports.emit(
            WeightShifted(
                target=writer.target,
                version=rollout.new,
                previous=writer.old,
                percent=step.percent,
            )
        )

    def _tell_alarms(self) -> None:
        if self._watch is not None:
            self._watch.alarms.tell()


def _limits_of(state: VersionState | None) -> InvocationLimits:
    return state.limits if state else InvocationLimits()


def _timeout_of(state: VersionState | None) -> timedelta:
    """Return how long an invocation may take; 0 if that was not read."""
    return timedelta(seconds=state.limits.timeout if state else 0)
