"""The guardian: nothing stays split that nobody watches, nobody's work is disturbed, and nothing goes forward.

"guardian" is docs/guardian.md.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambda_rollout.alias.aws_clock import NEAR
from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import Finished, Restored, Result, RolledBack

if TYPE_CHECKING:
    from tests.simulation.kept import Kept
    from tests.simulation.observer import Actor, Observer, Shown, Write

AT_LATEST = timedelta(minutes=15)
"""After the end of the lease, or the alarm that fired."""

MARGIN = timedelta(minutes=10)
"""How long before a weight, or a promotion, was written an alarm may have fired and still count against it."""

SECOND = timedelta(seconds=1)
"""Records, marks and alarms tell of seconds."""


def begins(observer: Observer, actor: Actor) -> None:
    """Take note of what is to go back when it is invoked."""
    assert actor.visit is not None
    for function, cause in due(observer, actor).items():
        shown = observer.show(function)
        if cause <= _now(observer) and shown is not None and shown.ours is not None:
            actor.visit.due[function] = shown.ours


# What it learns -----------------------------------------------------------------------------------


def read(observer: Observer, actor: Actor, function: str, shown: Shown) -> None:
    """Take note of an alias that it has read."""
    assert actor.visit is not None
    actor.visit.reads[function].append((_now(observer), shown))
    actor.found[function] = shown
    actor.records[function] = shown.record
    if shown.ours is not None:
        actor.bases[function] = shown.ours.old


def read_previous(observer: Observer, actor: Actor, function: str, kept: Kept | None) -> None:
    """Take note of what it has read of a promotion."""
    assert actor.visit is not None
    mark = kept.mark if kept is not None else None
    if mark is not None:
        actor.visit.marks[function].append((_now(observer), mark))
        actor.bases.setdefault(function, mark.old)


def met(observer: Observer, actor: Actor, what: str) -> None:
    """Take note that it met what no guardian can help."""
    if actor.visit is not None and what != "slow":
        actor.visit.disturbed = True
        observer.guarded.troubled_at = observer.now


def somebody_wrote(observer: Observer, caller: str, function: str) -> None:
    """Take note of a write of an alias for all who are at work."""
    writer = observer.actors.get(caller)
    observer.guarded.written_at[writer is not None and writer.visit is not None] = observer.now
    for actor in observer.actors.values():
        if actor.visit is None or actor.finished is not None:
            continue
        if actor.name == caller:
            actor.visit.wrote[function] = observer.now
        elif writer is None or writer.visit is None:
            actor.visit.not_alone = True


def _is_live(record: Record | None, now: datetime) -> bool:
    return record is not None and not record.held and not record.expired(now)


def _now(observer: Observer) -> datetime:
    return observer.world.clock.now()


def _when(observer: Observer, at: float) -> datetime:
    return _now(observer) - timedelta(seconds=observer.now - at)


# What it sends ------------------------------------------------------------------------------------


def arrived(observer: Observer, actor: Actor, write: Write) -> None:
    """Judge its write before AWS does anything."""
    visit = actor.visit
    assert visit is not None
    _only_back(observer, actor, write)
    if not visit.decided:
        visit.decided = True
        _while_none_is_at_work(observer, actor)
    last = visit.last(write.function)
    if last is None:
        observer.blame("looks before it writes", f"{actor.name} wrote {write.shown} unread")
        return
    record = last[1].ours
    group = [each[-1][1].ours for each in visit.reads.values() if each]
    marked = {each.rollout_id for each in group if each is not None and each.passed}
    if record is not None and record.rollout_id in marked:
        observer.blame("what has passed stays", f"{actor.name} wrote {write.shown} over {record}")


def _only_back(observer: Observer, actor: Actor, write: Write) -> None:
    """guardian: whole on the version that a record, or a promotion, came from, and nothing else."""
    visit = actor.visit
    assert visit is not None
    olds = {shown.ours.old for _, shown in visit.reads[write.function] if shown.ours is not None}
    olds |= {mark.old for _, mark in visit.marks[write.function]}
    routing = write.shown.routing
    if write.record is not None or not routing.is_unsplit or routing.version not in olds:
        observer.blame("only back", f"{actor.name} wrote {write.shown}, it came from {olds}")


def _while_none_is_at_work(observer: Observer, actor: Actor) -> None:
    """guardian: while a run is at work on any of its functions, all are left to it."""
    assert actor.visit is not None
    for function, reads in actor.visit.reads.items():
        if reads and _is_live(reads[-1][1].ours, reads[-1][0]):
            shown = reads[-1][1]
            observer.blame("left to the live run", f"{actor.name} wrote beside {function}: {shown}")


# As AWS has done it -------------------------------------------------------------------------------


def written(observer: Observer, actor: Actor, function: str, before: Shown, after: Shown) -> None:
    """Judge its write that took effect."""
    if before.routing == after.routing and before.ours is None:
        return
    record = before.ours
    if record is None:
        _of_a_promotion(observer, actor, function, before, after)
        return
    if _is_live(record, _now(observer)):
        observer.blame("never a live run's", f"{actor.name} wrote {after.routing} over {record}")
    _beneath_nobody(observer, actor, record, after)
    if record.passed:
        observer.blame("what has passed stays", f"{actor.name} wrote {after.routing} over {record}")
    if after.routing != Routing.all_on(record.old):
        observer.blame("only back", f"{actor.name} made {before} {after}")
    if record.held and not _is_of_a_dead_group(actor, record):
        at = record.since or _now(observer)
        _only_after_an_alarm(observer, actor, at, f"{actor.name} put {record} back")
    observer.seen[f"guardian puts back: {'held' if record.held else 'dead'}"] += 1


def _is_of_a_dead_group(actor: Actor, record: Record) -> bool:
    """Whether another alias of the rollout was left by a run that died: what it had held goes with that."""
    assert actor.visit is not None
    return any(
        (ours := shown.ours) is not None and ours.rollout_id == record.rollout_id and not ours.held
        for reads in actor.visit.reads.values()
        for _, shown in reads
    )


def _beneath_nobody(observer: Observer, actor: Actor, record: Record, after: Shown) -> None:
    """guardian: a run that is alive and well is not disturbed, whatever the record says."""
    for other in observer.actors.values():
        well = other.alive and other.finished is None and not (other.frozen_ever or other.lost)
        if other.role == "post" and record.held:
            # It comes after its run, and what is held already is watched by nobody.
            continue
        if well and other.settling_since is None and record.rollout_id == other.spec.rollout_id:
            observer.blame(
                "beneath a live run", f"{actor.name} wrote {after.routing} over {record}"
            )


def _of_a_promotion(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """guardian: a promotion goes back only within the bake time, after an alarm, and as its mark says."""
    visit = actor.visit
    assert visit is not None
    if _was_struck_out(actor, function, before):
        # Somebody has edited the description meanwhile, and with it the record is gone: it is still that split.
        return
    what = f"{actor.name} made {before} {after}"
    if not visit.marks[function]:
        observer.blame("only a promotion", what)
        return
    read_at, mark = visit.marks[function][-1]
    moved = (before.routing, after.routing)
    if moved != (Routing.all_on(mark.new), Routing.all_on(mark.old)):
        observer.blame("as the mark says", f"{what}, and it is {mark}")
    doubt = abs(actor.fate.skew) if is_in_doubt(actor) else timedelta()
    if read_at - mark.at >= visit.bake + doubt + SECOND:
        observer.blame("only within the bake time", f"{what}, and it is {mark}")
    _only_after_an_alarm(observer, actor, mark.at, what)
    observer.seen["guardian puts back: promoted"] += 1


def _was_struck_out(actor: Actor, function: str, before: Shown) -> bool:
    assert actor.visit is not None
    return not before.routing.is_unsplit and any(
        shown.ours is not None and shown.routing == before.routing
        for _, shown in actor.visit.reads[function]
    )


def _only_after_an_alarm(observer: Observer, actor: Actor, at: datetime, what: str) -> None:
    guarded = observer.guarded
    names = [alarm.text for alarm in actor.spec.inputs.alarms]
    if not any(fired >= at - MARGIN - SECOND for name in names for fired in guarded.fired[name]):
        observer.blame("only after an alarm", f"{what}; alarms fired: {dict(guarded.fired)}")


# What it says -------------------------------------------------------------------------------------


def told(observer: Observer, actor: Actor, finished: Finished) -> None:
    """Judge its end: what it says is true, and nothing is left that it should have put back."""
    visit = actor.visit
    assert visit is not None
    _alarms_are_true(observer, actor, finished)
    back = [event for event in actor.events if isinstance(event, RolledBack | Restored)]
    _note(observer, actor, finished)
    match finished.result:
        case Result.ROLLED_BACK if not back:
            observer.blame("says what it did", f"{actor.name} put nothing back: {finished.reason}")
        case Result.UNCHANGED:
            wrote = [f for f in visit.wrote if observer.truths[f].writer == actor.name]
            if back or wrote:
                observer.blame("says what it did", f"{actor.name} {finished.reason}; back: {wrote}")
        case Result.FAILED if _was_well(observer, actor):
            observer.blame("fails for a reason", f"{actor.name}: {finished.reason}")
        case Result.PROMOTED | Result.HELD:
            observer.blame("only back", f"{actor.name}: {finished.result}")
    if "left to the run that is at work" in finished.reason and not _saw_a_live_run(actor):
        observer.blame("says what it saw", f"{actor.name}: {finished.reason}")
    if not visit.disturbed:
        _leaves_nothing(observer, actor, finished)


def _note(observer: Observer, actor: Actor, finished: Finished) -> None:
    for what in ("at work", "no alarm has fired", "every step had passed", "in no rollout"):
        if what in finished.reason:
            observer.seen[f"guardian leaves alone: {what}"] += 1
    if any(a.visit and a.alive and a.finished is None for a in observer.actors.values()):
        observer.seen["two guardians at once"] += 1


def _was_well(observer: Observer, actor: Actor) -> bool:
    assert actor.visit is not None
    gone = any(truth.gone for truth in observer.truths.values())
    return not (
        actor.visit.disturbed or actor.visit.not_alone or gone or _is_missing(observer, actor)
    )


def _is_missing(observer: Observer, actor: Actor) -> bool:
    """Whether an alarm is gone, or an alias does not tell where its last promotion came from."""
    visit = actor.visit
    if visit is not None and visit.bake and not _was_told_everywhere(observer, visit.began):
        return True
    there = observer.world.cloudwatch()._alarms
    return any(alarm.text not in there for alarm in actor.spec.inputs.alarms)


def _was_told_everywhere(observer: Observer, since: datetime) -> bool:
    if any(_when(observer, at) >= since for at in observer.guarded.previous_at.values()):
        return False
    for function in observer.truths:
        kept, shown = observer.show_kept(function), observer.show(function)
        mark = kept.mark if kept is not None else None
        if mark is None or shown is None or shown.routing.version not in {mark.old, mark.new}:
            return False
    return True


def _alarms_are_true(observer: Observer, actor: Actor, finished: Finished) -> None:
    for alarm in finished.failed_alarms:
        if not observer.guarded.fired[alarm.name]:
            observer.blame("alarms are true", f"{actor.name} says that {alarm.name} fired")


def is_in_doubt(actor: Actor) -> bool:
    """Whether it cannot believe the time that AWS's answers tell it."""
    return actor.misdated or abs(actor.fate.skew) > NEAR - 10 * SECOND


def _saw_a_live_run(actor: Actor) -> bool:
    assert actor.visit is not None
    # Whoever stands still with an answer under way has it from before.
    return (
        is_in_doubt(actor)
        or actor.frozen_ever
        or any(
            _is_live(shown.ours, at - 2 * SECOND)
            for reads in actor.visit.reads.values()
            for at, shown in reads
        )
    )


def not_because_of_it(observer: Observer, actor: Actor, finished: Finished) -> None:
    """guardian: no run that is alive and well ends otherwise than it would have without a guardian.

    Nobody can see a run that has no record on any alias yet.
    """
    if finished.result is not Result.FAILED or actor.split_at is None:
        return
    if actor.frozen_ever or actor.lost:
        return
    for function in actor.reached:
        other = observer.actors.get(observer.truths[function].writer)
        if other is None or other.visit is None:
            continue
        wrote_at = other.visit.wrote[function]
        settles = actor.settling_since is not None and actor.settling_since < wrote_at
        if not settles and other.visit.began > _when(observer, actor.split_at):
            observer.blame("disturbs no live run", f"{actor.name} by {other.name}: {finished}")


# What is left -------------------------------------------------------------------------------------


def _leaves_nothing(observer: Observer, actor: Actor, finished: Finished) -> None:
    """guardian: a look of which all calls succeed leaves nothing that was to go back when it began."""
    visit = actor.visit
    assert visit is not None
    left = {function for function, cause in due(observer, actor).items() if cause < visit.began}
    for function, record in visit.due.items():
        shown = observer.show(function)
        if shown is not None and shown.ours == record and not visit.not_alone:
            left.add(function)
    for function in sorted(left):
        what = f"{actor.name} left {function} {observer.show(function)}: {finished.reason}"
        observer.blame("a look leaves nothing", what)


def not_later(observer: Observer, guardian: Actor) -> None:
    """guardian: nothing is abandoned, or held though an alarm has fired, for more than 15 minutes."""
    for function, cause in due(observer, guardian).items():
        if cause + AT_LATEST >= _now(observer):
            continue
        if cause > _when(observer, observer.guarded.troubled_at):
            shown = observer.show(function)
            observer.blame("15 minutes at most", f"{function} is {shown} since {cause}")


def due(observer: Observer, guardian: Actor) -> dict[str, datetime]:
    """Return by function since when an alias is to be put back. None of them is while a run is at work on any."""
    shown = {function: observer.show(function) for function in observer.truths}
    if any(each is None for each in shown.values()):
        return {}
    ours = {f: each.ours for f, each in shown.items() if each is not None and each.ours}
    if any(_is_live(record, _now(observer)) for record in ours.values()):
        return {}
    ends = [record.until for record in ours.values() if record.until is not None]
    written_at = observer.guarded.written_at
    if not ours:
        return _baking(observer, guardian, _when(observer, max(written_at.values())))
    latest = max([_when(observer, written_at[False]), *ends])
    causes = {}
    for function, record in ours.items():
        group = [each for each in ours.values() if each.rollout_id == record.rollout_id]
        cause = _cause(observer, guardian, group)
        if cause is not None:
            causes[function] = max(latest, cause)
    return causes


def _cause(observer: Observer, guardian: Actor, group: list[Record]) -> datetime | None:
    """Return since when a rollout that is nobody's is to be put back; None if it is not."""
    if any(record.passed for record in group):
        return None
    if not all(record.held for record in group):
        return max(record.until for record in group if record.until is not None)
    since = min(record.since or _now(observer) for record in group)
    return _fired(observer, guardian, since)


def _fired(observer: Observer, guardian: Actor, at: datetime) -> datetime | None:
    cloudwatch = observer.world.cloudwatch()
    asked = [alarm.text for alarm in guardian.spec.inputs.alarms]
    names = [name for name in asked if name in cloudwatch._alarms]
    since = at - MARGIN + SECOND
    return observer.guarded.known_since(names, since, cloudwatch.history_lag)


def _baking(observer: Observer, guardian: Actor, latest: datetime) -> dict[str, datetime]:
    """Return the promotions that are to be taken back: they bake, and an alarm has fired."""
    causes: dict[str, datetime] = {}
    assert guardian.visit is not None
    if not guardian.visit.bake:
        return causes
    for function in observer.truths:
        mark = _mark(observer, function)
        if mark is None or _now(observer) - mark.at >= guardian.visit.bake - SECOND:
            continue
        fired = _fired(observer, guardian, mark.at)
        if fired is not None:
            set_at = observer.guarded.previous_at.get(function, observer.now)
            causes[function] = max(latest, fired, _when(observer, set_at))
    return causes


def _mark(observer: Observer, function: str) -> Promotion | None:
    """Return the promotion that an alias is on still, if one tells of it."""
    kept, shown = observer.show_kept(function), observer.show(function)
    mark = kept.mark if kept is not None else None
    if mark is None or shown is None or mark.old == mark.new:
        return None
    return mark if shown.routing == Routing.all_on(mark.new) else None
