"""The versions' own numbers during a rollout: read as they come in, and what they say of the present step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from lambda_rollout.alias.routing import HUNDRED, Target
from lambda_rollout.analysis.guards.verdict import judge_guards, what_failed, what_is_missing
from lambda_rollout.analysis.guards.windows import SPLIT_ONCE
from lambda_rollout.analysis.metrics import (
    EMISSION_DELAY,
    MINUTE,
    CanaryPair,
    Comparison,
    StepStart,
    complete_until,
    first_whole_minute,
)
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.steps import format_percent
from lambda_rollout.rollout.events import Event, MetricsRead, Unreadable, Warned
from lambda_rollout.rollout.ports import Metrics, Ports
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import AccessDenied, CallFailed, RolloutError
from lambda_rollout.runtime.retry import raise_if_stopped, retrying

RETRY_EVERY = 15.0
"""Seconds until metrics are asked for again after a read that failed."""


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
        before: StepStart | None = None,
    ) -> None:
        """Nothing was read yet; without ``metrics`` nothing ever will be.

        ``before`` is the split that was there already, the baseline of a rollout that goes on at 100%.
        """
        self._metrics = metrics
        self._pairs = pairs
        self._criteria = criteria
        self._aws_time = aws_time
        self.steps: list[StepStart] = [before] if before else []
        """The steps so far, and when each began on AWS's clock."""
        self._comparisons: tuple[Comparison, ...] = ()
        self._until: datetime | None = None
        self._first = len(self.steps)
        self._verdict: tuple[str, str] | None = None
        self.trouble = ""
        """Why the newest read failed; empty if it did not."""

    def begin_step(self, start: StepStart) -> None:
        """Take note that the alias has the weight of a step from now on."""
        self.steps.append(start)
        self._verdict = None

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
        return (since + MINUTE + EMISSION_DELAY - self._aws_time()).total_seconds()

    def read(self) -> tuple[Comparison, ...]:
        """Read what has come in since the last time, one try; return just that.

        Raises `CallFailed`. What may not be read is not asked for again.
        """
        if self._metrics is None:
            return ()
        since = self._until or first_whole_minute(self.steps[0].at)
        until = complete_until(self._aws_time())
        try:
            news = self._metrics.compare(self._pairs, since, until)
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
        before = self._comparisons or news
        self._comparisons = (
            tuple(old.joined(new) for old, new in zip(before, news, strict=True))
            if self._comparisons
            else news
        )
        return news

    @property
    def looks_back(self) -> bool:
        """Whether there was a split before the first step, whose numbers can be read."""
        return self._first > 0 and self._metrics is not None

    # What they say -----------------------------------------------------------------------------

    def verdict(self) -> tuple[str, str]:
        """Return what is broken, and what the present step lacks; each one line, empty if nothing.

        Worked out once for each read and step: guards of many functions take their time to judge.
        """
        if self._verdict is None:
            self._verdict = self._judge() if self._criteria.any else ("", "")
        broken, lacks = self._verdict
        if lacks and self.trouble:
            lacks = f"{lacks} (the metrics could not be read: {self.trouble})"
        return broken, lacks

    def _judge(self) -> tuple[str, str]:
        if self._criteria.guards and not self._comparisons:
            return "", "no metrics of the new version yet"
        verdicts = judge_guards(self._criteria.guards, self._comparisons, self.steps)
        return what_failed(verdicts), what_is_missing(verdicts) or self._too_few()

    def missing_baseline(self) -> str:
        """Return which guard beside the baseline cannot be judged by the steps so far, in one line; empty if none."""
        guards = self._criteria.guards
        verdicts = judge_guards(guards, self._comparisons, self.steps)
        return what_is_missing(each for each in verdicts if each.guard.compares_with_baseline)

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
        ends = [after.at for _, after in pairwise(self.steps)]
        for comparison in self._comparisons:
            if comparison.target == target:
                inside = [
                    minute.invocations
                    for minute in comparison.canary.minutes
                    if minute.start >= began
                    and (step >= len(ends) or minute.start + MINUTE <= ends[step])
                ]
                return sum(inside) if inside else None
        return None

    def gaps(self) -> Iterator[str]:
        """Say for which steps, and which functions, there is no evidence of traffic, and why not."""
        if self._metrics is None and not self._comparisons:
            return
        for pair in self._pairs:
            for index, step in enumerate(self.steps[self._first :], self._first):
                count = self._invocations(pair.target, index)
                if not count:
                    why = "no data yet" if count is None else "no invocations"
                    where = f"step {index + 1 - self._first} ({format_percent(step.percent)})"
                    yield f"{pair.target.name}, {where}: {why}"


class MetricsPoll:
    """Reads the numbers when another minute of them can be there, and tells what came in."""

    def __init__(
        self, clock: Clock, stop: Stop, emit: Callable[[Event], None], metrics: RolloutMetrics
    ) -> None:
        """Nothing is read yet."""
        self._clock = clock
        self._stop = stop
        self._emit = emit
        self._metrics = metrics
        self._tried_at = -math.inf

    @property
    def next_at(self) -> float:
        """When to read next, in monotonic seconds; infinite if nothing is read."""
        due = self._clock.monotonic() + self._metrics.next_due()
        return max(due, self._tried_at + RETRY_EVERY)

    def read_if_due(self, step: int) -> None:
        """Read them if it is time, one try; a failed read is told once. Raises `Cancelled` on stop."""
        now = self._clock.monotonic()
        if not self._metrics.due or now < self._tried_at + RETRY_EVERY:
            return
        raise_if_stopped(self._stop)
        first = self._tried_at == -math.inf or not self._metrics.trouble
        self._tried_at = now
        try:
            news = self._metrics.read()
        except CallFailed as error:
            if first:
                self._emit(Unreadable(what="metrics", why=str(error)))
            return
        self._emit(MetricsRead(number=step, comparisons=news))

    def read_at_last(self) -> None:
        """Read what has come in by the very end, even if a try has just failed, and tell what is not seen.

        That is for which steps there is no evidence of traffic.
        """
        self._tried_at = -math.inf
        self.read_if_due(len(self._metrics.steps))
        if gaps := list(self._metrics.gaps()):
            text = f"Passed without evidence of traffic on the new version: {'; '.join(gaps)}."
            self._emit(Warned(text=text))


# The split that was there before this run ----------------------------------------------------------


LOOK_BACK = timedelta(hours=1)
"""Nobody wrote down since when an alias is split; so much is baseline enough."""


def split_before(shares: Sequence[Decimal], now: datetime) -> StepStart:
    """Return it as a step; ``shares`` are the new versions' in percent, ``now`` is AWS's clock."""
    share = min(shares)
    return StepStart(now - LOOK_BACK, share if share < HUNDRED else SPLIT_ONCE)


def judge_split_before(metrics: RolloutMetrics, ports: Ports) -> str:
    """Judge the guards by it, before it is gone; return which one is broken, empty if none.

    Raises `RolloutError` if one that compares with the old version cannot be judged, `Cancelled` on stop.
    """
    try:
        news = retrying(ports.clock, ports.stop)(metrics.read)
    except CallFailed as error:
        raise RolloutError(
            f"the metrics that the guards check could not be read: {error.what}",
            error.remedy or "Start again, or leave `guards` empty.",
        ) from error
    ports.emit(MetricsRead(number=1, comparisons=news))
    broken, _ = metrics.verdict()
    lacks = metrics.missing_baseline()
    if lacks and not broken:
        raise RolloutError(
            f"{lacks}; at 100% there is nothing to compare with, so the guards need data from the last hour of the split",
            "Let the new version serve more requests at its present weight first, or use guards that compare with a number.",
        )
    return broken
