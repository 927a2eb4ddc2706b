"""What there was for a guardian to see, and what it has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.record import Record

if TYPE_CHECKING:
    from tests.simulation.observer import Shown


@dataclass
class Visit:
    """One invocation of the guardian, and what it can know. Moments are on AWS's clock."""

    began: datetime
    bake: timedelta
    reads: dict[str, list[tuple[datetime, Shown]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Function -> its answers to the looks at the alias, and when they came."""
    marks: dict[str, list[tuple[datetime, Promotion]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Function -> the promotions that it has read of, and when."""
    due: dict[str, Record] = field(default_factory=dict)
    """Function -> its record, where that was to go back when it began."""
    disturbed: bool = False
    """Whether a call of it met a fault, it stood still, or its time is in doubt."""
    not_alone: bool = False
    """Whether anybody but another guardian has written an alias meanwhile."""
    decided: bool = False
    """Whether it has sent a write."""
    wrote: dict[str, float] = field(default_factory=dict)
    """Function -> when a write of it took effect; monotonic seconds."""

    def last(self, function: str) -> tuple[datetime, Shown] | None:
        """Return what it read last of an alias, and when."""
        return self.reads[function][-1] if self.reads[function] else None


@dataclass
class Guarded:
    """What a guardian is to know, as it really was. Moments are on AWS's clock."""

    fired: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """Alarm -> when it went into ALARM, each time."""
    on: dict[str, bool] = field(default_factory=dict)
    """Alarm -> whether it is in ALARM."""
    written_at: dict[bool, float] = field(default_factory=lambda: {False: -1e6, True: -1e6})
    """When an alias of the rollouts was last written, by anybody but a guardian and by one; monotonic seconds."""
    previous_at: dict[str, float] = field(default_factory=dict)
    """Function -> when the alias that keeps the way back was last written; monotonic seconds."""
    troubled_at: float = -1e9
    """When an invocation last met what no guardian can help (a fault, a standstill, a wrong clock); monotonic."""

    def alarm_changed(self, name: str, state: str, now: datetime) -> None:
        """Take note of a transition."""
        self.on[name] = state == "ALARM"
        if state == "ALARM":
            self.fired[name].append(now)

    def known_since(self, names: Iterable[str], since: datetime, lag: timedelta) -> datetime | None:
        """Return from when on CloudWatch shows that one of these alarms fired at ``since`` or later; None if never.

        One that is over is in the history alone, which is late by ``lag``.
        """
        known = []
        for name in names:
            firings = [at for at in self.fired[name] if at >= since]
            if firings and self.on[name]:
                known.append(firings[-1])
            known += [at + lag for at in firings]
        return min(known, default=None)
