"""Composition: builds the real parts and hands them to the story. Knows everybody; decides nothing.

What is imported here is what the first question to AWS does not need (`lambda_rollout.app`).
"""

from __future__ import annotations

import gc
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.analysis.guards.measures import measures_of
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.caller import caller_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.github.job import JobContext
from lambda_rollout.github.repository import is_private
from lambda_rollout.github.runs import GitHubRuns
from lambda_rollout.inputs.choices import Engine, Mode
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.inputs.read_all import Files
from lambda_rollout.rollout.events import Finished, Warned
from lambda_rollout.rollout.lifetimes import warnings
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import KEY, LARGEST, DeploymentRef, Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.background import BackgroundThread
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.parallel import several_at_once

if TYPE_CHECKING:
    from lambda_rollout.rollout.ports import Alarms


def tell(
    inputs: Inputs, files: Files, clients: Clients, aliases: LambdaAliases, context: JobContext
) -> Finished:
    """Tell the story that was asked for, to its end."""
    spec = spec_of(inputs, files, context)
    is_temporary = bool(context.environ.get("AWS_SESSION_TOKEN"))
    spec = replace(spec, warnings=tuple(warnings(spec, temporary=is_temporary)))
    ports = build_ports(
        clients, aliases, inputs.alarms, inputs.github_token, context, inputs.guards
    )
    if inputs.mode is Mode.PUBLISH:
        from lambda_rollout.rollout.publish import publish

        return publish(spec, ports)
    if inputs.engine is Engine.CODEDEPLOY:
        return _deploy(inputs, spec, ports, clients)
    if inputs.mode is Mode.ROLLBACK:
        return rollback(spec, ports)
    return Rollout(spec, ports).run()


def spec_of(inputs: Inputs, files: Files, context: JobContext) -> RolloutSpec:
    """Say what was asked for, and who does it."""
    return RolloutSpec(
        inputs,
        context.runner.run,
        rollout_id=secrets.token_hex(4),
        packages=files.packages,
        payloads=files.payloads,
        shows_messages=is_private(context.environ),
    )


def tell_what_role_it_takes(inputs: Inputs, files: Files, context: JobContext) -> None:
    """Let a plan without credentials tell what the role needs: its first run may be to ask that."""
    from lambda_rollout.rollout.permissions import without_credentials

    spec = spec_of(inputs, files, context)
    context.journal.emit(without_credentials(spec, partial(_claims_of_job, context)))


def _claims_of_job(context: JobContext, role: str) -> Mapping[str, Any]:
    """Ask once for what this job's OIDC token says, meant for ``role``. Raises `RolloutError`."""
    from lambda_rollout.aws.web_identity import audiences
    from lambda_rollout.runtime.id_token import claims_of, id_token

    token = id_token(context.environ, audiences(role)[0], context.runner.hide)
    try:
        return claims_of(token)
    except ValueError as error:
        raise RolloutError(f"GitHub's answer holds {error}.") from error


def _deploy(inputs: Inputs, spec: RolloutSpec, ports: Ports, clients: Clients) -> Finished:
    from lambda_rollout.aws.codedeploy import CodeDeployEngine
    from lambda_rollout.rollout.codedeploy.ended import rollback_deployment
    from lambda_rollout.rollout.codedeploy.engine import Deployment

    ref = DeploymentRef(
        inputs.codedeploy_application or "", inputs.codedeploy_deployment_group or ""
    )
    engine = CodeDeployEngine(clients, ref)
    if inputs.mode is Mode.ROLLBACK:
        return rollback_deployment(spec, ports, engine)

    def alarms_of(more: Sequence[str]) -> Alarms:
        names = (AlarmName(name, name) for name in more)
        return CloudWatchAlarms(clients, [*inputs.alarms, *names], ports.stop)

    return Deployment(spec, ports, engine, alarms_of).run()


def build_ports(
    clients: Clients,
    aliases: LambdaAliases,
    alarms: Sequence[AlarmName],
    token: str,
    context: JobContext,
    guards: Sequence[Guard] = (),
) -> Ports:
    """Build the real parts."""
    ports = Ports(
        aliases=aliases,
        versions=LambdaVersions(clients),
        alarms=CloudWatchAlarms(clients, alarms, context.stop),
        runs=GitHubRuns(context.runner.run, context.environ.get("GITHUB_API_URL", ""), token),
        clock=context.clock,
        aws_clock=clients.aws_clock,
        stop=context.stop,
        emit=context.journal.emit,
        remember=_memory(context),
        parallel=several_at_once,
        background=lambda: BackgroundThread("call"),
        invocations=LambdaInvocations(clients),
        metrics=CloudWatchMetrics(clients, measures_of(guards)),
        logs=CloudWatchLogs(clients),
        preflight_reader=AwsPreflightReader(clients, alarms),
        rights=lambda: clients.rights.said,
        claims=partial(_claims_of_job, context),
        life=clients.life,
        caller=partial(caller_of, clients),
    )
    _start_is_over()
    return ports


def _start_is_over() -> None:
    """Let the collector go on, past all that lasts anyhow: what is needed is imported."""
    gc.freeze()
    gc.enable()


def save_nothing(_saved_state: SavedState) -> None:
    """Stand for `_memory` in the post stage, after which no stage comes."""


def _memory(context: JobContext) -> Callable[[SavedState], None]:
    """Return what saves for the post stage, before what it describes is done.

    It returns when that is saved, or when it takes too long. That it is not saved is told once, and ends nothing.
    """
    told: list[str] = []

    def remember(saved_state: SavedState) -> None:
        # When all is done nothing else is needed, and a full disk has room for so little.
        saved = replace(saved_state, aliases=()) if saved_state.phase is Phase.DONE else saved_state
        text = saved.to_json()
        # One that is too long would keep the post stage from starting at all.
        fits = len(text) <= LARGEST
        problem = (
            context.runner.save_state({KEY: text}) if fits else "it is too long for a variable"
        )
        if problem and not told:
            told.append(problem)
            text = (
                f"State could not be saved ({problem}). If this job is killed now, its post stage cannot restore the "
                "alias: the next run does, or `mode: rollback`. Look at the runner's disk and its temporary folder."
            )
            context.journal.emit(Warned(text=text))

    return remember
