"""Requests to go on: who writes what, what wins over one, and that none makes a rollout longer.

"request" is README's chapter on `mode: promote`, "record" is docs/record.md.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import HUNDRED, Routing
from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.rollout.events import Event, Finished, RequestEnded, RequestRefused, Result

if TYPE_CHECKING:
    from tests.simulation.observer import Actor, Observer, Shown, Write

NO_ANSWER = "no answer to the request"


def is_request(actor: Actor, record: Record | None) -> bool:
    """Whether a process writes another one's record: it asks that one to go on, or takes that back."""
    asks = actor.spec.inputs.mode is Mode.PROMOTE and actor.role != "post"
    return asks and record is not None and record.rollout_id != actor.spec.rollout_id


def arrived(observer: Observer, actor: Actor, write: Write) -> None:
    """Judge the write of a word before AWS does anything: nothing else than what was read, and a word."""
    found, record = actor.found.get(write.function), write.record
    assert record is not None
    if found is None or found.record is None:
        observer.blame("a request is a word", f"{actor.name} wrote {write.shown} unread")
        return
    if record.requested == found.record.requested:
        observer.blame("a request is a word", f"{actor.name} wrote {write.shown} for nothing")
    _changes_nothing_else(observer, actor, found, write.shown)
    if record.held or record.passed:
        observer.blame("asks a live run", f"{actor.name} asked {record}")
    if not record.requested:
        return
    if actor.spec.inputs.alarms and actor.alarms_read_at < 0:
        observer.blame("its own alarms first", f"{actor.name} asked without reading them")
    if actor.spec.inputs.alarm_at_start is AlarmAtStart.IGNORE_UNTIL_OK:
        return
    if on := {name for name, state in actor.states.items() if state == "ALARM"}:
        observer.blame("its own alarms first", f"{actor.name} asked in spite of {sorted(on)}")


def effect(observer: Observer, actor: Actor, before: Shown, after: Shown) -> None:
    """record: the word is written with everything else as it is: nobody but the owner writes a routing."""
    _changes_nothing_else(observer, actor, before, after)
    record = after.record
    if record is None:
        return
    observer.seen["request written" if record.requested else "request taken off"] += 1
    for owner in observer.actors.values():
        if owner.spec.rollout_id != record.rollout_id:
            continue
        owner.was_asked |= record.requested
        observer.seen[f"asked one that {_state_of(owner)}"] += 1


def _state_of(owner: Actor) -> str:
    if not owner.alive and owner.finished is None:
        return "is dead"
    if owner.finished is not None:
        return "is over"
    if owner.process is not None and owner.process.frozen:
        return "stands still"
    if owner.settling_since is not None:
        return "goes back"
    if owner.cancelled_at is not None:
        return "is cancelled"
    return "is well"


def _changes_nothing_else(observer: Observer, actor: Actor, before: Shown, after: Shown) -> None:
    old, new = before.record, after.record
    same = old is not None and new is not None and old.without_request == new.without_request
    if before.routing != after.routing or not same:
        observer.blame("a request is a word", f"{actor.name} made {before} {after}")
    whole, kept = lease.parse(before.description)[0], lease.parse(after.description)[0]
    if not (whole.startswith(kept) or kept.startswith(whole)):
        observer.blame("a request is a word", f"{actor.name} made {whole!r} {kept!r}")


def never_a_part_of_the_text(observer: Observer, actor: Actor, after: Shown) -> None:
    """record: the word never survives as text of the owner, and 100% never bears it."""
    if "promote]" in lease.owners_text(after.description):
        observer.blame("never the owner's text", f"{actor.name} left {after.description!r}")
    record = after.record
    if record is not None and record.requested and after.routing == Routing.all_on(record.new):
        observer.blame("gone with 100%", f"{actor.name} left {record}")


# What its owner sees -----------------------------------------------------------------------------


def seen(
    actor: Actor, function: str, record: Record | None, now: float, *, fresh: bool = True
) -> None:
    """Take note of what a rollout has read of its own record; not ``fresh``: it may be from before a request."""
    if record is None or record.rollout_id != actor.spec.rollout_id:
        return
    if function not in actor.reached:
        return
    if not record.requested and fresh:
        actor.refused_ones.discard(function)
        actor.asked_on.pop(function, None)
    elif record.requested and function not in actor.refused_ones:
        actor.asked_on.setdefault(function, now)


def told(observer: Observer, actor: Actor, event: Event) -> None:
    """Take note of what is said of requests, and judge the end of one."""
    if isinstance(event, RequestRefused):
        actor.asked_on.clear()
        actor.refused_ones |= set(actor.reached)
        observer.seen["request refused"] += 1
    if not isinstance(event, Finished):
        return
    for each in actor.events if event.result is Result.REQUESTED else ():
        if isinstance(each, RequestEnded):
            routings = observer.truths[each.target.function].routings
            if Routing.all_on(each.version) not in routings:
                observer.blame("requested is true", f"{actor.name}: never at {each.version}")
    if observer.slack is not None and NO_ANSWER in event.reason:
        for owner in observer.actors.values():
            if owner.was_asked and owner.alive and owner.finished is None and _is_awake(owner):
                observer.blame("a request is answered", f"{owner.name} said nothing")


def _is_awake(owner: Actor) -> bool:
    return not owner.frozen_ever and owner.settling_since is None and bool(owner.reached)


def may_go_to_100(actor: Actor, last: Decimal | None, percent: Decimal) -> bool:
    """Whether a request lets a rollout leave out the weights between."""
    is_told = actor.asked_at is not None or HUNDRED in actor.reached.values()
    return last is not None and percent == HUNDRED and is_told


def holds_still(actor: Actor, percent: Decimal) -> bool:
    """Whether the plan stays at this weight until somebody says to go on, and nobody has."""
    hold = actor.spec.plan.hold
    return hold is not None and hold.percent == percent and actor.asked_at is None


def no_longer_than_planned(observer: Observer, actor: Actor) -> None:
    """request: it never makes an alias split longer than the plan would; and a hold ends with its time."""
    if observer.slack is None or actor.split_at is None or actor.frozen_ever:
        return
    if actor.settling_since is not None or not actor.alive or HUNDRED in actor.reached.values():
        return
    plan = actor.spec.plan
    if plan.ends_held or actor.finished is not None:
        return
    planned = sum(step.watch.total_seconds() for step in plan.steps if not step.is_promotion)
    # With a clock that is fast, and a Date that is not believed, the numbers of a minute are waited for so much longer.
    fast = max(0.0, actor.fate.skew.total_seconds())
    if observer.now - actor.split_at > planned + observer.slack + fast:
        lasted = observer.now - actor.split_at
        observer.blame("no longer than planned", f"{actor.name} splits for {lasted:.0f} s")
        actor.split_at = None
