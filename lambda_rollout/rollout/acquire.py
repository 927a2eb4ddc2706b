"""Arriving at the aliases: are they free to be moved, and if not, whose are they and what is to be done?

All are looked at before one is touched. Nothing is written here but the mending of what a dead run of this
action left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record, RunWord, Whose
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.rollout.abandoned import Mending, _not_mended, _was_all_but_done
from lambda_rollout.rollout.alias_status import NotOurs, Sight, _by_hand, _tell, read_alias, refusal
from lambda_rollout.rollout.events import (
    Warned,
)
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import NotFound, RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT, UNREACHABLE_LIMIT, heed, patiently

PAUSE = 5.0
"""Seconds between two looks at an alias that AWS, or a lost call of ours, may still be moving."""


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


# Mending -------------------------------------------------------------------------------------------


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
