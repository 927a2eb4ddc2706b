"""What is told is what is there, and what is there in the end is settled."""

from __future__ import annotations

from lambda_rollout.choices import Mode, OnCancel, OnStranded
from lambda_rollout.events import (
    AlarmsFound,
    AliasLeft,
    Event,
    Finished,
    Held,
    Mended,
    Released,
    Result,
    RolledBack,
    VersionPublished,
    VersionTaken,
    WeightShifted,
)
from lambda_rollout.routing import Routing, routing_of
from tests.simulation.witness import SOMEBODY, Actor, Shown, Witness


def told(witness: Witness, actor: Actor, event: Event) -> None:
    """Judge an event: what is told is what is there."""
    match event:
        case WeightShifted():
            shown = witness.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            _is_there(witness, actor, "shift is told", event.target.function, shown, asked)
        case RolledBack() | Mended() | Released():
            shown = witness.show(event.target.function)
            asked = Routing.whole(event.version)
            _is_there(witness, actor, "end is told", event.target.function, shown, asked)
        case Held():
            shown = witness.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            if not event.percent:
                asked = Routing.whole(event.previous)
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
    if witness.truths[function].gone:
        return
    if (
        shown is not None
        and shown.routing != asked
        and witness.truths[function].author == actor.name
    ):
        witness.blame(rule, f"{actor.name} told {asked}, there is {shown.routing}")


def unit_stays_together(witness: Witness, actor: Actor) -> None:
    """record: of several functions all go forward or all go back, whoever has to finish it.

    Asked when a next run has mended what it found.
    """
    if actor.order.on_stranded is OnStranded.RESUME or actor.role not in {"next", "sweeper"}:
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
    return actor.order.mode is Mode.ROLLBACK and failed


def result_is_true(witness: Witness, actor: Actor, finished: Finished) -> None:
    """The result says what the alias shows, unless somebody has written since."""
    if finished.reason.startswith("internal error"):
        witness.blame("no internal error", finished.reason)
    left = {e.target.function for e in actor.events if isinstance(e, AliasLeft | Released | Held)}
    for function in actor.touched:
        truth, shown = witness.truths[function], witness.show(function)
        if shown is None or truth.gone or truth.writer != actor.name or actor.must_settle:
            continue
        base = actor.bases.get(function, "")
        match finished.result:
            case Result.PROMOTED:
                # A post stage that came before the end may be clearing once more.
                clear = shown.record is None or shown.record.passed
                true = shown.routing.is_whole and clear and actor.earned
            case Result.ROLLED_BACK:
                true = shown.routing == Routing.whole(base) and shown.record is None
            case Result.HELD:
                true = shown.ours is not None and shown.ours.held
                true = true or shown.routing == Routing.whole(base) or truth.edited
            case Result.FAILED:
                true = function in left or shown.routing == Routing.whole(base)
            case _:
                true = False
        if not true:
            witness.blame("result is true", f"{actor.name}: {finished.result} and {shown}")
    if finished.result is Result.PROMOTED and actor.touched and actor.fired_at_read:
        witness.blame("result is true", f"{actor.name} promoted over {actor.fired_at_read}")


# At the end -------------------------------------------------------------------------------------


def settled(witness: Witness, function: str, *, may_cut: bool = True) -> str | None:
    """5: whole on one version with the owner's text back, or held. Why not, if it is not."""
    truth, shown = witness.truths[function], witness.show(function)
    if shown is None:
        return None if truth.gone else "it is gone"
    if shown.ours is not None and shown.ours.held:
        held = any(
            a.order.on_cancel is OnCancel.HOLD or a.order.plan.ends_held
            for a in witness.actors.values()
        )
        return None if held else "held by nobody's wish"
    if not shown.routing.is_whole:
        foreign = truth.author == SOMEBODY or (shown.record is None and truth.edited)
        return None if foreign or _the_unit_is_blocked(witness) else f"it is split: {shown.routing}"
    if shown.ours is not None:
        if _the_unit_is_blocked(witness):
            return None
        return f"its record is left: {shown.ours}"
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
        if not shown.routing.is_whole and shown.ours is None:
            return True
    return False
