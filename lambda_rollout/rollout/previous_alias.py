"""The alias that keeps the way back: once a rollout is promoted it points at the version that was left.

AWS deletes no version that an alias names, and ``mode: rollback`` needs no number then (`way_back`). It is read before
the records are removed and written after that, with the RevisionId of that read: should this process stand still in
between, what a later rollout made of it stays. Where that read failed, or what came late from an earlier rollout has
spoiled it, it is read once more; then the promoted alias has to be as we left it, because a later rollout writes that
one first. Whatever goes wrong here is a warning: the rollout itself has ended well.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from lambda_rollout.alias import promotion
from lambda_rollout.alias import record as lease
from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.rollout.events import PreviousAliasSet, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.errors import (
    AlreadyExists,
    CallFailed,
    NotFound,
    RevisionMismatch,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import retrying

BEFORE_CLEARING = 5.0
"""Seconds to try to read all of them before the records are removed: that is never behind it for long."""

LIMIT = 60.0
"""Seconds to try to set all of them, after that."""


class NotMoved(RolloutError):
    """It was left as it is."""


@dataclass(frozen=True, slots=True)
class VersionLeft:
    """A promoted alias, and the version that it left."""

    target: Target
    old: str
    """The same as ``new`` for a function that a rollout of several left where it was."""
    new: str


@dataclass(slots=True)
class PreviousAlias:
    """One alias that is to keep the way back."""

    promoted: Target
    """The alias that was promoted."""
    promotion: Promotion
    reader: AliasReader
    target: Target
    found: Alias | None = None
    """As it was read; None if there is none, or it was not read yet."""
    was_read: bool = False

    @property
    def routing(self) -> Routing:
        """All on the version that was left."""
        return Routing.all_on(self.promotion.old)

    @property
    def description(self) -> str:
        """The owner's text, and what it keeps."""
        text = self.found.description if self.found else ""
        return promotion.with_promotion(text, self.promotion)

    def read(self) -> None:
        """Read it, one try. Raises `CallFailed`."""
        self.found = self.reader.read_or_gone()
        self.was_read = True

    def is_told_by(self, alias: Alias) -> bool:
        """Whether an alias keeps the same way back: also a stage of the same rollout may have seen to it."""
        told = promotion.promotion_of(alias)
        return told is not None and (told.old, told.new) == (
            self.promotion.old,
            self.promotion.new,
        )

    def command(self, identity: RunIdentity) -> str:
        """Return the AWS CLI command that does it."""
        if self.found is not None or not self.was_read:
            return identity.command(self.target, self.routing, self.description)
        words = ["aws", "lambda", "create-alias", "--region", identity.region]
        words += ["--function-name", self.target.function, "--name", self.target.alias]
        words += ["--function-version", self.promotion.old, "--description", self.description]
        return shlex.join(words)


def read_previous(
    left: Iterable[VersionLeft], identity: RunIdentity, ports: Ports
) -> list[PreviousAlias]:
    """Read it for each function, those that stay on their version included; nothing if none was asked for.

    What could not be read in `BEFORE_CLEARING` seconds, or at all in a job that is to stop, is left unread.
    """
    if not identity.previous_alias:
        return []
    now = ports.aws_clock.now().replace(microsecond=0)
    end = ports.clock.monotonic() + BEFORE_CLEARING

    def one(version: VersionLeft) -> PreviousAlias:
        target = Target(version.target.function, identity.previous_alias)
        reader = AliasReader(target, ports.aliases, ports.clock, written=False)
        kept = Promotion(version.old, version.new, now)
        previous = PreviousAlias(version.target, kept, reader, target)
        time_left = end - ports.clock.monotonic()
        if time_left > 0 and not ports.stop.requested:
            # What fails here, whatever it is, is read after the records are removed.
            with suppress(Exception):
                retrying(ports.clock, ports.stop, time_left)(previous.read)
        return previous

    return ports.parallel(one, list(left))


def why_not(found: Alias) -> str:
    """Return why an alias says no single version, and is not to be moved; empty if nothing is in the way."""
    _, record = lease.parse(found.description)
    if record is not None and lease.agrees(record, found.routing):
        return f"a rollout is under way on it ({found.shown})"
    return "" if found.shown.is_unsplit else f"it is split: {found.shown}"


def set_previous(
    aliases: Sequence[PreviousAlias],
    writers: Mapping[Target, AliasWriter],
    identity: RunIdentity,
    ports: Ports,
    limit: float = LIMIT,
) -> None:
    """Point each at the version that was left, and tell; for at most ``limit`` seconds. Never raises.

    writers: of the promoted aliases, which know them as they were left.
    """
    end = ports.clock.monotonic() + min(limit, LIMIT)

    def one(previous: PreviousAlias) -> str:
        setting = _Setting(previous, writers[previous.promoted], ports)
        time_left = max(0.0, end - ports.clock.monotonic())
        try:
            retrying(ports.clock, ports.stop, time_left)(setting.once)
        except RolloutError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - an error of ours must not undo what is promoted
            return f"internal error: {type(error).__name__}: {error}"
        return ""

    for previous, problem in zip(aliases, ports.parallel(one, aliases), strict=True):
        target, old = previous.target, previous.promotion.old
        if problem:
            text = (
                f"{target} was not pointed at version {old}, which this rollout has left: {problem.rstrip('.')}. The "
                f"rollout itself is not affected. To do it by hand: {previous.command(identity)}"
            )
            ports.emit(Warned(text=text))
        else:
            ports.emit(PreviousAliasSet(target=previous.promoted, alias=target.alias, version=old))


class _Setting:
    """Sets one of them, in tries of which each may be the last."""

    def __init__(self, previous: PreviousAlias, promoted: AliasWriter, ports: Ports) -> None:
        self._previous = previous
        self._promoted = promoted
        self._left_at = promoted.known.revision_id
        self._aliases = ports.aliases

    def once(self) -> None:
        """Try once. Raises `NotMoved` if it is to stay as it is, `CallFailed` if AWS did not confirm it."""
        previous = self._previous
        if not previous.was_read:
            previous.read()
            self._see_that_no_later_one_was_promoted()
        if previous.found is not None and (why := why_not(previous.found)):
            raise NotMoved(why)
        try:
            self._write(previous)
        except CallFailed as error:
            if not error.may_have_effect:
                raise
            if self._was_set():
                return
            if isinstance(error, RevisionMismatch | AlreadyExists):
                # What was read meanwhile carries another RevisionId, or is older than what AWS said.
                raise Unanswered(error.operation, error.code, error.message) from error
            raise

    def _write(self, previous: PreviousAlias) -> None:
        if previous.found is None:
            self._aliases.create(previous.target, previous.promotion.old, previous.description)
        else:
            revision_id = previous.found.revision_id
            self._aliases.write(
                previous.target, previous.routing, previous.description, revision_id
            )

    def _was_set(self) -> bool:
        """Look what a call without a good answer has done. Raises `NotMoved` if somebody else has written meanwhile."""
        previous = self._previous
        try:
            seen = self._aliases.read(previous.target)
        except NotFound:
            return False
        if previous.found is not None and seen.revision_id == previous.found.revision_id:
            return False
        if previous.is_told_by(seen):
            return True
        if promotion.promotion_of(seen) is None:
            raise NotMoved(f"somebody else wrote it meanwhile ({seen.shown})")
        # Another promotion's: a write that came late, or a later rollout's.
        self._see_that_no_later_one_was_promoted()
        previous.found = seen
        return False

    def _see_that_no_later_one_was_promoted(self) -> None:
        """Look at the promoted alias: a later rollout writes that one first. Raises `NotMoved`."""
        self._promoted.look(may_still_move=False)
        if self._promoted.known.revision_id != self._left_at:
            raise NotMoved(
                f"{self._previous.promoted} was written meanwhile, perhaps by a later rollout"
            )
