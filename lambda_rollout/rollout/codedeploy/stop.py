"""Going back from a CodeDeploy deployment: stop it with rollback, see the rollback through, read the alias.

A rollback is a deployment of its own, so there is more to wait for than a status; and the alias is what counts:
if it is not whole on its old version in the end, it is put there by us, as with ``engine: direct``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.alias.writer import AliasReader, Traffic
from lambda_rollout.rollout.codedeploy.follow import END_EVERY, await_end
from lambda_rollout.rollout.codedeploy.model import ENDED, RUNNING, DeploymentState, Engine, Shift
from lambda_rollout.rollout.events import AliasLeft, DeploymentChanged, RolledBack, Warned
from lambda_rollout.rollout.finish import Ending
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.saved_state import Charge, Handover, Phase, Place
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import Busy, CallFailed, CredentialsExpired, Unanswered
from lambda_rollout.runtime.retry import SETTLE_LIMIT, patiently

ROLLBACK_SEEN = 15.0
"""Seconds that CodeDeploy may take to name the deployment that rolls back, after one has ended."""

FINDABLE = 10.0
"""Seconds that a deployment whose creation was not answered may take to be listed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of going back."""

    back: bool
    """Whether the alias is whole on its old version."""
    was_shifted: bool = True
    """Whether the new version ever got traffic, as far as can be told."""


class Retreat:
    """The way back of one deployment."""

    def __init__(
        self,
        order: Order,
        parts: Parts,
        engine: Engine,
        ending: Ending,
        limit: float = SETTLE_LIMIT,
    ) -> None:
        """``limit``: seconds to try for each of its parts."""
        self._order = order
        self._parts = parts
        self._engine = engine
        self._ending = ending
        self._target = order.targets[0]
        self._limit = limit

    def stop(self, deployment: str) -> None:
        """Stop it with rollback; it listens to no stop itself. Raises `CallFailed` if AWS did not take it."""
        patient = patiently(
            self._parts.clock, None, self._limit, (Busy, Unanswered, CredentialsExpired)
        )
        patient(self._stop_once, deployment)

    def _stop_once(self, deployment: str) -> None:
        try:
            self._engine.stop(deployment)
        except CallFailed as error:
            # What was said may have been said to the call's second delivery: the deployment tells.
            if not error.may_have_effect or not self._engine.read(deployment).ended:
                raise

    def find(self, nonce: str) -> str:
        """Return the deployment whose description has this rollout's id; empty if there is none."""
        end = self._parts.clock.monotonic() + FINDABLE
        while True:
            try:
                if found := find_by_nonce(self._engine, nonce):
                    return found
            except CallFailed:
                # Asked again below: not to find it is as bad as not to be answered.
                pass
            if self._parts.clock.monotonic() >= end:
                return ""
            self._parts.clock.wait(END_EVERY, None)

    def see_through(self, deployment: str) -> DeploymentState | None:
        """Wait until it has ended, and its rollback too; None if it did not end in time."""
        clock = self._parts.clock
        end = clock.monotonic() + self._limit
        state = await_end(self._engine, self._parts, deployment, end, self._tell)
        if state is None or state.succeeded:
            return state
        named_by = clock.monotonic() + ROLLBACK_SEEN
        while not state.rollback and clock.monotonic() < named_by:
            clock.wait(END_EVERY, None)
            state = await_end(self._engine, self._parts, deployment, end, lambda _: None) or state
        if state.rollback:
            await_end(self._engine, self._parts, state.rollback, end, self._tell)
        return state

    def settle(self, shift: Shift, percent: Decimal, found: Alias | None) -> Outcome:
        """Read the alias, and put it whole on the old version if CodeDeploy did not.

        ``percent`` is the new version's share as last seen, ``found`` the alias before anything was shifted
        (None: that was before our time).
        """
        whole = Routing.whole(shift.old)
        try:
            reader = AliasReader(self._target, self._parts.aliases, self._parts.clock)
            alias = patiently(self._parts.clock, None, self._limit, CallFailed)(reader.read_or_gone)
        except CallFailed as error:
            self._leave(None, whole, f"it could not be read: {error}")
            return Outcome(back=False)
        if alias is None:
            self._leave(None, whole, "the alias or its function was deleted", mend=False)
            return Outcome(back=False)
        if alias.routing == whole:
            return self._is_back(alias, shift, percent, found)
        if not _is_of(shift, alias.routing):
            self._leave(alias.shown, whole, "somebody else changed its routing")
            return Outcome(back=False)
        _, record = lease.parse(alias.description)
        agrees = record is not None and lease.agrees(record, alias.routing)
        if record is not None and agrees and record.nonce != self._order.nonce:
            self._leave(alias.routing, whole, f"another run has it now: {record}", mend=False)
            return Outcome(back=False)
        text = (
            f"CodeDeploy left {self._target} with {alias.routing}: it is put back by this action."
        )
        self._parts.emit(Warned(at=self._parts.clock.now(), text=text))
        traffic = Traffic(
            self._target,
            alias,
            self._parts.aliases,
            self._parts.clock,
            self._parts.aws_clock,
            self._order.nonce,
            shift.old,
            shared=True,
        )
        charge = self._ending.take_charge(traffic, shift.new)
        charge.doubtful = True
        return Outcome(back=self._ending.put_back([charge]))

    def left_running(self, place: Place, shift: Shift | None, error: CallFailed) -> None:
        """Say that the deployment goes on against our will, and how to stop it by hand."""
        now = self._parts.clock.now()
        routing = None
        with suppress(CallFailed):
            routing = self._parts.aliases.read(self._target).routing
        if shift is not None:
            self._parts.emit(
                AliasLeft(
                    at=now,
                    target=self._target,
                    routing=routing,
                    expected=Routing.whole(shift.old),
                    why=f"{place} could not be stopped and goes on: {error}",
                    command=place.stop_command(self._order.region),
                )
            )

    def _is_back(
        self, alias: Alias, shift: Shift, percent: Decimal, found: Alias | None
    ) -> Outcome:
        was_shifted = bool(percent) or found is None or alias.revision_id != found.revision_id
        if was_shifted:
            self._parts.emit(
                RolledBack(
                    at=self._parts.clock.now(),
                    target=self._target,
                    version=shift.old,
                    abandoned=shift.new,
                    percent=percent,
                )
            )
        return Outcome(back=True, was_shifted=was_shifted)

    def _leave(
        self, routing: Routing | None, expected: Routing, why: str, *, mend: bool = True
    ) -> None:
        whole = routing is not None and routing.is_whole
        command = "" if whole or not mend else self._order.command(self._target, expected)
        self._parts.emit(
            AliasLeft(
                at=self._parts.clock.now(),
                target=self._target,
                routing=routing,
                expected=expected,
                why=why,
                command=command,
            )
        )

    def _tell(self, state: DeploymentState) -> None:
        self._parts.emit(
            DeploymentChanged(
                at=self._parts.clock.now(),
                target=self._target,
                deployment=state.id,
                status=state.status,
                lifecycle=(),
                description=state.description,
                rolls_back=state.rolls_back,
            )
        )


NEWEST = 5
"""How many of the group's newest deployments can have been made since ours was asked for: one runs at a time."""


def find_by_nonce(engine: Engine, nonce: str) -> str:
    """Return the id of the deployment whose description carries ``nonce``; empty if there is none."""
    for deployment in engine.deployments(RUNNING | ENDED)[:NEWEST]:
        if f"id {nonce}" in engine.read(deployment).description:
            return deployment
    return ""


def handover_of(
    order: Order, place: Place, shift: Shift, phase: Phase, found: Alias | None = None
) -> Handover:
    """Make what the post stage gets while CodeDeploy has the alias."""
    (target,) = order.targets
    charge = Charge(
        function=target.function,
        alias=target.alias,
        old=shift.old,
        new=shift.new,
        text=lease.owners_text(found.description) if found else "",
        nonce=order.nonce,
    )
    return Handover(
        phase=phase,
        region=order.region,
        role_to_assume=order.role_to_assume,
        hold_on_cancel=False,
        charges=(charge,),
        deployment=place,
    )


def _is_of(shift: Shift, routing: Routing) -> bool:
    """Whether CodeDeploy writes such a routing: it never gives the old version a weight beside the new one."""
    if routing.version == shift.old:
        return set(routing.weights) <= {shift.new}
    return routing == Routing.whole(shift.new)
