"""What is told is what is there, and what is there in the end is settled."""

from __future__ import annotations

from collections.abc import Sequence

from lambda_rollout.alias.routing import Routing, routing_of
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.rollout.events import (
    AlarmsFound,
    AliasLeft,
    Event,
    Finished,
    Held,
    RecordCleared,
    Restored,
    Result,
    RolledBack,
    VersionPublished,
    VersionTaken,
    WeightShifted,
)
from tests.simulation.witness import EARLIER, SOMEBODY, Actor, Shown, Witness


def told(witness: Witness, actor: Actor, event: Event) -> None:
    """Judge an event: what is told is what is there."""
    if isinstance(event, AliasLeft):
        function = event.target.function
        only_aws_says_gone(witness, actor, event.why, [function])
        somebody_else_is_somebody_else(witness, actor, event.why, [function])
    elif isinstance(event, Finished):
        if event.reason.startswith("internal error"):
            witness.blame("no internal error", event.reason)
        only_aws_says_gone(witness, actor, event.reason, list(witness.truths))
        somebody_else_is_somebody_else(witness, actor, event.reason, list(witness.truths))
    match event:
        case WeightShifted():
            shown = witness.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            _is_there(witness, actor, "shift is told", event.target.function, shown, asked)
        case RolledBack() | Restored() | RecordCleared():
            shown = witness.show(event.target.function)
            asked = Routing.all_on(event.version)
            _is_there(witness, actor, "end is told", event.target.function, shown, asked)
        case Held():
            shown = witness.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            if not event.percent:
                asked = Routing.all_on(event.previous)
            _is_there(witness, actor, "end is told", event.target.function, shown, asked)
        case AlarmsFound() | VersionPublished() | VersionTaken():
            unit_stays_together(witness, actor)
        case Finished():
            result_is_true(witness, actor, event)
        case _:
            pass


def _is_there(
    witness: Witness, actor: Actor, rule: str, function: str, shown: Shown | None, asked: Routing
) -> None:
    truth = witness.truths[function]
    since, actor.told_at[function] = actor.told_at.get(function, 0), truth.writes
    if truth.gone or shown is None or shown.routing == asked:
        return
    # It may have been there until just now, and somebody else have written since.
    was_there = truth.author != actor.name and asked in truth.routings[max(0, since - 1) :]
    if not was_there:
        witness.blame(rule, f"{actor.name} told {asked}, there is {shown.routing}")


GONE = (
    "was deleted",
    "there is no function",
    "there is no alias",
    "has no alias",
    "has no version",
    "does not find",
)
"""How we say that AWS has something no more."""


def only_aws_says_gone(witness: Witness, actor: Actor, text: str, functions: Sequence[str]) -> None:
    """2: nothing that somebody else has said is told as AWS's word."""
    gone = any(witness.truths[f].gone or f in actor.missing_twice for f in functions)
    if any(words in text for words in GONE) and not gone:
        witness.blame("only AWS's word", f"{actor.name} told: {text}")
    if ("no such alarm" in text or "alarm deleted" in text) and not witness.seen["alarm deleted"]:
        witness.blame("only AWS's word", f"{actor.name} told: {text}")
    for words in ("cannot serve", "the last update of", "execution role"):
        if words in text:
            witness.blame("only AWS's word", f"{actor.name} told: {text}")


def somebody_else_is_somebody_else(
    witness: Witness, actor: Actor, text: str, functions: Sequence[str]
) -> None:
    """2: what a delivery of our own write has done is nobody else's doing."""
    if "omebody else" not in text or "updated the code" in text:
        return
    ours = {actor.name}
    if actor.role == "post" and not witness.actors["main"].lost:
        ours.add("main")
    if not any(witness.truths[function].writers - ours for function in functions):
        witness.blame("our own doing", f"{actor.name} told: {text}")


def unit_stays_together(witness: Witness, actor: Actor) -> None:
    """record: of several functions all go forward or all go back, whoever has to finish it.

    Asked when a next run has mended what it found.
    """
    if actor.spec.on_stranded is OnStranded.RESUME or actor.role not in {"next", "sweeper"}:
        return
    if witness.ambiguous or any(t.edited or t.gone for t in witness.truths.values()):
        return
    if any(_could_not_put_all_back(earlier) for earlier in witness.actors.values()):
        return
    shown = {
        witness.build(function, each.routing.version)
        for function, each in ((f, witness.show(f)) for f in witness.truths)
        if each is not None
    }
    if any(
        each is not None and each.record is not None for each in map(witness.show, witness.truths)
    ):
        # It has mended nothing: another run is at work, and has shifted some and not yet the others.
        return
    left = any(isinstance(e, AliasLeft) for a in witness.actors.values() for e in a.events)
    if len(shown) > 1 and not left:
        witness.blame("unit stays together", f"{actor.name} found {sorted(shown)} after mending")


def _could_not_put_all_back(actor: Actor) -> bool:
    """Whether it was asked to roll back, and said that it could not do so everywhere."""
    failed = actor.finished is not None and actor.finished.result is Result.FAILED
    return actor.spec.mode is Mode.ROLLBACK and failed


def result_is_true(witness: Witness, actor: Actor, finished: Finished) -> None:
    """The result says what the alias shows, unless somebody has written since."""
    held_together(witness, actor, finished)
    nothing_stays_behind(witness, actor, finished)
    left = {
        e.target.function for e in actor.events if isinstance(e, AliasLeft | RecordCleared | Held)
    }
    for function in actor.touched:
        truth, shown = witness.truths[function], witness.show(function)
        if shown is None or truth.gone or truth.writer != actor.name or actor.must_settle:
            continue
        base = actor.bases.get(function, "")
        match finished.result:
            case Result.PROMOTED:
                # A post stage that came before the end may be clearing once more.
                clear = shown.record is None or shown.record.passed
                true = shown.routing.is_unsplit and clear and actor.earned
            case Result.ROLLED_BACK:
                true = shown.routing == Routing.all_on(base) and shown.record is None
            case Result.HELD:
                true = shown.ours is not None and shown.ours.held
                true = true or shown.routing == Routing.all_on(base) or truth.edited
            case Result.FAILED:
                true = function in left or shown.routing == Routing.all_on(base)
            case _:
                true = False
        if not true:
            witness.blame("result is true", f"{actor.name}: {finished.result} and {shown}")
    if finished.result is Result.PROMOTED and actor.touched and actor.fired_at_read:
        witness.blame("result is true", f"{actor.name} promoted over {actor.fired_at_read}")


def held_together(witness: Witness, actor: Actor, finished: Finished) -> None:
    """record: of several functions all are held or none: the rest would stay behind at the promotion."""
    if finished.result is not Result.HELD or witness.ambiguous:
        return
    if any(t.edited or t.gone for t in witness.truths.values()):
        return
    saved_aliases = actor.saved_states[-1].aliases if actor.saved_states else ()
    held = {
        saved.function: shown.ours is not None and shown.ours.held
        for saved in saved_aliases
        if saved.new not in {"", saved.old} and (shown := witness.show(saved.function)) is not None
    }
    if len(set(held.values())) > 1:
        witness.blame("held together", f"{actor.name} held {held}")


def nothing_stays_behind(witness: Witness, actor: Actor, finished: Finished) -> None:
    """record: what it took over, held or dead, goes back with what it moved, however far it came."""
    if (
        actor.role == "post"
        or not actor.saved_states
        or " is in a rollout of version " in finished.reason
    ):
        return
    left = {e.target.function for e in actor.events if isinstance(e, AliasLeft)}
    goes_back = finished.result is Result.ROLLED_BACK
    for saved in actor.saved_states[-1].aliases:
        shown, truth = witness.show(saved.function), witness.truths[saved.function]
        ours = shown.ours if shown is not None else None
        if (
            not saved.taken_over_from
            or ours is None
            or ours.rollout_id != saved.taken_over_from
            or truth.edited
        ):
            continue
        if saved.function not in left and (goes_back if ours.held else _resumes(actor)):
            witness.blame("nothing stays behind", f"{actor.name}: {finished.result}, left {shown}")


def _resumes(actor: Actor) -> bool:
    return actor.spec.on_stranded is OnStranded.RESUME and actor.spec.mode is Mode.ROLLOUT


# At the end -------------------------------------------------------------------------------------


def settled(witness: Witness, function: str, *, may_cut: bool = True) -> str | None:
    """5: whole on one version with the owner's text back, or held. Why not, if it is not."""
    truth, shown = witness.truths[function], witness.show(function)
    if shown is None:
        return None if truth.gone else "it is gone"
    if shown.ours is not None and shown.ours.held:
        held = any(
            a.spec.on_cancel is OnCancel.HOLD or a.spec.plan.ends_held
            for a in witness.actors.values()
        )
        held = held or shown.ours.rollout_id == EARLIER
        return None if held else "held by nobody's wish"
    if not shown.routing.is_unsplit:
        foreign = truth.author == SOMEBODY or (shown.record is None and truth.edited)
        return None if foreign or _the_unit_is_blocked(witness) else f"it is split: {shown.routing}"
    if shown.ours is not None:
        if _the_unit_is_blocked(witness):
            return None
        return f"its record is left: {shown.ours}"
    if shown.record is not None and _the_unit_is_blocked(witness):
        # Somebody reset the routing alone; the next run that gets through takes our record off.
        return None
    text = truth.text
    whole = shown.description == text or (not text and shown.description == "-")
    if not whole and not (may_cut and len(text) > 100 and text.startswith(shown.description)):
        return f"the owner's text is not back: {shown.description!r}"
    return None


def _the_unit_is_blocked(witness: Witness) -> bool:
    """A next run refuses a unit of which a part is held, gone, or split by a stranger."""
    for shown in map(witness.show, witness.truths):
        if shown is None or (shown.ours is not None and shown.ours.held):
            return True
        if not shown.routing.is_unsplit and shown.ours is None:
            return True
    return False
