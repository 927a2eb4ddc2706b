"""Arriving at the aliases: are they free to be moved, and if not, whose are they and what is to be done?

All are looked at before one is touched. Nothing is written here but the mending of what a dead run of this
action left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lambda_rollout import lease
from lambda_rollout.choices import Mode, OnStranded
from lambda_rollout.errors import Busy, NotFound, RevisionMismatch, RolloutError, Unanswered
from lambda_rollout.events import AliasFound, AliasMissing, Mended, Released, StrandedFound, Warned
from lambda_rollout.handover import Charge, Phase
from lambda_rollout.lease import Record, RunWord, Whose
from lambda_rollout.order import Order, Parts
from lambda_rollout.patience import SETTLE_LIMIT, UNREACHABLE_LIMIT, heed, patiently
from lambda_rollout.provisioned import could_not_start
from lambda_rollout.routing import Alias, Routing, Target
from lambda_rollout.traffic import NO_TEXT_LEFT, AliasReader

PAUSE = 5.0
"""Seconds between two looks at an alias that AWS, or a lost call of ours, may still be moving."""


class NotOurs(RolloutError):
    """The alias is in somebody's hands, and was left untouched."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One alias as it was seen, and whose doing that is."""

    target: Target
    alias: Alias
    record: Record | None
    whose: Whose

    @property
    def dead(self) -> Record | None:
        """The record of a dead run, if one left the alias as it is."""
        return self.record if self.whose is Whose.DEAD else None


@dataclass(frozen=True, slots=True)
class Taken:
    """An alias that may be moved, as it is now. ``resumed`` is the rollout that is gone on with."""

    target: Target
    alias: Alias | None
    """None if it is missing, and may be created."""
    resumed: Record | None = None


def arrive(order: Order, parts: Parts, limit: float = SETTLE_LIMIT) -> list[Taken]:
    """Look at all aliases until it is clear what to do with each; in the order of the targets.

    A dead run's aliases are mended, or taken over with ``on-stranded: resume`` unless nothing but clearing is
    left to do. Raises `NotOurs` for one that is split by a stranger, held, or moved by a live run, before any
    other is touched; and `RolloutError` for what AWS refuses, or after ``limit`` seconds, or evidence-timeout if
    that is longer.
    """
    end = parts.clock.monotonic() + max(limit, order.evidence_timeout)
    told: set[Target] = set()
    mending = Mending(parts)
    while True:
        sights = parts.together(lambda target: _look(target, order, parts), order.targets)
        for target, sight in zip(order.targets, sights, strict=True):
            if target not in told:
                told.add(target)
                _tell(target, sight, parts)
        seen = [sight for sight in sights if sight is not None]
        mending.tell_what_is_there(seen)
        _refuse_to_create_for_a_promotion(sights, order)
        for sight in seen:
            if not _stays(sight, seen, order, parts):
                _refuse_what_is_not_ours(sight, order, parts)
        if _is_clear(seen, order) or mending.mended(seen, order):
            break
        _wait(seen, order, parts, end)
    by_target = {sight.target: sight for sight in seen}
    return [_taken(target, by_target.get(target), order) for target in order.targets]


def _taken(target: Target, sight: Sight | None, order: Order) -> Taken:
    if sight is None:
        return Taken(target, None)
    goes_on = order.mode is Mode.PROMOTE or order.on_stranded is OnStranded.RESUME
    resumed = sight.record if goes_on and sight.whose in {Whose.DEAD, Whose.HELD} else None
    return Taken(target, sight.alias, resumed)


# Looking -------------------------------------------------------------------------------------------


def _look(target: Target, order: Order, parts: Parts) -> Sight | None:
    alias = read_alias(target, order, parts, UNREACHABLE_LIMIT)
    if alias is not None and _has_a_lease(alias) and not parts.aws_clock.believed:
        # It takes two answers to know AWS's time, and this may have been the first.
        alias = read_alias(target, order, parts, UNREACHABLE_LIMIT)
    if alias is None:
        return None
    _, record = lease.parse(alias.description)
    # The runner's clock may be minutes off: nobody else's lease is over by it.
    now = parts.aws_clock.now() if parts.aws_clock.believed else None
    word = RunWord.UNKNOWN
    if record is not None and _has_a_lease(alias) and not record.expired(now):
        word = parts.runs.word(record)
        say_if_time_is_in_doubt(parts)
    whose = lease.whose(alias, now, word)
    if whose is Whose.ALIVE and record is not None and record.nonce == order.nonce:
        # Our own before we wrote any: the main that we are the post stage of went on and could not say so.
        whose = Whose.DEAD
    return Sight(target, alias, record, whose)


def _has_a_lease(alias: Alias) -> bool:
    """Whether a record stands there that is over by its time."""
    _, record = lease.parse(alias.description)
    return record is not None and lease.agrees(record, alias.routing) and not record.held


def say_if_time_is_in_doubt(parts: Parts) -> None:
    """Say once, before it first matters, that AWS's clock is not believed, and what follows from that."""
    if why := parts.aws_clock.untold_doubt():
        text = (
            f"AWS's time is in doubt: {why}. So this run's record counts by the runner's clock, and an alias with the "
            "record of another run is left alone. Check the runner's clock, and what stands between it and AWS."
        )
        parts.emit(Warned(at=parts.clock.now(), text=text))


def read_alias(
    target: Target, order: Order, parts: Parts, unreachable: float | None = None
) -> Alias | None:
    """Read an alias; None if it is missing and may be created. Raises `RolloutError` if it may not.

    ``unreachable``: seconds without any connection after which it is given up; None: as after any failure.
    """
    reader = AliasReader(target, parts.aliases, parts.clock, written=False)
    try:
        patient = patiently(parts.clock, parts.stop, unreachable=unreachable)
        return patient(reader.read)
    except NotFound:
        pass
    try:
        patiently(parts.clock, parts.stop)(parts.versions.latest, target)
    except NotFound as error:
        raise RolloutError(
            f"there is no function {target.function} in {order.region}: {error.message}",
            "Check `function-name`, `aws-region` and the account of the credentials.",
        ) from error
    if not order.create_alias:
        raise RolloutError(
            f"function {target.name} has no alias {target.alias}.",
            "Create it, or set `create-alias: true` to have it created on the new version.",
        )
    return None


def _tell(target: Target, sight: Sight | None, parts: Parts) -> None:
    now = parts.clock.now()
    if sight is None:
        parts.emit(AliasMissing(at=now, target=target))
        return
    alias = sight.alias
    parts.emit(AliasFound(at=now, target=target, arn=alias.arn, routing=alias.shown))
    if sight.dead is not None:
        url = parts.runs.url(sight.dead)
        parts.emit(
            StrandedFound(
                at=now, target=target, routing=alias.shown, record=str(sight.dead), run_url=url
            )
        )


def _is_clear(seen: list[Sight], order: Order) -> bool:
    """Whether nothing is left to be mended or waited for."""
    if any(sight.whose is Whose.AWS for sight in seen):
        return False
    resumes = order.on_stranded is OnStranded.RESUME and not _was_all_but_done(seen)
    leaves_it = order.mode is Mode.PLAN or resumes
    return leaves_it or not any(sight.dead for sight in seen)


def _wait(seen: list[Sight], order: Order, parts: Parts, end: float) -> None:
    if parts.clock.monotonic() >= end:
        moving = ", ".join(str(sight.target) for sight in seen if sight.whose is Whose.AWS)
        if not moving:
            raise _not_mended(seen, order)
        raise RolloutError(
            f"AWS is still moving the provisioned concurrency of {moving}.",
            "Look at the alias in the console, and start again.",
        )
    parts.clock.wait(PAUSE, parts.stop)
    heed(parts.stop)


def _not_mended(seen: list[Sight], order: Order) -> RolloutError:
    forward = _was_all_but_done(seen)
    dead = [(sight, sight.dead) for sight in seen if sight.dead is not None]
    where = ", ".join(f"{sight.target} ({sight.alias.routing})" for sight, _ in dead)
    commands = "; ".join(_by_hand(sight, record, order, forward=forward) for sight, record in dead)
    return RolloutError(
        f"what a run that died had left could not be mended: {where}.", f"Mend it: {commands}"
    )


def _by_hand(sight: Sight, record: Record, order: Order, *, forward: bool = False) -> str:
    whole = Routing.whole(record.new if forward else record.old)
    return order.command(sight.target, whole, lease.owners_text(sight.alias.description))


# Mending -------------------------------------------------------------------------------------------


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


def say_if_cut(target: Target, alias: Alias, parts: Parts) -> None:
    """Say that the owner's text on an alias, as it was found, may have lost its end to an earlier run's record."""
    if lease.was_cut(alias.description):
        text = lease.owners_text(alias.description)
        say = (
            f"The description of {target} left no room beside an earlier run's record and may have been cut by it: "
            f"what is left is {text!r}."
        )
        parts.emit(Warned(at=parts.clock.now(), text=say))


def _was_all_but_done(seen: list[Sight]) -> bool:
    """Whether a unit's dead run had passed every step and was clearing its records when it died.

    Then some may be cleared already, and those cannot be told from what never moved: so one record says it
    for all, from before the first is cleared until after the others are (`Ending.let_go`).
    """
    records = [sight.dead for sight in seen if sight.dead is not None]
    return any(record.passed for record in records) and len({r.nonce for r in records}) == 1


# Refusing and leaving ------------------------------------------------------------------------------------------


def _stays(sight: Sight, seen: list[Sight], order: Order, parts: Parts) -> bool:
    """Whether ``mode: promote`` leaves an alias where it is: its code was unchanged when the others were held.

    Such a one is whole on the newest version of its function, or on the version that was asked for. Any
    other is not part of what is held, or has been put back by itself.
    """
    if order.mode is not Mode.PROMOTE or sight.whose is not Whose.NOBODYS:
        return False
    if all(other.whose is not Whose.HELD for other in seen):
        return False
    version = sight.alias.routing.version
    if order.version is not None:
        return version == order.version
    if order.version_alias is not None:
        source = Target(sight.target.function, order.version_alias)
        return (
            Routing.whole(version)
            == patiently(parts.clock, parts.stop)(parts.aliases.read, source).routing
        )
    return version.isdecimal() and not _exists(sight.target, str(int(version) + 1), parts)


def _exists(target: Target, version: str, parts: Parts) -> bool:
    # Versions are numbered in order, so there is no need to list them all to know the newest.
    try:
        patiently(parts.clock, parts.stop)(parts.versions.read, target, version)
    except NotFound:
        return False
    return True


def _refuse_to_create_for_a_promotion(sights: Sequence[Sight | None], order: Order) -> None:
    for target, sight in zip(order.targets, sights, strict=True):
        if sight is None and order.mode is Mode.PROMOTE:
            raise NotOurs(
                f"function {target.name} has no alias {target.alias}: there is nothing to promote.",
                "Only a rollout that ended with `result=held` can be promoted.",
            )


def _refuse_what_is_not_ours(sight: Sight, order: Order, parts: Parts) -> None:
    target, alias = sight.target, sight.alias
    if sight.whose is Whose.AWS:
        return
    if order.mode is Mode.PROMOTE:
        if sight.whose is not Whose.HELD:
            raise NotOurs(
                f"{target} is not held ({alias.shown}): there is nothing to promote.",
                "Only a rollout that ended with `result=held` can be promoted. Of several functions, leave out "
                "what is not held.",
            )
        return
    if sight.dead is not None:
        if order.on_stranded is OnStranded.FAIL and order.mode is not Mode.PLAN:
            back = _by_hand(sight, sight.dead, order)
            raise NotOurs(
                f"{target} was left by a run that died ({alias.routing}), and on-stranded is `fail`.",
                f"Set `on-stranded: rollback`, or mend it: {back}",
            )
        return
    if sight.whose is not Whose.NOBODYS:
        raise refusal(sight, order, parts)
    if not alias.routing.version.isdecimal():
        # Not at once to 100% either: it could not be put back to what was there, nor found again if we die. Besides
        # $LATEST there is $LATEST.PUBLISHED, of Lambda Managed Instances.
        was = alias.routing.version
        raise NotOurs(
            f"{target} points at {was}: AWS splits an alias only between published versions, and {was} is none to "
            "go back to.",
            "Point it at a published version first (aws lambda publish-version, then update-alias).",
        )


def refusal(sight: Sight, order: Order, parts: Parts) -> NotOurs:
    """Make the error for an alias that is in somebody's hands, with what to do about it."""
    target, routing, record = sight.target, sight.alias.shown, sight.record
    moving = sight.alias.moving
    if moving is not None and moving.failed and sight.whose is Whose.STRANGERS:
        return NotOurs(
            f"{target}: {could_not_start(sight.alias)}, so AWS keeps the traffic where it was: {routing}. It was left "
            "untouched.",
            f"Put it back, for example: {order.command(target, Routing.whole(_majority(routing)))}",
        )
    if sight.whose is Whose.STRANGERS or record is None:
        return NotOurs(
            f"{target} is split: {routing}. Somebody else did that, so it was left untouched.",
            "Make it whole first, for example on the version that has most of the traffic: "
            f"{order.command(target, Routing.whole(_majority(routing)))}",
        )
    url = parts.runs.url(record)
    if sight.whose is Whose.HELD:
        by = f" ({url})" if url else ""
        return NotOurs(
            f"{target} is held by an earlier rollout{by}: {routing}.",
            f"Finish it with `mode: promote` (version {record.new}) or undo it with `mode: rollback` "
            f"(version {record.old}).",
        )
    if not parts.aws_clock.believed:
        return NotOurs(
            f"{target} bears the record of another run{f' ({url})' if url else ''}: {routing}. Whether that one is still "
            "alive cannot be told, as AWS's time is in doubt, so it was left untouched.",
            f"If nobody is at work there any more, undo it with `mode: rollback` (version {record.old}).",
        )
    where = url or (f"run {record.run}/{record.attempt}" if record.run else "a run")
    until = f"{record.until:%H:%M:%S} UTC" if record.until else "further notice"
    return NotOurs(
        f"{target} is being rolled out by another run right now: {where} ({routing}).",
        f"Wait for it, or stop it with `mode: rollback`. If it died unseen, it counts as dead after {until}.",
    )


def _majority(routing: Routing) -> str:
    return max((routing.version, *routing.weights), key=routing.percent_of)
