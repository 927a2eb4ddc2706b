"""What is told of an alias that this run could not put right, with the command that does it by hand."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.rollout.events import AliasLeft
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
