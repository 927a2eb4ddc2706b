"""What a dead run left: put back, or forward where it had passed, before anything of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Ownership, Record
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import NO_TEXT_LEFT
from lambda_rollout.rollout.alias_status import AliasStatus, NotOurs, command_by_hand, say_if_cut
from lambda_rollout.rollout.events import RecordCleared, Restored
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.previous_of_dead import PreviousOfDead
from lambda_rollout.rollout.saved_state import Phase, SavedAlias
from lambda_rollout.rollout.spec import RunIdentity
from lambda_rollout.runtime.errors import (
    Busy,
    CredentialsExpired,
    NotFound,
    RevisionMismatch,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.retry import raise_if_stopped


def not_restored(seen: list[AliasStatus], identity: RunIdentity) -> RolloutError:
    """Say what could not be put right, and the commands that do it."""
    forward = was_all_but_done(seen)
    dead = [(status, status.dead) for status in seen if status.dead is not None]
    where = ", ".join(f"{status.target} ({status.alias.routing})" for status, _ in dead)
    commands = "; ".join(
        command_by_hand(status, record, identity, forward=forward) for status, record in dead
    )
    return RolloutError(
        f"what a run that died had left could not be restored: {where}.",
        f"Restore it by hand: {commands}",
    )


class Restoration:
    """What dead runs left, settled in rounds of one try each, until a look or an answer confirms it.

    Each write carries the RevisionId of the very answer that was judged: should the dead run turn out to be
    alive and renew its record in this moment, the write is refused and the alias judged again. A write that was not
    confirmed is decided by the next look: its effect is told then.
    """

    def __init__(self, ports: Ports) -> None:
        """Nothing is written yet."""
        self._ports = ports
        self._written: dict[Target, tuple[AliasStatus, Alias, bool]] = {}
        """By target: what was judged, what the write was to make of it, and whether that was to go forward."""
        self._not_found: set[Target] = set()
        self._keeps: set[Target] = set()
        """Where AWS took an empty description for "leave it is"."""
        self._previous: PreviousOfDead | None = None
        """What is to keep the way back, as it was before what had passed was finished forward."""
        self._went_forward = False
        """Whether that was our doing: a stale read shows what its own run has finished."""

    def restored(self, seen: list[AliasStatus], identity: RunIdentity) -> bool:
        """Settle what dead runs left, one try each; replaces the sights of those that AWS confirmed."""
        if any(status.ownership is Ownership.AWS for status in seen):
            return False
        self._ports.remember(
            identity.saved_state(Phase.RESTORING, tuple(_saved_aliases(seen, identity)))
        )
        forward = was_all_but_done(seen)
        if forward and self._previous is None:
            self._previous = PreviousOfDead(seen, identity, self._ports)
        # What says for all that they go forward is the last to go: should another one not be confirmed, or should
        # we die, the rest would go back without it.
        marks = [index for index, status in enumerate(seen) if status.dead and status.dead.passed]
        others = [index for index, status in enumerate(seen) if status.dead and index not in marks]
        return self._each(others, seen, forward=forward) and self._each(
            marks, seen, forward=forward
        )

    def tell_what_is_there(self, seen: list[AliasStatus]) -> None:
        """Tell of what a write without a good answer has done after all; it may have left the record where it was."""
        for index, status in enumerate(seen):
            if status.target not in self._written:
                continue
            judged, wished, forward = self._written.pop(status.target)
            there, before = status.alias, judged.alias
            if there.revision_id != before.revision_id:
                seen[index] = replace(status, overtaken=before.revision_id)
            if judged.dead is None or there.routing != wished.routing:
                continue
            if there.description == wished.description:
                self._tell(judged, judged.dead, forward=forward)
            elif there.description == before.description and (
                not wished.description or status.target in self._keeps
            ):
                # AWS took an empty description for "leave it is", and what was to stand there instead is not there yet;
                # whole, it does not look dead any more.
                self._keeps.add(status.target)
                seen[index] = replace(seen[index], ownership=Ownership.DEAD)

    def keep_the_way_back(self, seen: list[AliasStatus], identity: RunIdentity) -> None:
        """Set the previous aliases of a group that was finished forward, as its own run would have done."""
        if self._previous is not None and self._went_forward:
            self._previous.set(seen, identity)

    def _each(self, indices: Sequence[int], seen: list[AliasStatus], *, forward: bool) -> bool:
        done = True
        for index in indices:
            status = seen[index]
            if status.dead is None:
                continue
            raise_if_stopped(self._ports.stop)
            alias = self._settle(status, status.dead, forward=forward)
            done &= alias is not None
            if alias is not None:
                seen[index] = replace(
                    status,
                    alias=alias,
                    ownership=Ownership.NOBODYS,
                    overtaken=status.alias.revision_id,
                )
        return done

    def _settle(self, status: AliasStatus, record: Record, *, forward: bool) -> Alias | None:
        routing = Routing.all_on(record.new if forward else record.old)
        text = lease.owners_text(status.alias.description)
        if not text and status.target in self._keeps:
            text = NO_TEXT_LEFT
        wished = replace(status.alias, routing=routing, description=text)
        self._written[status.target] = (status, wished, forward)
        try:
            settled = self._ports.aliases.write(
                status.target, routing, text, status.alias.revision_id
            )
        except (Busy, Unanswered, RevisionMismatch, CredentialsExpired):
            # Also what may be the answer to a second delivery of it. The next look tells, or says the same.
            return None
        except NotFound as error:
            if status.target not in self._not_found:
                self._not_found.add(status.target)
                return None
            other = record.old if forward else record.new
            raise NotOurs(
                f"{status.target} was left by a run that died ({status.alias.routing}), and AWS does not find "
                f"version {routing.version}, which it has to be restored to: {error.message}",
                f"If that version was deleted, point the alias at one that exists, such as {other}, and restore its "
                "description.",
            ) from error
        if not text and lease.parse(settled.description)[1] is not None:
            # A record that stays would read as an unfinished rollout, now or once the alias is on that version again.
            self._keeps.add(status.target)
            judged = replace(status.alias, revision_id=settled.revision_id)
            return self._settle(replace(status, alias=judged), record, forward=forward)
        del self._written[status.target]
        self._tell(status, record, forward=forward)
        return settled

    def _tell(self, status: AliasStatus, record: Record, *, forward: bool) -> None:
        target = status.target
        self._went_forward |= forward
        if forward:
            self._ports.emit(RecordCleared(target=target, version=record.new))
        else:
            self._ports.emit(Restored(target=target, version=record.old, from_version=record.new))
        say_if_cut(target, status.alias, self._ports)


def _saved_aliases(seen: list[AliasStatus], identity: RunIdentity) -> Iterator[SavedAlias]:
    for status in seen:
        if status.dead is not None:
            yield SavedAlias(
                function=status.target.function,
                alias=status.target.alias,
                old=status.dead.old,
                new="",
                text=lease.owners_text(status.alias.description),
                rollout_id=identity.rollout_id,
                taken_over_from=status.dead.rollout_id,
                arn=status.alias.arn,
            )


def was_all_but_done(seen: list[AliasStatus]) -> bool:
    """Whether a group's dead run had passed every step and was clearing its records when it died.

    Then some may be cleared already, and those cannot be told from what never moved: so one record says it
    for all, from before the first is cleared until after the others are (`Finisher.complete`).
    """
    records = [status.dead for status in seen if status.dead is not None]
    return any(record.passed for record in records) and len({r.rollout_id for r in records}) == 1
