"""What a dead run left: put back, or forward where it had passed, before anything of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record, Whose
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import NO_TEXT_LEFT
from lambda_rollout.rollout.alias_status import NotOurs, Sight, _by_hand, say_if_cut
from lambda_rollout.rollout.events import Mended, Released
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.saved_state import Charge, Phase
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import Busy, NotFound, RevisionMismatch, RolloutError, Unanswered
from lambda_rollout.runtime.retry import heed


def _not_mended(seen: list[Sight], order: Order) -> RolloutError:
    forward = _was_all_but_done(seen)
    dead = [(sight, sight.dead) for sight in seen if sight.dead is not None]
    where = ", ".join(f"{sight.target} ({sight.alias.routing})" for sight, _ in dead)
    commands = "; ".join(_by_hand(sight, record, order, forward=forward) for sight, record in dead)
    return RolloutError(
        f"what a run that died had left could not be mended: {where}.", f"Mend it: {commands}"
    )


class Mending:
    """What dead runs left, settled in rounds of one try each, until a look or an answer confirms it.

    Each write carries the RevisionId of the very answer that was judged: should the dead run turn out to be
    alive and renew its record in this moment, the write is refused and the alias judged again. A write that was not
    confirmed is decided by the next look: its effect is told then.
    """

    def __init__(self, parts: Parts) -> None:
        """Nothing is written yet."""
        self._parts = parts
        self._written: dict[Target, tuple[Sight, Alias, bool]] = {}
        """By target: what was judged, what the write was to make of it, and whether that was to go forward."""
        self._not_found: set[Target] = set()
        self._keeps: set[Target] = set()
        """Where AWS took an empty description for "leave it as it is"."""

    def mended(self, seen: list[Sight], order: Order) -> bool:
        """Settle what dead runs left, one try each; replaces the sights of those that AWS confirmed."""
        if any(sight.whose is Whose.AWS for sight in seen):
            return False
        self._parts.remember(order.handover(Phase.MENDING, tuple(_charges(seen, order))))
        forward = _was_all_but_done(seen)
        # What says for all that they go forward is the last to go: should another one not be confirmed, or should
        # we die, the rest would go back without it.
        marks = [index for index, sight in enumerate(seen) if sight.dead and sight.dead.passed]
        others = [index for index, sight in enumerate(seen) if sight.dead and index not in marks]
        return self._each(others, seen, forward=forward) and self._each(
            marks, seen, forward=forward
        )

    def tell_what_is_there(self, seen: list[Sight]) -> None:
        """Tell of what a write without a good answer has done after all; it may have left the record where it was."""
        for index, sight in enumerate(seen):
            if sight.target not in self._written:
                continue
            judged, wished, forward = self._written.pop(sight.target)
            there, before = sight.alias, judged.alias
            if judged.dead is None or there.routing != wished.routing:
                continue
            if there.description == wished.description:
                self._tell(judged, judged.dead, forward=forward)
            elif not wished.description and there.description == before.description:
                # AWS took an empty description for "leave it as it is"; whole, it does not look dead any more.
                self._keeps.add(sight.target)
                seen[index] = replace(sight, whose=Whose.DEAD)

    def _each(self, indices: Sequence[int], seen: list[Sight], *, forward: bool) -> bool:
        done = True
        for index in indices:
            sight = seen[index]
            if sight.dead is None:
                continue
            heed(self._parts.stop)
            alias = self._settle(sight, sight.dead, forward=forward)
            done &= alias is not None
            if alias is not None:
                seen[index] = replace(sight, alias=alias, whose=Whose.NOBODYS)
        return done

    def _settle(self, sight: Sight, record: Record, *, forward: bool) -> Alias | None:
        routing = Routing.whole(record.new if forward else record.old)
        text = lease.owners_text(sight.alias.description)
        if not text and sight.target in self._keeps:
            text = NO_TEXT_LEFT
        wished = replace(sight.alias, routing=routing, description=text)
        self._written[sight.target] = (sight, wished, forward)
        try:
            settled = self._parts.aliases.write(
                sight.target, routing, text, sight.alias.revision_id
            )
        except (Busy, Unanswered, RevisionMismatch):
            return None
        except NotFound as error:
            if sight.target not in self._not_found:
                self._not_found.add(sight.target)
                return None
            other = record.old if forward else record.new
            raise NotOurs(
                f"{sight.target} was left by a run that died ({sight.alias.routing}), and AWS does not find what it "
                f"is to be put on, version {routing.version}: {error.message}",
                f"If that version was deleted, make the alias whole on one that exists, such as {other}, and give it "
                "its description back.",
            ) from error
        if not text and lease.parse(settled.description)[1] is not None:
            # A record that stays would read as an unfinished rollout, now or once the alias is on that version again.
            self._keeps.add(sight.target)
            judged = replace(sight.alias, revision_id=settled.revision_id)
            return self._settle(replace(sight, alias=judged), record, forward=forward)
        del self._written[sight.target]
        self._tell(sight, record, forward=forward)
        return settled

    def _tell(self, sight: Sight, record: Record, *, forward: bool) -> None:
        target, now = sight.target, self._parts.clock.now()
        if forward:
            self._parts.emit(Released(at=now, target=target, version=record.new))
        else:
            self._parts.emit(
                Mended(at=now, target=target, version=record.old, abandoned=record.new)
            )
        say_if_cut(target, sight.alias, self._parts)


def _charges(seen: list[Sight], order: Order) -> Iterator[Charge]:
    for sight in seen:
        if sight.dead is not None:
            yield Charge(
                function=sight.target.function,
                alias=sight.target.alias,
                old=sight.dead.old,
                new="",
                text=lease.owners_text(sight.alias.description),
                nonce=order.nonce,
                taken=sight.dead.nonce,
            )


def _was_all_but_done(seen: list[Sight]) -> bool:
    """Whether a unit's dead run had passed every step and was clearing its records when it died.

    Then some may be cleared already, and those cannot be told from what never moved: so one record says it
    for all, from before the first is cleared until after the others are (`Ending.let_go`).
    """
    records = [sight.dead for sight in seen if sight.dead is not None]
    return any(record.passed for record in records) and len({r.nonce for r in records}) == 1
