"""The other door: the same processes through real boto3 clients, with botocore's serializer and parser.

Making a client takes far longer than a simulation, so they are kept, and speak to whichever world is on stage.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.function_names import FunctionNames
from lambda_rollout.runtime.clock import Clock
from sandbox.aws import World
from sandbox.aws.in_process import Transport
from sandbox.aws.world import REGION
from tests.support.seam import manual


class Line(Transport):
    """A transport that takes its time."""

    latency = 0.0

    def send(self, request: AWSPreparedRequest, **rest: object) -> AWSResponse:
        """See `Transport.send`; others may act while the request and the answer are on their way."""
        manual(self.world).advance(self.latency / 2)
        answer = super().send(request, **rest)
        if answer.status_code < 300:
            # As `tests.support.seam.Direct` has it, so that both doors tell the same story.
            manual(self.world).advance(self.latency / 2)
        return answer


@cache
def _connected(name: str) -> tuple[Clients, Line]:
    line = Line(cast("World", None))
    session = boto3.Session(
        aws_access_key_id=name, aws_secret_access_key="simulated", region_name=REGION
    )
    events: Any = session.events
    events.register("request-created", line.note_timeouts)
    events.register("before-send", line.send)
    return Clients(session, REGION), line


def clients(world: World, name: str, latency: float, clock: Clock) -> Clients:
    """The clients of the process of this name, in this world."""
    connected, line = _connected(name)
    line.world, line.latency = world, latency
    connected.aws_clock = AwsClock(clock)
    connected.names = FunctionNames()
    return connected
