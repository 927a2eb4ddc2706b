"""The five promises about the alias, as small rules that are asked after every request.

Each cites its promise: "1" to "5" of README's chapter on what is promised, "record" for docs/record.md.
A rule returns nothing; it blames.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.aws_clock import NEAR
from lambda_rollout.alias.record import LEASE, LEASE_IN_DOUBT, Record
from lambda_rollout.alias.routing import HUNDRED, Routing
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.rollout.events import Result
from sandbox.aws.request import Request
from tests.simulation import rules_guardian as guardian
from tests.simulation import rules_hooks as hooks
from tests.simulation import rules_previous as previous
from tests.simulation import rules_requests as requests
from tests.simulation import rules_smoke as smoke
from tests.simulation.observer import SOMEBODY, Actor, Observer, Shown, Write, write_of
from tests.simulation.previous import is_previous
from tests.simulation.rules_credentials import no_weight_while_unrenewed
from tests.simulation.rules_saved import saved_before_written
from tests.simulation.rules_step import fit_at_start, never_blind, not_passed, weight_after

CANCEL_LIMIT = 7.0
"""Seconds from a signal to the rollback's UpdateAlias (GitHub kills after 7.5 s)."""


# As a request arrives ---------------------------------------------------------------------------


def arrived(observer: Observer, actor: Actor, request: Request) -> None:
    """Judge a request of ours before AWS does anything."""
    if request.operation == "Invoke":
        # In a thread of its own: it keeps nothing else waiting.
        if request.function in observer.truths:
            smoke.tested(observer, actor, request)
        else:
            hooks.asked(observer, actor, request)
        return
    if is_previous(request):
        firing_is_answered_by_writing(observer, actor, request)
        lease_outlives_no_wait(observer, actor)
        previous.arrived(observer, actor, request)
        return
    hooks.rollback_is_behind_no_hook(observer, actor, request)
    hooks.alarms_are_read_meanwhile(observer, actor, request)
    firing_is_answered_by_writing(observer, actor, request)
    lease_outlives_no_wait(observer, actor)
    never_blind(observer, actor, request)
    publishes_what_it_has_seen(observer, actor, request)
    if request.operation != "UpdateAlias":
        return
    write = write_of(request, observer.now)
    if requests.is_request(actor, write.record):
        carries_everything(observer, actor, request)
        requests.arrived(observer, actor, write)
        return
    if actor.visit is not None:
        carries_everything(observer, actor, request)
        guardian.arrived(observer, actor, write)
        never_with_what_is_known_to_be_old(observer, actor, write)
        _note_sent(observer, actor, write)
        return
    previous.no_wait_before_clearing(observer, actor)
    carries_everything(observer, actor, request)
    is_one_of_ours(observer, actor, write)
    lease_is_on_awss_clock(observer, actor, write)
    weight_since_is_kept(observer, actor, write)
    says_passed_only_if_passed(observer, actor, write)
    hooks.no_traffic_before_its_hooks(observer, actor, write)
    smoke.no_traffic_before_its_smoke_test(observer, actor, write)
    goes_forward_by_the_plan(observer, actor, write)
    goes_on_with_what_it_found(observer, actor, write)
    never_holds_what_fired(observer, actor, write)
    only_to_what_can_serve(observer, actor, write)
    never_with_what_is_known_to_be_old(observer, actor, write)
    goes_back_in_order(observer, actor, write)
    saved_before_written(observer, actor, write)
    cancellation_is_quick(observer, actor, write)
    _note_sent(observer, actor, write)


def firing_is_answered_by_writing(observer: Observer, actor: Actor, request: Request) -> None:
    """1: the rollback's UpdateAlias, one per function, is sent before any other call."""
    if not actor.must_settle:
        return
    function = request.function
    is_write = request.operation == "UpdateAlias" and not is_previous(request)
    if is_write and function in actor.must_settle:
        actor.must_settle.discard(function)
    else:
        observer.blame("rollback first", f"{actor.name} sent {request.operation} first")
        actor.must_settle.clear()


def carries_everything(observer: Observer, actor: Actor, request: Request) -> None:
    """2: every write carries a RevisionId; and an omitted RoutingConfig would be kept by AWS."""
    for field in ("RevisionId", "FunctionVersion", "RoutingConfig", "Description"):
        if field not in request.params or (field == "RevisionId" and not request.params[field]):
            observer.blame("carries everything", f"{actor.name} sent no {field}")


def is_one_of_ours(observer: Observer, actor: Actor, write: Write) -> None:
    """1, 3: whole on the old version, or on the new one, or a split of just these two; nothing else."""
    base = actor.bases.get(write.function)
    routing, record = write.shown.routing, write.record
    if record is None:
        there = actor.records.get(write.function)
        new = _new_version(actor, write.function)
        finished = there.new if there and there.rollout_id in observer.cleared else None
        if routing.is_unsplit and routing.version in {base, new, finished}:
            return
        observer.blame("one of ours", f"{actor.name} wrote {routing} over {base}>{new}")
        return
    if not lease.agrees(record, routing):
        observer.blame("record agrees", f"{actor.name} wrote {routing} with {record}")
    taken = (
        {saved.taken_over_from for saved in actor.saved_state.aliases}
        if actor.saved_state
        else set()
    )
    if record.rollout_id not in {
        *actor.rollout_ids,
        actor.spec.rollout_id,
        *(taken if record.held else ()),
    }:
        observer.blame("record is its writer's", f"{actor.name} wrote {record}")


def lease_is_on_awss_clock(observer: Observer, actor: Actor, write: Write) -> None:
    """record: a lease of ten minutes on AWS's clock; of 15 on the runner's where the two are too far apart."""
    record = write.record
    if record is None or record.until is None or record.passed or actor.frozen_ever:
        return
    left, lease_of = record.until - _aws_now(observer), LEASE
    if abs(abs(actor.fate.skew) - NEAR) < timedelta(seconds=10):
        # By how much they are apart depends on how long the answer took.
        return
    if abs(actor.fate.skew) > NEAR or actor.misdated:
        left, lease_of = left - actor.fate.skew, LEASE_IN_DOUBT
    # A record is tried for a minute with the time it was made for.
    if not lease_of - timedelta(seconds=140) <= left <= lease_of + timedelta(seconds=1.1):
        observer.blame("lease on AWS's clock", f"{actor.name} wrote {record}, {left} from now")


def weight_since_is_kept(observer: Observer, actor: Actor, write: Write) -> None:
    """record: since when its weight is there: from its first writing on, and as found for one that goes on."""
    record, function = write.record, write.function
    if record is None or actor.frozen_ever or actor.misdated:
        return
    if record.since is None:
        observer.blame("since when", f"{actor.name} wrote {record}")
        return
    shown = observer.show(function)
    there = shown.ours if shown and shown.routing == write.shown.routing else None
    found = actor.records.get(function)
    if found is not None and found.since == record.since:
        # It goes on at a weight that it found, also if the record there is gone meanwhile.
        return
    told = actor.weights_since.setdefault((function, write.percent), record.since)
    if record.since != told and (there is None or record.since != there.since):
        observer.blame("since when", f"{actor.name} wrote {record}, and {told:%H:%M:%S} before")
    # Of AWS's clock two answers are needed; until then it is the runner's.
    far = abs(_aws_now(observer) - record.since) - abs(actor.fate.skew)
    if there is None and write.kind == "forward" and far > timedelta(seconds=140):
        if record.since == told and actor.reached.get(function) == write.percent:
            return
        observer.blame("since when", f"{actor.name} wrote {record} for a new weight")


def lease_outlives_no_wait(observer: Observer, actor: Actor) -> None:
    """record: renewed before its time is over for as long as its writer lives and watches."""
    if actor.frozen_ever or actor.settling_since is not None or not actor.reached:
        return
    for function in actor.reached:
        shown = observer.show(function)
        ours = shown.ours if shown else None
        if (
            ours is None
            or ours.rollout_id != actor.spec.rollout_id
            or ours.until is None
            or ours.passed
        ):
            continue
        if ours.until <= _aws_now(observer):
            observer.blame("renewed in time", f"{actor.name} let {ours} run out")


def goes_forward_by_the_plan(observer: Observer, actor: Actor, write: Write) -> None:
    """3: the plan's next weight and no other, and only when the watch before it found nothing."""
    if write.kind != "forward":
        return
    if actor.role == "post":
        observer.blame("settles only", f"{actor.name} went forward: {write.shown.routing}")
    if actor.settling_since is not None:
        observer.blame("settles only", f"{actor.name} went forward after it went back")
    if actor.knows_fired:
        observer.blame("never against an alarm", f"{actor.name} wrote {write.shown.routing}")
    fit_at_start(observer, actor)
    no_weight_while_unrenewed(observer, actor, write)
    last, percent = actor.reached.get(write.function), write.percent
    if percent == last:
        return
    if percent != _following(actor, last, percent):
        observer.blame("the plan's weights", f"{actor.name} wrote {percent}% after {last}%")
    elif last is not None and percent > max(actor.reached.values()):
        # The first function of a step speaks for all: they are judged together.
        why = not_passed(actor)
        if why is not None:
            observer.blame("watched before it rises", f"{actor.name} went to {percent}%: {why}")


def _following(actor: Actor, last: Decimal | None, percent: Decimal) -> Decimal | None:
    """Return the weight that comes after ``last``."""
    if requests.may_go_to_100(actor, last, percent):
        return HUNDRED
    following = weight_after(actor, last)
    resumes = (
        actor.spec.inputs.on_stranded is OnStranded.RESUME
        and actor.spec.inputs.mode is not Mode.PROMOTE
    )
    if last is None and resumes:
        # "watch its weight again in full": the lowest that a function of the group was left at.
        return min(actor.left_for_it, default=following)
    return following


def goes_on_with_what_it_found(observer: Observer, actor: Actor, write: Write) -> None:
    """Inputs: to resume or promote a rollout with another version than its own is an error."""
    found = actor.found.get(write.function)
    record = found.ours if found is not None else None
    if record is None or write.record is None or record.rollout_id == write.record.rollout_id:
        return
    if record.new != write.record.new:
        observer.blame(
            "goes on with its version", f"{actor.name} wrote {write.shown} over {record}"
        )


def never_holds_what_fired(observer: Observer, actor: Actor, write: Write) -> None:
    """1: a post stage holds nothing that main had found an alarm against."""
    main = observer.actors["main"]
    # A main that lives on beside its post stage may learn of it after the two have parted.
    died = main.fate.killed_at
    if died is not None and died - main.alarms_read_at < main.fate.latency:
        # Killed while the answer was on its way.
        return
    if write.kind == "held" and actor.role == "post" and main.knows_fired and not main.lost:
        observer.blame("never against an alarm", f"{actor.name} holds {write.shown.routing}")


def publishes_what_it_has_seen(observer: Observer, actor: Actor, request: Request) -> None:
    """2: AWS is told which code is meant, so that an answer that is none cannot let other code through."""
    if request.operation == "PublishVersion" and not request.params.get("CodeSha256"):
        observer.blame("publishes what it has seen", f"{actor.name} published without CodeSha256")


def only_to_what_can_serve(observer: Observer, actor: Actor, write: Write) -> None:
    """3: no traffic for a version that AWS does not call Active."""
    record = write.record
    function = observer.world.lambda_().functions.get(write.function)
    if record is None or function is None or write.kind != "forward":
        return
    version = function.published.get(record.new)
    if version is not None and version.state != "Active":
        observer.blame("only what can serve", f"{actor.name} wrote {write.shown.routing}")


def never_with_what_is_known_to_be_old(observer: Observer, actor: Actor, write: Write) -> None:
    """2: after a conflict comes a look: where nobody heeds the RevisionId the write would overwrite somebody's."""
    if observer.seen["fault stale"]:
        # A read may have shown it once more.
        return
    if write.shown.revision_id in actor.revisions.get(write.function, [])[:-1]:
        observer.blame("not with an old RevisionId", f"{actor.name} wrote {write.shown}")


def goes_back_in_order(observer: Observer, actor: Actor, write: Write) -> None:
    """1: of several functions the last one shifted goes back first."""
    if write.kind != "whole" or actor.role == "post" or actor.lost:
        return
    if not (observer.is_calm and observer.in_order):
        return
    reached = list(actor.reached)
    if write.function not in reached or write.function in actor.settled:
        return
    if write.shown.routing != Routing.all_on(actor.bases.get(write.function, "")):
        return
    later = reached[reached.index(write.function) + 1 :]
    if waiting := [
        each for each in later if each in actor.touched - actor.settled - actor.refused_on
    ]:
        observer.blame("the last one first", f"{actor.name}: {write.function} before {waiting}")


def says_passed_only_if_passed(observer: Observer, actor: Actor, write: Write) -> None:
    """3: what is marked as passed is finished forward by whoever comes next."""
    if write.kind == "passed" and write.record and write.record.rollout_id not in observer.cleared:
        observer.blame("passed only if passed", f"{actor.name} wrote {write.record}")


def cancellation_is_quick(observer: Observer, actor: Actor, write: Write) -> None:
    """Issue: from the signal to the rollback's UpdateAlias in under 7 s, whatever hangs."""
    if actor.cancelled_at is None or write.kind == "forward" or actor.settling_since is not None:
        return
    if actor.frozen_ever or actor.role == "post":
        return
    if observer.truths[write.function].author != actor.name:
        # What it shows is another's doing: a write of ours that is in doubt is only to be made useless.
        return
    if actor.touched and observer.now - actor.cancelled_at > CANCEL_LIMIT:
        took = observer.now - actor.cancelled_at
        observer.blame("quick on cancel", f"{actor.name} took {took:.1f} s to settle")


def _note_sent(observer: Observer, actor: Actor, write: Write) -> None:
    if write.kind == "forward":
        actor.forward_at = observer.now
        if actor.reached.get(write.function) != write.percent:
            actor.reached[write.function] = write.percent
            actor.since.pop(write.function, None)
        return
    actor.settled.add(write.function)
    if (actor.reached or actor.role == "post") and actor.settling_since is None:
        actor.settling_since = observer.now


# As AWS has done it -----------------------------------------------------------------------------


def written(observer: Observer, actor: Actor, function: str, before: Shown, after: Shown) -> None:
    """Judge a write of ours that took effect."""
    never_over_a_foreign_routing(observer, actor, function, before, after)
    never_over_another_runs_routing(observer, actor, function, before, after)
    if actor.visit is not None:
        guardian.written(observer, actor, function, before, after)
    else:
        never_a_living_runs_alias(observer, actor, before, after)
    nobody_writes_after_a_follower(observer, actor, function, before, after)
    nobody_writes_after_saying_done(observer, actor, function, before, after)
    split_with_its_record(observer, actor, function, before, after)
    requests.never_a_part_of_the_text(observer, actor, after)
    promoted_only_if_passed(observer, actor, function, before, after)
    cleared_only_once_marked(observer, actor, function, before, after)
    previous.went_back(observer, actor, function, before, after)


def never_over_a_foreign_routing(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """2: a routing that somebody else changed is left as it is, until a new run starts on it."""
    truth = observer.truths[function]
    if before.routing == after.routing or truth.author != SOMEBODY:
        return
    if _looks_like_its_own(actor, function, before) or _is_as_its_100(actor, function, before):
        # It cannot know that its own 100% was another routing between two of its looks.
        return
    if actor.role == "post" and before.routing == actor.adopted.get(function):
        # Somebody changed the routing and kept our record: by the record it is an unfinished rollout.
        return
    saved_aliases = actor.saved_state.aliases if actor.saved_state is not None else ()
    gone_on_from = {saved.taken_over_from for saved in saved_aliases}
    if before.ours is not None and before.ours.rollout_id in gone_on_from:
        # The same with the record of the run that main went on from.
        return
    taken = actor.looked_at.get(function, -1) >= truth.changed and actor.role != "post"
    if not taken or (not before.routing.is_unsplit and before.ours is None):
        observer.blame("foreign routing", f"{actor.name} made {before.routing} {after.routing}")


def never_over_another_runs_routing(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """2: what another run has done since we looked is not ours to undo, even if it looks like ours."""
    truth = observer.truths[function]
    if before.routing == after.routing or truth.author in {actor.name, SOMEBODY, "owner"}:
        return
    if _looks_like_its_own(actor, function, before):
        observer.ambiguous = True
        return
    # Whoever has no RevisionId from a look cannot write at all: a look that is not noted was a stale one.
    if actor.role != "post" and actor.looked_at.get(function, 0) < truth.changed:
        observer.blame("another run's routing", f"{actor.name} undid {truth.author}'s")


def never_a_living_runs_alias(
    observer: Observer, actor: Actor, before: Shown, after: Shown
) -> None:
    """record: a lease is over by AWS's clock or by GitHub's word, and by nothing else."""
    record = before.ours
    if record is None or record.rollout_id in {*actor.rollout_ids, actor.spec.rollout_id}:
        return
    if actor.spec.inputs.mode is Mode.ROLLBACK and actor.role != "post":
        return
    if record.held:
        asked = actor.spec.inputs.mode is Mode.PROMOTE or actor.role == "post"
        if not asked:
            observer.blame("held is held", f"{actor.name} wrote {after.routing} over {record}")
        return
    if record.passed and before.routing == after.routing:
        # What has passed is finished forward by whoever comes first, as its own run is about to do.
        return
    over = observer.words.get(record.rollout_id, False)
    if not over and not record.expired(_aws_now(observer)):
        observer.blame("a living run's", f"{actor.name} wrote {after.routing} over {record}")
    if not over and any(_is_at_work(observer, each, record) for each in observer.actors.values()):
        observer.blame("beneath a living run", f"{actor.name} wrote {after.routing} over {record}")


def _is_at_work(observer: Observer, actor: Actor, record: Record) -> bool:
    """Whether the process that wrote a record is alive and well, and has written it in time: whatever clocks say."""
    well = actor.alive and actor.finished is None and not (actor.frozen_ever or actor.lost)
    renewed = observer.now - actor.recorded_at < LEASE.total_seconds() - 140
    return well and renewed and record.rollout_id == actor.spec.rollout_id


def nobody_writes_after_a_follower(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """5: what another writer holds is useless once the post stage, or a next run, has written."""
    truth = observer.truths[function]
    if before.record is None and truth.edited and actor.name != "post":
        # The mark that it is taken was struck out by somebody else.
        return
    if _looks_like_its_own(actor, function, before):
        return
    found = actor.found.get(function)
    if found is not None and (found.ours, found.routing) == (before.ours, before.routing):
        # Its own writes were refused, and what it looked at again is as it found it: written once more by the post
        # stage, and nobody can see that.
        return
    closed = truth.closed_to.get(actor.name, -1)
    if actor.looked_at.get(function, -1) < closed and before.routing != after.routing:
        observer.blame("useless afterwards", f"{actor.name} still wrote {after.routing}")


def _looks_like_its_own(actor: Actor, function: str, before: Shown) -> bool:
    """Whether it may be its own doing, the record of which somebody struck out: it cannot know better.

    That is so for a write without an answer; and for its watch at 100%, if the next run promoted the same version
    while it stood still, or lived on beside its post stage.
    """
    if before.record is not None:
        return False
    if before.routing in actor.unanswered.get(function, ()):
        return True
    aliases = actor.saved_state.aliases if actor.saved_state is not None else ()
    if any(each.function == function and before.routing in each.routings for each in aliases):
        # All that a post stage knows of main's writes is what main set out to write.
        return True
    return _is_as_its_100(actor, function, before) and (actor.frozen_ever or actor.lost)


def _is_as_its_100(actor: Actor, function: str, before: Shown) -> bool:
    """Whether it is at 100% by its own doing, and finds just that, without any record."""
    whole = Routing.all_on(_new_version(actor, function) or "")
    at_100 = actor.reached.get(function) == HUNDRED and before.routing == whole
    return at_100 and before.record is None


def nobody_writes_after_saying_done(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """1, 5: a confirmed end is an end: no late effect may undo it."""
    done = actor.finished
    if done is not None and done.result is not Result.FAILED:
        observer.blame("done is done", f"{actor.name} wrote {after.routing} after {done.result}")


def split_with_its_record(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """record: weight and owner are written together and agree; a whole old version has none."""
    base = actor.bases.get(function, "")
    if not after.routing.is_unsplit and after.ours is None:
        observer.blame("split with its record", f"{actor.name} left {after.routing} without")
    # AWS may keep a description in place of an empty one; then there is another write.
    kept = observer.world.lambda_().keeps_descriptions and before.description == after.description
    if after.routing == Routing.all_on(base) and after.record is not None and not kept:
        observer.blame(
            "split with its record", f"{actor.name} left {after.record} on a whole alias"
        )
    if len(after.description.encode("utf-16-le")) > 512:
        observer.blame("256 characters", f"{len(after.description)}")


def promoted_only_if_passed(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """3: whole on the new version without a record only after every watch was passed."""
    new = before.record.new if before.record else _new_version(actor, function)
    if after.record is not None or after.routing != Routing.all_on(new or ""):
        return
    if after.routing.version == actor.bases.get(function):
        return
    rollout_ids = {
        *actor.rollout_ids,
        actor.spec.rollout_id,
        before.record.rollout_id if before.record else "",
    }
    if not observer.cleared & rollout_ids:
        observer.blame("promoted only if passed", f"{actor.name} released {after.routing}")


def cleared_only_once_marked(
    observer: Observer, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """record: before the first of several is cleared, one of them says that all have passed.

    If that cannot be said any more, because one was taken back or deleted, none of them goes forward.
    """
    record = before.ours
    if record is None or after.record is not None or after.routing != Routing.all_on(record.new):
        return
    others = [
        each.ours
        for other in observer.truths
        if other != function
        and (each := observer.show(other)) is not None
        and each.ours is not None
    ]
    left = [each for each in others if each.rollout_id == record.rollout_id]
    if left and not any(each.passed for each in (record, *left)):
        observer.blame("marked before cleared", f"{actor.name} cleared {function}, not yet {left}")
    if record.passed or record.rollout_id in observer.marked:
        return
    for other, new in observer.moved.get(record.rollout_id, {}).items():
        shown = observer.show(other)
        if other != function and (shown is None or shown.routing != Routing.all_on(new)):
            what = f"{actor.name} cleared {function}, and {other} is {shown and shown.routing}"
            observer.blame("all forward or all back", what)


def after_effect(observer: Observer) -> None:
    """Judge the whole world after any request took effect."""
    for actor in observer.actors.values():
        _heed_the_cancelled(observer, actor)
        requests.no_longer_than_planned(observer, actor)


def _heed_the_cancelled(observer: Observer, actor: Actor) -> None:
    """Issue: a cancelled main settles within 7 s of the signal, whoever else is at work meanwhile."""
    if actor.cancelled_at is None or not actor.touched or actor.settling_since is not None:
        return
    if actor.frozen_ever or not actor.alive or actor.finished or actor.role == "post":
        return
    if all(_is_anothers(observer, actor, function) for function in actor.touched):
        # They are all somebody else's by now, and to be left alone.
        return
    if observer.now - actor.cancelled_at > CANCEL_LIMIT:
        observer.blame("quick on cancel", f"{actor.name} has not settled yet")
        actor.cancelled_at = None


def _is_anothers(observer: Observer, actor: Actor, function: str) -> bool:
    truth, shown = observer.truths[function], observer.show(function)
    ours = shown.ours if shown is not None else None
    is_held = ours is not None and ours.held and truth.writer != actor.name
    return is_held or truth.author != actor.name


def _new_version(actor: Actor, function: str) -> str | None:
    if actor.saved_state is not None:
        new = next((c.new for c in actor.saved_state.aliases if c.function == function), "")
        return new or None
    held = actor.records.get(function)
    if actor.spec.inputs.mode is Mode.PROMOTE and held is not None:
        return held.new
    (target,) = (each for each in actor.spec.inputs.targets if each.function == function)
    return actor.versions.get(function) or actor.spec.version_number(target)


def _aws_now(observer: Observer) -> datetime:
    return observer.world.clock.now()
