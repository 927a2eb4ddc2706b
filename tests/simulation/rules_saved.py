"""What is saved for the post stage: before the write that it describes, and never more than is true."""

from __future__ import annotations

from decimal import Decimal

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState
from tests.simulation.observer import Actor, Observer, Shown, Write


def _leaves_it_as_it_is(there: Shown, write: Write) -> bool:
    """Whether a write gives the alias another RevisionId at most: it leaves nothing to be settled.

    What was read a moment too early, and is written as it is, is refused.
    """
    shown = write.shown
    same = (there.routing, there.description) == (shown.routing, shown.description)
    return same or there.revision_id != shown.revision_id


def saved_before_written(observer: Observer, actor: Actor, write: Write) -> None:
    """5: whatever ends the process, the post stage knows of a write before AWS does."""
    there = observer.show(write.function)
    if actor.role == "post" or (there is not None and _leaves_it_as_it_is(there, write)):
        return
    saved = actor.saved_states[-1] if actor.saved_states else None
    saved_aliases = saved.aliases if saved else ()
    charge = next((each for each in saved_aliases if each.function == write.function), None)
    if saved is None or charge is None:
        observer.blame("saved before written", f"{actor.name} wrote {write.shown}, saved: {saved}")
    elif saved.phase not in _phases(actor, write) or not _was_announced(charge, write):
        what = f"{actor.name} wrote {write.shown}, saved: {saved.phase} {charge}"
        observer.blame("saved before written", what)


def _phases(actor: Actor, write: Write) -> set[Phase]:
    match write.kind:
        case "forward":
            return {Phase.MOVING}
        case "held":
            return {Phase.HOLDING}
        case "passed":
            return {Phase.CLEARING}
    if write.function not in actor.reached:
        # What a dead run left, or one of several that is put back with the others.
        return {Phase.RESTORING, Phase.ROLLING_BACK, Phase.HOLDING, Phase.CLEARING}
    if write.shown.routing != Routing.all_on(actor.bases.get(write.function, "")):
        return {Phase.CLEARING}
    return {Phase.ROLLING_BACK} if actor.knows_fired else {Phase.ROLLING_BACK, Phase.HOLDING}


def _was_announced(charge: SavedAlias, write: Write) -> bool:
    record = write.record
    if write.kind != "forward" or record is None:
        return True
    tried = {Decimal(percent) for percent in charge.attempted_percents}
    return charge.new == record.new and write.percent in tried


def done_is_done(observer: Observer, actor: Actor, saved_state: SavedState) -> None:
    """5: the post stage is told that nothing is left only if nothing is: no write can land, and no alias is ours."""
    if saved_state.phase is not Phase.DONE or actor.role == "post":
        return
    for write in observer.can_still_land(actor):
        if write.function in actor.missing_twice:
            # AWS has said twice, with time between, that there is nothing on which it could land.
            continue
        observer.blame("done is done", f"{actor.name} is done, and {write.shown} can still land")
    for function, truth in observer.truths.items():
        shown = observer.show(function)
        if shown is None or truth.author != actor.name or function in actor.missing_twice:
            continue
        if shown.record is None and truth.edited:
            # Somebody has struck out our record, after we saw it there: we cannot know.
            continue
        ours = shown.ours is not None and not shown.ours.held
        if ours or (shown.ours is None and not shown.routing.is_unsplit):
            observer.blame("done is done", f"{actor.name} is done, and left {shown}")
