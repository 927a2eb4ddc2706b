"""What is told is what is there, and what is there in the end is settled."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lambda_rollout.alias.routing import Routing, routing_of
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import (
    AlarmsFound,
    AliasLeft,
    Event,
    Finished,
    Held,
    PreviousAliasSet,
    RecordCleared,
    Restored,
    Result,
    RolledBack,
    TakenBack,
    VersionPublished,
    VersionTaken,
    WeightShifted,
)
from tests.simulation import rules_guardian, rules_previous, rules_requests
from tests.simulation.observer import EARLIER, SOMEBODY, Actor, Observer, Shown
from tests.simulation.previous import PREVIOUS
from tests.simulation.rules_credentials import told_that_it_fails


def told(observer: Observer, actor: Actor, event: Event) -> None:
    """Judge an event: what is told is what is there."""
    if isinstance(event, AliasLeft):
        function = event.target.function
        only_aws_says_gone(observer, actor, event.why, [function])
        somebody_else_is_somebody_else(observer, actor, event.why, [function])
    elif isinstance(event, Finished):
        if event.reason.startswith("internal error"):
            observer.blame("no internal error", event.reason)
        only_aws_says_gone(observer, actor, event.reason, list(observer.truths))
        somebody_else_is_somebody_else(observer, actor, event.reason, list(observer.truths))
    rules_requests.told(observer, actor, event)
    if isinstance(event, Finished):
        judge = rules_guardian.not_because_of_it if actor.visit is None else rules_guardian.told
        judge(observer, actor, event)
    if isinstance(event, Finished | PreviousAliasSet):
        rules_previous.told(observer, actor, event)
    _told_of_aliases(observer, actor, event)


def _told_of_aliases(observer: Observer, actor: Actor, event: Event) -> None:
    match event:
        case WeightShifted():
            shown = observer.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            _is_there(observer, actor, "shift is told", event.target.function, shown, asked)
        case RolledBack() | TakenBack() | Restored() | RecordCleared():
            shown = observer.show(event.target.function)
            asked = Routing.all_on(event.version)
            _is_there(observer, actor, "end is told", event.target.function, shown, asked)
        case Held():
            shown = observer.show(event.target.function)
            asked = routing_of(event.previous, event.version, event.percent)
            if not event.percent:
                asked = Routing.all_on(event.previous)
            _is_there(observer, actor, "end is told", event.target.function, shown, asked)
        case AlarmsFound() | VersionPublished() | VersionTaken():
            group_stays_together(observer, actor)
        case Finished():
            result_is_true(observer, actor, event)
        case _:
            pass


def _is_there(
    observer: Observer, actor: Actor, rule: str, function: str, shown: Shown | None, asked: Routing
) -> None:
    truth = observer.truths[function]
    since, actor.told_at[function] = actor.told_at.get(function, 0), truth.writes
    if truth.gone or shown is None or shown.routing == asked:
        return
    # It may have been there until just now, and somebody else have written since.
    was_there = truth.author != actor.name and asked in truth.routings[max(0, since - 1) :]
    if not was_there:
        observer.blame(rule, f"{actor.name} told {asked}, there is {shown.routing}")


GONE = (
    "was deleted",
    "there is no function",
    "there is no alias",
    "has no alias",
    "has no version",
    "does not find",
)
"""How we say that AWS has something no more."""


def only_aws_says_gone(
    observer: Observer, actor: Actor, text: str, functions: Sequence[str]
) -> None:
    """2: nothing that somebody else has said is told as AWS's word."""
    gone = any(observer.truths[f].gone or f in actor.missing_twice for f in functions)
    rules_previous.only_gone_if_gone(observer, actor, text)
    text = re.sub(rf"there is no alias \S+:{PREVIOUS} to say where", "", text)
    if any(words in text for words in GONE) and not gone:
        observer.blame("only AWS's word", f"{actor.name} told: {text}")
    if ("no such alarm" in text or "alarm deleted" in text) and not observer.seen["alarm deleted"]:
        observer.blame("only AWS's word", f"{actor.name} told: {text}")
    for words in ("cannot serve", "the last update of", "execution role"):
        if words in text:
            observer.blame("only AWS's word", f"{actor.name} told: {text}")


def somebody_else_is_somebody_else(
    observer: Observer, actor: Actor, text: str, functions: Sequence[str]
) -> None:
    """2: what a delivery of our own write has done is nobody else's doing."""
    if "omebody else" not in text or "updated the code" in text:
        return
    ours = {actor.name}
    if actor.role == "post" and not observer.actors["main"].lost:
        ours.add("main")
    if not any(observer.truths[function].writers - ours for function in functions):
        observer.blame("our own doing", f"{actor.name} told: {text}")


def group_stays_together(observer: Observer, actor: Actor) -> None:
    """record: of several functions all go forward or all go back, whoever has to finish it.

    Asked when a next run has mended what it found.
    """
    if actor.spec.inputs.on_stranded is OnStranded.RESUME or actor.role not in {"next", "sweeper"}:
        return
    if observer.ambiguous or any(t.edited or t.gone for t in observer.truths.values()):
        return
    if any(_could_not_put_all_back(earlier) for earlier in observer.actors.values()):
        return
    shown = {
        observer.build(function, each.routing.version)
        for function, each in ((f, observer.show(f)) for f in observer.truths)
        if each is not None
    }
    if any(
        each is not None and each.record is not None for each in map(observer.show, observer.truths)
    ):
        # It has mended nothing: another run is at work, and has shifted some and not yet the others.
        return
    left = any(isinstance(e, AliasLeft) for a in observer.actors.values() for e in a.events)
    if len(shown) > 1 and not left:
        observer.blame("group stays together", f"{actor.name} found {sorted(shown)} after mending")


def _could_not_put_all_back(actor: Actor) -> bool:
    """Whether it was asked to roll back, and said that it could not do so everywhere, or was killed before it could."""
    if actor.spec.inputs.mode is not Mode.ROLLBACK:
        return False
    return actor.finished is None or actor.finished.result is Result.FAILED


def result_is_true(observer: Observer, actor: Actor, finished: Finished) -> None:
    """The result says what the alias shows, unless somebody has written since."""
    told_that_it_fails(observer, actor, finished)
    held_together(observer, actor, finished)
    nothing_stays_behind(observer, actor, finished)
    left = {
        e.target.function
        for e in actor.events
        if isinstance(e, AliasLeft | TakenBack | RecordCleared | Held)
    }
    for function in actor.touched:
        truth, shown = observer.truths[function], observer.show(function)
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
            observer.blame("result is true", f"{actor.name}: {finished.result} and {shown}")
    if finished.result is Result.PROMOTED:
        guards_are_guards(observer, actor)
    if finished.result is Result.PROMOTED and actor.touched and actor.fired_at_read:
        observer.blame("result is true", f"{actor.name} promoted over {actor.fired_at_read}")


def guards_are_guards(observer: Observer, actor: Actor) -> None:
    """What is said to have guarded was read to be evaluated, and OK, at least once."""
    story = rollout_state(actor.events)
    claimed = {alarm.newest.name for alarm in story.alarms.values() if alarm.guarded}
    if false := claimed - actor.ever_ok:
        observer.blame("guards are guards", f"{actor.name} says that {sorted(false)} guarded it")


def held_together(observer: Observer, actor: Actor, finished: Finished) -> None:
    """record: of several functions all are held or none: the rest would stay behind at the promotion."""
    if finished.result is not Result.HELD or observer.ambiguous:
        return
    if any(t.edited or t.gone for t in observer.truths.values()):
        return
    saved_aliases = actor.saved_states[-1].aliases if actor.saved_states else ()
    held = {
        saved.function: shown.ours is not None and shown.ours.held
        for saved in saved_aliases
        if saved.new not in {"", saved.old}
        and (shown := observer.show(saved.function)) is not None
        and not _being_rolled_back(observer, saved.function)
    }
    if len(set(held.values())) > 1:
        observer.blame("held together", f"{actor.name} held {held}")


def _being_rolled_back(observer: Observer, function: str) -> bool:
    """Whether `mode: rollback` wrote it last: it asks nobody, and has perhaps not come to the others yet."""
    writer = observer.actors.get(observer.truths[function].writer)
    return writer is not None and writer.spec.inputs.mode is Mode.ROLLBACK


def nothing_stays_behind(observer: Observer, actor: Actor, finished: Finished) -> None:
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
        shown, truth = observer.show(saved.function), observer.truths[saved.function]
        ours = shown.ours if shown is not None else None
        if (
            not saved.taken_over_from
            or ours is None
            or ours.rollout_id != saved.taken_over_from
            or truth.edited
        ):
            continue
        if saved.function not in left and (goes_back if ours.held else _resumes(actor)):
            observer.blame("nothing stays behind", f"{actor.name}: {finished.result}, left {shown}")


def _resumes(actor: Actor) -> bool:
    return (
        actor.spec.inputs.on_stranded is OnStranded.RESUME
        and actor.spec.inputs.mode is Mode.ROLLOUT
    )


# At the end -------------------------------------------------------------------------------------


def settled(observer: Observer, function: str, *, may_cut: bool = True) -> str | None:
    """5: whole on one version with the owner's text back, or held. Why not, if it is not."""
    truth, shown = observer.truths[function], observer.show(function)
    if shown is None:
        return None if truth.gone else "it is gone"
    if shown.ours is not None and shown.ours.held:
        held = any(
            a.spec.inputs.on_cancel is OnCancel.HOLD or a.spec.plan.ends_held
            for a in observer.actors.values()
        )
        held = held or shown.ours.rollout_id == EARLIER
        return None if held else "held by nobody's wish"
    if not shown.routing.is_unsplit:
        foreign = truth.author == SOMEBODY or (shown.record is None and truth.edited)
        return (
            None if foreign or _the_group_is_blocked(observer) else f"it is split: {shown.routing}"
        )
    if shown.ours is not None:
        if _the_group_is_blocked(observer):
            return None
        return f"its record is left: {shown.ours}"
    if shown.record is not None and _the_group_is_blocked(observer):
        # Somebody reset the routing alone; the next run that gets through takes our record off.
        return None
    text = truth.text
    whole = shown.description == text or (not text and shown.description == "-")
    if not whole and not (may_cut and len(text) > 100 and text.startswith(shown.description)):
        return f"the owner's text is not back: {shown.description!r}"
    return None


def _the_group_is_blocked(observer: Observer) -> bool:
    """A next run refuses a group of which a part is held, gone, or split by a stranger."""
    for shown in map(observer.show, observer.truths):
        if shown is None or (shown.ours is not None and shown.ours.held):
            return True
        if not shown.routing.is_unsplit and shown.ours is None:
            return True
    return False
