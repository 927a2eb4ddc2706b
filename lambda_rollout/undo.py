"""``mode: rollback``: at once back to the old version, whether the rollout is held, dead or alive.

The button for three in the morning. It waits for nobody: a live run finds the routing changed by somebody
else and stops. It does not read alarms, and it does not listen to a stop.
"""

from __future__ import annotations

from dataclasses import replace

from lambda_rollout import lease
from lambda_rollout.arrival import Sight, read_alias, refusal
from lambda_rollout.ending import Ending
from lambda_rollout.errors import RolloutError
from lambda_rollout.events import AliasFound, AlreadyThere, Finished, Result
from lambda_rollout.judge import NeverReady, readiness
from lambda_rollout.lease import Whose
from lambda_rollout.order import Order, Parts
from lambda_rollout.publishing import check_exists
from lambda_rollout.routing import Alias, Target
from lambda_rollout.traffic import Traffic


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
    grasped = [(target, _grasp(target, order, parts)) for target in order.targets]
    charges = []
    for target, found in grasped:
        if isinstance(found, str):
            parts.emit(AlreadyThere(at=parts.clock.now(), target=target, version=found))
            continue
        traffic, new = found
        charge = ending.take_charge(traffic, new)
        charge.doubtful = True
        charges.append(charge)
    if not charges:
        return ending.finished(Result.UNCHANGED)
    if ending.put_back(list(reversed(charges))):
        finished = ending.finished(Result.ROLLED_BACK, "asked for with mode: rollback")
        return replace(finished, asked_for=True)
    return ending.finished(Result.FAILED, "not every alias could be put back")


def _grasp(target: Target, order: Order, parts: Parts) -> tuple[Traffic, str] | str:
    """Return the alias's traffic and the version to leave, or the version it is on already."""
    alias = read_alias(target, order, parts)
    if alias is None:
        raise RolloutError(f"there is no alias {target}.")
    parts.emit(
        AliasFound(at=parts.clock.now(), target=target, arn=alias.arn, routing=alias.routing)
    )
    _, record = lease.parse(alias.description)
    if record is not None and lease.agrees(record, alias.routing):
        if order.version not in {None, record.old}:
            raise RolloutError(
                f"{target} is in a rollout from version {record.old} to {record.new}, so it cannot go back to "
                f"version {order.version}.",
                "Leave `version` empty.",
            )
        traffic = Traffic(
            target, alias, parts.aliases, parts.clock, record.nonce, record.old, shared=True
        )
        return traffic, record.new
    if not alias.routing.is_whole:
        raise refusal(Sight(target, alias, None, Whose.STRANGERS), order, parts)
    return _grasp_whole(target, alias, order, parts)


def _grasp_whole(
    target: Target, alias: Alias, order: Order, parts: Parts
) -> tuple[Traffic, str] | str:
    if order.version is None:
        raise RolloutError(
            f"{target} is whole on version {alias.routing.version}, and no rollout is on record there.",
            "Set `version` to the one to go back to.",
        )
    if order.version == alias.routing.version:
        return order.version
    ready = readiness(check_exists(target, order.version, parts))
    if isinstance(ready, NeverReady):
        raise RolloutError(f"version {order.version} of {target.name} cannot serve: {ready.why}")
    traffic = Traffic(target, alias, parts.aliases, parts.clock, order.nonce, order.version)
    return traffic, alias.routing.version
