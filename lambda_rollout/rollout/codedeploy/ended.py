"""The ends of a CodeDeploy deployment that another one began: ``mode: rollback``, and the post stage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from functools import partial

from lambda_rollout.rollout.codedeploy.check import find_running
from lambda_rollout.rollout.codedeploy.model import CodeDeploy, DeploymentTarget
from lambda_rollout.rollout.codedeploy.stop import DeploymentStop, saved_state_of
from lambda_rollout.rollout.events import AliasFound, Event, Finished, Result, Started, Warned
from lambda_rollout.rollout.finish import Finisher
from lambda_rollout.rollout.main_account import naming_by_arn
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.post_stage import LIMIT, UNFINISHED
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import DeploymentRef, Phase, SavedAlias, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.rollout.story import without_failing
from lambda_rollout.runtime.errors import CallFailed, RolloutError
from lambda_rollout.runtime.retry import retrying


def rollback_deployment(spec: RolloutSpec, ports: Ports, engine: CodeDeploy) -> Finished:
    """``mode: rollback``: stop the deployment that moves the alias; without one, go back as ever. Never raises."""
    trouble = ""
    try:
        running = find_running(spec, ports, engine)
    except RolloutError as error:
        running, trouble = None, error.what
    if running is None:
        return rollback(spec, _saying(ports, trouble))
    ports.emit(spec.started())
    finished = _rollback_running(spec, ports, engine, *running)
    ports.emit(finished)
    return finished


def _rollback_running(
    spec: RolloutSpec, ports: Ports, engine: CodeDeploy, deployment: str, shift: DeploymentTarget
) -> Finished:
    finisher = Finisher(spec.identity, ports)
    target = spec.inputs.targets[0]
    if spec.version_number(target) not in {None, shift.old}:
        return finisher.finished(
            Result.FAILED,
            f"deployment {deployment} moves {target} from version {shift.old}, so it cannot go back to version "
            f"{spec.version_number(target)}.",
            "Leave `version` empty.",
        )
    began = ports.clock.monotonic()
    ref = replace(engine.place, deployment=deployment)
    ports.remember(saved_state_of(spec.identity, target, ref, shift, Phase.STOPPING))
    deployment_stop = DeploymentStop(spec.identity, target, ports, engine, finisher)
    try:
        deployment_stop.stop(deployment)
    except CallFailed as error:
        deployment_stop.left_running(ref, shift, error)
        return finisher.finished(Result.FAILED, f"{ref} could not be stopped")
    alias_arn = _tell_alias(spec, ports)
    deployment_stop.see_through(deployment)
    outcome = deployment_stop.settle(shift, Decimal(), None)
    if not outcome.back:
        return finisher.finished(Result.FAILED, f"{target} could not be restored")
    finisher.remember(Phase.DONE)
    # The post stage reads no logs, and does not import what does.
    from lambda_rollout.rollout.version_logs import RolledBackVersion, tell_what_was_logged

    left = [RolledBackVersion(target, shift.new, alias_arn)]
    without_failing(partial(tell_what_was_logged, spec, ports, left, began), ports)
    finished = finisher.finished(Result.ROLLED_BACK, "asked for with mode: rollback")
    return replace(finished, asked_for=True)


def _tell_alias(spec: RolloutSpec, ports: Ports) -> str:
    """Tell what the alias does now, and return its ARN; empty if it could not be read."""
    target = spec.inputs.targets[0]
    try:
        alias = ports.aliases.read(target)
    except CallFailed:
        # Only to be told; where it ends up is read again, and with patience.
        return ""
    ports.emit(AliasFound(target=target, arn=alias.arn, routing=alias.shown))
    return alias.arn


def _saying(ports: Ports, trouble: str) -> Ports:
    """Let the first event be followed by a warning, if there is one to give."""

    def emit(event: Event) -> None:
        ports.emit(event)
        if trouble and isinstance(event, Started):
            text = f"CodeDeploy was not asked to stop anything: {trouble}"
            ports.emit(Warned(text=text))

    return replace(ports, emit=emit)


def settle_deployment_main_left(
    saved_state: SavedState, identity: RunIdentity, ports: Ports, engine: CodeDeploy
) -> Finished:
    """The post stage, when main ended while CodeDeploy was at work. Never raises.

    A deployment goes on by design when its runner dies. Only what main was about to stop is stopped.
    """
    ref = engine.place
    ports = naming_by_arn(ports, saved_state.aliases)
    finisher = Finisher(identity, ports)
    (saved,) = saved_state.aliases
    deployment_stop = DeploymentStop(identity, saved.target, ports, engine, finisher, LIMIT)
    shift = DeploymentTarget(saved.target.name, saved.alias, saved.old, saved.new)
    if saved_state.phase is Phase.DEPLOYING:
        finished = _let_it_go_on(engine, identity.region, ports, finisher)
    else:
        finished = _stop(ref, saved, shift, deployment_stop, finisher)
    ports.emit(finished)
    return finished


def _let_it_go_on(engine: CodeDeploy, region: str, ports: Ports, finisher: Finisher) -> Finished:
    ref = engine.place
    state = None
    if ref.deployment:
        with suppress(CallFailed):
            state = retrying(ports.clock, None, LIMIT)(engine.read, ref.deployment)
    if state is not None and state.ended:
        what = (
            f"the main step ended; {ref} is {state.status}, and nothing watched what came after it"
        )
        return finisher.finished(Result.FAILED, what, "Run the job again.")
    command = ref.stop_command(region)
    return finisher.finished(
        Result.FAILED,
        f"the main step ended; {ref} goes on in AWS, and stops only on the alarms of its group",
        f"Run the job again to follow it{f', or stop it: {command}' if command else '.'}",
    )


def _stop(
    ref: DeploymentRef,
    saved: SavedAlias,
    shift: DeploymentTarget,
    deployment_stop: DeploymentStop,
    finisher: Finisher,
) -> Finished:
    deployment = ref.deployment or deployment_stop.find(saved.rollout_id)
    try:
        if deployment:
            deployment_stop.stop(deployment)
            deployment_stop.see_through(deployment)
    except CallFailed as error:
        deployment_stop.left_running(ref, shift, error)
        return finisher.finished(Result.FAILED, f"{UNFINISHED}, and {ref} could not be stopped")
    outcome = deployment_stop.settle(shift, Decimal(), None)
    if outcome.back:
        finisher.remember(Phase.DONE)
    return finisher.finished(Result.ROLLED_BACK if outcome.back else Result.FAILED, UNFINISHED)
