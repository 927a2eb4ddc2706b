"""Composition: builds the real parts and hands them to the story. Knows everybody; decides nothing.

boto3 is imported only after the inputs were found good, so that a mistake in them is told at once, and not at
all by a post stage that has nothing to do.
"""

from __future__ import annotations

import contextlib
import gc
import secrets
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.github.comment.feed import CommentFeed
from lambda_rollout.github.comment.setup import (
    feed_for,
    feed_for_bad_inputs,
    feed_of_post_stage,
    patience,
)
from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.runs import GitHubRuns
from lambda_rollout.github.stream import BackgroundStream, ForeignText, Lines
from lambda_rollout.inputs.choices import Engine, Mode
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import AlarmName, FromAlias, Numbered
from lambda_rollout.inputs.package import Package
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import read_all
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout.events import Finished, Result, Warned
from lambda_rollout.rollout.finish import TELL_TROUBLE_AT
from lambda_rollout.rollout.ports import Parts
from lambda_rollout.rollout.saved_state import KEY, Handover, Phase, Place
from lambda_rollout.rollout.spec import Order, order_of_handover, seconds
from lambda_rollout.runtime.clock import Clock, Stop, SystemClock
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.parallel import several_at_once
from lambda_rollout.runtime.retry import UNREACHABLE_LIMIT, patiently

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.rollout.ports import Alarms

STAGE = "LAMBDA_ROLLOUT_STAGE"
FAILURES = frozenset({Result.FAILED, Result.ROLLED_BACK})

USUAL_LIFETIME = timedelta(minutes=50)
"""Credentials of aws-actions/configure-aws-credentials last an hour; publishing takes some of it."""


@dataclass(frozen=True, slots=True)
class Desk:
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
    """Run the stage that the environment names; return the exit status, whether or not anybody reads the log."""
    clock = SystemClock()
    log = BackgroundStream(STDOUT)
    runner = Runner(environ, Lines(log), stop=stop)
    desk = Desk(environ, runner, Journal(runner, clock), clock, stop)
    foreign = ForeignText(runner.echo)
    # A library's warning would block in the same pipe.
    with contextlib.redirect_stdout(foreign), contextlib.redirect_stderr(foreign):
        try:
            return _stage(desk)
        finally:
            log.drain(DRAIN_CANCELLED if stop.requested else DRAIN)


def _stage(desk: Desk) -> int:
    try:
        return post_stage(desk) if desk.environ.get(STAGE) == "post" else main_stage(desk)
    except Exception as error:  # noqa: BLE001 - the outputs are written on every way out
        # AWS's words may be in it, and the runner would obey them.
        desk.runner.quote(traceback.format_exc().splitlines())
        reason = f"internal error: {type(error).__name__}: {error}"
        desk.journal.finish(reason, "Please report it with the log.")
        return 1


def main_stage(desk: Desk) -> int:
    """Read the inputs and do what they ask for."""
    try:
        inputs, package = read_all(desk.environ)
    except InputErrors as found:
        # A token in the wrong input is a mistake like others, and its comment is read by many.
        errors = InputErrors(desk.runner.masks.of_value(found.told), found.count)
        desk.journal.input_problems(errors)
        if feed := feed_for_bad_inputs(desk.runner, desk.clock):
            feed.input_problems(errors)
            feed.finish(patience(desk.stop))
        return 1
    feed = _listening(feed_for(inputs, desk.runner, desk.clock), desk)
    reason, remedy = "the run broke off before its end", ""
    try:
        finished = _tell(inputs, package, desk)
        return exit_status(finished)
    except RolloutError as error:
        reason, remedy = error.what, error.remedy
        return 1
    finally:
        _close(desk, feed, reason, remedy)


def _listening(feed: CommentFeed | None, desk: Desk) -> CommentFeed | None:
    if feed is not None:
        desk.journal.also_tell(feed.emit)
    return feed


def _close(desk: Desk, feed: CommentFeed | None, reason: str, remedy: str) -> None:
    """Write everything down; GitHub's answer is waited for last, when nothing else is left to do."""
    desk.journal.finish(reason, remedy)
    if feed is not None:
        feed.finish(patience(desk.stop))


def exit_status(finished: Finished) -> int:
    """Return 0 for what was asked for, 1 for everything else (the contract's chapter on outputs)."""
    return 1 if finished.result in FAILURES and not finished.asked_for else 0


def _tell(inputs: Inputs, package: Package | None, desk: Desk) -> Finished:
    from lambda_rollout.rollout.rollback import undo
    from lambda_rollout.rollout.rollout import Rollout

    order = order_of(inputs, package, desk)
    # Who rolls back waits out what others give up at once: for them nothing was changed yet.
    unreachable = None if inputs.mode is Mode.ROLLBACK else UNREACHABLE_LIMIT
    patient = patiently(desk.clock, desk.stop, unreachable=unreachable)
    clients = build_clients(order, desk, patient)
    parts = build_parts(clients, order, inputs.alarms, inputs.github_token, desk)
    if inputs.engine is Engine.CODEDEPLOY:
        return _deploy(inputs, order, parts, clients)
    if inputs.mode is Mode.ROLLBACK:
        return undo(order, parts)
    return Rollout(order, parts).run()


def _deploy(inputs: Inputs, order: Order, parts: Parts, clients: Clients) -> Finished:
    from lambda_rollout.aws.alarms import CloudWatchAlarms
    from lambda_rollout.aws.codedeploy import CodeDeployEngine
    from lambda_rollout.rollout.codedeploy.ended import undo_deployment
    from lambda_rollout.rollout.codedeploy.engine import Deployment

    place = Place(inputs.codedeploy_application or "", inputs.codedeploy_deployment_group or "")
    engine = CodeDeployEngine(clients, place)
    if inputs.mode is Mode.ROLLBACK:
        return undo_deployment(order, parts, engine)

    def alarms_of(more: Sequence[str]) -> Alarms:
        names = (AlarmName(name, name) for name in more)
        return CloudWatchAlarms(clients, [*inputs.alarms, *names], parts.stop)

    return Deployment(order, parts, engine, alarms_of).run()


def post_stage(desk: Desk) -> int:
    """Settle what main left; only STATE_* counts, never the inputs, which are evaluated anew."""
    saved = desk.runner.state(KEY)
    if not saved:
        desk.runner.note(
            "Post stage: main saved nothing. It changed nothing, or its log says why it could not save. "
            "Nothing was done."
        )
        return 0
    try:
        handover = Handover.from_json(saved)
    except ValueError as error:
        desk.runner.note(f"Post stage: {error}. Nothing was done.")
        return 1
    if handover.phase is Phase.DONE or not handover.charges:
        desk.runner.note("Post stage: main finished. Nothing was left to do.")
        return 0
    desk.runner.note("Post stage: main did not finish, so its aliases are settled now.")
    from lambda_rollout.rollout.post_stage import all_left

    order = order_of_handover(handover, desk.runner.run)
    feed = _listening(feed_of_post_stage(desk.runner, desk.clock), desk)
    reason, remedy = "the post stage broke off before its end", ""
    try:
        finished = _settle(handover, order, desk)
        return int(finished.result is Result.FAILED)
    except RolloutError as error:
        for left in all_left(handover, order, desk.clock.now()):
            desk.journal.emit(left)
        reason, remedy = error.what, error.remedy
        return 1
    finally:
        _close(desk, feed, reason, remedy)


def _settle(handover: Handover, order: Order, desk: Desk) -> Finished:
    from lambda_rollout.aws.codedeploy import CodeDeployEngine
    from lambda_rollout.rollout.codedeploy.ended import settle_deployment_main_left
    from lambda_rollout.rollout.post_stage import (
        ASKING_LIMIT,
        WHOLE_LIMIT,
        not_yet,
        settle_what_main_left,
    )

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == TELL_TROUBLE_AT and state.outcome is not None:
            for warned in not_yet(handover, order, desk.clock.now(), state.outcome.exception()):
                desk.journal.emit(warned)

    began = desk.clock.monotonic()
    # It listens to no stop: whoever ends the post stage is obeyed by none of its writes either.
    patient = patiently(desk.clock, None, ASKING_LIMIT).copy(before_sleep=tell)
    clients = build_clients(order, desk, patient, obeys=False)
    parts = build_parts(clients, order, (), "", desk)
    if handover.deployment is None:
        left = WHOLE_LIMIT - (desk.clock.monotonic() - began)
        return settle_what_main_left(handover, order, parts, left)
    engine = CodeDeployEngine(clients, handover.deployment)
    return settle_deployment_main_left(handover, order, parts, engine)


def build_clients(order: Order, desk: Desk, patient: Retrying, *, obeys: bool = True) -> Clients:
    """Build the AWS clients; whether their first credentials are waited for until the stop only is ``obeys``.

    Raises `RolloutError` if there are none, or ``role-to-assume`` cannot be assumed, however ``patient``.
    """
    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.aws.credentials import session

    name = f"lambda-rollout-{order.run.run_id or 'local'}"
    role = order.role_to_assume
    aws = session(
        order.region, role, name, desk.environ, desk.clock, desk.stop, patient, obeys=obeys
    )

    def warn(text: str) -> None:
        desk.journal.emit(Warned(at=desk.clock.now(), text=text))

    clients = Clients(aws, order.region, desk.clock, warn)
    _start_is_over(clients)
    return clients


def _start_is_over(clients: Clients) -> None:
    """Make the client that every stage needs, and let the collector go on, past all that lasts anyhow."""
    # The first call makes it again if it could not be made, and tells why.
    with contextlib.suppress(Exception):
        _ = clients.lambda_
    gc.freeze()
    gc.enable()


def build_parts(
    clients: Clients, order: Order, alarms: Sequence[AlarmName], token: str, desk: Desk
) -> Parts:
    """Build the real parts."""
    from lambda_rollout.aws.alarms import CloudWatchAlarms
    from lambda_rollout.aws.aliases import LambdaAliases
    from lambda_rollout.aws.metrics import CloudWatchMetrics
    from lambda_rollout.aws.preflight import AwsLookout
    from lambda_rollout.aws.versions import LambdaVersions

    return Parts(
        aliases=LambdaAliases(clients, desk.stop),
        versions=LambdaVersions(clients),
        alarms=CloudWatchAlarms(clients, alarms, desk.stop),
        runs=GitHubRuns(order.run, desk.environ.get("GITHUB_API_URL", ""), token),
        clock=desk.clock,
        aws_clock=clients.aws_clock,
        stop=desk.stop,
        emit=desk.journal.emit,
        remember=_memory(desk),
        together=several_at_once,
        metrics=CloudWatchMetrics(clients),
        lookout=AwsLookout(clients, alarms),
    )


def _memory(desk: Desk) -> Callable[[Handover], None]:
    """Return what saves for the post stage, before what it describes is done.

    It returns when that is saved, or when it takes too long. That it is not saved is told once, and ends nothing.
    """
    told: list[str] = []

    def remember(handover: Handover) -> None:
        # When all is done nothing else is needed, and a full disk has room for so little.
        saved = replace(handover, charges=()) if handover.phase is Phase.DONE else handover
        problem = desk.runner.save_state({KEY: saved.to_json()})
        if problem and not told and desk.environ.get(STAGE) != "post":
            told.append(problem)
            text = (
                f"State could not be saved ({problem}). If this job is killed now, its post stage cannot restore the "
                "alias: the next run does, or `mode: rollback`. Look at the runner's disk and its temporary folder."
            )
            desk.journal.emit(Warned(at=desk.clock.now(), text=text))

    return remember


def order_of(inputs: Inputs, package: Package | None, desk: Desk) -> Order:
    """Say what the inputs ask for in the story's words."""
    watch = inputs.plan.promotion.watch if inputs.plan.promotion else inputs.interval
    # The steps before, or a `hold` at their end, are those of the rollout that was held.
    promotes = inputs.mode is Mode.PROMOTE
    return Order(
        mode=inputs.mode,
        targets=inputs.targets,
        region=inputs.region,
        version=inputs.version.number if isinstance(inputs.version, Numbered) else None,
        version_alias=inputs.version.alias if isinstance(inputs.version, FromAlias) else None,
        package=package,
        description=inputs.description,
        plan=Plan((Step(HUNDRED, watch),)) if promotes else inputs.plan,
        promotion_watch=watch,
        alarms=tuple(alarm.text for alarm in inputs.alarms),
        poll_interval=seconds(inputs.poll_interval),
        evidence_timeout=seconds(inputs.evidence_timeout),
        alarm_at_start=inputs.alarm_at_start,
        insufficient_data=inputs.insufficient_data,
        create_alias=inputs.create_alias,
        on_cancel=inputs.on_cancel,
        on_stranded=inputs.on_stranded,
        role_to_assume=inputs.role_to_assume or "",
        run=desk.runner.run,
        nonce=secrets.token_hex(4),
        warnings=tuple(_warnings(inputs, desk.environ)),
        preflight=inputs.preflight,
        guards=inputs.guards,
        min_invocations=inputs.min_invocations,
    )


def _warnings(inputs: Inputs, environ: Mapping[str, str]) -> Iterator[str]:
    temporary = bool(environ.get("AWS_SESSION_TOKEN")) and not inputs.role_to_assume
    if temporary and inputs.mode is Mode.ROLLOUT and inputs.plan.total_watch > USUAL_LIFETIME:
        yield (
            "The schedule is longer than temporary credentials usually last (1 h), and those of the "
            "environment are not renewed. Use `role-to-assume`, or ask for a longer session."
        )
