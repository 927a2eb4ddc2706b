"""The new and the old version's own numbers, minute by minute: what a verdict can rest on.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
(the metrics and their dimensions) and
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html (throttled calls are neither
invocations nor errors).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.guard_metrics import CustomMetric

MINUTE = timedelta(minutes=1)
"""The shortest period of Lambda's metrics."""

EMISSION_DELAY = timedelta(minutes=3)
"""How long after a minute's end its data may still be on their way: Lambda sends metrics each minute, and
an invocation is counted in the minute in which it began."""

FIRST_LOOK = timedelta(minutes=2)
"""How long after a minute's end its numbers are looked at first: that shows later whether they still change."""

PERCENTILES = ("p50", "p90", "p95", "p99")
"""CloudWatch's names of the percentiles of ``Duration`` that are read."""


def first_whole_minute(moment: datetime) -> datetime:
    """Return the start of the first minute that lies wholly at or after ``moment``."""
    start = moment.replace(second=0, microsecond=0)
    return start if start == moment else start + MINUTE


def complete_until(now: datetime) -> datetime:
    """Return the end of the last minute whose data are in by ``now``, on AWS's clock.

    It moves on once a minute: there is nothing new to read before it does.
    """
    return (now - EMISSION_DELAY).replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class CanaryPair:
    """What is to be compared: a target's new version (``canary``) and its old one, by their numbers."""

    target: Target
    canary: str
    baseline: str
    timeout: timedelta = timedelta()
    """How long an invocation of the new version may take."""
    canary_slower_than: tuple[float, ...] = ()
    """What is counted of the new version: invocations that took longer than so many milliseconds."""
    baseline_slower_than: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Measure:
    """What is read besides of each minute: one statistic, by CloudWatch's name, of one metric of any kind."""

    statistic: str
    metric: CustomMetric
    """With its placeholders: they are filled in for each version of each target."""

    def __str__(self) -> str:
        """Return ``Sum(Shop/Orders{version=$VERSION})``."""
        return f"{self.statistic}({self.metric})"


class Percentiles(Mapping[str, float]):
    """Some of `PERCENTILES` of a minute, in a third of a dict's room: hours of a hundred functions are many minutes."""

    __slots__ = ("_packed",)

    def __init__(self, values: Mapping[str, float]) -> None:
        """Keep the values, which are numbers."""
        self._packed = _PACK.pack(*(values.get(name, math.nan) + 0.0 for name in PERCENTILES))

    def __getitem__(self, name: str) -> float:
        """Return one of them."""
        value: float = math.nan
        if name in PERCENTILES:
            value = _PACK.unpack(self._packed)[PERCENTILES.index(name)]
        if math.isnan(value):
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        """Name those that there are."""
        values = zip(PERCENTILES, _PACK.unpack(self._packed), strict=True)
        return (name for name, value in values if not math.isnan(value))

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        """Compare as mappings do; all are compared with each read."""
        if isinstance(other, Percentiles):
            return self._packed == other._packed
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Look like a dict."""
        return repr(dict(self))


_PACK = struct.Struct(f"{len(PERCENTILES)}d")


@dataclass(frozen=True, slots=True)
class Minute:
    """One version's minute through one alias; the minute begins at ``start`` (UTC, a whole minute).

    ``errors`` are among the ``invocations``. ``durations`` are in milliseconds by percentile (``p50``,
    ``p90``, ``p95``, ``p99``), empty for a minute without invocations. ``slower_than`` says how many took longer
    than so many milliseconds, for each number that was asked for and answered.
    """

    start: datetime
    invocations: int
    errors: int
    durations: Mapping[str, float] = field(default_factory=dict)
    slower_than: Mapping[float, int] = field(default_factory=dict)
    errors_known: bool = True
    """Whether there is a datapoint for the errors: Lambda sends one with each invocation, be it of 0."""
    measured: Mapping[Measure, float] = field(default_factory=dict)
    """What else was asked for; one without data in this minute is not there."""


@dataclass(frozen=True, slots=True)
class VersionMetrics:
    """One version of one target: every minute of the window whose data are in, in order, without gaps.

    A minute that nothing ran in is there with zeros; a minute whose data may still come is not there.
    """

    target: Target
    version: str
    minutes: tuple[Minute, ...]

    @property
    def invocations(self) -> int:
        """Invocations in all minutes."""
        return sum(minute.invocations for minute in self.minutes)

    @property
    def errors(self) -> int:
        """Invocations that failed, in all minutes."""
        return sum(minute.errors for minute in self.minutes)

    def since(self, start: datetime) -> VersionMetrics:
        """Return the minutes that lie wholly after ``start``."""
        inside = tuple(minute for minute in self.minutes if minute.start >= start)
        return VersionMetrics(self.target, self.version, inside)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One target's new version (``canary``) beside its old one (``baseline``), over the same minutes.

    ``throttles`` are those of the alias as a whole: which version a throttled call was for is not told.
    """

    canary: VersionMetrics
    baseline: VersionMetrics
    throttles: int
    until: datetime
    """The end of the last minute whose data are in."""

    def joined(self, later: Comparison) -> Comparison:
        """Add the minutes of a ``later`` reading, which tells anew what was revised, and its further throttles."""
        return Comparison(
            canary=_joined(self.canary, later.canary),
            baseline=_joined(self.baseline, later.baseline),
            throttles=self.throttles + later.throttles,
            until=max(self.until, later.until),
        )

    @property
    def target(self) -> Target:
        """The function and alias that both versions were invoked through."""
        return self.canary.target


def _joined(before: VersionMetrics, later: VersionMetrics) -> VersionMetrics:
    minutes = {minute.start: minute for minute in (*before.minutes, *later.minutes)}
    return VersionMetrics(
        before.target, before.version, tuple(minutes[start] for start in sorted(minutes))
    )


@dataclass(frozen=True, slots=True)
class StepStart:
    """When the alias got the weight of a step, on AWS's clock, as the minutes of metrics are."""

    at: datetime
    percent: Decimal
    """0 to 100."""
    number: int = 0
    """Of the step in the schedule, from 1; 0 for what was there before it. A hold goes on with the step before."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a target's old version from before the split; empty where it was not read."""

    longest: timedelta = timedelta()
    """How long its invocations took, all but the slowest of a thousand, in the last day."""
    percentiles: Mapping[str, float] = field(default_factory=dict)
    """Its durations over the last hour with traffic, or the day, in ms by percentile."""
    minutes: tuple[Minute, ...] = ()
    """Its last hours, minute by minute."""
