"""Following a CodeDeploy deployment: its status and lifecycle, the weight on the alias, and the alarms.

Nothing is written here. The alias itself says which weight is out; a deployment's own words are only told.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.codedeploy import DeploymentState, Engine, Shift
from lambda_rollout.errors import (
    Busy,
    CallFailed,
    CredentialsExpired,
    NotFound,
    Refused,
    RolloutError,
    Unanswered,
)
from lambda_rollout.events import (
    AlarmChanged,
    DeploymentChanged,
    Heartbeat,
    NumbersRead,
    StepPassed,
    StepStarted,
    Unreadable,
    WeightShifted,
)
from lambda_rollout.evidence import Pair
from lambda_rollout.guarding.course import Began
from lambda_rollout.judge import (
    AlarmReading,
    AlarmState,
    AlarmWatch,
    Evidence,
    Failed,
    explain,
    judge_step,
    observe,
)
from lambda_rollout.numbers import Demands, Numbers
from lambda_rollout.order import Order, Parts
from lambda_rollout.patience import heed
from lambda_rollout.plan import Step
from lambda_rollout.routing import HUNDRED, Target
from lambda_rollout.watch import (
    BEAT_EVERY,
    HISTORY_MARGIN,
    RETRY_NUMBERS_EVERY,
    GoBack,
    Rhythm,
    Survey,
)

LOOK_EVERY = 10.0
"""Seconds between two looks at the deployment and the alias; CodeDeploy's own shifts are minutes apart."""

END_EVERY = 2.0
"""Seconds between two looks at a deployment that is about to end."""


class LostSight(RolloutError):
    """The deployment cannot be followed any more; it goes on in AWS without us."""


class AlarmPoll:
    """The alarms while CodeDeploy shifts: read every poll, and what they did between two reads."""

    def __init__(self, parts: Parts, every: float, survey: Survey) -> None:
        """Begin with the ``survey`` made just before; ``every`` is in seconds."""
        self._parts = parts
        self._watches = {reading.arn: AlarmWatch.start(reading) for reading in survey.readings}
        self._missing: tuple[str, ...] = ()
        self._rhythm = Rhythm(every, parts.clock.monotonic())
        self._untold: list[AlarmChanged] = []

    @property
    def readings(self) -> tuple[AlarmReading, ...]:
        """The newest readings."""
        return tuple(watch.newest for watch in self._watches.values())

    @property
    def survey(self) -> Survey:
        """The readings up to which every change is known: what another watch can begin with."""
        return Survey(tuple(watch.explained for watch in self._watches.values()))

    @property
    def never_counted(self) -> tuple[AlarmReading, ...]:
        """Alarms that were in ALARM from before the start and never OK."""
        return tuple(watch.newest for watch in self._watches.values() if not watch.counts)

    def next_at(self) -> float:
        """Return when to read next, in monotonic seconds."""
        return self._rhythm.next_at(math.inf) if self._watches else math.inf

    def look(self) -> None:
        """Read what is due. Raises `GoBack` if an alarm fired, is gone, or if none can be read."""
        if self._watches and self._parts.clock.monotonic() >= self.next_at():
            self.read()
        for arn, watch in self._watches.items():
            if watch.unexplained:
                self._watches[arn] = self._explained(watch)
        verdict = judge_step(
            Evidence(
                now=self._parts.clock.monotonic(),
                planned_end=math.inf,
                last_end=math.inf,
                alarms_read_at=self._rhythm.good_at,
                aliases_read_at=math.inf,
                watches=tuple(self._watches.values()),
                alarms_failing_since=self._rhythm.failing_since,
                missing=self._missing,
            )
        )
        if isinstance(verdict, Failed):
            raise GoBack(verdict.reason, verdict.alarms)
        self.tell()

    def read(self) -> None:
        """Read all alarms, one try."""
        clock = self._parts.clock
        sent = clock.monotonic()
        try:
            survey = self._parts.alarms.read()
        except CallFailed as error:
            if self._rhythm.bad(sent):
                self._parts.emit(Unreadable(at=clock.now(), what="alarms", why=str(error)))
            elif isinstance(error, CredentialsExpired):
                raise LostSight(f"the AWS credentials have expired ({error.operation})") from error
            return
        self._rhythm.good(sent)
        self._missing = survey.missing
        for reading in survey.readings:
            before = self._watches.get(reading.arn) or AlarmWatch.start(reading)
            after = self._watches[reading.arn] = observe(before, reading)
            if before.newest.state is not reading.state:
                self._note(reading, before.newest.state, fired=after.fired is not None)

    def tell(self) -> None:
        """Emit what the alarms did. Nothing is told of a firing before the deployment was stopped."""
        while self._untold:
            self._parts.emit(self._untold.pop(0))

    def in_alarm(self) -> tuple[AlarmReading, ...]:
        """Return the alarms that fired, or else are in ALARM now."""
        fired = tuple(watch.fired for watch in self._watches.values() if watch.fired is not None)
        return fired or tuple(r for r in self.readings if r.state is AlarmState.ALARM)

    def _explained(self, watch: AlarmWatch) -> AlarmWatch:
        since = watch.explained.transitioned_at or self._parts.clock.now()
        try:
            history = self._parts.alarms.history(watch.newest, since - HISTORY_MARGIN)
        except CallFailed:
            return watch
        after = explain(watch, history)
        if after.fired is not None:
            self._note(after.fired, watch.explained.state, fired=True)
        return after

    def _note(self, reading: AlarmReading, before: AlarmState, *, fired: bool) -> None:
        at = self._parts.clock.now()
        self._untold.append(AlarmChanged(at=at, reading=reading, before=before, fired=fired))


class Following:
    """One deployment, followed from its start, or from when it was found, to its end."""

    def __init__(
        self, order: Order, parts: Parts, engine: Engine, shift: Shift, deployment: str
    ) -> None:
        """``shift`` says which versions; nothing was seen of it yet."""
        self._order = order
        self._parts = parts
        self._engine = engine
        self._shift = shift
        self._target: Target = order.targets[0]
        self._deployment = deployment
        self._told: object = None
        self._step: Step | None = None
        self._number = 0
        self._shifted_at = 0.0
        self._beat_at = parts.clock.monotonic()
        self._failing = False
        self._blind_to_targets = False
        self._aws_said: datetime | None = None
        self._aws_said_at = 0.0
        self._numbers_tried_at = -math.inf
        self.numbers = Numbers(
            parts.metrics, [Pair(self._target, shift.new, shift.old)], Demands(), self.aws_time
        )
        """The versions' own numbers; nothing depends on them here, they are told."""
        self.percent = Decimal()
        """The share of the new version, as last seen on the alias."""

    def aws_time(self) -> datetime:
        """AWS's clock: its last ``Date`` plus what has passed here since; the runner's own if it never told."""
        clock = self._parts.clock
        if self._aws_said is None:
            return clock.now()
        return self._aws_said + timedelta(seconds=clock.monotonic() - self._aws_said_at)

    @property
    def number(self) -> int:
        """The number of the step that was last seen to begin; 0 before the first."""
        return self._number

    def to_the_end(self, alarms: AlarmPoll) -> DeploymentState:
        """Follow it until it is over.

        Raises `GoBack` if an alarm fires that has not stopped it yet, `Cancelled` on stop, `LostSight` if the
        credentials are over, and what AWS refused.
        """
        clock, stop = self._parts.clock, self._parts.stop
        look_at = clock.monotonic()
        while True:
            heed(stop)
            alarms.look()
            if clock.monotonic() >= look_at:
                state = self.look(alarms.readings)
                if state is not None and state.ended:
                    return state
                look_at = clock.monotonic() + LOOK_EVERY
                self._read_numbers()
            self._beat(alarms.readings)
            clock.wait(max(0.0, min(look_at, alarms.next_at()) - clock.monotonic()), stop)

    def look(self, readings: tuple[AlarmReading, ...] = ()) -> DeploymentState | None:
        """Look once at the deployment and at the alias; None if AWS gave no answer."""
        try:
            state = self._engine.read(self._deployment)
            self._tell(state)
            # Read after the status: what it says then was there when the deployment ended.
            alias = self._parts.aliases.read(self._target)
        except (Busy, Unanswered) as error:
            self._note_failure(error)
            return None
        except CredentialsExpired as error:
            if self._failing:
                raise LostSight(f"the AWS credentials have expired ({error.operation})") from error
            self._note_failure(error)
            return None
        self._failing = False
        self._aws_said, self._aws_said_at = alias.as_of, self._parts.clock.monotonic()
        self.see(alias.routing.percent_of(self._shift.new), readings)
        return state

    def _read_numbers(self) -> None:
        """Read another minute of the versions' numbers, one try; a failed read is told once."""
        now = self._parts.clock.monotonic()
        if not self.numbers.due or now < self._numbers_tried_at + RETRY_NUMBERS_EVERY:
            return
        first, self._numbers_tried_at = not self.numbers.trouble, now
        try:
            news = self.numbers.read()
        except CallFailed as error:
            if first:
                at = self._parts.clock.now()
                self._parts.emit(Unreadable(at=at, what="metrics", why=str(error)))
            return
        at = self._parts.clock.now()
        self._parts.emit(NumbersRead(at=at, number=self._number, comparisons=news))

    def _note_failure(self, error: CallFailed) -> None:
        if not self._failing:
            what = f"deployment {self._deployment}"
            self._parts.emit(Unreadable(at=self._parts.clock.now(), what=what, why=str(error)))
        self._failing = True

    def _tell(self, state: DeploymentState) -> None:
        lifecycle = self._lifecycle()
        if self._told != (state.status, lifecycle):
            self._told = (state.status, lifecycle)
            self._parts.emit(
                DeploymentChanged(
                    at=self._parts.clock.now(),
                    target=self._target,
                    deployment=self._deployment,
                    status=state.status,
                    lifecycle=lifecycle,
                    description=state.description,
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
            self._parts.emit(Unreadable(at=self._parts.clock.now(), what=what, why=str(error)))
            return ()
        return shift.lifecycle if shift else ()

    # Steps -------------------------------------------------------------------------------------

    def see(self, percent: Decimal, readings: tuple[AlarmReading, ...]) -> None:
        """Take note of the weight on the alias; a higher one begins a step and ends the one before."""
        if percent <= self.percent:
            return
        now = self._parts.clock.now()
        if self._step is not None:
            self._parts.emit(
                StepPassed(
                    at=now, number=self._number, percent=self._step.percent, readings=readings
                )
            )
        steps = self._order.plan.steps
        planned = next((step for step in steps if step.percent == percent), None)
        # A deployment that another run started may have another schedule than ours.
        self._step = planned or Step(percent, timedelta(0))
        self._number = sum(step.percent < percent for step in steps) + 1
        self._shifted_at = self._parts.clock.monotonic()
        self.percent = percent
        if percent < HUNDRED:
            self.numbers.begin_step(Began(self.aws_time(), percent))
        self._parts.emit(
            StepStarted(at=now, number=self._number, percent=percent, watch=self._step.watch)
        )
        self._parts.emit(
            WeightShifted(
                at=now,
                target=self._target,
                version=self._shift.new,
                previous=self._shift.old,
                percent=percent,
            )
        )

    def _beat(self, readings: tuple[AlarmReading, ...]) -> None:
        now = self._parts.clock.monotonic()
        if self._step is None or now < self._beat_at + BEAT_EVERY:
            return
        self._beat_at = now
        passed = timedelta(seconds=now - self._shifted_at)
        left = max(timedelta(0), self._step.watch - passed)
        later = (step.watch for step in self._order.plan.steps if step.percent > self.percent)
        states = [reading.state for reading in readings]
        self._parts.emit(
            Heartbeat(
                at=self._parts.clock.now(),
                number=self._number,
                percent=self.percent,
                step_left=left,
                all_left=sum(later, left),
                states=tuple(
                    (state, states.count(state)) for state in AlarmState if state in states
                ),
            )
        )


def await_end(
    engine: Engine,
    parts: Parts,
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
        if parts.clock.monotonic() >= until:
            return None
        parts.clock.wait(END_EVERY, None)
