"""Main's credentials: drawn, renewed in the simulated time, and ended in AWS's eyes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from lambda_rollout.analysis.credentials import UNRENEWED_LIMIT, UNRENEWED_SHARE, CredentialsLife
from lambda_rollout.aws.renewal import MARGIN, RETRY_EVERY, RETRY_SHARE
from sandbox.aws import World
from tests.simulation.observer import Actor, Observer
from tests.simulation.own_clock import OwnClock
from tests.simulation.rules_credentials import in_order_at_their_end

DRAWN = 0.1
"""In how many seeds main's credentials end."""

WHY = "AssumeRoleWithWebIdentity: IDPCommunicationError: drawn"


@dataclass(frozen=True)
class Lifetime:
    """How long they last, and from when to when every renewal fails. Seconds from the start of main."""

    lifetime: float
    """Seconds, of every set."""
    first_end: float
    """When those end that main begins with."""
    fails_at: float
    well_at: float
    """When a renewal succeeds again; infinite for never."""


def draw_lifetime(r: Random, horizon: float) -> Lifetime | None:
    """Draw them so that the moment to act comes about as often in each part of a rollout."""
    if r.random() >= DRAWN:
        return None
    lifetime = r.choice([300.0, 900.0, 3600.0])
    must_act = r.uniform(0.02, 1.1) * horizon
    fails_at = 0.0 if r.random() < 0.15 else r.uniform(0, must_act)
    return Lifetime(
        lifetime,
        must_act + min(UNRENEWED_LIMIT, UNRENEWED_SHARE * lifetime),
        fails_at,
        r.choice([math.inf, math.inf, fails_at + r.uniform(0, 0.6) * horizon]),
    )


class Renewals:
    """What main's process knows of its credentials (`lambda_rollout.rollout.ports.Ports.life`), and what AWS does.

    The real thread (`lambda_rollout.aws.renewal`) would not take turns with the others; it has tests of its own.
    """

    def __init__(
        self,
        drawn: Lifetime,
        world: World,
        observer: Observer,
        at: Callable[[float, Callable[[], object]], None],
    ) -> None:
        """``at`` lets something happen so many seconds after main's start."""
        self._drawn = drawn
        self._world = world
        self._observer = observer
        self._at = at
        self._failure = ""
        self._ends = 0.0
        self._ends_by_its_clock = 0.0

    def begin(self, actor: Actor, clock: OwnClock) -> None:
        """Hand the first ones to a process that starts now."""
        self._actor, self._clock = actor, clock
        self._issue(0.0, self._drawn.first_end)
        self._at(self._drawn.fails_at, lambda: self._renew(self._drawn.fails_at))

    def life(self) -> CredentialsLife:
        """See `Ports.life`."""
        return CredentialsLife(self._ends_by_its_clock, self._drawn.lifetime, self._failure)

    def _issue(self, now: float, lasts: float) -> None:
        self._ends = now + lasts
        self._ends_by_its_clock = self._clock.monotonic() + lasts - MARGIN
        self._world.sts.let_expire(self._actor.name, lasts)
        self._at(self._ends, lambda ends=self._ends: self._end(ends))  # type: ignore[misc]

    def _end(self, ends: float) -> None:
        if ends == self._ends:
            in_order_at_their_end(self._observer, self._actor)

    def _renew(self, now: float) -> None:
        process, drawn = self._actor.process, self._drawn
        if process is not None and process.frozen:
            self._again(now, 1.0)
        elif drawn.fails_at <= now < drawn.well_at:
            if not self._failure:
                self._observer.tell(f"{self._actor.name}'s renewals fail")
                self._observer.seen["renewals fail"] += 1
                self._actor.unrenewed_since = self._observer.now
            self._failure = WHY
            self._again(now, min(RETRY_EVERY, RETRY_SHARE * drawn.lifetime))
        else:
            if self._failure:
                self._observer.tell(f"{self._actor.name}'s renewals succeed again")
                self._observer.seen["renewed again"] += 1
            self._failure, self._actor.unrenewed_since = "", None
            self._issue(now, drawn.lifetime)
            self._again(now, drawn.lifetime / 2)

    def _again(self, now: float, seconds: float) -> None:
        if self._actor.finished is None and (self._actor.process is None or self._actor.alive):
            self._at(now + seconds, lambda: self._renew(now + seconds))
