"""The story's parts over a `World` in process, on its manual clock.

What runs is the real adapters of lambda_rollout.aws; only boto3's client below them is short-cut: a call goes
straight to the world, without botocore's serializer and parser. Errors and lost answers are raised as botocore
raises them, after as much of the world's time as the real timeouts would take. `through_botocore` gives the same
parts with the real clients, some fifty times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import responses
from io import BytesIO
from typing import Any, cast

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from lambda_rollout.alias.aws_clock import AwsClock
from lambda_rollout.alias.record import Record, RunStatus
from lambda_rollout.aws.alarm_types import AlarmTypes
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import CONNECT_TIMEOUT, READ_TIMEOUT, Clients
from lambda_rollout.aws.function_names import FunctionNames
from lambda_rollout.aws.versions import LambdaVersions
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.runtime.clock import Clock, Stop, SystemClock
from sandbox.aws import World
from sandbox.aws.between import Cut, Foreign
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Closed, Refused, Silent, Unreachable
from sandbox.aws.in_process import connect, session
from sandbox.aws.world import REGION
from sandbox.clock import ManualClock

URL = "https://sandbox.invalid"
TICK = 1e-6
REQUEST_ID = "5f2c1f0e-8a4e-4c1a-9d0b-1d2e3f405162"
MARKS: dict[str, Any] = {"RequestId": REQUEST_ID, "HTTPHeaders": {"x-amzn-requestid": REQUEST_ID}}
"""What AWS's own answers bear."""
ANSWERED = {**MARKS, "HTTPStatusCode": 200}


def manual(world: World) -> ManualClock:
    """The world's clock, which must be one that stands still until it is told."""
    assert isinstance(world.clock, ManualClock)
    return world.clock


class SkippingClock(SystemClock):
    """A wait for nobody takes no time of the machine's; one that a stop would end goes on until it does."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float, stop: Stop | None) -> None:
        if stop is not None:
            super().wait(3600, stop)
        if stop is None or not stop.requested:
            self.seconds += seconds


@dataclass
class SimClock:
    """`lambda_rollout.runtime.clock.Clock` on the world's time. ``skew``: how far the runner's wall clock is off."""

    world: World
    skew: timedelta = timedelta()

    def now(self) -> datetime:
        return self.world.clock.now() + self.skew

    def monotonic(self) -> float:
        return self.world.clock.monotonic()

    def wait(self, seconds: float, stop: Stop | None) -> None:
        # This clock ticks in microseconds: a wait that rounds to none of them would be asked for again for ever.
        length = max(seconds, TICK) if seconds > 0 else 0.0
        if stop is None:
            manual(self.world).advance(length)
        elif not stop.requested:
            manual(self.world).advance(length, lambda: stop.requested)


Dated = Callable[[datetime], datetime | None]
"""What an answer's `Date` says at a moment; None: there is none."""


def said_as_it_is(now: datetime) -> datetime | None:
    """The right time."""
    return now


@dataclass
class Direct:
    """One service's client, as far as the adapters use it: any operation by boto3's name for it."""

    world: World
    service: str
    region: str
    caller: str
    latency: float
    hear: Callable[[datetime | None], None]
    read_timeout: float = READ_TIMEOUT

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(map(str.capitalize, name.split("_")))
        return lambda **params: self._call(operation, params)

    def _call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        clock = manual(self.world)
        clock.advance(self.latency / 2)
        date = self.world.date(self.caller)
        try:
            answer, delay = self.world.answer(
                self.service, operation, params, self.region, self.caller
            )
        except AwsError as error:
            self.hear(date)
            answered = {"HTTPStatusCode": error.status, **MARKS}
            body = {"Error": {"Code": error.code, "Message": error.message}}
            raise ClientError({**body, "ResponseMetadata": answered}, operation) from error  # type: ignore[typeddict-item]
        except Foreign as page:
            answer = _parsed(page, operation)
            clock.advance(self.latency / 2)
            return answer
        except Cut:
            clock.advance(self.latency / 2)
            self.hear(date)
            return {"ResponseMetadata": ANSWERED}
        except Refused as loss:
            raise EndpointConnectionError(endpoint_url=URL) from loss
        except Unreachable as loss:
            clock.advance(CONNECT_TIMEOUT)
            raise ConnectTimeoutError(endpoint_url=URL) from loss
        except Silent as loss:
            self._wait_in_vain(loss.seconds)
            raise ConnectionClosedError(endpoint_url=URL) from loss
        except Closed as loss:
            raise ConnectionClosedError(endpoint_url=URL) from loss
        self._wait_in_vain(delay)
        clock.advance(self.latency / 2)
        self.hear(date)
        if operation == "Invoke":
            answer = {**answer, "Payload": BytesIO(answer["Payload"])}
        status = {"HTTPStatusCode": answer.get("StatusCode", HTTPStatus.OK)}
        return {**answer, "ResponseMetadata": {**ANSWERED, **status}}

    def _wait_in_vain(self, seconds: float) -> None:
        manual(self.world).advance(min(seconds, self.read_timeout))
        if seconds >= self.read_timeout:
            raise ReadTimeoutError(endpoint_url=URL)


def _parsed(page: Foreign, operation: str) -> dict[str, Any]:
    """What botocore makes of somebody else's page: an empty answer, or an error with the status as its code."""
    headers = {name.lower(): value for name, value in page.headers.items()}
    answered: Any = {"HTTPStatusCode": page.status, "HTTPHeaders": headers}
    if page.status < HTTPStatus.MOVED_PERMANENTLY:
        return {"ResponseMetadata": answered}
    message = page.body.decode()
    if page.status >= HTTPStatus.INTERNAL_SERVER_ERROR and (
        not message or message.startswith("<html>")
    ):
        message = responses.get(page.status, "")
    error: Any = {"Code": str(page.status), "Message": message}
    raise ClientError({"Error": error, "ResponseMetadata": answered}, operation)


@dataclass
class DirectClients:
    """`lambda_rollout.aws.clients.Clients` without boto3.

    caller: the access key id that the world's log and faults know this process by. latency: seconds that
    every call takes.
    """

    world: World
    region: str = REGION
    caller: str = "AKIASANDBOX"
    latency: float = 0.0
    clock: Clock | None = None
    date: Dated = said_as_it_is

    def __post_init__(self) -> None:
        self.aws_clock = AwsClock(self.clock or SimClock(self.world))
        self.alarm_types = AlarmTypes()
        self.names = FunctionNames()

    def _hear(self, date: datetime | None) -> None:
        said = self.date(date) if date is not None else None
        self.aws_clock.hear(said.replace(microsecond=0) if said else None)

    def _client(self, service: str, region: str) -> Direct:
        return Direct(self.world, service, region, self.caller, self.latency, self._hear)

    @property
    def lambda_(self) -> Direct:
        return self._client("lambda", self.region)

    @property
    def uploads(self) -> Direct:
        return self.lambda_

    @property
    def logs(self) -> Direct:
        return self._client("logs", self.region)

    @property
    def codedeploy(self) -> Direct:
        return self._client("codedeploy", self.region)

    def invoking(self, read_timeout: int) -> Direct:
        return replace(self.lambda_, read_timeout=read_timeout, hear=lambda _: None)

    @property
    def sts(self) -> Direct:
        return self._client("sts", self.region)

    def cloudwatch(self, region: str) -> Direct:
        return self._client("cloudwatch", region)


def direct(world: World, region: str = REGION, **how: Any) -> Clients:
    """Clients that call the world straight; ``how`` are the other fields of `DirectClients`."""
    return cast("Clients", DirectClients(world, region, **how))


def through_botocore(world: World, region: str = REGION) -> Clients:
    """Real boto3 clients, with botocore's serializer and parser, that end in the world."""
    return Clients(connect(session(region), world), region, SimClock(world))


def WorldAliases(world: World, region: str = REGION, **how: Any) -> LambdaAliases:  # noqa: N802
    """`lambda_rollout.alias.calls.Aliases`; ``how`` as for `direct`."""
    return LambdaAliases(direct(world, region, **how))


def WorldVersions(world: World, region: str = REGION, **how: Any) -> LambdaVersions:  # noqa: N802
    """`lambda_rollout.rollout.ports.Versions`; ``how`` as for `direct`."""
    return LambdaVersions(direct(world, region, **how))


def WorldAlarms(  # noqa: N802
    world: World, names: Sequence[str], region: str = REGION, **how: Any
) -> CloudWatchAlarms:
    """`lambda_rollout.rollout.watch.Alarms`, of alarms named as in the input; ``how`` as for `direct`."""
    return CloudWatchAlarms(direct(world, region, **how), parse_alarms("\n".join([*names, ""])))


@dataclass
class SimRuns:
    """`lambda_rollout.rollout.ports.Runs`: says the same word of every run, and keeps whom it was asked about."""

    said: RunStatus = RunStatus.UNKNOWN
    asked: list[Record] = field(default_factory=list)

    def run_status(self, record: Record) -> RunStatus:
        self.asked.append(record)
        return self.said

    def url(self, record: Record) -> str:
        return f"https://github.invalid/runs/{record.run}" if record.run else ""
