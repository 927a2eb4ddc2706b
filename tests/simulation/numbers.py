"""The versions' own numbers in a seed, and the guards that look at them: late, revised, missing, or good enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.guards import Guard, parse_guards
from lambda_rollout.inputs.steps import Plan, Step

if TYPE_CHECKING:
    from tests.simulation.world import Stage

WITH_GUARDS = 0.06
"""In how many seeds there are guards."""

FIRST_SEED = 1_000
"""None has them before this one: by those the mutations of other things are known."""

ORDERS = "{on=$FUNCTION:$ALIAS, version=$VERSION}"
GUARDS = (
    "error-rate <= baseline + 1%",
    "error-rate <= baseline + 1%\n? error-rate < 1%",
    f"sum(Shop/Failed{ORDERS}) / sum(Shop/Orders{ORDERS}) <= baseline + 1%",
    "error-rate < 5%",
    "? error-rate <= baseline",
)

PLENTY = 100
"""Requests a minute on the new version with which no guard waits for more of them."""

MORE = timedelta(minutes=20)
"""How much longer a step with a range may be watched."""


@dataclass(frozen=True)
class Numbers:
    """What CloudWatch gets to know, and when."""

    guards: tuple[Guard, ...]
    a_minute: int
    """Requests through each alias."""
    is_bad: bool
    """Whether every second request of the new version fails; the old one's never do."""
    errors_late: float
    """Seconds from when invocations are told until their errors are; less than data may take, and a guard waits."""
    revised: float
    """The share of a minute's requests that is told a quarter of an hour after the others."""
    silent: tuple[float, float]
    """From when on, seconds from main's start, and for how long nothing is told of anything."""
    ranges: bool
    """Whether the steps may end early; then there are no alarms, of which nobody knows how long they need."""
    is_patient: bool
    """Whether evidence is waited for as long as by default."""

    @property
    def count(self) -> bool:
        """Whether a guard is more than observed."""
        return any(not guard.observe_only for guard in self.guards)

    def are_plenty(self, plan: Plan) -> bool:
        """Whether the numbers of a good version are there whenever they are needed, also in the first step."""
        well_told = not (self.revised or self.silent[1] or self.is_bad) and self.errors_late <= 20
        least = min(step.percent for step in plan.steps)
        return well_told and self.a_minute * least / 100 >= PLENTY and not self.ranges

    def stretched(self, plan: Plan) -> Plan:
        """Let the plan's split steps end early, if that is drawn."""
        if not self.ranges:
            return plan
        steps = (
            step if step.is_promotion else Step(step.percent, step.watch + MORE, step.watch)
            for step in plan.shifts
        )
        return plan.with_shifts(steps)

    def reader(self, clients: Clients) -> CloudWatchMetrics:
        """The real adapter, for these guards."""
        return CloudWatchMetrics(clients, measures_of(self.guards))


def draw_numbers(seed: int, chance: float = WITH_GUARDS) -> Numbers | None:
    """Draw the numbers of a seed; None in most, where nobody asks for any."""
    r = Random(f"numbers {seed}")
    if r.random() > chance or (seed < FIRST_SEED and chance < 1):
        return None
    guards = parse_guards(r.choice(GUARDS))
    can_be_shown = any(guard.can_be_shown for guard in guards)
    return Numbers(
        guards=guards,
        a_minute=r.choice([0, 5, 200, 1_000, 1_000]),
        is_bad=r.random() < 0.4,
        errors_late=r.choice([0.0, 0.0, 20.0, 100.0, 150.0]),
        revised=r.choice([0.0, 0.0, 0.01, 0.3]),
        silent=(r.uniform(0, 600), r.choice([0.0, 0.0, 120.0, 1e9])),
        ranges=can_be_shown and r.random() < 0.5,
        is_patient=r.random() < 0.7,
    )


def publish(numbers: Numbers, stage: Stage) -> None:
    """Tell CloudWatch each minute what was served in it, for as long as the seed lasts."""

    def minute(start: datetime) -> None:
        if stage.weather.over:
            return
        told = stage.world.clock.now()
        stage.world.schedule(
            told + timedelta(minutes=1), partial(minute, start + timedelta(minutes=1))
        )
        since = stage.since_start - numbers.silent[0]
        if 0 <= since < numbers.silent[1] or not numbers.a_minute:
            return
        for function in stage.functions:
            for version, served in _served(numbers, stage, function):
                _tell(numbers, stage, function, version, served, start)

    now = stage.world.clock.now()
    start = now.replace(second=0, microsecond=0)
    stage.world.schedule(start + timedelta(seconds=75), partial(minute, start))


def _served(numbers: Numbers, stage: Stage, function: str) -> Iterator[tuple[str, int]]:
    shown = stage.observer.show(function)
    if shown is None:
        return
    weights = dict(shown.routing.weights)
    weights[shown.routing.version] = 1 - sum(weights.values())
    for version, share in weights.items():
        yield version, round(numbers.a_minute * share)


def _tell(
    numbers: Numbers, stage: Stage, function: str, version: str, served: int, start: datetime
) -> None:
    later = round(served * numbers.revised)
    failed = served // 2 if numbers.is_bad and version != "1" else 0
    late = min(later, failed)
    now = stage.world.clock.now()
    stage.observer.seen["numbers told"] += 1

    def at(seconds: float, name: str, ones: int, zeros: int = 0) -> None:
        put = partial(_put, stage, function, version, start, name, ones, zeros)
        if seconds:
            stage.observer.seen["numbers told late"] += 1
            stage.world.schedule(now + timedelta(seconds=seconds), put)
        else:
            put()

    for name in ("Invocations", "Orders"):
        at(0.0, name, served - later)
        at(900.0, name, later)
    for name in ("Errors", "Failed"):
        at(numbers.errors_late, name, failed - late, served - failed - (later - late))
        at(900.0, name, late, later - late)


def _put(
    stage: Stage, function: str, version: str, start: datetime, name: str, ones: int, zeros: int
) -> None:
    is_shops = name in {"Orders", "Failed"}
    own = {"FunctionName": function, "Resource": f"{function}:live", "ExecutedVersion": version}
    shops = {"on": f"{function}:live", "version": version}
    dimensions = shops if is_shops else own
    data: list[dict[str, Any]] = [
        {
            "MetricName": name,
            "Timestamp": start,
            "Values": [value],
            "Counts": [float(count)],
            "Dimensions": [{"Name": key, "Value": each} for key, each in dimensions.items()],
        }
        for value, count in ((1.0, ones), (0.0, zeros))
        if count
    ]
    if data:
        asked = {"Namespace": "Shop" if is_shops else "AWS/Lambda", "MetricData": data}
        stage.world.cloudwatch().put_metric_data(asked)


# What is asked -----------------------------------------------------------------------------------


DATA_TAKE = 180.0
"""Seconds from a minute's end until a guard can hold on it, at least."""


SHOWN_BY = 200.0
"""Requests of the new version without which a margin of one point over an old one that never fails cannot be shown to
hold, whatever they showed. Beside one of which every second request fails, a dozen without a failure are enough."""


def numbers_not_passed(numbers: Numbers, step: Step, watched: float, base: str) -> str | None:
    """Why the guards cannot have let a split step pass, by what CloudWatch was told; None if they can.

    ``watched`` is for how many seconds all aliases had the weight; ``base`` is the old version.
    """
    if not numbers.count:
        return None
    if not numbers.a_minute:
        return "there is no traffic, and guards that count"
    old_fails = numbers.is_bad and base != "1"
    # Of one request a minute none fails.
    if numbers.is_bad and not old_fails and round(numbers.a_minute * step.weight) > 1:
        return "every second request fails, and guards that count"
    if watched < DATA_TAKE:
        return f"the guards had {watched:.0f} s, and their data take longer"
    served = numbers.a_minute * step.weight * watched / 60
    is_early = watched < step.watch.total_seconds() - 1
    if is_early and served < SHOWN_BY and not old_fails:
        return f"it ended early after {served:.0f} requests"
    return None
