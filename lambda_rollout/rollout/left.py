"""What is told of an alias that this run could not put right, with the command that does it by hand."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias.ownership import is_taken_back
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.settlement import (
    ChangedByOther,
    Deleted,
    Settled,
    Settlement,
    Unsettled,
    VersionGone,
)
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import AliasLeft, TakenBack
from lambda_rollout.rollout.spec import RunIdentity


@dataclass(frozen=True, slots=True)
class LeftAlias:
    """An alias that is not, or may not be, as it should be."""

    identity: RunIdentity
    target: Target
    expected: Routing
    """What it should send where."""
    text: str | None = None
    """Its own description, without a record; None leaves the description as it is."""

    def unread(self, error: Exception) -> AliasLeft:
        """AWS did not say how it is."""
        return self.because(f"it could not be read: {error}")

    def deleted(self) -> AliasLeft:
        """There is nothing to put right any more."""
        return self.because("the alias or its function was deleted", command="")

    def changed(self, routing: Routing, why: str) -> AliasLeft:
        """Somebody else gave it ``routing``. If that is no split, it is their decision: there is no command."""
        return self.because(why, routing, command="" if routing.is_unsplit else None)

    def because(
        self, why: str, routing: Routing | None = None, *, command: str | None = None
    ) -> AliasLeft:
        """Say why; ``routing`` is None if unknown, ``command`` None for the one that writes what is expected."""
        if command is None:
            command = self.command(self.expected)
        return AliasLeft(
            target=self.target, routing=routing, expected=self.expected, why=why, command=command
        )

    def command(self, routing: Routing) -> str:
        """Return the command that sends all traffic of the alias where ``routing`` does."""
        return self.identity.command(self.target, routing, self.text)


def not_settled(
    rollout: AliasRollout,
    wished: Routing,
    settlement: Settlement,
    identity: RunIdentity,
    *,
    alone: bool = False,
) -> AliasLeft | TakenBack | None:
    """Say why an alias is not, or may not be, as ``wished`` by how the tries have ended; None if it is.

    One that somebody else took back is where it belongs, if it was to go back or is ``alone``; with others that went
    forward its group is in parts.
    """
    writer = rollout.writer
    left = LeftAlias(identity, rollout.target, wished, writer.text)
    known: Routing | None = writer.known.shown
    match settlement:
        case ChangedByOther(alias) if _is_in_order(alias, rollout, wished, alone=alone):
            return TakenBack(
                target=rollout.target,
                version=writer.old,
                from_version=rollout.new,
                percent=writer.routing.percent_of(rollout.new),
            )
        case ChangedByOther(alias):
            why = f"somebody else changed its routing: it was {writer.routing}"
            if alias.routing == writer.routing:
                why = "this run was suspended until its record had expired, and another run may have taken over"
            return left.changed(alias.routing, why)
        case Deleted():
            return left.deleted()
        case VersionGone(version):
            why = f"version {version} was deleted meanwhile, so AWS cannot put the alias on it"
            command = ""
            if rollout.new:
                why += f". The command leaves it on version {rollout.new} without the record, so that another rollout can begin"
                command = left.command(Routing.all_on(rollout.new))
            return left.because(why, known, command=command)
        case Unsettled(error):
            if known == wished and writer.may_be_elsewhere:
                known = None
            return left.because(f"AWS did not confirm it: {error}", known)
        case Settled():
            return None


def _is_in_order(alias: Alias, rollout: AliasRollout, wished: Routing, *, alone: bool) -> bool:
    old = rollout.writer.old
    return is_taken_back(alias, old) and (alone or wished == Routing.all_on(old))
