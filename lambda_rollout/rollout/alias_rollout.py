"""One alias on its way through a rollout: what was found, where it is to go, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.analysis.version import VersionState
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import SavedAlias


@dataclass(slots=True)
class AliasRollout:
    """One alias that a rollout answers for."""

    target: Target
    existing: AliasWriter | None
    """None for an alias that is still to be created."""
    new: str = ""
    """The new version; empty while it is not published yet."""
    resumed: Record | None = None
    """The record of the rollout that this one goes on with: a dead one's, or a held one's."""
    attempted_percents: list[str] = field(default_factory=list)
    """The percentages that we set out to write so far."""
    possibly_written: bool = False
    """Whether another process may have written, or may still write, for the same rollout; or a dead run left the
    alias as it is, and we took it over to go on with it."""
    new_state: VersionState | None = None
    """The new version's configuration; None if that was not read yet."""
    shifted_at: datetime | None = None
    """When the new version got its first traffic at the earliest, on AWS's clock; None if it has got none."""

    @property
    def writer(self) -> AliasWriter:
        """What writes it. Raises ValueError if there is no alias."""
        if self.existing is None:
            raise ValueError(f"{self.target} does not exist yet")
        return self.existing

    @property
    def old(self) -> str | None:
        """The version to go back to, None if there is no alias."""
        return self.existing.old if self.existing else None

    @property
    def moves(self) -> bool:
        """Whether there is anything to shift."""
        return self.existing is not None and (self.resumed is not None or self.new != self.old)

    @property
    def needs_restore(self) -> bool:
        """Whether the alias has to be settled. When in doubt, it has (README, promise 5)."""
        return self.possibly_written or self.writer.touched

    @property
    def shifted(self) -> bool:
        """Whether the alias, as we know it, is anywhere but 100% on its old version."""
        return self.writer.routing != Routing.all_on(self.writer.old)

    def version_arn(self, version: str) -> str:
        """Return the ARN of a version; empty while neither the alias nor the new version was read."""
        new_arn = self.new_state.arn if self.new_state else ""
        known = self.existing.found.arn if self.existing else new_arn
        function, _, _ = known.rpartition(":")
        return f"{function}:{version}" if function else ""

    @property
    def _found_percents(self) -> tuple[str, ...]:
        """The new version's share as it was found, if it had any: that is this rollout's as well, from the beginning.

        Should its record be struck out meanwhile, nothing else would tell.
        """
        if self.new == self.writer.old:
            return ()
        share = self.writer.found.routing.percent_of(self.new)
        return (f"{share:f}",) if share else ()

    @property
    def saved(self) -> SavedAlias:
        """What the post stage needs to know of it."""
        return SavedAlias(
            function=self.target.function,
            alias=self.target.alias,
            old=self.writer.old,
            new=self.new,
            text=self.writer.text,
            attempted_percents=(*self._found_percents, *self.attempted_percents),
            rollout_id=self.writer.rollout_id,
            taken_over_from=self.resumed.rollout_id if self.resumed else "",
            arn=self.writer.found.arn,
        )


def writer_of(
    target: Target,
    found: Alias,
    rollout_id: str,
    ports: Ports,
    old: str | None = None,
    *,
    shared: bool = False,
    overtaken: str = "",
) -> AliasWriter:
    """Make what writes an alias for this rollout, from now on; see `AliasWriter`."""
    writer = AliasWriter(
        target,
        found,
        ports.aliases,
        ports.clock,
        ports.aws_clock,
        rollout_id,
        old,
        shared=shared,
    )
    if overtaken:
        writer.ignore(overtaken)
    return writer
