"""``mode: rollback``: at once back to the old version, whether the rollout is held, dead or alive.

The button for three in the morning. It waits for nobody: a live run finds the routing changed by somebody
else and stops. It does not read alarms, and once it has looked it does not listen to a stop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record, Whose
from lambda_rollout.alias.routing import HUNDRED, Alias, Target
from lambda_rollout.alias.writer import Traffic
from lambda_rollout.analysis.version import NeverReady, readiness, wake_command
from lambda_rollout.rollout.alias_status import Sight, read_alias, refusal, say_if_cut
from lambda_rollout.rollout.events import AliasFound, AlreadyThere, Finished, Result, Warned
from lambda_rollout.rollout.finish import Ending, InCharge
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.spec import Order
from lambda_rollout.rollout.version import check_exists, version_of_alias, way_to_serve
from lambda_rollout.runtime.errors import RolloutError

_T = TypeVar("_T")


def undo(order: Order, parts: Parts) -> Finished:
    """Put every target back. Never raises."""
    parts.emit(order.started(parts.clock.now()))
    ending = Ending(order, parts)
    try:
        finished = _undo(replace(order, create_alias=False), parts, ending)
    except RolloutError as cause:
        finished = ending.finished(Result.FAILED, cause.what, cause.remedy)
    parts.emit(finished)
    return finished


def _undo(order: Order, parts: Parts, ending: Ending) -> Finished:
    seen = parts.together(lambda target: _tried(lambda: _look(target, order, parts)), order.targets)
    found = [each for each in seen if not isinstance(each, RolloutError)]
    # What is wrong with one must not keep the others from going back.
    problems = [each for each in seen if isinstance(each, RolloutError)]
    on_record = [record for _, _, record in found if record is not None]
    charges = []
    for each in found:
        alone = not on_record
        grasped = _tried(partial(_grasp, *each, order=order, parts=parts, alone=alone))
        if isinstance(grasped, RolloutError):
            problems.append(grasped)
        elif isinstance(grasped, str):
            parts.emit(AlreadyThere(at=parts.clock.now(), target=each[0], version=grasped))
        else:
            charges.append(ending.take_charge(*grasped))
            charges[-1].doubtful = True
            if each[2] is None:
                # The post stage knows from it that what it finds is where this rollback began.
                charges[-1].tried.append(str(HUNDRED))
    all_back = ending.put_back(list(reversed(charges)))
    for charge in charges:
        _say_if_asleep(charge, order, parts)
    cleared = any(charge.traffic.lost_record for charge in charges)
    if on_record and (cleared or any(record.passed for record in on_record)):
        problems += [_may_be_new(target) for target, _, record in found if record is None]
    if problems:
        return ending.finished(
            Result.FAILED, "; ".join(each.what for each in problems), problems[0].remedy
        )
    if not all_back:
        return ending.finished(Result.FAILED, "not every alias could be put back")
    if not charges:
        return ending.finished(Result.UNCHANGED)
    finished = ending.finished(Result.ROLLED_BACK, "asked for with mode: rollback")
    return replace(finished, asked_for=True)


def _say_if_asleep(charge: InCharge, order: Order, parts: Parts) -> None:
    """Say how to wake the version that the alias went back to, if it is idle. First back, then this: one look."""
    target, version = charge.traffic.target, charge.traffic.old
    if charge.shifted or parts.stop.requested:
        return
    try:
        state = parts.versions.read(target, version)
    except RolloutError:
        return
    match readiness(state):
        case NeverReady(why, idle=True):
            text = (
                f"Version {version} of {target.name}, which {target} is on again, needs a moment: {why.rstrip('.')}. The next "
                "invocation fails and wakes it. Do that now, unless somebody has: "
                f"{wake_command(target.function, version, order.region)}"
            )
            parts.emit(Warned(at=parts.clock.now(), text=text))


def _tried(act: Callable[[], _T]) -> _T | RolloutError:
    try:
        return act()
    except RolloutError as error:
        return error


def _may_be_new(target: Target) -> RolloutError:
    return RolloutError(
        f"every step had passed and the records were being taken off: {target} may be on its new version already",
        "Look at it, and put it back with `mode: rollback` and `version`.",
    )


def _look(target: Target, order: Order, parts: Parts) -> tuple[Target, Alias, Record | None]:
    """Return the alias and the record of the rollout that it is in, if it is in one."""
    alias = read_alias(target, order, parts)
    if alias is None:
        raise RolloutError(f"there is no alias {target}.")
    parts.emit(AliasFound(at=parts.clock.now(), target=target, arn=alias.arn, routing=alias.shown))
    _, record = lease.parse(alias.description)
    if record is None or not lease.agrees(record, alias.routing):
        return target, alias, None
    say_if_cut(target, alias, parts)
    return target, alias, record


def _grasp(
    target: Target,
    alias: Alias,
    record: Record | None,
    order: Order,
    parts: Parts,
    *,
    alone: bool,
) -> tuple[Traffic, str] | str:
    """Return the alias's traffic and the version to leave, or the version it is on already.

    ``alone`` says that none of the others is in a rollout. In one of several functions, what is whole without a
    record was unchanged, or was not shifted yet: it is where it is to be.
    """
    if record is not None:
        if order.version not in {None, record.old}:
            raise RolloutError(
                f"{target} is in a rollout from version {record.old} to {record.new}, so it cannot go back to "
                f"version {order.version}.",
                "Leave `version` empty.",
            )
        traffic = Traffic(
            target,
            alias,
            parts.aliases,
            parts.clock,
            parts.aws_clock,
            record.nonce,
            record.old,
            shared=True,
        )
        return traffic, record.new
    if not alias.routing.is_whole:
        raise refusal(Sight(target, alias, None, Whose.STRANGERS), order, parts)
    if order.version is None and not alone:
        return alias.routing.version
    return _grasp_whole(target, alias, order, parts)


def _grasp_whole(
    target: Target, alias: Alias, order: Order, parts: Parts
) -> tuple[Traffic, str] | str:
    asked = order.version or version_of_alias(target, order, parts)
    if asked is None:
        raise RolloutError(
            f"{target} is whole on version {alias.routing.version}, and no rollout is on record there.",
            "Set `version` to the one to go back to.",
        )
    if asked == alias.routing.version:
        return asked
    ready = readiness(check_exists(target, asked, parts))
    if isinstance(ready, NeverReady) and not ready.idle:
        remedy = way_to_serve(ready, target, asked, order) if ready.scaled_down else ""
        raise RolloutError(f"version {asked} of {target.name} cannot serve: {ready.why}", remedy)
    traffic = Traffic(
        target, alias, parts.aliases, parts.clock, parts.aws_clock, order.nonce, asked
    )
    return traffic, alias.routing.version
