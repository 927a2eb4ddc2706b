"""The alias that keeps the way back: what it may name, whose write comes last, and that nothing else hangs on it.

"previous-alias" is README's chapter on a way back without a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    AliasLeft,
    Finished,
    PreviousAliasSet,
    RecordCleared,
    Result,
    Warned,
)
from lambda_rollout.rollout.saved_state import Phase
from sandbox.aws.request import Request
from tests.simulation import rules_guardian
from tests.simulation.kept import Kept
from tests.simulation.observer import Actor, Observer, Shown
from tests.simulation.previous import PREVIOUS

BEFORE_CLEARING = 16.0
"""Seconds from when all is passed to the first write that says so or removes a record, with all that AWS may let us
wait for: five seconds of reading, and one more call that hangs, for each of three functions in turn."""


def arrived(observer: Observer, actor: Actor, request: Request) -> None:
    """Judge a request of ours about it before AWS does anything."""
    if request.operation == "UpdateAlias" and not request.params.get("RevisionId"):
        observer.blame("carries everything", f"{actor.name} sent no RevisionId")
    if request.operation in {"UpdateAlias", "CreateAlias"} and not _may_write(actor):
        observer.blame("only after a promotion", f"{actor.name} sent {request.params}")


def _may_write(actor: Actor) -> bool:
    if actor.saved_state is not None:
        return actor.saved_state.phase is Phase.CLEARING
    # What a dead run had passed is finished forward before anything of one's own.
    return any(each.phase in {Phase.CLEARING, Phase.RESTORING} for each in actor.saved_states)


def effect(
    observer: Observer, actor: Actor | None, request: Request, before: Kept | None, after: Kept
) -> None:
    """Judge a write of it that took effect, whoever's it is."""
    function, history = request.function, observer.kept
    history.written(function, after)
    observer.tell(f"{request.caller}: {PREVIOUS} {after.routing} {after.description[-70:]!r}")
    if actor is None:
        history.writers[function] = None
        return
    observer.seen["previous alias written"] += 1
    mark = after.mark
    if mark is None:
        observer.blame("keeps a promotion", f"{actor.name} wrote {after}")
        return
    ids = {*actor.rollout_ids, actor.spec.rollout_id}
    finished = any(isinstance(event, RecordCleared) for event in actor.events)
    promoted = history.promotion_behind(function, mark, actor.name, ids, finished=finished)
    if promoted is None:
        observer.blame("keeps a promotion", f"{actor.name} wrote {mark}, which never was")
        return
    live_before = promoted.live_before.get(function, frozenset({"1"}))
    if mark.old not in live_before:
        observer.blame("was live before", f"{actor.name} keeps {mark}, live were {live_before}")
    newest = history.writers.get(function)
    if newest is not None and newest.number > promoted.number:
        observer.blame("never over a newer one's", f"{actor.name} wrote {mark} over {before}")
    history.writers[function] = promoted
    left_alone(observer, actor, function, before)


def left_alone(observer: Observer, actor: Actor, function: str, before: Kept | None) -> None:
    """previous-alias: split, or moved by somebody else meanwhile: left as it is."""
    if before is None:
        return
    if not before.routing.is_unsplit:
        observer.blame("left alone", f"{actor.name} wrote over {before}")
    seen = observer.kept.read_before.get((actor.name, function))
    if actor.role != "post" and seen is not None and before.author not in observer.actors:
        moved = before.number > seen and before.mark is None
        if moved:
            observer.blame("left alone", f"{actor.name} wrote over {before}")


def answered(observer: Observer, actor: Actor, request: Request, answer: Mapping[str, Any]) -> None:
    """Take note of what a process has read of it."""
    if request.operation != "GetAlias":
        return
    function, history = request.function, observer.kept
    states = history.states[function]
    read = next((s for s in reversed(states) if s.revision_id == answer["RevisionId"]), None)
    history.read[actor.name, function] = read
    if actor.visit is not None:
        rules_guardian.read_previous(observer, actor, function, read)
        return
    if read is not None and (not actor.settled or actor.clearing_since is not None):
        history.read_before[actor.name, function] = read.number
    if actor.spec.inputs.mode is Mode.ROLLBACK and actor.role != "post" and read is not None:
        _tells_where_to(observer, actor, function, read)


def _tells_where_to(observer: Observer, actor: Actor, function: str, read: Kept) -> None:
    history, found = observer.kept, actor.found.get(function)
    if found is None or found.ours is not None or function in actor.settled:
        return
    actor.bases[function] = read.mark.old if read.mark else read.routing.version
    history.back_to[actor.name, function] = read
    others = [kept for (who, _), kept in history.back_to.items() if who == actor.name]
    if len({(kept.mark.old, kept.mark.new) if kept.mark else None for kept in others}) > 1:
        # Each was told where to go, and not by the same promotion: that was warned of when it was not set.
        observer.ambiguous = True


def went_back(observer: Observer, actor: Actor, function: str, before: Shown, after: Shown) -> None:
    """previous-alias: mode rollback goes from what was promoted last to what that left, and never forward."""
    kept = observer.kept.back_to.get((actor.name, function))
    if kept is None or before.routing == after.routing or before.ours is not None:
        return
    observer.seen["back by the previous alias"] += 1
    mark = kept.mark
    way = (Routing.all_on(mark.new), Routing.all_on(mark.old)) if mark else None
    if way and (before.routing, after.routing) != way:
        what = f"{actor.name} went from {before.routing} to {after.routing} by {mark}"
        observer.blame("back, and never forward", what)


def no_wait_before_clearing(observer: Observer, actor: Actor) -> None:
    """previous-alias: clearing is never behind it for long."""
    since = actor.clearing_since
    if since is None or actor.frozen_ever:
        return
    actor.clearing_since = None
    if observer.now - since > BEFORE_CLEARING:
        waited = observer.now - since
        observer.blame("clears at once", f"{actor.name} waited for {waited:.1f} s")


def told(observer: Observer, actor: Actor, event: PreviousAliasSet | Finished) -> None:
    """Judge what is said of it."""
    if isinstance(event, PreviousAliasSet):
        states = observer.kept.states[event.target.function]
        if not any(each.mark and each.mark.old == event.version for each in states):
            observer.blame("set is told", f"{actor.name} told {event.version}, it was {states}")
        observer.seen["previous alias set"] += 1
        return
    _changes_nothing(observer, actor, event)
    if event.result is Result.PROMOTED and actor.previous_alias:
        set_ones = {e.target.function for e in actor.events if isinstance(e, PreviousAliasSet)}
        warned = " ".join(e.text for e in actor.events if isinstance(e, Warned))
        for function, truth in observer.truths.items():
            # What is gone, or another rollout's by now, is told as such.
            taken = truth.gone or f"has taken over {function}:live" in warned
            if not taken and function not in set_ones and f"{function}:{PREVIOUS}" not in warned:
                observer.blame("says so either way", f"{actor.name} said nothing of {function}")
            if function not in set_ones:
                observer.seen["previous alias not set"] += 1


def only_gone_if_gone(observer: Observer, actor: Actor, text: str) -> None:
    """previous-alias: that there is none is said only of one that is not there."""
    for function in observer.truths:
        said = f"there is no alias {function}:{PREVIOUS}" in text
        if said and f"{function}:{PREVIOUS}" in actor.missing_twice:
            continue
        if said and observer.show_kept(function) is not None:
            observer.blame("only AWS's word", f"{actor.name} told: {text}")


def _changes_nothing(observer: Observer, actor: Actor, finished: Finished) -> None:
    """previous-alias: its failure changes neither the result nor the alias."""
    cleared = {e.target.function for e in actor.events if isinstance(e, RecordCleared)}
    left = any(isinstance(event, AliasLeft) for event in actor.events)
    moved = {f for f in actor.reached if actor.reached}
    own = cleared >= moved and moved and actor.earned and not left
    if own and finished.result is not Result.PROMOTED and actor.spec.inputs.mode is Mode.ROLLOUT:
        observer.blame("changes no result", f"{actor.name}: {finished.result}")
