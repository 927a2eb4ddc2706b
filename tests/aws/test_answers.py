"""Answers that cannot be read, or are those to another call. None of them is a confirmation."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import boto3
import pytest
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.record import RENEW_AFTER, Record
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.alias.settlement import ChangedByOther, Settled, Unsettled
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.runtime.clock import SystemClock
from lambda_rollout.runtime.errors import ForeignAnswer, Unanswered
from sandbox.aws.world import REGION
from tests.support.scene import NEW, OLD, ROLLOUT_ID, TARGET

UNREADABLE = [
    (200, b"<html>a proxy's page</html>"),
    (200, b"\xff\xfe"),
    (200, b"[]"),
    (200, b"null"),
    (200, b""),
    (200, b'{"FunctionVersion": "1"}'),
    (200, b'{"RevisionId": "r2", "FunctionVersion": "1", "RoutingConfig": 7}'),
    (500, b"[]"),
    (502, b"\xff\xfe"),
]


RECORD = Record(OLD, NEW, ROLLOUT_ID, datetime(2026, 11, 28, 12, tzinfo=UTC))
RENEWED = replace(RECORD, until=datetime(2026, 11, 28, 12, tzinfo=UTC) + RENEW_AFTER)
TENTH = Routing(OLD, {NEW: 0.1})
ARN = f"arn:aws:lambda:{REGION}:123456789012:function:checkout:live"


def showing(routing: Routing, description: str) -> Clients:
    """Clients whose every call is answered with an alias like this, by AWS for all that the answer says."""
    alias: dict[str, Any] = {"AliasArn": ARN, "FunctionVersion": routing.version}
    alias |= {"RevisionId": "r1", "Description": description}
    if routing.weights:
        alias["RoutingConfig"] = {"AdditionalVersionWeights": dict(routing.weights)}
    return answering(200, json.dumps(alias).encode())


def answering(status: int, body: bytes) -> Clients:
    """Clients whose every call is answered like this."""

    def send(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        raw: Any = urllib3.HTTPResponse(body=BytesIO(body), status=status, preload_content=False)
        headers: Any = urllib3.HTTPHeaderDict({"Content-Type": "application/json"})
        return AWSResponse(str(request.url), status, headers, raw)

    session = boto3.Session(
        aws_access_key_id="AKIASANDBOX", aws_secret_access_key="sandbox", region_name=REGION
    )
    events: Any = session.events
    events.register("before-send", send)
    return Clients(session, REGION)


@pytest.mark.parametrize(("status", "body"), UNREADABLE)
def test_a_rollback_is_neither_confirmed_nor_given_up_by_an_answer_that_says_nothing(
    status: int, body: bytes
) -> None:
    aliases = LambdaAliases(answering(status, body))
    split = Alias("arn", Routing(OLD, {NEW: 0.1}), "text", "r1")
    clock = SystemClock()
    writer = AliasWriter(TARGET, split, aliases, clock, AwsClock(clock), ROLLOUT_ID)
    for _ in range(2):
        # First the write, then the look that decides about it.
        settlement = writer.restore_once(Routing.all_on(OLD))
        assert not isinstance(settlement, Settled | ChangedByOther)
        assert isinstance(settlement, Unsettled)
        assert isinstance(settlement.why, Unanswered)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (500, b"[]"),
        (200, b'{"MetricAlarms": [{"AlarmName": "checkout-errors", "StateValue": "PURPLE"}]}'),
        (200, b'{"MetricAlarms": [{"AlarmName": "checkout-errors"}]}'),
    ],
)
def test_alarms_that_cannot_be_read_are_told_as_such(status: int, body: bytes) -> None:
    alarms = CloudWatchAlarms(answering(status, body), parse_alarms("checkout-errors\n"))
    with pytest.raises(Unanswered):
        alarms.read()


@pytest.mark.parametrize(
    ("shown", "there", "sent", "record"),
    [
        pytest.param(TENTH, RECORD, Routing.all_on(OLD), None, id="split, sent back"),
        pytest.param(TENTH, RECORD, Routing(OLD, {NEW: 0.5}), RECORD, id="less weight"),
        pytest.param(TENTH, RECORD, Routing.all_on(NEW), RECORD, id="split, sent to 100%"),
        pytest.param(Routing.all_on(OLD), None, Routing.all_on(NEW), None, id="another version"),
        pytest.param(TENTH, RECORD, TENTH, RENEWED, id="the record before"),
        pytest.param(TENTH, None, TENTH, RENEWED, id="no record"),
        pytest.param(
            Routing.all_on(NEW), RECORD, Routing.all_on(NEW), None, id="record not taken off"
        ),
    ],
)
def test_a_good_answer_to_another_call_confirms_no_write(
    shown: Routing, there: Record | None, sent: Routing, record: Record | None
) -> None:
    # As a cache gives it that goes by the path alone: GetAlias has the same.
    aliases = LambdaAliases(showing(shown, lease.compose("text", there)))
    with pytest.raises(ForeignAnswer, match="to another call: it shows"):
        aliases.write(TARGET, sent, lease.compose("text", record), "r1")


@pytest.mark.parametrize(
    ("shown", "there", "sent", "description"),
    [
        pytest.param(Routing(OLD, {NEW: 0.1}), RECORD, TENTH, str(RECORD), id="as sent"),
        pytest.param(
            Routing(OLD, {NEW: 0.10000000149}), RECORD, TENTH, str(RECORD), id="a shorter float"
        ),
        pytest.param(Routing.all_on(OLD), RECORD, Routing.all_on(OLD), "", id="description kept"),
        pytest.param(
            Routing(OLD, {NEW: 1.0}), None, Routing.all_on(OLD), "text", id="AWS's own weight"
        ),
        pytest.param(
            Routing.all_on(NEW), RECORD, Routing(NEW, {OLD: 1.0}), str(RECORD), id="which is gone"
        ),
    ],
)
def test_an_answer_that_shows_what_was_sent_confirms_it(
    shown: Routing, there: Record | None, sent: Routing, description: str
) -> None:
    aliases = LambdaAliases(showing(shown, lease.compose("text", there)))
    answer = aliases.write(TARGET, sent, description, "r1")
    assert answer.shown == shown
