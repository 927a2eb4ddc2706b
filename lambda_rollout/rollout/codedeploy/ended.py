"""The ends of a CodeDeploy deployment that another one began: ``mode: rollback``, and the post stage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

from lambda_rollout.rollout.codedeploy.check import find_running
from lambda_rollout.rollout.codedeploy.model import Engine, Shift
from lambda_rollout.rollout.codedeploy.stop import Retreat, handover_of
from lambda_rollout.rollout.events import AliasFound, Event, Finished, Result, Started, Warned
from lambda_rollout.rollout.finish import Ending
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.post_stage import LIMIT, UNFINISHED
from lambda_rollout.rollout.rollback import undo
from lambda_rollout.rollout.saved_state import Charge, Handover, Phase, Place
from lambda_rollout.rollout.spec import Order
from lambda_rollout.runtime.errors import CallFailed, RolloutError
from lambda_rollout.runtime.retry import patiently


def undo_deployment(order: Order, parts: Parts, engine: Engine) -> Finished:
    """``mode: rollback``: stop the deployment that moves the alias; without one, go back as ever. Never raises."""
    trouble = ""
    try:
        running = find_running(order, parts, engine)
    except RolloutError as error:
        running, trouble = None, error.what
    if running is None:
        return undo(order, _saying(parts, trouble))
    parts.emit(order.started(parts.clock.now()))
    finished = _undo_running(order, parts, engine, *running)
    parts.emit(finished)
    return finished


def _undo_running(
    order: Order, parts: Parts, engine: Engine, deployment: str, shift: Shift
) -> Finished:
    ending = Ending(order, parts)
    target = order.targets[0]
    if order.version not in {None, shift.old}:
        return ending.finished(
            Result.FAILED,
            f"deployment {deployment} moves {target} from version {shift.old}, so it cannot go back to version "
            f"{order.version}.",
            "Leave `version` empty.",
        )
    place = replace(engine.place, deployment=deployment)
    parts.remember(handover_of(order, place, shift, Phase.STOPPING))
    retreat = Retreat(order, parts, engine, ending)
    try:
        retreat.stop(deployment)
    except CallFailed as error:
        retreat.left_running(place, shift, error)
        return ending.finished(Result.FAILED, f"{place} could not be stopped")
    _tell_alias(order, parts)
    retreat.see_through(deployment)
    outcome = retreat.settle(shift, Decimal(), None)
    if not outcome.back:
        return ending.finished(Result.FAILED, f"{target} could not be put back")
    ending.remember(Phase.DONE)
    finished = ending.finished(Result.ROLLED_BACK, "asked for with mode: rollback")
    return replace(finished, asked_for=True)


def _tell_alias(order: Order, parts: Parts) -> None:
    target = order.targets[0]
    try:
        alias = parts.aliases.read(target)
    except CallFailed:
        # Only to be told; where it ends up is read again, and with patience.
        return
    now = parts.clock.now()
    parts.emit(AliasFound(at=now, target=target, arn=alias.arn, routing=alias.shown))


def _saying(parts: Parts, trouble: str) -> Parts:
    """Let the first event be followed by a warning, if there is one to give."""

    def emit(event: Event) -> None:
        parts.emit(event)
        if trouble and isinstance(event, Started):
            text = f"CodeDeploy was not asked to stop anything: {trouble}"
            parts.emit(Warned(at=event.at, text=text))

    return replace(parts, emit=emit)


def settle_deployment_main_left(
    handover: Handover, order: Order, parts: Parts, engine: Engine
) -> Finished:
    """The post stage, when main ended while CodeDeploy was at work. Never raises.

    A deployment goes on by design when its runner dies. Only what main was about to stop is stopped.
    """
    place = engine.place
    ending = Ending(order, parts)
    retreat = Retreat(order, parts, engine, ending, LIMIT)
    (charge,) = handover.charges
    shift = Shift(charge.target.name, charge.alias, charge.old, charge.new)
    if handover.phase is Phase.DEPLOYING:
        finished = _let_it_go_on(engine, order, parts, ending)
    else:
        finished = _stop(place, charge, shift, retreat, ending)
    parts.emit(finished)
    return finished


def _let_it_go_on(engine: Engine, order: Order, parts: Parts, ending: Ending) -> Finished:
    place = engine.place
    state = None
    if place.deployment:
        with suppress(CallFailed):
            state = patiently(parts.clock, None, LIMIT)(engine.read, place.deployment)
    if state is not None and state.ended:
        what = f"main ended; {place} is {state.status}, and nobody watched what came after it"
        return ending.finished(Result.FAILED, what, "Run the job again.")
    command = place.stop_command(order.region)
    return ending.finished(
        Result.FAILED,
        f"main ended; {place} goes on in AWS, and stops only on the alarms of its group",
        f"Run the job again to follow it{f', or stop it: {command}' if command else '.'}",
    )


def _stop(place: Place, charge: Charge, shift: Shift, retreat: Retreat, ending: Ending) -> Finished:
    deployment = place.deployment or retreat.find(charge.nonce)
    try:
        if deployment:
            retreat.stop(deployment)
            retreat.see_through(deployment)
    except CallFailed as error:
        retreat.left_running(place, shift, error)
        return ending.finished(Result.FAILED, f"{UNFINISHED}, and {place} could not be stopped")
    outcome = retreat.settle(shift, Decimal(), None)
    if outcome.back:
        ending.remember(Phase.DONE)
    return ending.finished(Result.ROLLED_BACK if outcome.back else Result.FAILED, UNFINISHED)
