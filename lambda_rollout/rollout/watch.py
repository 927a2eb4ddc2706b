"""Watching a step: the alarms every poll, the alias at least once a minute, and both once more at its end.

Each thing has its own next moment; the loop waits for the earliest. After every single look the judge is
asked, so that the call that follows an alarm's firing is the rollback and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import timedelta

from lambda_rollout.alias.provisioned import could_not_start
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.alarms import Survey
from lambda_rollout.analysis.metrics import StepStart
from lambda_rollout.analysis.step import Failed, Inconclusive, Passed, StepEvidence, judge_step
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.alarms import RETRY_EVERY, AlarmPoll
from lambda_rollout.rollout.alias_poll import AliasPoll
from lambda_rollout.rollout.analysis_failed import AnalysisFailed, give_up_if_expired
from lambda_rollout.rollout.early_end import alarms_allow_it, least_time
from lambda_rollout.rollout.events import (
    StepEndsEarly,
    StepExtended,
    StepPassed,
)
from lambda_rollout.rollout.expiry import Expiry
from lambda_rollout.rollout.heartbeat import Heartbeats
from lambda_rollout.rollout.metrics import ON_THEIR_WAY, RolloutMetrics
from lambda_rollout.rollout.metrics_poll import MetricsPoll
from lambda_rollout.rollout.observed_guards import ObservedGuards
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import seconds
from lambda_rollout.rollout.step_hooks import Asks, StepHooks
from lambda_rollout.rollout.step_request import TAKEN_BACK, StepRequest
from lambda_rollout.runtime.errors import CredentialsExpired
from lambda_rollout.runtime.retry import raise_if_stopped

HOLD_LOOK_EVERY = 12.0
"""Seconds between two reads of the alarms, and of each alias, while a step is held, at most: with an answer's time no
more than 15 s pass until somebody's yes or no is seen."""


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
        self._insufficient_data = inputs.insufficient_data
        self._evidence_timeout = seconds(inputs.evidence_timeout)
        self._aliases = AliasPoll(ports, writers, record)
        self._metrics = metrics
        self.numbers = MetricsPoll(self._clock, self._stop, self._emit, metrics)
        self._heartbeats = Heartbeats(self._clock, self._emit)
        self._expiry = expiry
        self._goes_forward, self._not_forward = True, ""
        self._alarms_need = alarms_need
        self._observed = ObservedGuards(self._emit)
        self._aws_clock = ports.aws_clock
        self.alarms = AlarmPoll(ports, seconds(inputs.poll_interval), survey, self._aws_clock.now())
        self._number = 0
        self._told_missing = ""
        self._missing_at, self._is_lacking = -math.inf, False
        self._began = self._end = self._clock.monotonic()
        self._moving = False
        """Whether AWS's own weights may be there still."""
        self._asks: Asks | None = None
        self._hooks = StepHooks(self._clock, self._stop, None)
        self._ends_early = False
        self._request = StepRequest(self._aliases, self._emit, 0)

    @property
    def told_to_go_on(self) -> bool:
        """Whether the last step has ended because ``mode: promote`` asked for that: all of the traffic is next."""
        return self._request.ends_step

    def shifted(self, writer: AliasWriter) -> None:
        """Take note that a forward write was just confirmed."""
        self._aliases.shifted(writer)

    # One step ----------------------------------------------------------------------------------

    def step(
        self, step: Step, number: int, later: Sequence[Step] = (), asks: Asks | None = None
    ) -> None:
        """Watch one step to its end; ``later`` are those after it. Returns if it passed.

        ``asks`` makes the hooks that are asked once everything else has been shown, None for none. A hold goes on with
        the weight, and with the numbers, of the step before.
        Raises `AnalysisFailed`, `Conflict`, `Cancelled`, `CredentialsEnd`, or `NotFound` for an alias that is gone.
        """
        self._began = self._clock.monotonic()
        self._end = self._began + seconds(step.watch)
        self._moving = step.percent >= HUNDRED
        self._number = number
        self._heartbeats.begin_step()
        self._told_missing = ""
        self._missing_at, self._is_lacking = -math.inf, False
        self._ends_early, self._goes_forward = False, bool(later)
        self._request = StepRequest(self._aliases, self._emit, number)
        every = HOLD_LOOK_EVERY if step.holds else math.inf
        self.alarms.begin_step(every)
        # Below 100% it may be told to go on even where the schedule ends.
        self._aliases.begin_step(may_still_move=step.percent < HUNDRED, at_least_every=every)
        if not step.holds:
            self._metrics.begin_step(StepStart(self._aws_clock.now(), step.percent, number))
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
        self._asks, self._hooks = asks, StepHooks(self._clock, self._stop, asks)
        try:
            while not self._passed_now(step):
                left = timedelta(seconds=max(0.0, self._end - self._clock.monotonic()))
                self._heartbeats.beat(self._number, step.percent, left, later, self.alarms.readings)
                self._hooks.wait(max(0.0, self._next_moment(self._end) - self._clock.monotonic()))
        finally:
            self._hooks.abandon()

    def _passed_now(self, step: Step) -> bool:
        """Look at what is due and judge; whether the step has passed."""
        raise_if_stopped(self._stop)
        unrenewed = self._expiry.heed()
        self._not_forward = unrenewed if self._goes_forward or self._request.ends_step else ""
        now = self._clock.monotonic()
        self._advance_hooks()
        self._read_what_is_due(self._end, moving=self._moving)
        waited, self._moving = self._moving, self._aws_still_moves(step, self._began)
        if waited or self._moving:
            self._end = now + seconds(step.watch) + (RETRY_EVERY if self._moving else 0.0)
        self._end = self._early_end(step)
        return self._judge(step, self._end) and self._hooks_passed()

    # Hooks -------------------------------------------------------------------------------------

    def _hooks_passed(self) -> bool:
        """Ask the hooks once all else is shown; whether they said yes, and all was looked at since."""
        self._hooks.ask(self._last_end(self._end))
        if self._hooks.passed:
            return True
        self._advance_hooks()
        return False

    def _advance_hooks(self) -> None:
        """See what the hooks say. Raises `AnalysisFailed` if one says no, before any other call."""
        was_asking = self._hooks.are_asked
        if self._hooks.advance():
            # What was read while they were asked is from before their word: alarms and alias are read once more,
            # at any later moment.
            self._missing_at = math.nextafter(self._clock.monotonic(), math.inf)
        if was_asking:
            self._is_lacking = self._hooks.are_asked

    # The end of a step ------------------------------------------------------------------------

    def _early_end(self, step: Step) -> float:
        """Return when the step ends: now, if it is to end before its time. The one place that decides so.

        It passes then as at any other end: with a read of alarms and aliases after it, and its hooks asked. A hold
        passes in no other way, and at its very end it is not too late for a request.
        """
        now = self._clock.monotonic()
        if self._request.was_taken_back:
            self._go_on_as_planned(TAKEN_BACK)
        if step.percent < HUNDRED and self._request.is_new and not self.alarms.has_gaps:
            self._request.begin(self._end, now)
            self._ends_early = True
            return now
        if now >= self._end or not self._is_shown(step, now):
            return self._end
        self._ends_early = True
        self._emit(StepEndsEarly(number=self._number, saved=timedelta(seconds=self._end - now)))
        return now

    def _is_shown(self, step: Step, now: float) -> bool:
        """Whether the step may end early, and all that it waits for is there."""
        least = least_time(step, self._alarms_need)
        if least is None:
            return False
        watched, read_after = (
            timedelta(seconds=max(0.0, at - self._began))
            for at in (now, self.alarms.rhythm.good_at)
        )
        allowed = alarms_allow_it(least, watched, read_after, self.alarms.readings)
        return allowed and not self.alarms.has_gaps and self._metrics.all_shown

    def _go_on_as_planned(self, why: str) -> None:
        """Refuse the request by which the step was to end; its hooks are asked anew at its end."""
        self._end = self._request.refuse(why)
        self._ends_early = False
        # What was read until now was read for the request: what was missing then may come, and all is read once more.
        self._missing_at, self._is_lacking = self._clock.monotonic(), False
        self._hooks.abandon()
        self._hooks = StepHooks(self._clock, self._stop, self._asks)

    # What is read, and what it says -------------------------------------------------------------

    def _read_what_is_due(self, end: float, *, moving: bool) -> None:
        try:
            if self.alarms.read_what_is_due(max(end, self._missing_at)):
                return
        except CredentialsExpired as error:
            give_up_if_expired(error)
        self._aliases.read_what_is_due(self._last_second(end), moving=moving)
        self._aliases.renew_what_is_due()
        self.numbers.read_if_due(self._number)

    def _last_second(self, end: float) -> float:
        """Return after which moment the aliases are to be read, for the step to pass.

        While it lacks something it cannot pass, and they are only read in their rhythm.
        """
        return end if self._is_lacking else max(end, self._missing_at)

    def _next_moment(self, end: float) -> float:
        now = self._clock.monotonic()
        moments = [self._aliases.next_at(self._last_second(end)), self.alarms.rhythm.next_at(end)]
        moments.append(self.alarms.next_history_at)
        if self._told_missing or self.alarms.has_gaps:
            moments.append(now + min(self.alarms.rhythm.every, RETRY_EVERY))
        moments.append(self._expiry.next_moment)
        moments += [self._hooks.next_at(math.inf), self.numbers.next_at]
        return min(*moments, self._heartbeats.next_at)

    def _judge(self, step: Step, end: float) -> bool:
        """Ask the judge; return whether the step has passed, raise `AnalysisFailed` if it failed."""
        now = self._clock.monotonic()
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
                aliases_read_at=self._aliases.good_at,
                alarms_failing_since=self.alarms.rhythm.failing_since,
                aliases_failing_since=self._aliases.failing_since,
                watches=self.alarms.watches,
                histories=self.alarms.most_open,
                missing_alarms=self.alarms.missing,
                failed=broken,
                missing=lacks,
                missing_at=self._missing_at,
                insufficient_data=self._insufficient_data,
                not_forward=self._not_forward,
                holds_for=step.watch if step.holds and not self._request.ends_step else None,
            )
        )
        lacks_evidence = isinstance(verdict, Inconclusive) and bool(verdict.missing)
        if isinstance(verdict, Inconclusive) and lacks_evidence and self._request.ends_step:
            self._go_on_as_planned(verdict.missing)
            return False
        if lacks_evidence:
            self._missing_at = now
        self._is_lacking = lacks_evidence or self._hooks.are_asked
        match verdict:
            case Failed(reason, alarms, remedy):
                raise AnalysisFailed(reason, alarms, remedy)
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

    def _aws_still_moves(self, step: Step, began: float) -> bool:
        """Whether AWS's own temporary weights are there, at 100%: the watch starts when they are gone.

        The answer to our own write may not show them yet, so it takes a look made after it. If the new version
        cannot start they stay: AWS says so, or the wait has an end. Raises `AnalysisFailed` for either.
        """
        if step.percent < HUNDRED:
            return False
        looked = self._aliases.good_at > -math.inf
        moving = [t for t in self._aliases.writers if t.known.moving]
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
