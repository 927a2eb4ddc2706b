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
from datetime import datetime, timedelta
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
from lambda_rollout.inputs.guardian import VARIABLES, GuardianSettings, check_event, read_settings
from lambda_rollout.inputs.names import account_of
from lambda_rollout.report.json_report import document
from lambda_rollout.report.message import is_worth_telling, subject, text
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.wording import clean, sentence
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

TELL_AGAIN = timedelta(hours=1)
"""How long after a message on a failure the next one that says the same is sent: what stays wrong fails at every look,
and each of these is tried three times."""

_told: dict[str, datetime] = {}
"""Which failures people were told of, and when last, by this environment of the function. Lambda keeps one for hours,
as a rule; another one tells once more."""

_OWN_WORDS = {
    "to the role of this job; the README has the whole policy": "to the guardian's role; "
    "examples/guardian/template.yml has all that it needs",
    "Create it, or set `create-alias: true` to have it created on the new version.": "Create it, or "
    "correct ALIAS.",
    **{f"`{name}`": setting for setting, name in VARIABLES.items()},
}
"""What the action says to who wrote a workflow -> what it is here."""


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
        raise GuardianError(_own_words(masks.text(_said(error.what, error.remedy)))) from None
    report = json.loads(document(story.state, story.events))
    _write(json.dumps(report))
    if settings.topic and is_worth_telling(story.state) and _is_news(story.state, clock.now()):
        said = text(story.state, context.invoked_function_arn)
        _tell(settings.topic, story.state, _own_words(said), clients, clock, masks)
    if finished.result is Result.FAILED:
        raise GuardianError(_own_words(_said(story.state.reason, story.state.remedy)))
    return str(finished.result)


def _said(what: str, remedy: str) -> str:
    return f"{sentence(clean(what))} {sentence(clean(remedy))}".strip()


def _own_words(text: str) -> str:
    for theirs, ours in _OWN_WORDS.items():
        text = text.replace(theirs, ours)
    return text


def _write(line: str) -> None:
    sys.stdout.write(f"{_own_words(line)}\n")
    sys.stdout.flush()


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


def _is_news(state: RolloutState, now: datetime) -> bool:
    """Whether nobody was told of this lately; what went back is told each time."""
    for reason in [reason for reason, at in _told.items() if now - at >= TELL_AGAIN]:
        del _told[reason]
    return state.result is not Result.FAILED or state.reason not in _told


def _tell(
    topic: str, state: RolloutState, said: str, clients: Clients, clock: Clock, masks: Masks
) -> None:
    """Send the message; that it could not be sent is told in the log, and is no reason to do all again."""
    send = partial(publish_to_topic, clients, topic, subject(state), said)
    try:
        retrying(clock, None, _TELL_LIMIT)(send)
    except RolloutError as error:
        _write(f"The message was not sent: {clean(masks.text(str(error)))}")
        return
    if state.result is Result.FAILED:
        _told[state.reason] = clock.now()
