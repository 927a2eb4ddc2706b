"""Answers that cannot be read: from a proxy, cut off, or with something missing. None of them is a confirmation."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import boto3
import pytest
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.routing import Alias, Routing
from lambda_rollout.alias.settlement import ChangedByOther, Settled, Unsettled
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.runtime.clock import SystemClock
from lambda_rollout.runtime.errors import Unanswered
from sandbox.aws.world import REGION
from tests.support.scene import NEW, NONCE, OLD, TARGET

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
    writer = AliasWriter(TARGET, split, aliases, clock, AwsClock(clock), NONCE)
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
