"""Composition: builds the real parts and hands them to the story. Knows everybody; decides nothing.

boto3 is imported only after the inputs were found good, so that a mistake in them is told at once.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping

from lambda_rollout.events import Finished, Result
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.runs import GitHubRuns
from lambda_rollout.github.stream import Lines
from lambda_rollout.handover import KEY
from lambda_rollout.inputs import InputErrors, Inputs, read_inputs
from lambda_rollout.order import Order, seconds
from lambda_rollout.parsing.names import Numbered
from lambda_rollout.report.reporter import Journal
from lambda_rollout.stop import Clock, Stop, SystemClock

STAGE = "LAMBDA_ROLLOUT_STAGE"
FAILURES = frozenset({Result.FAILED, Result.ROLLED_BACK})


def main(environ: Mapping[str, str], stop: Stop) -> int:
    """Run the stage that the environment names; return the exit status."""
    clock = SystemClock()
    runner = Runner(environ, Lines(sys.stdout))
    journal = Journal(runner, clock)
    try:
        inputs = read_inputs(environ)
    except InputErrors as errors:
        journal.input_problems(errors)
        return 1
    try:
        finished = roll_out(inputs, runner, journal, clock, stop)
    finally:
        journal.finish()
    return exit_status(finished)


def exit_status(finished: Finished) -> int:
    """0 for what was asked for, 1 for everything else (the contract's chapter on outputs)."""
    return 1 if finished.result in FAILURES and not finished.asked_for else 0


def roll_out(
    inputs: Inputs, runner: Runner, journal: Journal, clock: Clock, stop: Stop
) -> Finished:
    """Build the parts for ``inputs`` and tell the story with them."""
    import boto3

    from lambda_rollout.aws.alarms import CloudWatchAlarms
    from lambda_rollout.aws.aliases import LambdaAliases
    from lambda_rollout.aws.clients import Clients
    from lambda_rollout.aws.versions import LambdaVersions
    from lambda_rollout.order import Parts
    from lambda_rollout.rollout import Rollout

    clients = Clients(boto3.Session(region_name=inputs.region), inputs.region)
    parts = Parts(
        aliases=LambdaAliases(clients),
        versions=LambdaVersions(clients),
        alarms=CloudWatchAlarms(clients, inputs.alarms),
        runs=GitHubRuns(runner.run, runner.environ.get("GITHUB_API_URL", ""), inputs.github_token),
        clock=clock,
        stop=stop,
        emit=journal.emit,
        remember=lambda handover: runner.save_state({KEY: handover.to_json()}),
    )
    return Rollout(order_of(inputs, runner), parts).run()


def order_of(inputs: Inputs, runner: Runner) -> Order:
    """Say what the inputs ask for in the story's words."""
    return Order(
        mode=inputs.mode,
        targets=inputs.targets,
        region=inputs.region,
        version=inputs.version.number if isinstance(inputs.version, Numbered) else None,
        description=inputs.description,
        plan=inputs.plan,
        promotion_watch=inputs.plan.promotion.watch if inputs.plan.promotion else inputs.interval,
        alarms=tuple(alarm.text for alarm in inputs.alarms),
        poll_interval=seconds(inputs.poll_interval),
        evidence_timeout=seconds(inputs.evidence_timeout),
        alarm_at_start=inputs.alarm_at_start,
        insufficient_data=inputs.insufficient_data,
        create_alias=inputs.create_alias,
        on_cancel=inputs.on_cancel,
        on_stranded=inputs.on_stranded,
        role_to_assume=inputs.role_to_assume or "",
        run=runner.run,
        nonce=secrets.token_hex(4),
    )
