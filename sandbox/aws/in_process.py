"""The door without a network: real boto3 clients whose requests end in a `World`.

botocore builds, signs and serializes the request and parses the answer as ever; only
the socket is missing. A fault looks as the real transport would show it, and takes
as long on the world's clock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import boto3
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from sandbox.aws import wire
from sandbox.aws.between import Cut, Foreign
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Closed, Lost, Refused, Silent, Unreachable
from sandbox.aws.world import REGION, World

# botocore's own, where a client says nothing (botocore.config.Config).
CONNECT_TIMEOUT = 60.0
READ_TIMEOUT = 60.0


def client(service: str, world: World, region: str = REGION, config: Config | None = None) -> Any:
    """A boto3 client of ``lambda``, ``cloudwatch`` or ``sts`` that speaks to `world`.

    Without a `config` nothing is retried, since botocore waits between its tries on the
    machine's clock.
    """
    any_session: Any = connect(session(region), world)
    return any_session.client(service, config=config or Config(retries={"total_max_attempts": 1}))


def session(region: str = REGION) -> boto3.Session:
    """A session with the sandbox's credentials, speaking to nobody yet."""
    return boto3.Session(
        aws_access_key_id="AKIASANDBOX",
        aws_secret_access_key="sandbox",
        region_name=region,
    )


def connect(session: boto3.Session, world: World) -> boto3.Session:
    """Let every client that `session` makes from now on speak to `world`."""
    transport = Transport(world)
    events: Any = session.events
    events.register("request-created", transport.note_timeouts)
    events.register("before-send", transport.send)
    return session


class Transport:
    """Takes requests where botocore would send them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._timeouts = threading.local()

    def note_timeouts(self, request: Any, **_: object) -> None:
        """Keep the client's timeouts for the request that is about to be sent."""
        config = request.context.get("client_config")
        self._timeouts.connect = getattr(config, "connect_timeout", CONNECT_TIMEOUT)
        self._timeouts.read = getattr(config, "read_timeout", READ_TIMEOUT)

    def send(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Answer a request, or fail as a transport fails."""
        url = str(request.url)
        try:
            reply, delay = exchange(
                self.world,
                str(request.method),
                url,
                {name.lower(): _text(value) for name, value in request.headers.items()},
                _bytes(request.body),
            )
        except Refused as loss:
            raise EndpointConnectionError(endpoint_url=url) from loss
        except Unreachable as loss:
            self.world.clock.advance(self._timeouts.connect)
            raise ConnectTimeoutError(endpoint_url=url) from loss
        except Silent as loss:
            self._wait_in_vain(url, loss.seconds)
            raise ConnectionClosedError(endpoint_url=url) from loss
        except Closed as loss:
            raise ConnectionClosedError(endpoint_url=url) from loss
        if delay:
            self._wait_in_vain(url, delay)
        raw = urllib3.HTTPResponse(
            body=BytesIO(reply.body),
            headers=reply.headers,
            status=reply.status,
            preload_content=False,
        )
        headers: Any = urllib3.HTTPHeaderDict(reply.headers)
        return AWSResponse(url, reply.status, headers, raw)

    def _wait_in_vain(self, url: str, seconds: float) -> None:
        """Wait `seconds`, or give up when the client's read timeout is over."""
        if seconds >= self._timeouts.read:
            self.world.clock.advance(self._timeouts.read)
            raise ReadTimeoutError(endpoint_url=url)
        self.world.clock.advance(seconds)


def exchange(
    world: World, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> tuple[wire.Reply, float]:
    """Answer an HTTP request; also how many seconds late the answer is to be given.

    Raises `Lost` where none comes.
    """
    call = None
    try:
        call = wire.read(method, url, headers, body)
        answer, delay = world.answer(
            call.service, call.operation, call.params, call.region or REGION, call.caller
        )
        return wire.write(call, answer, world.date(call.caller)), delay
    except AwsError as problem:
        return wire.error(call, problem, world.date(call.caller if call else "")), 0.0
    except Foreign as page:
        return wire.Reply(page.status, page.headers, page.body), 0.0
    except Cut as cut:
        assert call is not None
        whole = wire.write(call, cut.answer, world.date(call.caller))
        return wire.Reply(whole.status, whole.headers, whole.body[: len(whole.body) // 2]), 0.0


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else bytes(body.read())


__all__ = ["Lost", "client", "connect", "exchange", "session"]
