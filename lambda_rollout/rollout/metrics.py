"""The versions' own numbers during a rollout: read as they come in, and what they say of the present step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.analysis.guards.duration import bounds_of
from lambda_rollout.analysis.guards.known import DataKnown, data_delay, what_is_known
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import (
    GuardVerdict,
    TargetEvidence,
    judge_guards,
    what_failed,
    what_is_missing,
)
from lambda_rollout.analysis.metrics import (
    EMISSION_DELAY,
    FIRST_LOOK,
    MINUTE,
    CanaryPair,
    Comparison,
    History,
    StepStart,
    complete_until,
    first_whole_minute,
)
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.steps import format_percent
from lambda_rollout.rollout.metric_news import MetricNews
from lambda_rollout.rollout.ports import Metrics
from lambda_rollout.runtime.errors import AccessDenied, CallFailed

PAIRS_AT_ONCE = 20
"""Pairs whose numbers are read together: half of what a call may ask for, as answers to a long rollout are long."""

_NAMED = 3
"""Functions that are named of those that are alike."""

ON_THEIR_WAY = "the data of its last minutes are still on their way"
"""What a step waits for after its planned end, if guards watch it."""


@dataclass(frozen=True, slots=True)
class SuccessCriteria:
    """What the numbers must show."""

    guards: tuple[Guard, ...] = ()
    min_invocations: int = 0

    @property
    def any(self) -> bool:
        """Whether anything depends on the numbers; if not they are read to be shown."""
        return bool(self.guards) or self.min_invocations > 0


class RolloutMetrics:
    """All numbers of one rollout so far."""

    def __init__(
        self,
        metrics: Metrics | None,
        pairs: Sequence[CanaryPair],
        criteria: SuccessCriteria,
        aws_time: Callable[[], datetime],
        before: Sequence[StepStart] = (),
    ) -> None:
        """Nothing was read yet; without ``metrics`` nothing ever will be.

        ``before`` is the split that was there already, the baseline of a rollout that goes on at 100%.
        """
        self._metrics = metrics
        self._pairs = pairs
        self._criteria = criteria
        self._aws_time = aws_time
        self.steps: list[StepStart] = [*before]
        """The steps so far, and when each began on AWS's clock."""
        self._histories: tuple[History, ...] | None = None
        self._comparisons: tuple[Comparison, ...] = ()
        self._known: tuple[DataKnown, ...] = ()
        self._told = MetricNews()
        self._until: datetime | None = None
        self._first = len(self.steps)
        self._verdict: tuple[str, str] | None = None
        self.verdicts: tuple[GuardVerdict, ...] = ()
        """What was last found of each guard on each target in the present step; empty if it was not judged yet."""
        self.trouble = ""
        """Why the newest read failed; empty if it did not."""

    def begin_step(self, start: StepStart) -> None:
        """Take note that the alias has the weight of a step from now on."""
        self.steps.append(start)
        self._verdict = None
        self.verdicts = ()

    @property
    def number(self) -> int:
        """The number of the newest step, 0 before the first."""
        return self.steps[-1].number if self.steps else 0

    # Reading -----------------------------------------------------------------------------------

    @property
    def due(self) -> bool:
        """Whether data of another minute can be there; CloudWatch bills each read, so not before."""
        return self.next_due() <= 0

    def next_due(self) -> float:
        """Return in how many seconds another minute's data can be there; infinite if nothing is read."""
        if self._metrics is None or not self.steps:
            return math.inf
        since = self._until or first_whole_minute(self.steps[0].at)
        return (since + MINUTE + FIRST_LOOK + self._phase - self._aws_time()).total_seconds()

    @property
    def has_minutes(self) -> bool:
        """Whether a whole minute lies behind the first step, and its numbers can be read."""
        if self._metrics is None or not self.steps:
            return False
        return self._aws_time() >= first_whole_minute(self.steps[0].at) + MINUTE

    def read(self, *, at_end: bool = False) -> tuple[Comparison, ...]:
        """Read the whole window since the first step, one try; return what is new in it, or was revised.

        Whole, because a minute's numbers may still change: an invocation is counted when it ends, in the minute in
        which it began. ``at_end``: all that is there by now, also of minutes whose data may still come; nothing is
        judged by it. Raises `CallFailed`. What may not be read is not asked for again.
        """
        if self._metrics is None:
            return ()
        now = self._aws_time()
        early = timedelta() if at_end else FIRST_LOOK + self._phase
        until = (now - early).replace(second=0, microsecond=0)
        try:
            histories = self._read_histories(self._metrics)
            pairs = [self._counting(*one) for one in zip(self._pairs, histories, strict=True)]
            found = self._compare(self._metrics, pairs, until)
        except AccessDenied as error:
            self._metrics = None
            self.trouble = str(error)
            raise
        except CallFailed as error:
            self.trouble = str(error)
            raise
        self.trouble = ""
        self._verdict = None
        self._until = until
        before = self._comparisons or [None] * len(found)
        self._known = tuple(
            what_is_known(pair, history, now, one, earlier)
            for pair, history, one, earlier in zip(
                self._pairs, histories, found, before, strict=True
            )
        )
        self._comparisons = found
        told_until = until if at_end else complete_until(now)
        return tuple(self._told.news(one, told_until) for one in found)

    def _compare(
        self, metrics: Metrics, pairs: Sequence[CanaryPair], until: datetime
    ) -> tuple[Comparison, ...]:
        """Read some pairs after others, and keep each minute once: hours of a hundred functions are many."""
        since = first_whole_minute(self.steps[0].at)
        found: list[Comparison] = []
        for first in range(0, len(pairs), PAIRS_AT_ONCE):
            part = metrics.compare(pairs[first : first + PAIRS_AT_ONCE], since, until)
            found += (self._told.known(one) for one in part)
        return tuple(found)

    def _read_histories(self, metrics: Metrics) -> tuple[History, ...]:
        """Read what is known of the old versions from before the split, once; only guards need it."""
        if self._histories is None:
            guards, began = self._criteria.guards, self.steps[0].at
            self._histories = (
                metrics.history(self._pairs, guards, began)
                if guards
                else (History(),) * len(self._pairs)
            )
        return self._histories

    def _counting(self, pair: CanaryPair, history: History) -> CanaryPair:
        bounds = [
            each
            for guard in self._criteria.guards
            if (each := bounds_of(guard, history)) is not None
        ]
        return replace(
            pair,
            canary_slower_than=tuple(dict.fromkeys(each.new for each in bounds)),
            baseline_slower_than=tuple(dict.fromkeys(each.old for each in bounds)),
        )

    @property
    def _phase(self) -> timedelta:
        """How long after a full minute to read: when the numbers of another one are complete."""
        return timedelta(seconds=self.data_delay.total_seconds() % 60)

    @property
    def looks_back(self) -> bool:
        """Whether there was a split before the first step, whose numbers can be read."""
        return self._first > 0 and self._metrics is not None

    # What they say -----------------------------------------------------------------------------

    @property
    def data_delay(self) -> timedelta:
        """How long after a minute's end guards can hold on it."""
        histories = self._histories or (History(),) * len(self._pairs)
        delays = [data_delay(*one) for one in zip(self._pairs, histories, strict=True)]
        return max(delays, default=EMISSION_DELAY)

    @property
    def waits_for_data(self) -> bool:
        """Whether the present step passes only on its last minutes' data: some guard can hold it up."""
        return bool(self.steps) and any(self._can_hold_up(guard) for guard in self._criteria.guards)

    def _can_hold_up(self, guard: Guard) -> bool:
        if guard.observe_only:
            return False
        return self.steps[-1].percent < HUNDRED or not guard.compares_with_baseline

    def _last_minutes_missing(self, planned_end: datetime) -> bool:
        if not self.waits_for_data:
            return False
        last = planned_end.replace(second=0, microsecond=0)
        if last < first_whole_minute(self.steps[-1].at) + MINUTE:
            return False
        return not self._known or any(known.complete < last for known in self._known)

    def verdict(self, planned_end: datetime | None = None) -> tuple[str, str]:
        """Return what is broken, and what the present step lacks; each one line, empty if nothing.

        A step passes on all minutes that it is made of: until those up to its ``planned_end``, on AWS's clock, are in
        it lacks them. Worked out once for each read and step: guards of many functions take their time to judge.
        """
        if self._verdict is None:
            self._verdict = self._judge() if self._criteria.any else ("", "")
        broken, lacks = self._verdict
        if planned_end and self._last_minutes_missing(planned_end):
            lacks = ON_THEIR_WAY
        if lacks and self.trouble:
            lacks = f"{lacks} (the metrics could not be read: {self.trouble})"
        return broken, lacks

    def _judge(self) -> tuple[str, str]:
        if not self._comparisons and self.waits_for_data:
            return "", "no metrics of the new version yet"
        self.verdicts = self._verdicts() if self._comparisons else ()
        missing = what_is_missing(self.verdicts) or self._too_few()
        return what_failed(self.verdicts), missing

    @property
    def all_shown(self) -> bool:
        """Whether all guards that count hold, and those that can be shown to hold are; enough was served as well.

        By the newest read: one that failed shows nothing.
        """
        broken, lacks = self.verdict()
        counting = [each for each in self.verdicts if not each.guard.observe_only]
        return (
            bool(counting)
            and not (broken or lacks or self.trouble)
            and all(
                each.outcome is Outcome.HOLDS and (each.shown or not each.guard.can_be_shown)
                for each in counting
            )
        )

    def _verdicts(self) -> tuple[GuardVerdict, ...]:
        evidence = [
            TargetEvidence(*one)
            for one in zip(self._comparisons, self._known, self._histories or (), strict=True)
        ]
        return judge_guards(self._criteria.guards, evidence, self.steps)

    def missing_baseline(self) -> str:
        """Return which guard beside the baseline cannot be judged by the steps so far, in one line; empty if none."""
        return what_is_missing(
            each for each in self._verdicts() if each.guard.compares_with_baseline
        )

    def _too_few(self) -> str:
        wanted = self._criteria.min_invocations
        for pair in self._pairs:
            count = self._invocations(pair.target, len(self.steps) - 1)
            if wanted and (count or 0) < wanted:
                seen = "no data yet" if count is None else f"{count} invocations"
                return f"version {pair.canary} of {pair.target.name} has {seen} in this step; {wanted} are needed"
        return ""

    def _invocations(self, target: Target, step: int) -> int | None:
        """Count a step's invocations of the new version; None if no whole minute of it has its data yet."""
        began = first_whole_minute(self.steps[step].at)
        known = complete_until(self._aws_time())
        ends = [after.at for _, after in pairwise(self.steps)]
        for comparison in self._comparisons:
            if comparison.target == target:
                inside = [
                    minute.invocations
                    for minute in comparison.canary.minutes
                    if minute.start >= began
                    and minute.start + MINUTE <= known
                    and (step >= len(ends) or minute.start + MINUTE <= ends[step])
                ]
                return sum(inside) if inside else None
        return None

    def gaps(self) -> Iterator[str]:
        """Say for which steps, and which functions, there is no evidence of traffic, and why not."""
        if self._metrics is None and not self._comparisons:
            return
        alike: dict[tuple[str, ...], list[str]] = {}
        for pair in self._pairs:
            alike.setdefault(tuple(self._gaps_of(pair.target)), []).append(pair.target.name)
        for gaps, names in alike.items():
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield from (f"{', '.join(names[:_NAMED])}{more}, {gap}" for gap in gaps)

    def _gaps_of(self, target: Target) -> Iterator[str]:
        for index, step in enumerate(self.steps[self._first :], self._first):
            count = self._invocations(target, index)
            if not count:
                why = "no data yet" if count is None else "no invocations"
                yield f"step {step.number} ({format_percent(step.percent)}): {why}"
