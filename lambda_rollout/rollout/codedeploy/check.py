"""What is looked at before a CodeDeploy deployment, and when it says that it is done.

Is the group fit for it, does one run already, which version and configuration shall it have; and at the end, does
the alias show it?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.analysis.alarms import Survey, firing_at_start
from lambda_rollout.analysis.version import changed_settings
from lambda_rollout.inputs.choices import Mode, Preflight
from lambda_rollout.inputs.codedeploy_steps import (
    codedeploy_routing,
    configuration_name,
    is_predefined,
)
from lambda_rollout.rollout.acquire import acquire
from lambda_rollout.rollout.codedeploy.follow import END_EVERY, await_end
from lambda_rollout.rollout.codedeploy.model import (
    RUNNING,
    CodeDeploy,
    DeploymentGroup,
    DeploymentState,
    DeploymentTarget,
    differences,
    own_name,
)
from lambda_rollout.rollout.events import AlreadyThere, Result, VersionTaken, Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.prepare import look_first, recheck_alarms
from lambda_rollout.rollout.saved_state import DeploymentRef
from lambda_rollout.rollout.smoke_test import ReadyVersion, smoke_test
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.rollout.version import await_ready, check_latest, check_version, choose
from lambda_rollout.runtime.errors import AlreadyExists, NotFound, RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT, raise_if_stopped, retrying

ALIAS_LIMIT = 30.0
"""Seconds that the alias may take to show what CodeDeploy says it has done."""

START_LIMIT = 60.0
"""Seconds that a deployment may take from Created until it tells what it moves."""


def check_group(spec: RolloutSpec, ports: Ports, engine: CodeDeploy) -> DeploymentGroup:
    """Look at the application and the group; tell what differs from the inputs.

    Raises `RolloutError` for what cannot deploy to Lambda, with ``preflight: strict`` also for a difference.
    """
    ref = engine.place
    try:
        platform = retrying(ports.clock, ports.stop)(engine.platform)
        group = retrying(ports.clock, ports.stop)(engine.group)
    except NotFound as error:
        raise RolloutError(
            f"{error.message} ({ref.application}/{ref.group} in {spec.inputs.region}).",
            "Check `codedeploy-application`, `codedeploy-deployment-group` and `aws-region`.",
        ) from error
    if platform != "Lambda":
        raise RolloutError(
            f"CodeDeploy application {ref.application} is for {platform or 'Server'}, not for Lambda.",
            "Name an application whose compute platform is Lambda.",
        )
    found = list(
        differences(group, ref, [alarm.text for alarm in spec.inputs.alarms], spec.inputs.region)
    )
    for text in found:
        ports.emit(Warned(text=text))
    if found and spec.inputs.preflight is Preflight.STRICT and spec.inputs.mode is not Mode.PLAN:
        raise RolloutError(
            found[0],
            "Change the group or the inputs, or set `preflight: warn` to roll out anyway.",
        )
    return group


def ensure_configuration(spec: RolloutSpec, ports: Ports, engine: CodeDeploy) -> str:
    """Return the name of the configuration that shifts as the plan does; ours is made if it is not there."""
    routing = codedeploy_routing(spec.plan)
    if routing is None:
        raise RolloutError(f"CodeDeploy cannot shift in these steps: {spec.plan.describe()}.")
    name = configuration_name(routing)
    if is_predefined(routing):
        return name
    patient = retrying(ports.clock, ports.stop)
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
            "Delete it. This action then creates it again.",
        )
    return name


def find_running(
    spec: RolloutSpec, ports: Ports, engine: CodeDeploy
) -> tuple[str, DeploymentTarget] | None:
    """Return the deployment that the group is busy with, and what it moves; None if it is free.

    One that rolls another back is waited for. Raises `RolloutError` if it moves another alias: a group takes one
    deployment at a time.
    """
    patient = retrying(ports.clock, ports.stop)
    end = ports.clock.monotonic() + START_LIMIT
    while running := patient(engine.deployments, RUNNING):
        state: DeploymentState = patient(engine.read, running[0])
        if state.rolls_back:
            text = (
                f"CodeDeploy is rolling back deployment {state.rolls_back}. This run waits for it."
            )
            ports.emit(Warned(text=text))
            until = ports.clock.monotonic() + SETTLE_LIMIT
            if await_end(engine, ports, state.id, until, lambda _: None) is None:
                raise _busy(engine.place, state.id, "still rolling back")
            continue
        shift = patient(engine.shift, state.id)
        if shift is not None:
            if not shift.is_of(spec.inputs.targets[0]):
                raise _busy(engine.place, state.id, f"moving {shift.function}:{shift.alias}")
            return state.id, shift
        if ports.clock.monotonic() >= end:
            raise _busy(engine.place, state.id, f"{state.status}, and does not start")
        ports.clock.wait(END_EVERY, ports.stop)
        raise_if_stopped(ports.stop)
    return None


def _busy(ref: DeploymentRef, deployment: str, doing: str) -> RolloutError:
    return RolloutError(
        f"deployment group {ref.application}/{ref.group} is busy: deployment {deployment} is {doing}.",
        "Wait for it, or stop it in CodeDeploy.",
    )


def check_same(
    spec: RolloutSpec, ports: Ports, engine: CodeDeploy, deployment: str, shift: DeploymentTarget
) -> None:
    """Raise `RolloutError` if the running deployment rolls out something else than this run is to.

    Then to follow it would be to say of the wrong code that it is out. What is asked for by number is
    compared by number, ``$LATEST`` by its code and its configuration, a package by the description its version would
    get.
    """
    target = spec.inputs.targets[0]
    changed: Sequence[str] = ()
    if not spec.publishes:
        same = choose(target, shift.old, spec, ports) == shift.new
    else:
        running = retrying(ports.clock, ports.stop)(ports.versions.read, target, shift.new)
        if target.function in spec.packages:
            same = bool(spec.inputs.description) and running.description == spec.inputs.description
        else:
            latest = check_latest(target, ports)
            changed = changed_settings(running, latest)
            same = running.code_sha256 == latest.code_sha256 and not changed
        if same:
            ports.emit(VersionTaken(target=target, version=shift.new, previous=shift.old))
    if not same:
        stop = DeploymentRef(engine.place.application, engine.place.group, deployment)
        raise RolloutError(
            f"deployment {deployment} is moving {target} from version {shift.old} to {shift.new}, but this run "
            "has something else to roll out"
            + (
                f": the configuration of $LATEST has changed ({', '.join(changed)})."
                if changed
                else "."
            ),
            f"Wait for it, or stop it: {stop.stop_command(spec.inputs.region)}",
        )
    text = f"Deployment {deployment} is already running. This run follows it, and publishes and starts nothing."
    ports.emit(Warned(text=text))


@dataclass(frozen=True, slots=True)
class Prepared:
    """What can be deployed: the alias as it was found, the shift, its configuration and the alarms just before."""

    found: Alias
    shift: DeploymentTarget
    configuration: str
    survey: Survey


def prepare(
    spec: RolloutSpec, ports: Ports, engine: CodeDeploy, group: DeploymentGroup
) -> Prepared | Result:
    """Do all that comes before the deployment; return how it ends if there is nothing to deploy."""
    (target,) = spec.inputs.targets
    (rollout,) = acquire(spec, ports)
    if rollout.existing is None:
        raise RolloutError(f"there is no alias {target}.", "CodeDeploy only moves one that exists.")
    found = rollout.existing.found
    seen = look_first(spec, ports, [rollout]).versions
    old = found.routing.version
    if spec.inputs.mode is Mode.PLAN:
        check_version(target, old, spec, ports, seen)
        return Result.PLANNED
    new = choose(target, old, spec, ports, seen)
    if new == old:
        ports.emit(AlreadyThere(target=target, version=new))
        return Result.UNCHANGED
    state = await_ready(target, new, spec, ports, seen)
    smoke_test([ReadyVersion(target, new, state.limits)], spec, ports)
    configuration = ensure_configuration(spec, ports, engine)
    survey = recheck_alarms(spec, ports)
    _refuse_what_codedeploy_would_stop(survey, spec, engine, group)
    return Prepared(
        found, DeploymentTarget(target.name, target.alias, old, new), configuration, survey
    )


def _refuse_what_codedeploy_would_stop(
    survey: Survey, spec: RolloutSpec, engine: CodeDeploy, group: DeploymentGroup
) -> None:
    names = [
        own_name(reading.arn, spec.inputs.region) for reading in firing_at_start(survey.readings)
    ]
    if stopping := [name for name in names if name in group.alarms]:
        raise RolloutError(
            f"in ALARM, and deployment group {engine.place.group} stops on it: {', '.join(stopping)}.",
            "CodeDeploy cannot ignore an alarm. To get a fix past it, take it out of the group for this time, or set "
            "`engine: direct`.",
        )


class TakenOver(RolloutError):
    """Another run that followed the same deployment has the alias now."""


def await_promoted(
    spec: RolloutSpec, ports: Ports, ref: DeploymentRef, shift: DeploymentTarget
) -> Alias:
    """Return the alias once it shows what CodeDeploy says it has done. Raises `RolloutError` if it does not."""
    (target,) = spec.inputs.targets
    end = ports.clock.monotonic() + ALIAS_LIMIT
    while True:
        alias = retrying(ports.clock, ports.stop)(ports.aliases.read, target)
        _, record = lease.parse(alias.description)
        if record is not None and lease.agrees(record, alias.routing):
            raise TakenOver(
                f"another run has taken over {target} and watches it: {record}.",
                "Nothing is left to do here: wait for that run.",
            )
        if alias.routing == Routing.all_on(shift.new):
            return alias
        if ports.clock.monotonic() >= end:
            raise RolloutError(
                f"{ref} succeeded, but {target} is at {alias.shown}.",
                "Look at the deployment in CodeDeploy, and start again.",
            )
        ports.clock.wait(END_EVERY, ports.stop)
        raise_if_stopped(ports.stop)
