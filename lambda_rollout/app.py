"""Composition: builds the real parts and hands them to the story. Knows everybody; decides nothing.

boto3 is imported only after the inputs were found good, so that a mistake in them is told at once, and not at
all by a post stage that has nothing to do.
"""

from __future__ import annotations

import contextlib
import gc
import os
import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.github.comment import STATE as COMMENT
from lambda_rollout.github.journal import Journal
from lambda_rollout.github.repository import is_private
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.runs import GitHubRuns
from lambda_rollout.github.stream import BackgroundStream, ForeignText, Lines
from lambda_rollout.inputs.choices import Comment, Engine, Mode
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read_all import Files, read_all
from lambda_rollout.rollout.events import Finished, Result, Warned
from lambda_rollout.rollout.finish import TELL_TROUBLE_AT
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.saved_state import KEY, LARGEST, DeploymentRef, Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.background import BackgroundThread
from lambda_rollout.runtime.clock import Clock, Stop, SystemClock
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.parallel import several_at_once
from lambda_rollout.runtime.retry import SETTLE_LIMIT

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.github.comment.feed import CommentFeed
    from lambda_rollout.rollout.ports import Alarms

FAILURES = frozenset({Result.FAILED, Result.ROLLED_BACK})


@dataclass(frozen=True, slots=True)
class JobContext:
    """What every stage works at: the runner's side, the record, the clock and the stop."""

    environ: Mapping[str, str]
    runner: Runner
    journal: Journal
    clock: Clock
    stop: Stop


STDOUT = 1
"""The file descriptor itself: what goes through ``sys.stdout`` is flushed at the exit, which then fails with it."""

DRAIN, DRAIN_CANCELLED = 2.0, 0.5
"""Seconds in which the log's reader may catch up at the end. One who is alive needs milliseconds; one who is not must
not keep a job waiting, and a cancelled one is killed 10 s after it was told."""


def main(environ: Mapping[str, str], stop: Stop) -> int:
    """Run the main stage; return the exit status, whether or not anybody reads the log."""
    return _run(main_stage, environ, stop)


def post(environ: Mapping[str, str], stop: Stop) -> int:
    """Run the post stage; return as `main` does. Which stage it is, the executable says, and nothing of the job's."""
    return _run(post_stage, environ, stop)


def _run(stage: Callable[[JobContext], int], environ: Mapping[str, str], stop: Stop) -> int:
    clock = SystemClock()
    log = BackgroundStream(STDOUT)
    runner = Runner(environ, Lines(log), stop=stop)
    context = JobContext(environ, runner, Journal(runner, clock), clock, stop)
    foreign = ForeignText(runner.echo)
    # A library's warning would block in the same pipe.
    with contextlib.redirect_stdout(foreign), contextlib.redirect_stderr(foreign):
        try:
            return _guarded(stage, context)
        finally:
            log.drain(DRAIN_CANCELLED if stop.requested else DRAIN)


def _guarded(stage: Callable[[JobContext], int], context: JobContext) -> int:
    try:
        return stage(context)
    except Exception as error:  # noqa: BLE001 - the outputs are written on every way out
        context.journal.finish(*_told(error, context))
        return 1


NOTHING_SAVED = {KEY: "", COMMENT: ""}
"""What main saves first of all. The runner lays what was saved over the job's variables: without it a ``STATE_…`` that
somebody in the job has set would reach the post stage of a main that saves nothing
(``ContainerActionHandler`` in https://github.com/actions/runner)."""


def main_stage(context: JobContext) -> int:
    """Read the inputs and do what they ask for."""
    # Whether it can be saved is told when something is to be saved.
    context.runner.save_state(NOTHING_SAVED)
    try:
        inputs, files = read_all(context.environ)
    except InputErrors as found:
        # A token in the wrong input is a mistake like others, and its comment is read by many.
        errors = InputErrors(context.runner.masks.of_value(found.told), found.count)
        context.journal.input_problems(errors)
        _comment_on_mistakes(errors, context)
        return 1
    feed = _listening(_feed_of(inputs, context), context)
    reason, remedy = "the run was interrupted before its end", ""
    try:
        finished = _tell(inputs, files, context)
        return exit_status(finished)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as what it is
        reason, remedy = _told(error, context)
        return 1
    finally:
        _close(context, feed, reason, remedy)


def _told(error: Exception, context: JobContext) -> tuple[str, str]:
    """Say what happened and what to do; an error of ours goes to the log with where it was."""
    if isinstance(error, RolloutError):
        return error.what, error.remedy
    # AWS's words may be in it, and the runner would obey them.
    context.runner.quote("".join(traceback.format_exception(error)).splitlines())
    return f"internal error: {type(error).__name__}: {error}", "Please report it with the log."


def _comment_on_mistakes(errors: InputErrors, context: JobContext) -> None:
    from lambda_rollout.github.comment.setup import feed_for_bad_inputs, patience

    if feed := feed_for_bad_inputs(context.runner, context.clock):
        feed.input_problems(errors)
        feed.finish(patience(context.stop))


def _feed_of(inputs: Inputs, context: JobContext) -> CommentFeed | None:
    """Return the comment's feed; None without one, whose parts are not even imported then."""
    if inputs.comment is Comment.OFF or not inputs.github_token:
        return None
    from lambda_rollout.github.comment.setup import feed_for

    return feed_for(inputs, context.runner, context.clock)


def _listening(feed: CommentFeed | None, context: JobContext) -> CommentFeed | None:
    if feed is not None:
        context.journal.also_tell("comment", feed.emit)
    return feed


def _close(context: JobContext, feed: CommentFeed | None, reason: str, remedy: str) -> None:
    """Write everything down; GitHub's answer is waited for last, when nothing else is left to do."""
    context.journal.finish(reason, remedy)
    if feed is not None:
        from lambda_rollout.github.comment.setup import patience

        feed.finish(patience(context.stop))


def exit_status(finished: Finished) -> int:
    """Return 0 for what was asked for, 1 for everything else (README, Outputs)."""
    return 1 if finished.result in FAILURES and not finished.asked_for else 0


def _tell(inputs: Inputs, files: Files, context: JobContext) -> Finished:
    from lambda_rollout.aws.credentials import asking
    from lambda_rollout.rollout.lifetimes import warnings
    from lambda_rollout.rollout.rollback import rollback
    from lambda_rollout.rollout.rollout import Rollout

    spec = RolloutSpec(
        inputs,
        context.runner.run,
        rollout_id=secrets.token_hex(4),
        packages=files.packages,
        payloads=files.payloads,
        shows_messages=is_private(context.environ),
    )
    is_temporary = bool(context.environ.get("AWS_SESSION_TOKEN"))
    spec = replace(spec, warnings=tuple(warnings(spec, temporary=is_temporary)))
    # Who rolls back waits out what others give up soon: for them nothing was changed yet.
    limit = SETTLE_LIMIT if inputs.mode is Mode.ROLLBACK else None
    patient = asking(context.clock, context.stop, limit)
    try:
        clients = build_clients(spec.identity, context, patient)
    except RolloutError:
        _tell_what_role_it_takes(spec, context)
        raise
    ports = build_ports(
        clients, spec.identity, inputs.alarms, inputs.github_token, context, inputs.guards
    )
    if inputs.mode is Mode.PUBLISH:
        from lambda_rollout.rollout.publish import publish

        return publish(spec, ports)
    if inputs.engine is Engine.CODEDEPLOY:
        return _deploy(inputs, spec, ports, clients)
    if inputs.mode is Mode.ROLLBACK:
        return rollback(spec, ports)
    return Rollout(spec, ports).run()


def _tell_what_role_it_takes(spec: RolloutSpec, context: JobContext) -> None:
    """Let a plan without credentials tell what the role needs: its first run may be to ask that."""
    if spec.inputs.mode is Mode.PLAN and not context.stop.requested:
        from lambda_rollout.rollout.permissions import without_credentials

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
    from lambda_rollout.aws.alarms import CloudWatchAlarms
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


def post_stage(context: JobContext) -> int:
    """Settle what main left; only STATE_* counts, never the inputs, which are evaluated anew."""
    saved = context.runner.state(KEY)
    if not saved:
        context.runner.note(
            "Post stage: nothing was done. The main step saved no state: it changed nothing, or its log says why "
            "the state could not be saved."
        )
        return 0
    try:
        saved_state = SavedState.from_json(saved)
    except ValueError as error:
        context.runner.note(f"Post stage: nothing was done: {error}.")
        return 1
    if saved_state.phase is Phase.DONE or not saved_state.aliases:
        context.runner.note("Post stage: nothing to do, the main step finished.")
        return 0
    context.runner.note(
        "Post stage: the main step did not finish. Its aliases are restored or completed now."
    )
    from lambda_rollout.rollout.post_stage import all_left

    identity = RunIdentity.of_saved_state(saved_state, context.runner.run)
    feed = _feed_of_post_stage(context)
    reason, remedy = "the post stage was interrupted before its end", ""
    try:
        finished = _settle(saved_state, identity, context)
        return int(finished.result is Result.FAILED)
    except Exception as error:  # noqa: BLE001 - whatever it is, an alias may be split
        reason, remedy = _told(error, context)
        for left in all_left(saved_state, identity):
            context.journal.emit(left)
        return 1
    finally:
        _close(context, feed, reason, remedy)


def _feed_of_post_stage(context: JobContext) -> CommentFeed | None:
    """Return the comment's feed; None without one. Nothing that is wrong with a comment keeps an alias split."""
    from lambda_rollout.github.comment.setup import feed_of_post_stage

    try:
        return _listening(feed_of_post_stage(context.runner, context.clock), context)
    except Exception as error:  # noqa: BLE001
        context.runner.note(f"There is no comment: {_told(error, context)[0]}.")
        return None


def _settle(saved_state: SavedState, identity: RunIdentity, context: JobContext) -> Finished:
    from lambda_rollout.aws.codedeploy import CodeDeployEngine
    from lambda_rollout.aws.credentials import asking
    from lambda_rollout.rollout.codedeploy.ended import settle_deployment_main_left
    from lambda_rollout.rollout.post_stage import (
        ASKING_LIMIT,
        TOTAL_LIMIT,
        not_yet,
        settle_what_main_left,
    )

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == TELL_TROUBLE_AT and state.outcome is not None:
            for warned in not_yet(saved_state, identity, state.outcome.exception()):
                context.journal.emit(warned)

    began = context.clock.monotonic()
    # It listens to no stop: whoever ends the post stage is obeyed by none of its writes either.
    patient = asking(context.clock, None, ASKING_LIMIT).copy(before_sleep=tell)
    _drop_bad_settings(identity, context)
    clients = build_clients(identity, context, patient, obeys=False)
    ports = replace(build_ports(clients, identity, (), "", context), remember=_save_nothing)
    if saved_state.deployment is None:
        left = TOTAL_LIMIT - (context.clock.monotonic() - began)
        return settle_what_main_left(saved_state, identity, ports, left)
    engine = CodeDeployEngine(clients, saved_state.deployment)
    return settle_deployment_main_left(saved_state, identity, ports, engine)


def _drop_bad_settings(identity: RunIdentity, context: JobContext) -> None:
    """Go without what the environment has that no client can be made with; main would have said so and stopped."""
    from lambda_rollout.aws.sessions import drop_bad_settings, drop_empty_settings

    drop_empty_settings(os.environ)
    if dropped := drop_bad_settings(identity.region, os.environ):
        names = ", ".join(dropped)
        text = f"AWS cannot be called with what {names} says in this environment: it was ignored."
        context.journal.emit(Warned(text=text))


def build_clients(
    identity: RunIdentity, context: JobContext, patient: Retrying, *, obeys: bool = True
) -> Clients:
    """Build the AWS clients; whether their first credentials are waited for until the stop only is ``obeys``.

    Raises `RolloutError` if there are none, or ``role-to-assume`` cannot be assumed, however ``patient``.
    """
    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.aws.credentials import session, telling_refusals

    def warn(text: str) -> None:
        context.journal.emit(Warned(text=text))

    aws = session(
        identity.region,
        identity.role_to_assume,
        _session_name(identity),
        context.environ,
        context.clock,
        context.stop,
        telling_refusals(patient, identity.role_to_assume, warn),
        obeys=obeys,
        hide=context.runner.hide,
    )
    clients = Clients(aws, identity.region, context.clock, warn)
    _start_is_over(clients)
    return clients


def _session_name(identity: RunIdentity) -> str:
    """Name the session of the role; empty without one, whose parts are not even imported then."""
    if not identity.role_to_assume:
        return ""
    from lambda_rollout.aws.web_identity import session_name

    run = identity.run
    return session_name(run.run_id, run.attempt, run.repository)


def _start_is_over(clients: Clients) -> None:
    """Make the client that every stage needs, and let the collector go on, past all that lasts anyhow."""
    _ = clients.lambda_
    gc.freeze()
    gc.enable()


def build_ports(
    clients: Clients,
    identity: RunIdentity,
    alarms: Sequence[AlarmName],
    token: str,
    context: JobContext,
    guards: Sequence[Guard] = (),
) -> Ports:
    """Build the real parts."""
    from lambda_rollout.analysis.guards.measures import measures_of
    from lambda_rollout.aws.alarms import CloudWatchAlarms
    from lambda_rollout.aws.aliases import LambdaAliases
    from lambda_rollout.aws.caller import caller_of
    from lambda_rollout.aws.invocations import LambdaInvocations
    from lambda_rollout.aws.logs import CloudWatchLogs
    from lambda_rollout.aws.metrics import CloudWatchMetrics
    from lambda_rollout.aws.preflight import AwsPreflightReader
    from lambda_rollout.aws.versions import LambdaVersions

    return Ports(
        aliases=LambdaAliases(clients, context.stop),
        versions=LambdaVersions(clients),
        alarms=CloudWatchAlarms(clients, alarms, context.stop),
        runs=GitHubRuns(identity.run, context.environ.get("GITHUB_API_URL", ""), token),
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


def _save_nothing(_saved_state: SavedState) -> None:
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
