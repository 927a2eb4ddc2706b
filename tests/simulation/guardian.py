"""The guardian in a seed: whether there is one, when it is invoked, and what there is for it to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any, Literal

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.inputs.steps import Plan, Step
from tests.simulation.between import Between
from tests.simulation.previous import DrawnPrevious, draw_previous
from tests.simulation.scenario import (
    SLOWEST,
    Fate,
    Scenario,
    Weather,
    draw_without_guardian,
)

WITH_GUARDIAN = 0.1
"""In how many seeds one is installed."""

FIRST_SEED = 2_000
"""None is before this one: by those the mutations of other things, and everything that occurs, are known."""

EVERY = 300.0
"""Seconds between two invocations by the schedule (examples/guardian/template.yml)."""

LATE = 400.0
"""Seconds after which the last delivery of an event comes, at most."""

DELIVERIES = ((0.5,), (0.5,), (0.2, 0.9), (40.0,), (0.5, 200.0), (0.5, 1.0, 1.5), (LATE,))
"""How many seconds after an alarm fired its event comes, each time: Lambda delivers at least once, in no order."""

Leaning = Literal["as it is", "abandoned", "held", "baking"]
LEANINGS: tuple[Leaning, ...] = ("as it is", "abandoned", "held", "baking")


@dataclass(frozen=True)
class DrawnGuardian:
    """What a seed draws. Times in seconds from the start of main."""

    first_at: float
    """When the schedule invokes it first."""
    bake: float = 0.0
    """Seconds for which a promotion is taken back when an alarm fires; 0 leaves it alone."""
    forged: tuple[float, ...] = ()
    """When somebody invokes it with an event that is none."""
    dies: float = 0.0
    """The chance of an invocation to die on the way; of an event's three tries the last one does not."""
    trouble: float = 0.0
    """The chance of an invocation to stand still, or to have a clock or a `Date` that is wrong."""
    night: float = 0.0
    """Seconds for which nobody starts anything, once every job is over."""


def guarded(
    scenario: Scenario, chance: float = WITH_GUARDIAN, leanings: Sequence[Leaning] = LEANINGS
) -> Scenario:
    """Install a guardian, and leave it something to do; in most seeds there is none."""
    seed, r = scenario.seed, Random(f"guardian of {scenario.seed}")
    if r.random() > chance or (seed < FIRST_SEED and chance < 1):
        return scenario
    leaning = r.choices(LEANINGS, [20, 30, 20, 30])[0]
    if leaning not in leanings:
        leaning = r.choice(leanings)
    drawn = DrawnGuardian(
        first_at=r.uniform(0, EVERY),
        bake=r.choice([600.0, 3_600.0]) if leaning == "baking" or r.random() < 0.1 else 0.0,
        forged=tuple(r.uniform(0, 1.5 * scenario.horizon) for _ in range(r.choice([0, 0, 1, 3]))),
        dies=r.choice([0.0, 0.2, 0.6]),
        trouble=r.choice([0.0, 0.0, 0.15]),
        night=r.choice([0.0, 700.0, 2_400.0]),
    )
    changed = replace(scenario, guardian=drawn)
    if drawn.bake and changed.previous is None:
        changed = replace(changed, previous=draw_previous(seed, scenario.horizon, 1.0))
    changed = _with_work(changed, leaning, r)
    if leaning == "as it is" or r.random() < 0.4:
        return changed
    return replace(changed, weather=Weather(), between=Between(), foreign=(), twin=None)


def always_guarded(seed: int) -> Scenario:
    """Draw a seed, and a guardian in it."""
    return guarded(draw_without_guardian(seed), 1.0)


def _with_work(scenario: Scenario, leaning: Leaning, r: Random) -> Scenario:
    """Let a rollout end as the guardian is to find it, more often than by chance."""
    if leaning == "as it is" or (scenario.numbers is not None and leaning != "abandoned"):
        return scenario
    well = Fate(latency=scenario.main.latency)
    much: dict[str, Any] = {
        "functions": r.choices([1, 2, 3], [50, 35, 15])[0],
        "lost_at": None,
        "held_before": None,
        "main": well,
    }
    if leaning == "abandoned":
        return replace(scenario, **much | _dies(scenario, well, r))
    if leaning == "held":
        much |= {"plan": _ends_held(scenario.plan), "requests": None}
        much["following_mode"] = r.choice([Mode.PROMOTE, Mode.ROLLBACK, Mode.ROLLOUT])
    else:
        much["previous"] = _is_set(scenario.previous, r)
    return replace(scenario, **much | _alarms(scenario, r))


def _dies(scenario: Scenario, well: Fate, r: Random) -> dict[str, Any]:
    """Main dies in the middle, and most often nobody comes after it."""
    phase = r.choice(["before", "after"])
    by_the_clock = {"killed_at": r.uniform(0.05, 1.0) * scenario.horizon}
    how: dict[str, Any] = r.choice([by_the_clock, {"killed_in": (r.randint(6, 40), phase)}])
    post, following = scenario.post, scenario.following
    return {
        "main": replace(well, **how),
        "post": post if r.random() < 0.3 else None,
        "following": following if r.random() < 0.4 else None,
    }


def _ends_held(plan: Plan) -> Plan:
    split = tuple(plan.split_steps) or (Step(HUNDRED / 4, plan.steps[-1].watch),)
    return Plan(tuple(step for step in split if not step.holds), ends_held=True)


def _is_set(previous: DrawnPrevious | None, r: Random) -> DrawnPrevious | None:
    """Let main live to set the previous alias, and nobody move that, in most seeds."""
    if previous is None or r.random() < 0.2:
        return previous
    return replace(previous, killed_at=None, moves=previous.moves if r.random() < 0.3 else ())


def _alarms(scenario: Scenario, r: Random) -> dict[str, Any]:
    """Alarms that are OK until main is most probably over, and fire then, for good or for a while, or do not."""
    names = ["errors", "latency, p99"][: r.choice([1, 1, 2])]
    changes = []
    for name in names:
        for _ in range(r.choice([0, 1, 1, 2])):
            at = scenario.horizon + r.uniform(-30, r.choice([120.0, 900.0, 4_000.0]))
            changes.append((max(0.0, at), name, AlarmState.ALARM))
            if r.random() < 0.6:
                changes.append((max(0.0, at) + r.choice([1.0, 30.0, 400.0]), name, AlarmState.OK))
    return {
        "alarms": dict.fromkeys(names, AlarmState.OK),
        "alarm_at_start": AlarmAtStart.FAIL,
        "changes": tuple(sorted(changes)),
        "evaluations": scenario.evaluations if r.random() < 0.2 else (),
        "deleted_alarm": (r.uniform(0, 2 * scenario.horizon), names[0])
        if r.random() < 0.08
        else None,
    }


def fate_of(drawn: DrawnGuardian, r: Random, *, may_die: bool) -> Fate:
    """Draw what becomes of one invocation."""
    chosen: dict[str, Any] = {}
    if r.random() < drawn.dies and may_die:
        if r.random() < 0.8:
            chosen["killed_in"] = (1 + int(r.expovariate(1 / 3)), r.choice(["before", "after"]))
        else:
            chosen["killed_at"] = r.uniform(0, 3)
    if r.random() < drawn.trouble:
        chosen["frozen"] = (r.uniform(0, 1), r.choice([1.0, 30.0, 200.0, 900.0]))
        chosen["suspended"] = r.random() < 0.3
    if r.random() < drawn.trouble:
        chosen["skew"] = timedelta(seconds=r.uniform(SLOWEST, 900))
    return Fate(latency=r.choice([0.02, 0.1, 0.6]), **chosen)


def date_of(drawn: DrawnGuardian, r: Random) -> float | None:
    """Draw by how many seconds the `Date` of its answers is off, None if it is missing; 0 in most."""
    return r.choice([None, -3_600.0, 3_600.0]) if r.random() < drawn.trouble / 2 else 0.0
