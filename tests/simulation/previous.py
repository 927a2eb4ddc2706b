"""The alias that keeps the way back, in a seed: whether one is asked for, what is there, and what comes between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Literal

from lambda_rollout.alias.promotion import Promotion
from sandbox.aws.request import Request
from sandbox.clock import START

PREVIOUS = "live-previous"

WITH_PREVIOUS = 0.1
"""In how many seeds there is one."""

FIRST_SEED = 1_000
"""None has it before this one: by those the mutations of other things are known."""

KINDS = (
    *("throttle", "error", "error-after", "refuse", "reset", "drop", "hang", "hang-after"),
    *("hang-late", "hang-late", "hang-late", "reset-late", "reset-late", "stale", "denied"),
    *("twice second", "twice first", "twice none"),
)
"""What its requests meet, besides what all others do."""

MOVES = ("move", "move", "split", "describe", "delete", "create")
"""What somebody else does to it; none of it carries a RevisionId."""


@dataclass(frozen=True)
class DrawnPrevious:
    """What a seed draws. Times in seconds from the start of main."""

    there: Literal["none", "owner's", "ours"]
    """Whether there is one before main begins, and whether it tells of an earlier promotion."""
    chances: Mapping[str, float] = field(default_factory=dict)
    """The faults that its requests meet, each with its chance."""
    late: float = 60.0
    """Seconds until a late effect of one lands, at most."""
    moves: tuple[tuple[float, str], ...] = ()
    """When somebody else does what to it."""
    killed_at: tuple[int, Literal["before", "after"]] | None = None
    """Main dies in its n-th request about it, before or after AWS has done it."""
    two_in_a_row: bool = False
    """Whether nothing else goes wrong for main, and a next rollout follows at once."""

    @property
    def text(self) -> str:
        """The Description that it has from the start."""
        mark = Promotion("1", "1", START - timedelta(days=1))
        return f"for emergencies {mark}" if self.there == "ours" else "for emergencies"


def is_previous(request: Request) -> bool:
    """Whether a request is about the alias that keeps the way back."""
    return bool(request.params.get("Name") == PREVIOUS)


def draw_previous(seed: int, horizon: float, chance: float = WITH_PREVIOUS) -> DrawnPrevious | None:
    """Draw it; None in most seeds, where nobody asks for one."""
    r = Random(f"previous {seed}")
    if r.random() > chance or (seed < FIRST_SEED and chance < 1):
        return None
    kinds = r.sample(KINDS, r.choice([0, 1, 2, 4]))
    moves = r.choices(MOVES, k=r.choice([1, 2])) if r.random() < 0.3 else []
    phase: Any = r.choice(["before", "after"])
    return DrawnPrevious(
        there=r.choice(["none", "owner's", "ours"]),
        chances={kind: r.uniform(0.05, 0.5) for kind in kinds},
        late=r.choice([5.0, 60.0, 300.0]),
        moves=tuple(sorted((r.uniform(0, 1.3 * horizon), kind) for kind in moves)),
        killed_at=(r.randint(1, 4), phase) if r.random() < 0.3 else None,
        two_in_a_row=r.random() < 0.5,
    )
