"""Is this routing our doing? What one rollout may call its own on an alias, decided on values alone.

The record in the description is written in the same UpdateAlias as the weight, so the two cannot disagree
unless somebody else has sent one of them; and an alias that shows exactly what we sent was written by us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.runtime.errors import CallFailed, RevisionMismatch


@dataclass(frozen=True, slots=True)
class PendingWrite:
    """A write that was not confirmed: what it would make of the alias, and the RevisionId it carries.

    It is over when a read shows its effect, or another RevisionId than its own: that one is spent, so nothing of it
    can land any more. No answer but success ends it, because a middle box may have delivered it twice, and the
    answer may be the second delivery's.
    """

    routing: Routing
    description: str
    revision_id: str
    answer: CallFailed
    """What was said to it."""

    @property
    def is_in_doubt(self) -> bool:
        """Whether a routing like it, without any record, may be its doing: not after a 412."""
        return self.answer.may_have_effect and not isinstance(self.answer, RevisionMismatch)


def is_taken_back(alias: Alias, old: str) -> bool:
    """Whether somebody has put an alias back on the version that it came from, and took the record off: no accident.

    Asked of one that is not ours any more.
    """
    return alias.routing == Routing.all_on(old) and lease.parse(alias.description)[1] is None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rollout knows of its own writes to one alias."""

    rollout_id: str
    """The id that its records carry."""
    old: str
    """The version to go back to."""
    found: Alias
    """What it was when we took it, under the record of a held or a dead run if we went on with one."""
    known: Alias
    """The newest good answer, to a write or to a look."""
    routing: Routing
    """What was last written and confirmed; the routing as it was found before that."""
    text: str = ""
    """The owner's text, whole."""
    pending: Sequence[PendingWrite] = ()
    until: datetime | None = None
    """When the newest record that was sent runs out, on AWS's clock."""
    confirmed: bool = False
    """Whether any write was confirmed."""
    shared: bool = False
    """Whether another process may be writing for the same rollout right now."""
    ends_with_record: bool = False
    """Whether the rollout is over once the alias is whole and bears no record: nobody asks to undo a promotion."""

    def is_ours(self, alias: Alias, now: datetime) -> bool:
        """Return whether this routing is the one we wrote, or one that is pending; ``now`` is AWS's time.

        Another owner's record makes even the same routing his, unless we took it over and it is as we found it; and
        so does our own one as held, if it was not we who wrote that. Without a record, which somebody may have
        struck out, the routing decides; but after a 412 it was somebody else who wrote it.
        """
        if not self.changed_since_read(alias):
            return True
        if self._is_held_elsewhere(alias):
            return False
        record = lease.parse(alias.description)[1]
        agrees = record is not None and lease.agrees(record, alias.routing)
        if record is not None and agrees:
            if record.rollout_id != self.rollout_id:
                return self._is_as_found(record, alias.routing)
            if self.shared:
                return True
            if record.held and not self.matches_pending_write(alias):
                # The post stage has held it in our name: our runner has given us up.
                return False
            if self._was_moved_under(record, alias.routing):
                return False
        if record is None and self._may_be_over(alias.routing, now):
            return False
        ours = [sent.routing for sent in self.pending if agrees or sent.is_in_doubt]
        if record is not None or not self._was_finished(alias.routing):
            ours.append(self.routing)
        return alias.routing in ours

    def changed_since_read(self, alias: Alias) -> bool:
        """Return whether it is another state than the newest that we know of.

        The routing is looked at, too: a server that is no AWS may leave the RevisionId as it is (stock moto does),
        and nobody's canary is to be widened for that.
        """
        if alias.revision_id != self.known.revision_id:
            return True
        known = alias.routing in (self.known.routing, self.routing)
        return not known or alias.description != self.known.description

    def matches_pending_write(self, alias: Alias) -> bool:
        """Return whether it is, to the letter, what a pending write would make of the alias.

        AWS may take an empty description for "leave it is" (unconfirmed), so that may be what it shows.
        """
        return any(
            alias.routing == sent.routing
            and (alias.description == sent.description or self._was_kept(alias, sent))
            for sent in self.pending
        )

    def is_as_written(self, alias: Alias) -> bool:
        """Return whether it is what we wrote, though somebody has asked us to go on early since, or taken that back.

        That is the record that is known or pending, the routing that it was written with, and the owner's text. A
        request may have come and gone while we stood still, and may have cost some characters of that.
        """
        record = lease.parse(alias.description)[1]
        if record is None or record.rollout_id != self.rollout_id:
            return False
        if not lease.is_cut_of(alias.description, self.text):
            return False
        sent = [(each.routing, each.description) for each in self.pending]
        # Somebody's own weight under the description that AWS has kept is not, whatever is asked there.
        if self.known.routing == self.routing:
            sent.append((self.routing, self.known.description))
        return any(
            alias.routing == routing and _same_but_for_a_request(record, description)
            for routing, description in sent
        )

    def _was_kept(self, alias: Alias, sent: PendingWrite) -> bool:
        is_effect = alias.revision_id != sent.revision_id == self.known.revision_id
        return is_effect and not sent.description and alias.description == self.known.description

    def _is_held_elsewhere(self, alias: Alias) -> bool:
        """Whether all traffic is kept on a version that we did not come from: AWS does not do that for our write."""
        if alias.moving is None or alias.routing.version == self.old:
            return False
        return set(alias.moving.weights) != {self.old}

    def _was_moved_under(self, record: Record, routing: Routing) -> bool:
        """Whether a record of ours stands under another weight than we wrote it with, to the second.

        Somebody has sent a routing alone, and AWS has kept the description.
        """
        sent = [s.routing for s in self.pending if _same_but_for_a_request(record, s.description)]
        if _same_but_for_a_request(record, self.known.description):
            sent.append(self.routing)
        return bool(sent) and routing not in sent

    def _may_be_over(self, routing: Routing, now: datetime) -> bool:
        """Whether others may have made it whole: they took us for dead, since we stood still until our lease was over.

        On a split, a missing record can only have been struck out: it stays ours.
        """
        if self.ends_with_record:
            return routing.is_unsplit
        if self.shared or self.until is None:
            return False
        return routing.is_unsplit and now >= self.until

    def _is_as_found(self, record: Record, routing: Routing) -> bool:
        """Whether we have not moved it yet, and nobody has: only its owner's text is another."""
        as_found = _same_but_for_a_request(record, self.found.description)
        return not self.confirmed and as_found and routing == self.found.routing

    def _was_finished(self, routing: Routing) -> bool:
        """Whether the run that we took for dead, to resume it, has promoted it meanwhile: nothing of ours is out."""
        resumes = not (self.confirmed or self.shared)
        return resumes and routing.is_unsplit and routing.version != self.old


def _same_but_for_a_request(record: Record, description: str) -> bool:
    """Whether a Description has this record, with or without the word that asks its run to go on."""
    other = lease.parse(description)[1]
    return other is not None and other.without_request == record.without_request
