"""What is looked at before a CodeDeploy deployment, and when it says that it is done.

Is the group fit for it, does one run already, which version and configuration shall it have; and at the end, does
the alias show it?
"""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.alias.writer import Traffic
from lambda_rollout.analysis.alarms import Survey, firing_at_start
from lambda_rollout.inputs.choices import Mode, Preflight
from lambda_rollout.inputs.steps import codedeploy_routing
from lambda_rollout.rollout.acquire import arrive
from lambda_rollout.rollout.codedeploy.follow import END_EVERY, await_end
from lambda_rollout.rollout.codedeploy.model import (
    RUNNING,
    DeploymentState,
    Engine,
    Group,
    Shift,
    configuration_name,
    differences,
    is_predefined,
    own_name,
)
from lambda_rollout.rollout.events import AlreadyThere, Result, VersionTaken, Warned
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.prepare import first_look, last_look, preflight
from lambda_rollout.rollout.saved_state import Place
from lambda_rollout.rollout.spec import Order
from lambda_rollout.rollout.version import await_ready, check_latest, choose, read_storage
from lambda_rollout.runtime.errors import AlreadyExists, NotFound, RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT, heed, patiently

ALIAS_LIMIT = 30.0
"""Seconds that the alias may take to show what CodeDeploy says it has done."""

START_LIMIT = 60.0
"""Seconds that a deployment may take from Created until it tells what it moves."""


def check_group(order: Order, parts: Parts, engine: Engine) -> Group:
    """Look at the application and the group; tell what differs from the inputs.

    Raises `RolloutError` for what cannot deploy to Lambda, with ``preflight: strict`` also for a difference.
    """
    place = engine.place
    try:
        platform = patiently(parts.clock, parts.stop)(engine.platform)
        group = patiently(parts.clock, parts.stop)(engine.group)
    except NotFound as error:
        raise RolloutError(
            f"{error.message} ({place.application}/{place.group} in {order.region}).",
            "Check `codedeploy-application`, `codedeploy-deployment-group` and `aws-region`.",
        ) from error
    if platform != "Lambda":
        raise RolloutError(
            f"CodeDeploy application {place.application} is for {platform or 'Server'}, not for Lambda.",
            "Name an application whose compute platform is Lambda.",
        )
    found = list(differences(group, place, order.alarms, order.region))
    for text in found:
        parts.emit(Warned(at=parts.clock.now(), text=text))
    if found and order.preflight is Preflight.STRICT and order.mode is not Mode.PLAN:
        raise RolloutError(
            found[0],
            "Change the group or the inputs, or set `preflight: warn` to roll out all the same.",
        )
    return group


def ensure_configuration(order: Order, parts: Parts, engine: Engine) -> str:
    """Return the name of the configuration that shifts as the plan does; ours is made if it is not there."""
    routing = codedeploy_routing(order.plan)
    if routing is None:
        raise RolloutError(f"CodeDeploy cannot shift in these steps: {order.plan.describe()}.")
    name = configuration_name(routing)
    if is_predefined(routing):
        return name
    patient = patiently(parts.clock, parts.stop)
    try:
        found = patient(engine.configuration, name)
    except NotFound:
        try:
            patient(engine.create_configuration, name, routing)
        except AlreadyExists:
            # Another run was faster, or a lost answer was a success.
            found = patient(engine.configuration, name)
        else:
            return name
    if found != routing:
        raise RolloutError(
            f"deployment configuration {name} is not what its name says: {found}.",
            "Delete it: this action makes it anew.",
        )
    return name


def find_running(order: Order, parts: Parts, engine: Engine) -> tuple[str, Shift] | None:
    """Return the deployment that the group is busy with, and what it moves; None if it is free.

    One that rolls another back is waited for. Raises `RolloutError` if it moves another alias: a group takes one
    deployment at a time.
    """
    patient = patiently(parts.clock, parts.stop)
    end = parts.clock.monotonic() + START_LIMIT
    while running := patient(engine.deployments, RUNNING):
        state: DeploymentState = patient(engine.read, running[0])
        if state.rolls_back:
            text = f"CodeDeploy is rolling back deployment {state.rolls_back}: waiting for it."
            parts.emit(Warned(at=parts.clock.now(), text=text))
            until = parts.clock.monotonic() + SETTLE_LIMIT
            if await_end(engine, parts, state.id, until, lambda _: None) is None:
                raise _busy(engine.place, state.id, "still rolling back")
            continue
        shift = patient(engine.shift, state.id)
        if shift is not None:
            if not shift.is_of(order.targets[0]):
                raise _busy(engine.place, state.id, f"moving {shift.function}:{shift.alias}")
            return state.id, shift
        if parts.clock.monotonic() >= end:
            raise _busy(engine.place, state.id, f"{state.status}, and does not start")
        parts.clock.wait(END_EVERY, parts.stop)
        heed(parts.stop)
    return None


def _busy(place: Place, deployment: str, doing: str) -> RolloutError:
    return RolloutError(
        f"deployment group {place.application}/{place.group} is busy: deployment {deployment} is {doing}.",
        "Wait for it, or stop it in CodeDeploy.",
    )


def check_same(order: Order, parts: Parts, engine: Engine, deployment: str, shift: Shift) -> None:
    """Raise `RolloutError` if the running deployment rolls out something else than this run is to.

    Then to follow it would be to say of the wrong code that it is out. What is asked for by number is
    compared by number, ``$LATEST`` by its code's hash, a package by the description its version would get.
    """
    target = order.targets[0]
    if order.version is not None or order.version_alias is not None:
        same = choose(target, shift.old, order, parts) == shift.new
    else:
        running = patiently(parts.clock, parts.stop)(parts.versions.read, target, shift.new)
        if order.package is not None:
            same = bool(order.description) and running.description == order.description
        else:
            same = running.code_sha256 == check_latest(target, parts).code_sha256
        if same:
            at = parts.clock.now()
            parts.emit(VersionTaken(at=at, target=target, version=shift.new, previous=shift.old))
    if not same:
        stop = Place(engine.place.application, engine.place.group, deployment)
        raise RolloutError(
            f"deployment {deployment} is moving {target} from version {shift.old} to {shift.new}, and this run is "
            "to roll out something else.",
            f"Wait for it, or stop it: {stop.stop_command(order.region)}",
        )
    text = f"Deployment {deployment} is running already: it is followed, and nothing is published or started."
    parts.emit(Warned(at=parts.clock.now(), text=text))


@dataclass(frozen=True, slots=True)
class Ready:
    """What can be deployed: the alias as it was found, the shift, its configuration and the alarms just before."""

    found: Alias
    shift: Shift
    configuration: str
    survey: Survey


def prepare(order: Order, parts: Parts, engine: Engine, group: Group) -> Ready | Result:
    """Do all that comes before the deployment; return how it ends if there is nothing to deploy."""
    (target,) = order.targets
    (taken,) = arrive(order, parts)
    found = taken.alias
    if found is None:
        raise RolloutError(f"there is no alias {target}.", "CodeDeploy only moves one that exists.")
    first_look(order, parts)
    traffic = Traffic(target, found, parts.aliases, parts.clock, parts.aws_clock, order.nonce)
    storage = read_storage(target, order, parts)
    preflight(order, parts, [(target, traffic)], {target: storage} if storage else {})
    old = found.routing.version
    if order.mode is Mode.PLAN:
        if order.version is not None or order.version_alias is not None:
            choose(target, old, order, parts)
        else:
            check_latest(target, parts)
        return Result.PLANNED
    new = choose(target, old, order, parts, storage)
    if new == old:
        parts.emit(AlreadyThere(at=parts.clock.now(), target=target, version=new))
        return Result.UNCHANGED
    await_ready(target, new, order, parts)
    configuration = ensure_configuration(order, parts, engine)
    survey = last_look(order, parts)
    _refuse_what_codedeploy_would_stop(survey, order, engine, group)
    return Ready(found, Shift(target.name, target.alias, old, new), configuration, survey)


def _refuse_what_codedeploy_would_stop(
    survey: Survey, order: Order, engine: Engine, group: Group
) -> None:
    names = [own_name(reading.arn, order.region) for reading in firing_at_start(survey.readings)]
    if stopping := [name for name in names if name in group.alarms]:
        raise RolloutError(
            f"in ALARM, and deployment group {engine.place.group} stops on it: {', '.join(stopping)}.",
            "CodeDeploy ignores no alarm: to get a fix past it, take it out of the group for this time, or set "
            "`engine: direct`.",
        )


class TakenOver(RolloutError):
    """Another run that followed the same deployment has the alias now."""


def await_promoted(order: Order, parts: Parts, place: Place, shift: Shift) -> Alias:
    """Return the alias once it shows what CodeDeploy says it has done. Raises `RolloutError` if it does not."""
    (target,) = order.targets
    end = parts.clock.monotonic() + ALIAS_LIMIT
    while True:
        alias = patiently(parts.clock, parts.stop)(parts.aliases.read, target)
        _, record = lease.parse(alias.description)
        if record is not None and lease.agrees(record, alias.routing):
            raise TakenOver(
                f"another run has taken over {target} and watches it: {record}.",
                "Nothing is left to do here: wait for that run.",
            )
        if alias.routing == Routing.whole(shift.new):
            return alias
        if parts.clock.monotonic() >= end:
            raise RolloutError(
                f"{place} has succeeded, says CodeDeploy, but {target} is {alias.shown}."
            )
        parts.clock.wait(END_EVERY, parts.stop)
        heed(parts.stop)
