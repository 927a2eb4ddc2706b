"""The alias that keeps the way back: once a rollout is promoted it points at the version that was left.

AWS deletes no version that an alias names, and ``mode: rollback`` needs no number then. It is read before the records
are removed and written after that, with the RevisionId of that read: should this process stand still in between, what
a later rollout made of it stays. Whatever goes wrong here is a warning: the rollout itself has ended well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambda_rollout.alias import promotion
from lambda_rollout.alias import record as lease
from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import PreviousAliasSet, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.errors import (
    AlreadyExists,
    CallFailed,
    NotFound,
    RevisionMismatch,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import retrying

LIMIT = 60.0
"""Seconds to try it for each function, for reading and again for writing."""


class NotMoved(RolloutError):
    """It was left as it is."""


@dataclass(frozen=True, slots=True)
class PreviousAlias:
    """One alias that is to keep the way back."""

    promoted: Target
    """The alias that was promoted."""
    target: Target
    promotion: Promotion
    found: Alias | None
    """As it was before the record was removed; None if there is none."""
    problem: str = ""
    """Why it is to be left as it is; empty if it is not."""

    @property
    def routing(self) -> Routing:
        """All on the version that was left."""
        return Routing.all_on(self.promotion.old)

    @property
    def description(self) -> str:
        """The owner's text, and what it keeps."""
        return promotion.with_promotion(
            self.found.description if self.found else "", self.promotion
        )

    def shows(self, alias: Alias) -> bool:
        """Whether an alias is as this one is to be."""
        return alias.routing == self.routing and alias.description == self.description


def read_previous(
    rollouts: Sequence[AliasRollout], identity: RunIdentity, ports: Ports
) -> list[PreviousAlias]:
    """Read it for each function, those that stay on their version included; nothing if none was asked for."""
    if not identity.previous_alias:
        return []
    now = ports.aws_clock.now().replace(microsecond=0)

    def one(rollout: AliasRollout) -> PreviousAlias:
        target = Target(rollout.target.function, identity.previous_alias)
        old = rollout.writer.old
        kept = Promotion(old, rollout.new or old, now)
        try:
            reader = AliasReader(target, ports.aliases, ports.clock, written=False)
            found = retrying(ports.clock, ports.stop, LIMIT)(reader.read_or_gone)
        except RolloutError as error:
            return PreviousAlias(
                rollout.target, target, kept, None, f"it could not be read: {error}"
            )
        return PreviousAlias(rollout.target, target, kept, found, _why_not(found) if found else "")

    return ports.parallel(one, rollouts)


def _why_not(found: Alias) -> str:
    _, record = lease.parse(found.description)
    if record is not None and lease.agrees(record, found.routing):
        return f"a rollout is under way on it ({found.shown})"
    return "" if found.shown.is_unsplit else f"it is split: {found.shown}"


def set_previous(aliases: Sequence[PreviousAlias], identity: RunIdentity, ports: Ports) -> None:
    """Point each at the version that was left, and tell. Never raises."""

    def one(previous: PreviousAlias) -> str:
        if previous.problem:
            return previous.problem
        try:
            retrying(ports.clock, ports.stop, LIMIT)(_set_once, previous, ports)
        except RolloutError as error:
            return str(error)
        return ""

    for previous, problem in zip(aliases, ports.parallel(one, aliases), strict=True):
        target, old = previous.target, previous.promotion.old
        if problem:
            command = identity.command(target, previous.routing, previous.description)
            text = (
                f"{target} was not pointed at version {old}, which this rollout has left: {problem}. The rollout "
                f"itself is not affected. To do it by hand: {command}"
            )
            ports.emit(Warned(text=text))
        else:
            ports.emit(PreviousAliasSet(target=previous.promoted, alias=target.alias, version=old))


def _set_once(previous: PreviousAlias, ports: Ports) -> None:
    target, old, found = previous.target, previous.promotion.old, previous.found
    try:
        if found is None:
            ports.aliases.create(target, old, previous.description)
        else:
            ports.aliases.write(target, previous.routing, previous.description, found.revision_id)
    except CallFailed as error:
        if not error.may_have_effect:
            raise
        if _was_set(previous, ports):
            return
        if isinstance(error, RevisionMismatch | AlreadyExists):
            # That read was older than what AWS said.
            raise Unanswered(error.operation, error.code, error.message) from error
        raise


def _was_set(previous: PreviousAlias, ports: Ports) -> bool:
    """Look what a call without a good answer has done. Raises `NotMoved` if somebody else has written meanwhile."""
    try:
        seen = ports.aliases.read(previous.target)
    except NotFound:
        return False
    if previous.shows(seen):
        return True
    if previous.found is None or seen.revision_id != previous.found.revision_id:
        raise NotMoved(f"somebody else wrote it meanwhile ({seen.shown})")
    return False


# The way back --------------------------------------------------------------------------------------------------


def version_left(target: Target, alias: Alias, spec: RolloutSpec, ports: Ports) -> str | None:
    """Return the version that an alias is to go back to without a number; None if no ``previous-alias`` is named.

    What the last promotion left, if the alias is still on what that promoted, or back already: a second ``mode:
    rollback`` never goes forward. An alias without our mark is somebody's own: where it points.

    Raises:
        RolloutError: there is none, it does not say one version, or the alias is on neither version of the promotion.
    """
    name = spec.inputs.previous_alias
    if name is None:
        return None
    previous = Target(target.function, name)
    by_number = "Set `version` to the version to go back to."
    reader = AliasReader(previous, ports.aliases, ports.clock, written=False)
    found = retrying(ports.clock, ports.stop)(reader.read_or_gone)
    if found is None:
        raise RolloutError(f"there is no alias {previous} to say where to go back to.", by_number)
    if why := _why_not(found):
        raise RolloutError(f"{previous} does not say where to go back to: {why}.", by_number)
    left, live = promotion.promotion_of(found), alias.routing.version
    if left is None:
        return _published(found, previous, by_number)
    if live not in {left.old, left.new}:
        command = spec.identity.command(target, Routing.all_on(left.old))
        raise RolloutError(
            f"{target} is on version {live}, but {previous} keeps the way back from version {left.new} to version "
            f"{left.old}.",
            f"{by_number} To go to version {left.old} by hand: {command}",
        )
    if live != left.old:
        text = (
            f"{previous}: version {left.old} was live until {left.at:{lease.TIME_FORMAT}}, when version {left.new} "
            "was promoted."
        )
        ports.emit(Warned(text=text))
    return left.old


def _published(found: Alias, previous: Target, remedy: str) -> str:
    version = found.routing.version
    if not version.isdecimal():
        raise RolloutError(
            f"{previous} points at {version}, which is no published version.", remedy
        )
    return version
