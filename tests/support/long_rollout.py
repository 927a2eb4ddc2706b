"""A rollout of many functions over hours, as its story tells it: the events, with nothing of AWS behind them.

Every alarm changes its state each minute, every function has traffic, and the numbers are read as they are: the whole
window again, though only every ten minutes. What is kept of them is the same, and it takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.analysis.metrics import (
    MINUTE,
    CanaryPair,
    Comparison,
    History,
    Minute,
    Percentiles,
    StepStart,
    VersionMetrics,
)
from lambda_rollout.aws.metric_series import NOTHING
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.metrics import RolloutMetrics, SuccessCriteria
from tests.support.stories import ACCOUNT, ALL_WELL, NO_DATA, REGION, RUN, START, alarm

READ_EVERY = 10
"""Minutes between two reads of the numbers."""


@dataclass
class MadeUpMetrics:
    """`lambda_rollout.rollout.ports.Metrics`: the same traffic of every function, made anew with each read."""

    def compare(
        self, pairs: Sequence[CanaryPair], since: datetime, until: datetime
    ) -> tuple[Comparison, ...]:
        starts = [since + each * MINUTE for each in range(int((until - since) / MINUTE))]
        return tuple(self._one(pair, starts, until) for pair in pairs)

    def _one(self, pair: CanaryPair, starts: Sequence[datetime], until: datetime) -> Comparison:
        new, old = (
            VersionMetrics(pair.target, version, tuple(_minutes(version, starts)))
            for version in (pair.canary, pair.baseline)
        )
        return Comparison(new, old, 0, until)

    def history(
        self, pairs: Sequence[CanaryPair], guards: Sequence[Guard], until: datetime
    ) -> tuple[History, ...]:
        return (History(),) * len(pairs)


def _minutes(version: str, starts: Sequence[datetime]) -> Iterator[Minute]:
    for each, start in enumerate(starts):
        slow = {"p50": 20.5, "p90": 80.5, "p95": 120.5, "p99": 300.5}
        varied = {name: value + each + len(version) for name, value in slow.items()}
        yield Minute(start, 300 + each, each % 3, Percentiles(varied), NOTHING, measured=NOTHING)


@dataclass
class LongRollout:
    """`functions` and `alarms`: how many; `hours`: how long 10% are watched."""

    functions: int
    alarms: int
    hours: float = 6.0
    now: datetime = START
    _seen: list[AlarmReading] = field(default_factory=list)

    @property
    def targets(self) -> tuple[Target, ...]:
        return tuple(Target(f"service-{number:03}", "live") for number in range(self.functions))

    def events(self) -> Iterator[e.Event]:
        for event in self._told():
            yield e.stamped(event, self.now)

    def _told(self) -> Iterator[e.Event]:
        watch = timedelta(hours=self.hours)
        plan = parse_steps(f"10% {int(watch.total_seconds())}s, 100% 10m", timedelta(minutes=5))
        self._seen = [
            alarm(f"service-{number // 2:03}-{('errors', 'latency')[number % 2]}", AlarmState.OK)
            for number in range(self.alarms)
        ]
        names = tuple(reading.name for reading in self._seen)
        yield e.Started(
            mode="rollout", targets=self.targets, region=REGION, plan=plan, alarms=names, run=RUN
        )
        for target in self.targets:
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{target.name}:live"
            yield e.AliasFound(target=target, arn=arn, routing=Routing.all_on("7"))
        yield e.AlarmsFound(readings=tuple(self._seen))
        for target in self.targets:
            yield e.VersionPublished(target=target, version="8", previous="7")
            yield e.VersionReady(target=target, version="8")
        yield from self._step(1, Decimal(10), watch)
        yield from self._step(2, Decimal(100), timedelta(minutes=10))
        for target in self.targets:
            yield e.RecordCleared(target=target, version="8")
        yield e.Finished(result=e.Result.PROMOTED, reason="")

    def _step(self, number: int, percent: Decimal, watch: timedelta) -> Iterator[e.Event]:
        yield e.StepStarted(number=number, percent=percent, watch=watch)
        for target in self.targets:
            yield e.WeightShifted(target=target, version="8", previous="7", percent=percent)
        pairs = [CanaryPair(target, "8", "7") for target in self.targets]
        numbers = RolloutMetrics(MadeUpMetrics(), pairs, SuccessCriteria(), lambda: self.now)
        numbers.begin_step(StepStart(self.now, percent))
        for minute in range(int(watch / MINUTE)):
            self.now += MINUTE
            yield from self._flap(minute)
            if minute % READ_EVERY == READ_EVERY - 1 and numbers.due:
                yield e.MetricsRead(number=number, comparisons=numbers.read())
            left = watch - (minute + 1) * MINUTE
            states = ((AlarmState.OK, self.alarms),)
            yield e.Heartbeat(
                number=number, percent=percent, step_left=left, all_left=left, states=states
            )
        yield e.StepPassed(number=number, percent=percent, readings=tuple(self._seen))

    def _flap(self, minute: int) -> Iterator[e.Event]:
        state = AlarmState.INSUFFICIENT_DATA if minute % 2 == 0 else AlarmState.OK
        reason = NO_DATA if minute % 2 == 0 else ALL_WELL
        for at, before in enumerate(self._seen):
            # AWS's words are new ones with each answer.
            words = f"{reason} [{minute}.{at}]"
            reading = replace(before, state=state, reason=words, transitioned_at=self.now)
            self._seen[at] = reading
            yield e.AlarmChanged(reading=reading, before=before.state, fired=False)
