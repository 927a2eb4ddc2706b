"""Watching a step: the alarms every poll, the alias at least once a minute, and both once more at its end.

Each thing has its own next moment; the loop waits for the earliest. After every single look the judge is
asked, so that the call that follows an alarm's firing is the rollback and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta

from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.record import RENEW_AFTER, RENEW_IN_DOUBT, Record
from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.alarms import AlarmReading, Survey
from lambda_rollout.analysis.metrics import StepStart
from lambda_rollout.analysis.step import Failed, Inconclusive, Passed, StepEvidence, judge_step
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.alarms import RETRY_EVERY, AlarmPoll, Rhythm
from lambda_rollout.rollout.early_end import alarms_allow_it, least_time
from lambda_rollout.rollout.events import (
    StepEndsEarly,
    StepExtended,
    StepPassed,
    Unreadable,
)
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.heartbeat import Heartbeats
from lambda_rollout.rollout.hooks import HookRun
from lambda_rollout.rollout.metrics import ON_THEIR_WAY, RolloutMetrics
from lambda_rollout.rollout.metrics_poll import MetricsPoll
from lambda_rollout.rollout.observed_guards import ObservedGuards
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import seconds
from lambda_rollout.runtime.errors import CallFailed, CredentialsExpired, NotFound, RolloutError
from lambda_rollout.runtime.parallel import MAX_WORKERS
from lambda_rollout.runtime.retry import raise_if_stopped

LOOK_EVERY = 50.0
"""Seconds between two reads of the alias, so that with its answer's time it is read once a minute. Tools that
write without a RevisionId (Terraform) would otherwise take the canary away unseen."""

RENEW_LIMIT = 300.0
"""Seconds after the last confirmed record at which an unrenewable one ends the rollout: half the lease is
left for rolling back while nobody else may touch the alias."""


Asks = Callable[[float], HookRun]
"""Makes the hooks of a stage, which are to have said yes at this moment (monotonic seconds)."""


class AnalysisFailed(RolloutError):
    """The watch found a reason to roll back."""

    def __init__(self, reason: str, alarms: tuple[AlarmReading, ...] = ()) -> None:
        """``reason`` is one line; ``alarms`` are those that caused it."""
        super().__init__(reason)
        self.alarms = alarms


class Watch:
    """The watch over all alarms and aliases of one rollout, from the first shift to the end."""

    def __init__(
        self,
        ports: Ports,
        inputs: Inputs,
        writers: Sequence[AliasWriter],
        survey: Survey,
        metrics: RolloutMetrics,
        record: Callable[[AliasWriter], Record],
        expiry: Expiry,
        alarms_need: timedelta | None = None,
    ) -> None:
        """Begin with the ``survey`` made just before the first shift; ``record`` makes one for a renewal.

        ``alarms_need``: how long the slowest alarm needs to fire; None if that is not known.
        """
        self._clock, self._stop, self._emit = ports.clock, ports.stop, ports.emit
        self._parallel = ports.parallel
        self._insufficient_data = inputs.insufficient_data
        self._evidence_timeout = seconds(inputs.evidence_timeout)
        self._writers = writers
        self._metrics = metrics
        self.numbers = MetricsPoll(self._clock, self._stop, self._emit, metrics)
        self._heartbeats = Heartbeats(self._clock, self._emit)
        self._record = record
        self._expiry = expiry
        self._not_forward = ""
        self._alarms_need = alarms_need
        self._observed = ObservedGuards(self._emit)
        now = self._renewal_tried_at = self._clock.monotonic()
        self._aws_clock = ports.aws_clock
        self.alarms = AlarmPoll(ports, seconds(inputs.poll_interval), survey, self._aws_clock.now())
        self._looks = {writer.target: Rhythm(LOOK_EVERY, now) for writer in writers}
        self._renewed_at = {writer.target: now for writer in writers}
        self._number = 0
        self._may_still_move = True
        """Whether forward writes are still to come: only the last step has none."""
        self._told_missing = ""
        self._missing_at, self._is_lacking = -math.inf, False
        self._began = self._end = now
        self._moving = False
        """Whether AWS's own weights may be there still."""
        self._asks: Asks | None = None
        self._hooks: HookRun | None = None
        self._ends_early = False

    def shifted(self, writer: AliasWriter) -> None:
        """Take note that a forward write was just confirmed. Its record's time began when it was first tried."""
        self._renewed_at[writer.target] = self._clock.monotonic() - writer.record_age

    # One step ----------------------------------------------------------------------------------

    def step(
        self, step: Step, number: int, later: Sequence[Step] = (), asks: Asks | None = None
    ) -> None:
        """Watch one step to its end; ``later`` are those after it. Returns if it passed.

        ``asks`` makes the hooks that are asked once everything else has been shown, None for none.
        Raises `AnalysisFailed`, `Conflict`, `Cancelled`, `CredentialsEnd`, or `NotFound` for an alias that is gone.
        """
        self._began = self._clock.monotonic()
        self._end = self._began + seconds(step.watch)
        self._moving = step.percent >= HUNDRED
        self._number, self._may_still_move = number, bool(later)
        self._heartbeats.begin_step()
        self._told_missing = ""
        self._missing_at, self._is_lacking = -math.inf, False
        self._ends_early = False
        for rhythm in (self.alarms.rhythm, *self._looks.values()):
            rhythm.begin_step()
        self._metrics.begin_step(StepStart(self._aws_clock.now(), step.percent))
        self._until_passed(step, sum((each.watch for each in later), timedelta()), asks)
        self._observed.tell_all(self._metrics.verdicts, number)
        self._emit(
            StepPassed(
                number=number,
                percent=step.percent,
                readings=self.alarms.readings,
            )
        )

    def after(self, step: Step, asks: Asks) -> None:
        """Watch on when the last ``step`` has passed, until the hooks that ``asks`` makes say yes. Raises as `step`."""
        self._until_passed(step, timedelta(), asks)

    def _until_passed(self, step: Step, later: timedelta, asks: Asks | None) -> None:
        self._begin_asking(asks)
        try:
            while not self._passed_now(step):
                left = timedelta(seconds=max(0.0, self._end - self._clock.monotonic()))
                self._heartbeats.beat(self._number, step.percent, left, later, self.alarms.readings)
                self._wait(max(0.0, self._next_moment(self._end) - self._clock.monotonic()))
        finally:
            if self._hooks is not None:
                self._hooks.abandon()

    def _passed_now(self, step: Step) -> bool:
        """Look at what is due and judge; whether the step has passed."""
        raise_if_stopped(self._stop)
        unrenewed = self._expiry.heed()
        self._not_forward = unrenewed if self._may_still_move else ""
        now = self._clock.monotonic()
        self._advance_hooks()
        self._read_what_is_due(self._end, moving=self._moving)
        waited, self._moving = self._moving, self._aws_still_moves(step, self._began)
        if waited or self._moving:
            self._end = now + seconds(step.watch) + (RETRY_EVERY if self._moving else 0.0)
        self._end = self._early_end(step, self._began, self._end)
        return self._judge(step, self._end) and self._hooks_passed()

    # Hooks -------------------------------------------------------------------------------------

    def _begin_asking(self, asks: Asks | None) -> None:
        self._asks, self._hooks = asks, None

    def _hooks_passed(self) -> bool:
        """Ask the hooks once all else is shown; whether they said yes, and all was looked at since."""
        if self._hooks is None:
            if self._asks is None:
                return True
            self._hooks = self._asks(self._last_end(self._end))
        if self._hooks.passed:
            return True
        self._advance_hooks()
        return False

    @property
    def _is_asking(self) -> bool:
        return self._hooks is not None and not self._hooks.passed

    def _advance_hooks(self) -> None:
        """See what the hooks say. Raises `AnalysisFailed` if one says no, before any other call."""
        if self._hooks is None or self._hooks.passed:
            return
        passed = self._hooks.advance()
        if self._hooks.failed:
            raise AnalysisFailed(self._hooks.failed)
        if passed:
            # What was read while they were asked is from before their word: alarms and alias are read once more,
            # at any later moment.
            self._missing_at = math.nextafter(self._clock.monotonic(), math.inf)
        self._is_lacking = not passed

    def _wait(self, length: float) -> None:
        if self._hooks is not None and self._is_asking:
            self._hooks.wait(length)
        else:
            self._clock.wait(length, self._stop)

    # What is read, and what it says -------------------------------------------------------------

    def _early_end(self, step: Step, began: float, end: float) -> float:
        """Return when the step ends: now, if it may end early and all that it waits for is there.

        It passes then as at any other end: with a read of alarms and aliases after it.
        """
        now = self._clock.monotonic()
        least = least_time(step, self._alarms_need)
        if now >= end or least is None:
            return end
        watched, read_after = (
            timedelta(seconds=max(0.0, at - began)) for at in (now, self.alarms.rhythm.good_at)
        )
        allowed = alarms_allow_it(least, watched, read_after, self.alarms.readings)
        if not allowed or self.alarms.has_gaps or not self._metrics.all_shown:
            return end
        self._ends_early = True
        self._emit(StepEndsEarly(number=self._number, saved=timedelta(seconds=end - now)))
        return now

    def _read_what_is_due(self, end: float, *, moving: bool) -> None:
        try:
            if self.alarms.read_what_is_due(max(end, self._missing_at)):
                return
        except CredentialsExpired as error:
            _give_up_if_expired(error)
        due = self._looks_due(self._last_second(end), moving=moving)
        self._parallel(self._look, due)
        raise_if_stopped(self._stop)
        self._renew()
        self.numbers.read_if_due(self._number)

    def _looks_due(self, end: float, *, moving: bool) -> Sequence[AliasWriter]:
        """Return whom to look at now; never so many that the next read of the alarms would come late for it.

        A hundred aliases take AWS's quota seven seconds. The others' turn is right after this one.
        """
        if moving:
            return self._writers
        now = self._clock.monotonic()
        due = [t for t in self._writers if now >= self._looks[t.target].next_at(end)]
        return sorted(due, key=lambda writer: self._looks[writer.target].tried_at)[:MAX_WORKERS]

    def _last_second(self, end: float) -> float:
        """Return after which moment the aliases are to be read, for the step to pass.

        While it lacks something it cannot pass, and they are only read in their rhythm.
        """
        return end if self._is_lacking else max(end, self._missing_at)

    def _next_moment(self, end: float) -> float:
        renewals = [at + self._renew_after for at in self._renewed_at.values()]
        now = self._clock.monotonic()
        last = self._last_second(end)
        moments = [rhythm.next_at(last) for rhythm in self._looks.values()]
        moments += [self.alarms.rhythm.next_at(end), max(min(renewals), now + RETRY_EVERY)]
        if self._hooks is not None and self._is_asking:
            moments.append(self._hooks.next_at)
        moments.append(self.alarms.next_history_at)
        if self._told_missing or self.alarms.has_gaps:
            moments.append(now + min(self.alarms.rhythm.every, RETRY_EVERY))
        moments.append(self._expiry.next_moment)
        return min(*moments, self.numbers.next_at, self._heartbeats.next_at)

    def _judge(self, step: Step, end: float) -> bool:
        """Ask the judge; return whether the step has passed, raise `AnalysisFailed` if it failed."""
        now = self._clock.monotonic()
        failing = [
            look.failing_since for look in self._looks.values() if look.failing_since is not None
        ]
        # One that ends early rests on what was shown, and not on the minutes up to its end.
        rests_on = (
            None if self._ends_early else self._aws_clock.now() + timedelta(seconds=end - now)
        )
        broken, lacks = self._metrics.verdict(rests_on)
        self._observed.tell_broken(self._metrics.verdicts, self._number)
        if step.percent >= HUNDRED and not step.watch:
            # "100% 0s promotes without watching", so it waits for nothing.
            lacks = ""
        verdict = judge_step(
            StepEvidence(
                now=now,
                planned_end=end,
                last_end=self._last_end(end),
                alarms_read_at=self.alarms.rhythm.good_at,
                aliases_read_at=min(look.good_at for look in self._looks.values()),
                alarms_failing_since=self.alarms.rhythm.failing_since,
                aliases_failing_since=min(failing, default=None),
                watches=self.alarms.watches,
                histories=self.alarms.most_open,
                missing_alarms=self.alarms.missing,
                failed=broken,
                missing=lacks,
                missing_at=self._missing_at,
                insufficient_data=self._insufficient_data,
                not_forward=self._not_forward,
            )
        )
        lacks_evidence = isinstance(verdict, Inconclusive) and bool(verdict.missing)
        if lacks_evidence:
            self._missing_at = now
        self._is_lacking = lacks_evidence or self._is_asking
        match verdict:
            case Failed(reason, alarms):
                raise AnalysisFailed(reason, alarms)
            case Inconclusive(lacks) if lacks and self._is_news(lacks):
                self._told_missing = lacks
                last = self._last_end(end)
                if lacks == self._not_forward:
                    last = self._expiry.next_moment
                until = self._clock.now() + timedelta(seconds=last - now)
                self._emit(StepExtended(number=self._number, until=until, why=lacks))
        return isinstance(verdict, Passed)

    def _last_end(self, end: float) -> float:
        """Return until when evidence is waited for: the time that its data take is not part of evidence-timeout."""
        on_their_way = seconds(self._metrics.data_delay) if self._metrics.waits_for_data else 0.0
        return end + on_their_way + self._evidence_timeout

    def _is_news(self, lacks: str) -> bool:
        """Whether to say what the step lacks: once, and once more if what was on its way is in and is too little."""
        told = self._told_missing
        return not told or (told.startswith(ON_THEIR_WAY) and not lacks.startswith(ON_THEIR_WAY))

    # Aliases -----------------------------------------------------------------------------------

    def _look(self, writer: AliasWriter) -> None:
        raise_if_stopped(self._stop)
        look = self._looks[writer.target]
        sent = self._clock.monotonic()
        try:
            writer.look(may_still_move=self._may_still_move)
        except NotFound:
            raise
        except CallFailed as error:
            if look.bad(sent):
                self._emit(Unreadable(what=str(writer.target), why=str(error)))
            else:
                _give_up_if_expired(error)
        else:
            look.good(sent)

    def _renew(self) -> None:
        """Renew the records that are due, one try each; a failed one is tried again a little later."""
        now = self._clock.monotonic()
        if now - self._renewal_tried_at < RETRY_EVERY:
            return
        due = [writer for writer in self._writers if self._renewal_is_due(writer, now)]
        if due:
            self._renewal_tried_at = now
            # No more than a few in a row, as for the looks: the others follow with the next tries.
            due = sorted(due, key=lambda writer: self._renewed_at[writer.target])[:MAX_WORKERS]
            self._parallel(lambda writer: self._renew_one(writer, now), due)

    def _renewal_is_due(self, writer: AliasWriter, now: float) -> bool:
        age = now - self._renewed_at[writer.target]
        return age >= self._renew_after or not writer.bears_record

    @property
    def _renew_after(self) -> float:
        """Seconds until a record is renewed."""
        after = RENEW_AFTER if self._aws_clock.believed else RENEW_IN_DOUBT
        return after.total_seconds()

    def _renew_one(self, writer: AliasWriter, now: float) -> None:
        raise_if_stopped(self._stop)
        age = now - self._renewed_at[writer.target]
        record = self._record(writer)
        if writer.renew(record, self._stop, may_still_move=self._may_still_move):
            self._renewed_at[writer.target] = now
        elif age >= RENEW_LIMIT:
            raise AnalysisFailed(
                f"the record on {writer.target} could not be renewed for {readable_duration(timedelta(seconds=age))}"
            )

    def _aws_still_moves(self, step: Step, began: float) -> bool:
        """Whether AWS's own temporary weights are there, at 100%: the watch starts when they are gone.

        The answer to our own write may not show them yet, so it takes a look made after it. If the new version
        cannot start they stay: AWS says so, or the wait has an end. Raises `AnalysisFailed` for either.
        """
        if step.percent < HUNDRED:
            return False
        looked = all(self._looks[t.target].good_at > -math.inf for t in self._writers)
        moving = [t for t in self._writers if t.known.moving]
        for writer in moving:
            if writer.known.moving and writer.known.moving.failed:
                raise AnalysisFailed(f"{writer.target}: {could_not_start(writer.known)}")
        if looked and not moving:
            return False
        if self._clock.monotonic() - began >= self._evidence_timeout:
            raise AnalysisFailed(
                "provisioned concurrency did not get ready on the new version in time"
            )
        return True


def _give_up_if_expired(error: CallFailed) -> None:
    """End the watch, on the second failure in a row: nothing guards it, and the environment's never come back."""
    if isinstance(error, CredentialsExpired):
        raise AnalysisFailed(f"the AWS credentials have expired ({error.operation}: {error.code})")
