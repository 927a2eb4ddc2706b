"""How Lambda invokes the guardian in a seed: by schedule and alarms, at least once, and again where it failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from lambda_rollout.alias.record import Record, RunStatus
from lambda_rollout.rollout.events import Result
from tests.simulation import rules_guardian
from tests.simulation.guardian import DELIVERIES, EVERY, DrawnGuardian, date_of, fate_of
from tests.simulation.observer import Actor
from tests.simulation.scenario import Fate
from tests.simulation.world import Stage

TIMEOUT = 330.0
"""Seconds after which Lambda ends an invocation (examples/guardian/template.yml)."""

LIMIT = TIMEOUT - 15.0
"""Seconds that are left for the look itself (`lambda_rollout.guardian.RESERVE`)."""

AGAIN = (60.0, 120.0)
"""Seconds after a failed try of an event until the next one; after the last there is none
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html)."""


class NobodyToAsk:
    """`lambda_rollout.rollout.ports.Runs` of a guardian: there is no GitHub to ask."""

    def run_status(self, _record: Record) -> RunStatus:
        """See `Runs.run_status`."""
        return RunStatus.UNKNOWN

    def url(self, _record: Record) -> str:
        """See `Runs.url`."""
        return ""


Invoke = Callable[[int, Fate, float | None, Callable[[], None]], Actor]


class Guardians:
    """All invocations of one seed."""

    def __init__(self, drawn: DrawnGuardian, stage: Stage, invoke: Invoke) -> None:
        """``invoke`` starts one, by its number."""
        self._drawn = drawn
        self._stage = stage
        self._invoke = invoke
        self._random = Random(f"invocations {stage.scenario.seed}")
        self._count = 0
        self._installed = True
        self._newest: Actor | None = None

    def begin(self) -> None:
        """Let the schedule, the alarms and whoever forges events invoke it from now on."""
        self._stage.when_fired = self._fired
        self._stage.at(self._drawn.first_at, self._by_schedule)
        for at in self._drawn.forged:
            self._stage.at(at, partial(self._event, "forged"))

    def end(self) -> None:
        """Let nothing invoke it any more."""
        self._judge()
        self._installed = False

    def _after(self, seconds: float, act: Callable[[], object]) -> None:
        self._stage.at(self._stage.since_start + seconds, act)

    def _by_schedule(self) -> None:
        if self._installed:
            self._judge()
            self._event("scheduled")
            self._after(EVERY, self._by_schedule)

    def _fired(self) -> None:
        deliveries = self._random.choice(DELIVERIES)
        for number, seconds in enumerate(deliveries):
            kind = "twice" if number else "late" if seconds > 10 else "alarm's"
            self._after(seconds, partial(self._event, kind))

    def _judge(self) -> None:
        if self._newest is not None:
            rules_guardian.not_later(self._stage.observer, self._newest)

    def _event(self, kind: str) -> None:
        self._stage.observer.seen[f"guardian invoked: {kind}"] += 1
        self._try(0)

    def _try(self, number: int) -> None:
        """Invoke it for an event, the ``number``-th time after the first."""
        if not self._installed:
            return
        self._count += 1
        r = self._random
        fate = fate_of(self._drawn, r, may_die=number < len(AGAIN))
        off = date_of(self._drawn, r)
        actor = self._newest = self._invoke(
            self._count, fate, off, lambda: self._over(actor, number)
        )
        self._after(TIMEOUT, partial(self._time_is_over, actor))

    def _time_is_over(self, actor: Actor) -> None:
        if actor.alive:
            observer = self._stage.observer
            observer.seen["guardian timed out"] += 1
            if not actor.frozen_ever:
                observer.blame("done in time", f"{actor.name} still looks after {TIMEOUT} s")
            self._stage.kill(actor, "by Lambda's timeout")

    def _over(self, actor: Actor, number: int) -> None:
        failed = actor.finished is None or actor.finished.result is Result.FAILED
        if failed and number < len(AGAIN):
            self._stage.observer.seen["guardian tried again"] += 1
            self._after(AGAIN[number], partial(self._try, number + 1))
