"""What a seed draws for GitHub, from a chance of its own: a seed's rollout is the same whatever is drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from tests.simulation.scenario import Outage, Scenario

KINDS = (
    "refused",
    "unreachable",
    "hang",
    "after 30 s",
    "late",
    "reset late",
    "slow",
    "drip",
    "reset",
    "drop",
    "garbled",
    "odd",
    "500",
    "502 after",
    "403 limit",
    "429",
    "403 used up",
    "422",
)
"""What a request may meet. `after`: GitHub has done it. `late`: it does it some time after the client gave up."""

FOR_GOOD = ("401", "403 fork", "404")

Lead = Literal["number", "commit", "none", "off"]


@dataclass(frozen=True)
class Drawn:
    """What a seed draws for GitHub. Times in seconds from the start of main."""

    pull: Lead
    """How the rollout's pull request is known, or that there is none, or that none is wanted."""
    latency: float = 0.1
    chances: Mapping[str, float] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    late: float = 60.0
    """Seconds until a late effect lands, at most."""
    well_in_the_end: bool = True
    deleted_at: float | None = None
    """When somebody deletes our comments."""
    copied: bool = False
    """Whether somebody posts a copy of our first comment."""
    killed_after: float | None = None
    """How long after the verdict main is killed while it waits for GitHub."""


WELL = Drawn("number")
OFF = Drawn("off")


def draw(scenario: Scenario) -> Drawn:
    """Draw everything from a scenario's seed."""
    r = Random(f"{scenario.seed} github")
    horizon = scenario.horizon
    pull: Lead = r.choices(["number", "commit", "none", "off"], [30, 20, 10, 40])[0]  # type: ignore[assignment]
    weather = r.choices(["calm", "rough", "outage", "both"], [25, 25, 35, 15])[0]
    some = r.sample(KINDS, r.randint(1, 5)) if weather in {"rough", "both"} else []
    return Drawn(
        pull=pull,
        latency=r.choice([0.05, 0.2, 0.4]),
        chances={kind: r.uniform(0, 0.25) for kind in some},
        outages=tuple(_outages(r, horizon)) if weather in {"outage", "both"} else (),
        late=r.choice([5.0, 60.0, 300.0]),
        well_in_the_end=r.random() < 0.75,
        deleted_at=r.uniform(0, horizon) if r.random() < 0.05 else None,
        copied=r.random() < 0.2,
        killed_after=r.uniform(0, 10) if r.random() < 0.1 else None,
    )


def _outages(r: Random, horizon: float) -> Iterator[Outage]:
    for _ in range(r.choice([1, 1, 2])):
        # Many begin before the first comment, and many last beyond the verdict.
        start = max(0.0, r.uniform(-0.3 * horizon, horizon))
        seconds = r.choice([5.0, 30.0, 120.0, 600.0, 1e6])
        verb = r.choice(["*", "*", "*", "POST", "PATCH", "GET"])
        yield Outage(start, seconds, r.choice([*KINDS, *FOR_GOOD]), verb)
