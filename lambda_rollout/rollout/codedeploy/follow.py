"""Following a CodeDeploy deployment: its status and lifecycle, the weight on the alias, and the alarms.

Nothing is written here. The alias itself says which weight is out; a deployment's own words are only told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.analysis.metrics import CanaryPair, StepStart
from lambda_rollout.analysis.step import Failed, StepEvidence, judge_step
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.alarms import AlarmPoll
from lambda_rollout.rollout.analysis_failed import AnalysisFailed
from lambda_rollout.rollout.codedeploy.model import (
    CodeDeploy,
    DeploymentState,
    DeploymentTarget,
    LostSight,
)
from lambda_rollout.rollout.events import (
    DeploymentChanged,
    StepPassed,
    StepStarted,
    Unreadable,
    WeightShifted,
)
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.heartbeat import Heartbeats
from lambda_rollout.rollout.metrics import RolloutMetrics, SuccessCriteria
from lambda_rollout.rollout.metrics_poll import MetricsPoll
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    CredentialsExpired,
    NotFound,
    Refused,
    Unanswered,
)
from lambda_rollout.runtime.retry import raise_if_stopped

LOOK_EVERY = 10.0
"""Seconds between two looks at the deployment and the alias; CodeDeploy's own shifts are minutes apart."""

END_EVERY = 2.0
"""Seconds between two looks at a deployment that is about to end."""


class DeploymentWatcher:
    """One deployment, followed from its start, or from when it was found, to its end."""

    def __init__(
        self,
        spec: RolloutSpec,
        ports: Ports,
        engine: CodeDeploy,
        shift: DeploymentTarget,
        deployment: str,
        expiry: Expiry,
    ) -> None:
        """``shift`` says which versions; nothing was seen of it yet."""
        self._spec = spec
        self._ports = ports
        self._engine = engine
        self._shift = shift
        self._target: Target = spec.inputs.targets[0]
        self._deployment = deployment
        self._expiry = expiry
        self._told: object = None
        self._step: Step | None = None
        self._number = 0
        self._shifted_at = 0.0
        self._heartbeats = Heartbeats(ports.clock, ports.emit)
        self._failing = False
        self._blind_to_targets = False
        self.metrics = RolloutMetrics(
            ports.metrics,
            [CanaryPair(self._target, shift.new, shift.old)],
            SuccessCriteria(),
            ports.aws_clock.now,
        )
        """The versions' own numbers; nothing depends on them here, they are told."""
        self.numbers = MetricsPoll(ports.clock, ports.stop, ports.emit, self.metrics)
        """When they are read."""
        self.percent = Decimal()
        """The share of the new version, as last seen on the alias."""

    @property
    def number(self) -> int:
        """The number of the step that was last seen to begin; 0 before the first."""
        return self._number

    def to_the_end(self, alarms: AlarmPoll) -> DeploymentState:
        """Follow it until it is over.

        Raises `AnalysisFailed` if an alarm fires that has not stopped it yet, `Cancelled` on stop, `CredentialsEnd`
        while it can still be stopped, `LostSight` if the credentials are over, and what AWS refused.
        """
        clock, stop = self._ports.clock, self._ports.stop
        look_at = clock.monotonic()
        while True:
            raise_if_stopped(stop)
            self._expiry.heed()
            self._heed_alarms(alarms)
            if clock.monotonic() >= look_at:
                state = self.look(alarms.readings)
                if state is not None and state.ended:
                    return state
                look_at = clock.monotonic() + LOOK_EVERY
                self.numbers.read_if_due(self._number)
            self._beat(alarms.readings)
            due = alarms.rhythm.next_at(math.inf) if alarms.watches else math.inf
            due = min(look_at, due, alarms.next_history_at)
            clock.wait(max(0.0, due - clock.monotonic()), stop)

    def _heed_alarms(self, alarms: AlarmPoll) -> None:
        """Read what is due. Raises `AnalysisFailed` if an alarm fired, is gone, or if none can be read."""
        if not alarms.watches:
            return
        try:
            alarms.read_what_is_due(math.inf)
        except CredentialsExpired as error:
            raise LostSight(f"the AWS credentials have expired ({error.operation})") from error
        verdict = judge_step(
            StepEvidence(
                now=self._ports.clock.monotonic(),
                planned_end=math.inf,
                last_end=math.inf,
                alarms_read_at=alarms.rhythm.good_at,
                aliases_read_at=math.inf,
                watches=alarms.watches,
                histories=alarms.most_open,
                alarms_failing_since=alarms.rhythm.failing_since,
                missing_alarms=alarms.missing,
            )
        )
        if isinstance(verdict, Failed):
            raise AnalysisFailed(verdict.reason, verdict.alarms)

    def look(self, readings: tuple[AlarmReading, ...] = ()) -> DeploymentState | None:
        """Look once at the deployment and at the alias; None if AWS gave no answer."""
        try:
            state = self._engine.read(self._deployment)
            self._tell(state)
            # Read after the status: what it says then was there when the deployment ended.
            alias = self._ports.aliases.read(self._target)
        except (Busy, Unanswered) as error:
            self._note_failure(error)
            return None
        except CredentialsExpired as error:
            if self._failing:
                raise LostSight(f"the AWS credentials have expired ({error.operation})") from error
            self._note_failure(error)
            return None
        self._failing = False
        # CodeDeploy adds its shifts up as floats: 30% may stand there as 0.30000000000000004.
        self.see(round(alias.shown.percent_of(self._shift.new), 2), readings)
        return state

    def _note_failure(self, error: CallFailed) -> None:
        if not self._failing:
            what = f"deployment {self._deployment}"
            self._ports.emit(Unreadable(what=what, why=str(error)))
        self._failing = True

    def _tell(self, state: DeploymentState) -> None:
        lifecycle = self._lifecycle()
        if self._told != (state.status, lifecycle):
            self._told = (state.status, lifecycle)
            self._ports.emit(
                DeploymentChanged(
                    target=self._target,
                    deployment=self._deployment,
                    status=state.status,
                    lifecycle=lifecycle,
                    description=state.description,
                    rolls_back=state.rolls_back,
                )
            )

    def _lifecycle(self) -> tuple[tuple[str, str], ...]:
        if self._blind_to_targets:
            return ()
        try:
            shift = self._engine.shift(self._deployment)
        except NotFound:
            return ()
        except CredentialsExpired:
            raise
        except Refused as error:
            # It is only told: a weight is read from the alias, and an end from the status.
            self._blind_to_targets = True
            what = f"the lifecycle of {self._deployment}"
            self._ports.emit(Unreadable(what=what, why=str(error)))
            return ()
        return shift.lifecycle if shift else ()

    # Steps -------------------------------------------------------------------------------------

    def see(self, percent: Decimal, readings: tuple[AlarmReading, ...]) -> None:
        """Take note of the weight on the alias; a higher one begins a step and ends the one before."""
        if percent <= self.percent:
            return
        if self._step is not None:
            self._ports.emit(
                StepPassed(number=self._number, percent=self._step.percent, readings=readings)
            )
        steps = self._spec.plan.steps
        planned = next((step for step in steps if step.percent == percent), None)
        # A deployment that another run started may have another schedule than ours.
        self._step = planned or Step(percent, timedelta(0))
        self._number = sum(step.percent < percent for step in steps) + 1
        self._shifted_at = self._ports.clock.monotonic()
        self.percent = percent
        if percent < HUNDRED:
            self.metrics.begin_step(StepStart(self._ports.aws_clock.now(), percent, self._number))
        self._ports.emit(StepStarted(number=self._number, percent=percent, watch=self._step.watch))
        self._ports.emit(
            WeightShifted(
                target=self._target,
                version=self._shift.new,
                previous=self._shift.old,
                percent=percent,
            )
        )

    def _beat(self, readings: tuple[AlarmReading, ...]) -> None:
        if self._step is None:
            return
        passed = timedelta(seconds=self._ports.clock.monotonic() - self._shifted_at)
        left = max(timedelta(0), self._step.watch - passed)
        later = (step.watch for step in self._spec.plan.steps if step.percent > self.percent)
        self._heartbeats.beat(self._number, self.percent, left, sum(later, timedelta()), readings)


def await_end(
    engine: CodeDeploy,
    ports: Ports,
    deployment: str,
    until: float,
    tell: Callable[[DeploymentState], None],
) -> DeploymentState | None:
    """Wait for a deployment to end, at most ``until`` (monotonic seconds); None if it did not.

    It listens to no stop: a deployment that was told to stop is seen through.
    """
    told = ""
    while True:
        try:
            state = engine.read(deployment)
        except CallFailed:
            state = None
        if state is not None and state.status != told:
            told = state.status
            tell(state)
        if state is not None and state.ended:
            return state
        if ports.clock.monotonic() >= until:
            return None
        ports.clock.wait(END_EVERY, None)
