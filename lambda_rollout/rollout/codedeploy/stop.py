"""Going back from a CodeDeploy deployment: stop it with rollback, see the rollback through, read the alias.

A rollback is a deployment of its own, so there is more to wait for than a status; and the alias is what counts:
if it is not 100% on its old version in the end, it is put there by us, as with ``engine: direct``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.rollout.alias_rollout import AliasRollout, writer_of
from lambda_rollout.rollout.codedeploy.follow import END_EVERY, await_end
from lambda_rollout.rollout.codedeploy.model import (
    ENDED,
    RUNNING,
    CodeDeploy,
    DeploymentState,
    DeploymentTarget,
)
from lambda_rollout.rollout.events import DeploymentChanged, RolledBack, Warned
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.left import LeftAlias
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import DeploymentRef, Phase, SavedAlias, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.errors import Busy, CallFailed, CredentialsExpired, Unanswered
from lambda_rollout.runtime.retry import SETTLE_LIMIT, may_be_answered_yet, retrying

ROLLBACK_SEEN = 15.0
"""Seconds that CodeDeploy may take to name the deployment that rolls back, after one has ended."""

FINDABLE = 10.0
"""Seconds that a deployment whose creation was not answered may take to be listed."""


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """What came of going back."""

    back: bool
    """Whether the alias is 100% on its old version."""
    was_shifted: bool = True
    """Whether the new version ever got traffic, as far as can be told."""


class DeploymentStop:
    """The way back of one deployment."""

    def __init__(
        self,
        identity: RunIdentity,
        target: Target,
        ports: Ports,
        engine: CodeDeploy,
        finisher: Finisher,
        limit: float = SETTLE_LIMIT,
    ) -> None:
        """``limit``: seconds to try for each of its parts."""
        self._identity = identity
        self._ports = ports
        self._engine = engine
        self._finisher = finisher
        self._target = target
        self._limit = limit

    def stop(self, deployment: str) -> None:
        """Stop it with rollback; it listens to no stop itself. Raises `CallFailed` if AWS did not take it."""
        patient = retrying(
            self._ports.clock, None, self._limit, (Busy, Unanswered, CredentialsExpired)
        )
        patient(self._stop_once, deployment)

    def _stop_once(self, deployment: str) -> None:
        try:
            self._engine.stop(deployment)
        except CallFailed as error:
            # What was said may have been said to the call's second delivery: the deployment tells.
            if not error.may_have_effect or not self._engine.read(deployment).ended:
                raise

    def find(self, rollout_id: str) -> str:
        """Return the deployment whose description has this rollout's id; empty if there is none."""
        end = self._ports.clock.monotonic() + FINDABLE
        while True:
            try:
                if found := find_by_rollout_id(self._engine, rollout_id):
                    return found
            except CallFailed:
                # Asked again below: not to find it is as bad as not to be answered.
                pass
            if self._ports.clock.monotonic() >= end:
                return ""
            self._ports.clock.wait(END_EVERY, None)

    def see_through(self, deployment: str) -> DeploymentState | None:
        """Wait until it has ended, and its rollback too; None if it did not end in time."""
        clock = self._ports.clock
        end = clock.monotonic() + self._limit
        state = await_end(self._engine, self._ports, deployment, end, self._tell)
        if state is None or state.succeeded:
            return state
        named_by = clock.monotonic() + ROLLBACK_SEEN
        while not state.rollback and clock.monotonic() < named_by:
            clock.wait(END_EVERY, None)
            state = await_end(self._engine, self._ports, deployment, end, lambda _: None) or state
        if state.rollback:
            await_end(self._engine, self._ports, state.rollback, end, self._tell)
        return state

    def settle(self, shift: DeploymentTarget, percent: Decimal, found: Alias | None) -> StopOutcome:
        """Read the alias, and put all of it on the old version if CodeDeploy did not.

        ``percent`` is the new version's share as last seen, ``found`` the alias before anything was shifted
        (None: that was before our time).
        """
        whole = Routing.all_on(shift.old)
        left = LeftAlias(self._identity, self._target, whole)
        try:
            reader = AliasReader(self._target, self._ports.aliases, self._ports.clock)
            patient = retrying(self._ports.clock, None, self._limit, may_be_answered_yet)
            alias = patient(reader.read_or_gone)
        except CallFailed as error:
            self._ports.emit(left.unread(error))
            return StopOutcome(back=False)
        if alias is None:
            self._ports.emit(left.deleted())
            return StopOutcome(back=False)
        if alias.routing == whole:
            return self._is_back(alias, shift, percent, found)
        if not _is_of(shift, alias.routing):
            self._ports.emit(left.changed(alias.shown, "somebody else changed its routing"))
            return StopOutcome(back=False)
        _, record = lease.parse(alias.description)
        agrees = record is not None and lease.agrees(record, alias.routing)
        if record is not None and agrees and record.rollout_id != self._identity.rollout_id:
            why = f"another run has it now: {record}"
            self._ports.emit(left.because(why, alias.routing, command=""))
            return StopOutcome(back=False)
        text = f"CodeDeploy left {self._target} at {alias.routing}. This action restores it."
        self._ports.emit(Warned(text=text))
        writer = writer_of(
            self._target, alias, self._identity.rollout_id, self._ports, shift.old, shared=True
        )
        rollout = self._finisher.track(AliasRollout(self._target, writer, shift.new))
        rollout.possibly_written = True
        return StopOutcome(back=self._finisher.restore([rollout]))

    def left_running(
        self, ref: DeploymentRef, shift: DeploymentTarget | None, error: CallFailed
    ) -> None:
        """Say that the deployment goes on against our will, and how to stop it by hand."""
        routing = None
        with suppress(CallFailed):
            routing = self._ports.aliases.read(self._target).routing
        if shift is not None:
            left = LeftAlias(self._identity, self._target, Routing.all_on(shift.old))
            why = f"{ref} could not be stopped and goes on: {error}"
            command = ref.stop_command(self._identity.region)
            self._ports.emit(left.because(why, routing, command=command))

    def _is_back(
        self, alias: Alias, shift: DeploymentTarget, percent: Decimal, found: Alias | None
    ) -> StopOutcome:
        was_shifted = bool(percent) or found is None or alias.revision_id != found.revision_id
        if was_shifted:
            self._ports.emit(
                RolledBack(
                    target=self._target,
                    version=shift.old,
                    from_version=shift.new,
                    percent=percent,
                )
            )
        return StopOutcome(back=True, was_shifted=was_shifted)

    def _tell(self, state: DeploymentState) -> None:
        self._ports.emit(
            DeploymentChanged(
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


def find_by_rollout_id(engine: CodeDeploy, rollout_id: str) -> str:
    """Return the id of the deployment whose description carries ``rollout_id``; empty if there is none."""
    for deployment in engine.deployments(RUNNING | ENDED)[:NEWEST]:
        if f"id {rollout_id}" in engine.read(deployment).description:
            return deployment
    return ""


def saved_state_of(
    identity: RunIdentity,
    target: Target,
    ref: DeploymentRef,
    shift: DeploymentTarget,
    phase: Phase,
    found: Alias | None = None,
    arn: str = "",
) -> SavedState:
    """Make what the post stage gets while CodeDeploy has the alias; ``arn`` is the alias's, as far as it is known."""
    saved = SavedAlias(
        function=target.function,
        alias=target.alias,
        old=shift.old,
        new=shift.new,
        text=lease.owners_text(found.description) if found else "",
        rollout_id=identity.rollout_id,
        arn=arn,
    )
    return SavedState(
        phase=phase,
        region=identity.region,
        role_to_assume=identity.role_to_assume,
        hold_on_cancel=False,
        aliases=(saved,),
        deployment=ref,
    )


def _is_of(shift: DeploymentTarget, routing: Routing) -> bool:
    """Whether CodeDeploy writes such a routing: it never gives the old version a weight beside the new one."""
    if routing.version == shift.old:
        return set(routing.weights) <= {shift.new}
    return routing == Routing.all_on(shift.new)
