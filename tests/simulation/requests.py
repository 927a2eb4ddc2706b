"""Requests to go on, and a hold that waits for one, in a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING

from lambda_rollout.inputs.steps import Plan, Step

if TYPE_CHECKING:
    from tests.simulation.scenario import Fate

WITH_REQUESTS = 0.1
"""In how many seeds somebody asks the rollout to go on."""

FIRST_SEED = 1_000
"""Nobody does before this one: by those the mutations of other things are known."""

KINDS = (
    *("hang-late", "hang-late", "reset-late", "drop", "error-after", "throttle", "error", "hang"),
    *("twice second", "twice first", "twice none"),
)
"""What a request's write meets, besides what all others do."""


@dataclass(frozen=True)
class DrawnRequest:
    """One job that asks."""

    at: float
    """Seconds after main's start."""
    fate: Fate
    evidence_timeout: float
    """Seconds that it waits for a rollout to begin."""


@dataclass(frozen=True)
class DrawnRequests:
    """All that ask in a seed."""

    jobs: tuple[DrawnRequest, ...]
    chances: Mapping[str, float] = field(default_factory=dict)
    """The faults that the writes of their words meet, each with its chance."""
    late: float = 60.0
    """Seconds until a late one lands, at most."""
    quiet: bool = False
    """Whether nothing else goes wrong for main."""


def with_hold(plan: Plan, seed: int) -> Plan:
    """Return the plan with a hold before its 100%, in half of the seeds that ask; others as they are."""
    r = Random(f"hold {seed}")
    hold = timedelta(seconds=r.choice([20, 120, 600, 1_200]))
    if r.random() < 0.5 or plan.ends_held or plan.hold or not plan.split_steps:
        return plan
    *split, promotion = plan.steps
    return Plan((*split, Step(split[-1].percent, hold, holds=True), promotion))


def moments(plan: Plan, r: Random) -> float:
    """Draw when somebody asks: at any time, or about when main goes on to a next weight."""
    ends = list(accumulate(step.watch.total_seconds() for step in plan.steps))
    if r.random() < 0.5:
        return r.uniform(0, 1.1 * ends[-1] + 5)
    return max(0.0, r.choice([0.0, *ends]) + r.uniform(-2, 6))


def draw_how(r: Random) -> tuple[Mapping[str, float], float, bool]:
    """Draw what the words meet, how late a late one is at most, and whether all else is quiet."""
    kinds = r.sample(KINDS, r.choice([0, 1, 2, 3]))
    chances = {kind: r.uniform(0.05, 0.6) for kind in kinds}
    return chances, r.choice([5.0, 60.0, 300.0]), r.random() < 0.5
