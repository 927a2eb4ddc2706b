"""The five promises about the alias, as small rules that are asked after every request.

Each cites its promise: "1" to "5" of the contract's chapter on what is promised, "record" for its chapter on
the record. A rule returns nothing; it blames.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from lambda_rollout import lease
from lambda_rollout.aws_clock import NEAR
from lambda_rollout.choices import Mode, OnStranded
from lambda_rollout.events import (
    Result,
)
from lambda_rollout.lease import LEASE, LEASE_IN_DOUBT
from lambda_rollout.routing import HUNDRED, Routing
from sandbox.aws.world import Request
from tests.simulation.passed import not_passed, weight_after
from tests.simulation.witness import SOMEBODY, Actor, Shown, Witness, Write, write_of

CANCEL_LIMIT = 7.0
"""Seconds from a signal to the rollback's UpdateAlias (GitHub kills after 7.5 s)."""


# As a request arrives ---------------------------------------------------------------------------


def arrived(witness: Witness, actor: Actor, request: Request) -> None:
    """Judge a request of ours before AWS does anything."""
    firing_is_answered_by_writing(witness, actor, request)
    lease_outlives_no_wait(witness, actor)
    if request.operation != "UpdateAlias":
        return
    write = write_of(request, witness.now)
    carries_everything(witness, actor, request)
    is_one_of_ours(witness, actor, write)
    lease_is_on_awss_clock(witness, actor, write)
    says_passed_only_if_passed(witness, actor, write)
    goes_forward_by_the_plan(witness, actor, write)
    cancellation_is_quick(witness, actor, write)
    _note_sent(witness, actor, write)


def firing_is_answered_by_writing(witness: Witness, actor: Actor, request: Request) -> None:
    """1: the rollback's UpdateAlias, one per function, is sent before any other call."""
    if not actor.must_settle:
        return
    function = request.params.get("FunctionName", "")
    if request.operation == "UpdateAlias" and function in actor.must_settle:
        actor.must_settle.discard(function)
    else:
        witness.blame("rollback first", f"{actor.name} sent {request.operation} first")
        actor.must_settle.clear()


def carries_everything(witness: Witness, actor: Actor, request: Request) -> None:
    """2: every write carries a RevisionId; and an omitted RoutingConfig would be kept by AWS."""
    for field in ("RevisionId", "FunctionVersion", "RoutingConfig", "Description"):
        if field not in request.params or (field == "RevisionId" and not request.params[field]):
            witness.blame("carries everything", f"{actor.name} sent no {field}")


def is_one_of_ours(witness: Witness, actor: Actor, write: Write) -> None:
    """1, 3: whole on the old version, or on the new one, or a split of just these two; nothing else."""
    base = actor.bases.get(write.function)
    routing, record = write.shown.routing, write.record
    if record is None:
        there = actor.records.get(write.function)
        new = _new_version(actor, write.function)
        finished = there.new if there and there.nonce in witness.cleared else None
        if routing.is_whole and routing.version in {base, new, finished}:
            return
        witness.blame("one of ours", f"{actor.name} wrote {routing} over {base}>{new}")
        return
    if not lease.agrees(record, routing):
        witness.blame("record agrees", f"{actor.name} wrote {routing} with {record}")
    if record.nonce not in actor.nonces and record.nonce != actor.order.nonce:
        witness.blame("record is its writer's", f"{actor.name} wrote {record}")


def lease_is_on_awss_clock(witness: Witness, actor: Actor, write: Write) -> None:
    """record: a lease of ten minutes on AWS's clock; of 15 on the runner's where the two are too far apart."""
    record = write.record
    if record is None or record.until is None or record.passed or actor.frozen_ever:
        return
    left, lease_of = record.until - _aws_now(witness), LEASE
    if abs(abs(actor.fate.skew) - NEAR) < timedelta(seconds=10):
        # By how much they are apart depends on how long the answer took.
        return
    if abs(actor.fate.skew) > NEAR:
        left, lease_of = left - actor.fate.skew, LEASE_IN_DOUBT
    # A record is tried for a minute with the time it was made for.
    if not lease_of - timedelta(seconds=140) <= left <= lease_of + timedelta(seconds=1.1):
        witness.blame("lease on AWS's clock", f"{actor.name} wrote {record}, {left} from now")


def lease_outlives_no_wait(witness: Witness, actor: Actor) -> None:
    """record: renewed before its time is over for as long as its writer lives and watches."""
    if actor.frozen_ever or actor.settling_since is not None or not actor.reached:
        return
    for function in actor.reached:
        shown = witness.show(function)
        ours = shown.ours if shown else None
        if ours is None or ours.nonce != actor.order.nonce or ours.until is None or ours.passed:
            continue
        if ours.until <= _aws_now(witness):
            witness.blame("renewed in time", f"{actor.name} let {ours} run out")


def goes_forward_by_the_plan(witness: Witness, actor: Actor, write: Write) -> None:
    """3: the plan's next weight and no other, and only when the watch before it found nothing."""
    if write.kind != "forward":
        return
    if actor.role == "post":
        witness.blame("settles only", f"{actor.name} went forward: {write.shown.routing}")
    if actor.settling_since is not None:
        witness.blame("settles only", f"{actor.name} went forward after it went back")
    if actor.knows_fired:
        witness.blame("never against an alarm", f"{actor.name} wrote {write.shown.routing}")
    last, percent = actor.reached.get(write.function), write.percent
    if percent == last:
        return
    if last is None and (
        actor.order.on_stranded is OnStranded.RESUME or actor.order.mode is Mode.PROMOTE
    ):
        return
    following = weight_after(actor, last)
    if percent != following:
        witness.blame("the plan's weights", f"{actor.name} wrote {percent}% after {last}%")
    elif last is not None and percent > max(actor.reached.values()):
        # The first function of a step speaks for all: they are judged together.
        why = not_passed(actor)
        if why is not None:
            witness.blame("watched before it rises", f"{actor.name} went to {percent}%: {why}")


def says_passed_only_if_passed(witness: Witness, actor: Actor, write: Write) -> None:
    """3: what is marked as passed is finished forward by whoever comes next."""
    if write.kind == "passed" and write.record and write.record.nonce not in witness.cleared:
        witness.blame("passed only if passed", f"{actor.name} wrote {write.record}")


def cancellation_is_quick(witness: Witness, actor: Actor, write: Write) -> None:
    """Issue: from the signal to the rollback's UpdateAlias in under 7 s, whatever hangs."""
    if actor.cancelled_at is None or write.kind == "forward" or actor.settling_since is not None:
        return
    if actor.frozen_ever or actor.role == "post":
        return
    if actor.touched and witness.now - actor.cancelled_at > CANCEL_LIMIT:
        took = witness.now - actor.cancelled_at
        witness.blame("quick on cancel", f"{actor.name} took {took:.1f} s to settle")


def _note_sent(witness: Witness, actor: Actor, write: Write) -> None:
    if write.kind == "forward":
        if actor.reached.get(write.function) != write.percent:
            actor.reached[write.function] = write.percent
            actor.since.pop(write.function, None)
    elif (actor.reached or actor.role == "post") and actor.settling_since is None:
        actor.settling_since = witness.now


# As AWS has done it -----------------------------------------------------------------------------


def written(witness: Witness, actor: Actor, function: str, before: Shown, after: Shown) -> None:
    """Judge a write of ours that took effect."""
    never_over_a_foreign_routing(witness, actor, function, before, after)
    never_over_another_runs_routing(witness, actor, function, before, after)
    never_a_living_runs_alias(witness, actor, before, after)
    nobody_writes_after_a_follower(witness, actor, function, before, after)
    nobody_writes_after_saying_done(witness, actor, function, before, after)
    split_with_its_record(witness, actor, function, after)
    promoted_only_if_passed(witness, actor, function, before, after)


def never_over_a_foreign_routing(
    witness: Witness, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """2: a routing that somebody else changed is left as it is, until a new run starts on it."""
    truth = witness.truths[function]
    if before.routing == after.routing or truth.author != SOMEBODY:
        return
    if _looks_like_its_own(actor, function, before):
        return
    if actor.role == "post" and before.routing == actor.adopted.get(function):
        # Somebody changed the routing and kept our record: by the record it is an unfinished rollout.
        return
    taken = actor.looked_at.get(function, -1) >= truth.changed and actor.role != "post"
    if not taken or (not before.routing.is_whole and before.ours is None):
        witness.blame("foreign routing", f"{actor.name} made {before.routing} {after.routing}")


def never_over_another_runs_routing(
    witness: Witness, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """2: what another run has done since we looked is not ours to undo, even if it looks like ours."""
    truth = witness.truths[function]
    if before.routing == after.routing or truth.author in {actor.name, SOMEBODY, "owner"}:
        return
    if _looks_like_its_own(actor, function, before):
        witness.ambiguous = True
        return
    if actor.role != "post" and actor.looked_at.get(function, -1) < truth.changed:
        witness.blame("another run's routing", f"{actor.name} undid {truth.author}'s")


def never_a_living_runs_alias(witness: Witness, actor: Actor, before: Shown, after: Shown) -> None:
    """record: a lease is over by AWS's clock or by GitHub's word, and by nothing else."""
    record = before.ours
    if record is None or record.nonce in {*actor.nonces, actor.order.nonce} or record.held:
        return
    if actor.order.mode is Mode.ROLLBACK:
        return
    over = witness.words.get(record.nonce, False)
    if not over and not record.expired(_aws_now(witness)):
        witness.blame("a living run's", f"{actor.name} wrote {after.routing} over {record}")


def nobody_writes_after_a_follower(
    witness: Witness, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """5: what another writer holds is useless once the post stage, or a next run, has written."""
    truth = witness.truths[function]
    if before.record is None and truth.edited and actor.name != "post":
        # The mark that it is taken was struck out by somebody else.
        return
    if _looks_like_its_own(actor, function, before):
        return
    closed = truth.closed_to.get(actor.name, -1)
    if actor.looked_at.get(function, -1) < closed and before.routing != after.routing:
        witness.blame("useless afterwards", f"{actor.name} still wrote {after.routing}")


def _looks_like_its_own(actor: Actor, function: str, before: Shown) -> bool:
    """Whether it may be its own doing, the record of which somebody struck out: it cannot know better.

    That is so for a write without an answer; and for its watch at 100%, if the next run promoted the same version
    while it stood still, or lived on beside its post stage.
    """
    if before.record is not None:
        return False
    if before.routing in actor.unanswered.get(function, ()):
        return True
    whole = Routing.whole(_new_version(actor, function) or "")
    at_100 = actor.reached.get(function) == HUNDRED and before.routing == whole
    return at_100 and (actor.frozen_ever or actor.lost)


def nobody_writes_after_saying_done(
    witness: Witness, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """1, 5: a confirmed end is an end: no late effect may undo it."""
    done = actor.finished
    if done is not None and done.result is not Result.FAILED:
        witness.blame("done is done", f"{actor.name} wrote {after.routing} after {done.result}")


def split_with_its_record(witness: Witness, actor: Actor, function: str, after: Shown) -> None:
    """record: weight and owner are written together and agree; a whole old version has none."""
    base = actor.bases.get(function, "")
    if not after.routing.is_whole and after.ours is None:
        witness.blame("split with its record", f"{actor.name} left {after.routing} without")
    if after.routing == Routing.whole(base) and after.record is not None:
        witness.blame("split with its record", f"{actor.name} left {after.record} on a whole alias")
    if len(after.description.encode("utf-16-le")) > 512:
        witness.blame("256 characters", f"{len(after.description)}")


def promoted_only_if_passed(
    witness: Witness, actor: Actor, function: str, before: Shown, after: Shown
) -> None:
    """3: whole on the new version without a record only after every watch was passed."""
    new = before.record.new if before.record else _new_version(actor, function)
    if after.record is not None or after.routing != Routing.whole(new or ""):
        return
    if after.routing.version == actor.bases.get(function):
        return
    nonces = {*actor.nonces, actor.order.nonce, before.record.nonce if before.record else ""}
    if not witness.cleared & nonces:
        witness.blame("promoted only if passed", f"{actor.name} released {after.routing}")


def after_effect(witness: Witness) -> None:
    """Judge the whole world after any request took effect."""
    for actor in witness.actors.values():
        _heed_the_cancelled(witness, actor)


def _heed_the_cancelled(witness: Witness, actor: Actor) -> None:
    """Issue: a cancelled main settles within 7 s of the signal, whoever else is at work meanwhile."""
    if actor.cancelled_at is None or not actor.touched or actor.settling_since is not None:
        return
    if actor.frozen_ever or not actor.alive or actor.finished or actor.role == "post":
        return
    if all(witness.truths[function].author != actor.name for function in actor.touched):
        # They are all somebody else's by now, and to be left alone.
        return
    if witness.now - actor.cancelled_at > CANCEL_LIMIT:
        witness.blame("quick on cancel", f"{actor.name} has not settled yet")
        actor.cancelled_at = None


def _new_version(actor: Actor, function: str) -> str | None:
    if actor.handover is not None:
        new = next((c.new for c in actor.handover.charges if c.function == function), "")
        return new or None
    held = actor.records.get(function)
    if actor.order.mode is Mode.PROMOTE and held is not None:
        return held.new
    return actor.versions.get(function) or actor.order.version


def _aws_now(witness: Witness) -> datetime:
    return witness.world.clock.now()
