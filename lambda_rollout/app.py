"""The doors of both stages: read what was asked for, ask AWS the first question, hand over to the story.

Half of what a rollout needs is imported while AWS answers that question: the story and its reports, in
`lambda_rollout.parts`. boto3 is imported only after the inputs were found good, so that a mistake in them is told at
once, and not at all by a post stage that has nothing to do.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lambda_rollout.github.comment import STATE as COMMENT
from lambda_rollout.github.job import JobContext
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import BackgroundStream, ForeignText, Lines
from lambda_rollout.inputs.choices import Comment, Engine, Mode
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read_all import Files, read_all
from lambda_rollout.rollout.saved_state import KEY, Phase, SavedState
from lambda_rollout.runtime.clock import Stop, SystemClock
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import SETTLE_LIMIT

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

    from lambda_rollout.aws.aliases import LambdaAliases
    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.github.comment.feed import CommentFeed
    from lambda_rollout.rollout.events import Finished, Run
    from lambda_rollout.rollout.spec import RunIdentity

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
    context = JobContext(environ, runner, clock, stop)
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
    context.make_feed = partial(_feed_of, inputs, context)
    reason, remedy = "the run was interrupted before its end", ""
    try:
        return exit_status(_roll_out(inputs, files, context))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as what it is
        reason, remedy = _told(error, context)
        return 1
    finally:
        _close(context, reason, remedy)


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


def _close(context: JobContext, reason: str, remedy: str) -> None:
    """Write everything down; GitHub's answer is waited for last, when nothing else is left to do."""
    context.journal.finish(reason, remedy)
    if context.feed is not None:
        from lambda_rollout.github.comment.setup import patience

        context.feed.finish(patience(context.stop))


def exit_status(finished: Finished) -> int:
    """Return 0 for what was asked for, 1 for everything else (README, Outputs)."""
    from lambda_rollout.rollout.events import Result

    failed = finished.result in {Result.FAILED, Result.ROLLED_BACK}
    return 1 if failed and not finished.asked_for else 0


def _roll_out(inputs: Inputs, files: Files, context: JobContext) -> Finished:
    """Ask the first question, and import the rest while AWS answers."""
    from lambda_rollout.aws.credentials import asking

    # Who rolls back waits out what others give up soon: for them nothing was changed yet.
    limit = SETTLE_LIMIT if inputs.mode is Mode.ROLLBACK else None
    patient = asking(context.clock, context.stop, limit)
    try:
        clients = build_clients(inputs.region, inputs.role_to_assume or "", context, patient)
    except RolloutError:
        if inputs.mode is Mode.PLAN and not context.stop.requested:
            from lambda_rollout.parts import tell_what_role_it_takes

            tell_what_role_it_takes(inputs, files, context)
        raise
    aliases = _first_question(inputs, clients, context.stop)
    from lambda_rollout.parts import tell

    return tell(inputs, files, clients, aliases, context)


def _first_question(inputs: Inputs, clients: Clients, stop: Stop) -> LambdaAliases:
    """Return Lambda's alias calls, and ask the first one, where that is what the story begins with."""
    from lambda_rollout.aws.aliases import LambdaAliases

    aliases = LambdaAliases(clients, stop)
    if inputs.engine is Engine.DIRECT and inputs.mode is not Mode.PUBLISH:
        aliases.ask_ahead(inputs.targets[0])
    return aliases


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
    from lambda_rollout.rollout.events import Result
    from lambda_rollout.rollout.post_stage import all_left
    from lambda_rollout.rollout.spec import RunIdentity

    identity = RunIdentity.of_saved_state(saved_state, context.runner.run)
    context.make_feed = partial(_feed_of_post_stage, context)
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
        _close(context, reason, remedy)


def _feed_of_post_stage(context: JobContext) -> CommentFeed | None:
    """Return the comment's feed; None without one. Nothing that is wrong with a comment keeps an alias split."""
    from lambda_rollout.github.comment.setup import feed_of_post_stage

    try:
        return feed_of_post_stage(context.runner, context.clock)
    except Exception as error:  # noqa: BLE001
        context.runner.note(f"There is no comment: {_told(error, context)[0]}.")
        return None


def _settle(saved_state: SavedState, identity: RunIdentity, context: JobContext) -> Finished:
    from lambda_rollout.aws.aliases import LambdaAliases
    from lambda_rollout.aws.codedeploy import CodeDeployEngine
    from lambda_rollout.aws.credentials import asking
    from lambda_rollout.parts import build_ports, save_nothing
    from lambda_rollout.rollout.codedeploy.ended import settle_deployment_main_left
    from lambda_rollout.rollout.finish import TELL_TROUBLE_AT
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
    clients = build_clients(identity.region, identity.role_to_assume, context, patient, obeys=False)
    aliases = LambdaAliases(clients, context.stop)
    ports = replace(build_ports(clients, aliases, (), "", context), remember=save_nothing)
    if saved_state.deployment is None:
        left = TOTAL_LIMIT - (context.clock.monotonic() - began)
        return settle_what_main_left(saved_state, identity, ports, left)
    engine = CodeDeployEngine(clients, saved_state.deployment)
    return settle_deployment_main_left(saved_state, identity, ports, engine)


def _drop_bad_settings(identity: RunIdentity, context: JobContext) -> None:
    """Go without what the environment has that no client can be made with; main would have said so and stopped."""
    from lambda_rollout.aws.sessions import drop_bad_settings, drop_empty_settings
    from lambda_rollout.rollout.events import Warned

    drop_empty_settings(os.environ)
    if dropped := drop_bad_settings(identity.region, os.environ):
        names = ", ".join(dropped)
        text = f"AWS cannot be called with what {names} says in this environment: it was ignored."
        context.journal.emit(Warned(text=text))


def build_clients(
    region: str, role: str, context: JobContext, patient: Retrying, *, obeys: bool = True
) -> Clients:
    """Build the AWS clients, and make the one that every stage needs. ``role``: ARN of the role to assume, or empty.

    Whether the first credentials are waited for until the stop only is ``obeys``. Raises `RolloutError` if there are
    none, or the role cannot be assumed, however ``patient``.
    """
    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.aws.credentials import session, telling_refusals

    def warn(text: str) -> None:
        from lambda_rollout.rollout.events import Warned

        context.journal.emit(Warned(text=text))

    aws = session(
        region,
        role,
        _session_name(context.runner.run) if role else "",
        context.environ,
        context.clock,
        context.stop,
        telling_refusals(patient, role, warn),
        obeys=obeys,
        hide=context.runner.hide,
    )
    clients = Clients(aws, region, context.clock, warn)
    _ = clients.lambda_
    return clients


def _session_name(run: Run) -> str:
    from lambda_rollout.aws.web_identity import session_name

    return session_name(run.run_id, run.attempt, run.repository)
