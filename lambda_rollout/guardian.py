"""The other door: a Lambda function that watches what no job watches. Composition; `rollout.guardian` decides.

CloudWatch invokes it when an alarm fires, EventBridge every few minutes; both at least once and in no order
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html). What cannot be done fails the invocation, so
that Lambda tries again and the dead letter queue has it in the end.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from functools import partial
from typing import Protocol

from lambda_rollout.alias.record import Record, RunStatus
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.credentials import asking, session
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.topic import publish_to_topic
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.inputs.guardian import GuardianSettings, check_event, read_settings
from lambda_rollout.inputs.names import account_of
from lambda_rollout.report.json_report import document
from lambda_rollout.report.message import is_worth_telling, subject, text
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.wording import clean
from lambda_rollout.rollout.events import Event, Finished, Result, Run, Warned, stamped
from lambda_rollout.rollout.guardian import guard
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.clock import Clock, Stop, SystemClock
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.masking import Masks
from lambda_rollout.runtime.parallel import several_at_once
from lambda_rollout.runtime.retry import retrying

RESERVE = 15.0
"""Seconds of the invocation that are kept for the report and the message."""

_TELL_LIMIT = 10.0
"""Seconds to try to send the message."""


class InvocationContext(Protocol):
    """What Lambda says of an invocation
    (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html).
    """

    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left of the function's timeout."""
        ...


class GuardianError(Exception):
    """The invocation failed; Lambda shows the text, and invokes again."""


class _Story:
    """Every event so far, without secrets and with its time. Several targets are settled at once."""

    def __init__(self, clock: Clock, masks: Masks) -> None:
        self.events: list[Event] = []
        self._clock, self._masks = clock, masks
        self._lock = threading.Lock()

    def emit(self, event: Event) -> None:
        event = stamped(self._masks.of_value(event), self._clock.now())
        with self._lock:
            self.events.append(event)

    @property
    def state(self) -> RolloutState:
        return rollout_state(self.events)


class _NobodyToAsk:
    """GitHub is not asked: only a record's own time says that its run is over."""

    def run_status(self, _record: Record) -> RunStatus:
        return RunStatus.UNKNOWN

    def url(self, _record: Record) -> str:
        return ""


def handler(event: object, context: InvocationContext) -> str:
    """Look once, put back what is to go back, and tell; return the result.

    Raises `GuardianError` if anything could not be done, or if the event or the settings are wrong: then nothing
    was changed.
    """
    clock, masks = SystemClock(), Masks.of(os.environ)
    story = _Story(clock, masks)
    try:
        settings = read_settings(os.environ)
        check_event(event, settings, account_of(context.invoked_function_arn))
        finished, clients = _look(settings, story, clock, context, masks)
    except RolloutError as error:
        said = f"{error.what} {error.remedy}".strip()
        raise GuardianError(clean(masks.text(said))) from None
    report = json.loads(document(story.state, story.events))
    sys.stdout.write(f"{json.dumps(report)}\n")
    sys.stdout.flush()
    if settings.topic and is_worth_telling(story.state):
        _tell(settings.topic, story.state, clients, clock, masks)
    if finished.result is Result.FAILED:
        raise GuardianError(clean(f"{story.state.reason}. {story.state.remedy}".strip()))
    return str(finished.result)


def _look(
    settings: GuardianSettings,
    story: _Story,
    clock: Clock,
    context: InvocationContext,
    masks: Masks,
) -> tuple[Finished, Clients]:
    stop, region = Stop(), settings.inputs.region
    spec = RolloutSpec(settings.inputs, Run(), rollout_id=secrets.token_hex(4))

    def warn(said: str) -> None:
        story.emit(Warned(text=said))

    aws = session(region, "", "", os.environ, clock, stop, asking(clock, stop), hide=masks.add)
    clients = Clients(aws, region, clock, warn)
    ports = Ports(
        aliases=LambdaAliases(clients, stop),
        versions=LambdaVersions(clients),
        alarms=CloudWatchAlarms(clients, settings.inputs.alarms, stop),
        traffic=CloudWatchMetrics(clients),
        runs=_NobodyToAsk(),
        clock=clock,
        aws_clock=clients.aws_clock,
        stop=stop,
        emit=story.emit,
        remember=lambda _: None,
        parallel=several_at_once,
    )
    left = context.get_remaining_time_in_millis() / 1000 - RESERVE
    return guard(spec, ports, settings.bake, left), clients


def _tell(topic: str, state: RolloutState, clients: Clients, clock: Clock, masks: Masks) -> None:
    """Send the message; that it could not be sent is told in the log, and is no reason to do all again."""
    send = partial(publish_to_topic, clients, topic, subject(state), text(state))
    try:
        retrying(clock, None, _TELL_LIMIT)(send)
    except RolloutError as error:
        sys.stdout.write(f"The message was not sent: {clean(masks.text(str(error)))}\n")
        sys.stdout.flush()
