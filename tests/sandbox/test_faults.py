"""Every fault, as the client sees it and as the world remembers it, through both doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from sandbox.aws import AwsError, World
from sandbox.aws.faults import (
    AccessDenied,
    Answer,
    Die,
    DropAnswer,
    ExpiredCredentials,
    Fault,
    Hang,
    LoseConnection,
    Meanwhile,
    RefuseConnection,
    ResetConnection,
    ServerError,
    Silent,
    Slow,
    StaleRead,
    Throttle,
)
from sandbox.aws.in_process import client
from sandbox.clock import ManualClock
from tests.sandbox.conftest import deploy, live, publish, returning, update

CONFIG = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 1})
WRITE = {"FunctionName": "checkout", "Name": "live", "Description": "written"}


@pytest.fixture
def aws(world: World) -> Any:
    return client("lambda", world, config=CONFIG)


def over_http(url: str, read_timeout: float = 4) -> Any:
    session: Any = boto3.Session("AKIDHTTP", "secret", region_name="eu-central-1")
    config = CONFIG.merge(Config(read_timeout=read_timeout))
    return session.client("lambda", endpoint_url=url, config=config)


def control(url: str, method: str, route: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"{url}/_sandbox/{route}", json.dumps(body).encode(), method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


# What the client gets, whether the work was done, how long it took on the world's clock.
SEEN: list[tuple[Fault, type[Exception], str, bool, float]] = [
    (Throttle(), ClientError, "TooManyRequestsException", False, 0),
    (ServerError(), ClientError, "ServiceException", False, 0),
    (ServerError(after_effect=True), ClientError, "ServiceException", True, 0),
    (Answer("ResourceConflictException", "busy", 409), ClientError, "Conflict", False, 0),
    (ExpiredCredentials(), ClientError, "ExpiredTokenException", False, 0),
    (AccessDenied(), ClientError, "not authorized to perform: lambda:UpdateAlias", False, 0),
    (RefuseConnection(), EndpointConnectionError, "Could not connect", False, 0),
    (LoseConnection(), ConnectTimeoutError, "Connect timeout", False, 2),
    (ResetConnection(), ConnectionClosedError, "closed", False, 0),
    (DropAnswer(), ConnectionClosedError, "closed", True, 0),
    (Hang(60), ReadTimeoutError, "Read timeout", False, 4),
    (Hang(60, "before"), ReadTimeoutError, "Read timeout", True, 4),
    (Hang(60, "late", lands_after=3), ReadTimeoutError, "Read timeout", True, 4),
    (Hang(60, "late", lands_after=5), ReadTimeoutError, "Read timeout", False, 4),
    (Hang(1), ConnectionClosedError, "closed", False, 1),
    (Slow(5), ReadTimeoutError, "Read timeout", True, 4),
]


@pytest.mark.parametrize(("fault", "kind", "text", "done", "seconds"), SEEN, ids=repr)
def test_a_fault_in_process(
    world: World,
    aws: Any,
    fault: Fault,
    kind: type[Exception],
    text: str,
    done: bool,
    seconds: float,
) -> None:
    world.faults.add(fault, operation="UpdateAlias")
    before = world.clock.now()
    with pytest.raises(kind, match=text):
        aws.update_alias(**WRITE)
    assert world.clock.now() - before == timedelta(seconds=seconds)
    assert live(world)["Description"] == ("written" if done else "")
    aws.update_alias(**WRITE)


def test_an_effect_lands_after_the_client_gave_up(world: World, aws: Any) -> None:
    world.faults.add(Hang(60, "late", lands_after=30), operation="UpdateAlias")
    with pytest.raises(ReadTimeoutError):
        aws.update_alias(**WRITE)
    sent = world.log[-1]
    assert (sent.outcome, sent.effect_at, live(world)["Description"]) == ("silent", None, "")
    world.clock.advance(26)
    assert live(world)["Description"] == "written"
    assert sent.effect_at == sent.at + timedelta(seconds=30)


def test_a_late_effect_whose_revision_is_gone_by_then_does_nothing(world: World, aws: Any) -> None:
    revision = live(world)["RevisionId"]
    world.faults.add(Hang(60, "late", lands_after=30), operation="UpdateAlias")
    with pytest.raises(ReadTimeoutError):
        aws.update_alias(**WRITE, RevisionId=revision)
    update(world, Description="another's")
    world.clock.advance(60)
    assert live(world)["Description"] == "another's"


def test_a_slow_answer_comes_if_the_client_waits_for_it(world: World, aws: Any) -> None:
    world.faults.add(Slow(3), operation="UpdateAlias")
    before = world.clock.now()
    assert aws.update_alias(**WRITE)["Description"] == "written"
    assert world.clock.now() - before == timedelta(seconds=3)


def test_a_stale_read_shows_the_alias_before_its_last_write(world: World) -> None:
    update(world, Description="first")
    update(world, RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    world.faults.add(StaleRead(), operation="GetAlias")
    stale, fresh = live(world), live(world)
    assert "RoutingConfig" not in stale
    assert stale["Description"] == fresh["Description"] == "first"
    assert stale["RevisionId"] != fresh["RevisionId"]


def test_somebody_else_acts_in_between_and_meets_no_fault(world: World, aws: Any) -> None:
    revision = live(world)["RevisionId"]
    world.faults.add(Meanwhile(lambda w: update(w, Description="foreign")), operation="UpdateAlias")
    world.faults.add(Throttle(), operation="UpdateAlias", nth=2)
    with pytest.raises(ClientError, match="PreconditionFailedException"):
        aws.update_alias(**WRITE, RevisionId=revision)
    assert live(world)["Description"] == "foreign"
    with pytest.raises(ClientError, match="Rate exceeded"):
        aws.update_alias(**WRITE)


class Killed(BaseException):
    """A SIGKILL, in process."""


@pytest.mark.parametrize("after_effect", [False, True])
def test_the_client_dies_at_a_request(world: World, aws: Any, after_effect: bool) -> None:
    def die() -> None:
        raise Killed

    world.faults.add(Die(die, after_effect), nth=3)
    for _ in range(2):
        aws.get_alias(FunctionName="checkout", Name="live")
    with pytest.raises(Killed):
        aws.update_alias(**WRITE)
    world.faults.clear()
    assert live(world)["Description"] == ("written" if after_effect else "")


def test_a_rule_meets_the_nth_request_and_as_many_as_it_says(world: World) -> None:
    rule = world.faults.add(Throttle(), service="lambda", operation="GetAlias", nth=2, count=2)
    update(world, Description="other operations do not count")
    told = []
    for _ in range(5):
        try:
            live(world)
        except AwsError as error:
            told.append(error.code)
        else:
            told.append("ok")
    assert told == ["ok", *["TooManyRequestsException"] * 2, "ok", "ok"]
    assert rule.seen == 5
    assert [request.outcome for request in world.log[1:]] == told


def test_a_rule_may_speak_of_one_caller_only(world: World, aws: Any) -> None:
    world.faults.add(Throttle(), caller="AKIASANDBOX", count=None)
    assert live(world)["Description"] == ""
    for _ in range(2):
        with pytest.raises(ClientError, match="Rate exceeded"):
            aws.get_alias(FunctionName="checkout", Name="live")


def test_cloudwatch_throttles_in_words_of_its_own(world: World) -> None:
    cloudwatch = client("cloudwatch", world)
    world.faults.add(Throttle(), service="cloudwatch")
    with pytest.raises(ClientError) as caught:
        cloudwatch.describe_alarms()
    answer = caught.value.response
    assert answer["Error"]["Code"] == "Throttling"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("qualifier", [None, "live"])
def test_a_refusal_names_action_and_resource(world: World, aws: Any, qualifier: str | None) -> None:
    world.faults.add(AccessDenied())
    asked = {"FunctionName": "checkout", **({"Qualifier": qualifier} if qualifier else {})}
    resource = "function:checkout" + (f":{qualifier}" if qualifier else "")
    with pytest.raises(ClientError) as caught:
        aws.get_function_configuration(**asked)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert caught.value.response["Error"]["Message"] == (
        "User: arn:aws:sts::123456789012:assumed-role/deploy/GitHubActions is not authorized to "
        "perform: lambda:GetFunctionConfiguration on resource: "
        f"arn:aws:lambda:eu-central-1:123456789012:{resource} because no identity-based policy "
        "allows the lambda:GetFunctionConfiguration action"
    )


# Over HTTP the same rules come as JSON, and the network misbehaves for real.

HTTP: list[tuple[dict[str, Any], type[Exception], bool]] = [
    ({"fault": "Throttle"}, ClientError, False),
    ({"fault": "ServerError", "after_effect": True}, ClientError, True),
    ({"fault": "RefuseConnection"}, ConnectionClosedError, False),
    ({"fault": "ResetConnection"}, ConnectionClosedError, False),
    ({"fault": "DropAnswer"}, ConnectionClosedError, True),
    ({"fault": "LoseConnection"}, ReadTimeoutError, False),
    ({"fault": "Hang", "seconds": 30}, ReadTimeoutError, False),
    ({"fault": "Hang", "seconds": 30, "effect": "before"}, ReadTimeoutError, True),
    ({"fault": "Hang", "seconds": 0}, ConnectionClosedError, False),
    ({"fault": "Slow", "seconds": 30}, ReadTimeoutError, True),
]


@pytest.mark.parametrize(("fault", "kind", "done"), HTTP, ids=str)
def test_a_fault_over_http(
    world: World, served: str, fault: dict[str, Any], kind: type[Exception], done: bool
) -> None:
    control(served, "POST", "faults", {**fault, "operation": "UpdateAlias"})
    aws = over_http(served, read_timeout=0.3)
    with pytest.raises(kind):
        aws.update_alias(**WRITE)
    assert live(world)["Description"] == ("written" if done else "")
    assert over_http(served).update_alias(**WRITE)["Description"] == "written"


def test_a_late_effect_over_http(world: World, served: str) -> None:
    late = {"fault": "Hang", "seconds": 30, "effect": "late", "lands_after": 20}
    control(served, "POST", "faults", [{**late, "operation": "UpdateAlias"}])
    with pytest.raises(ReadTimeoutError):
        over_http(served, read_timeout=0.3).update_alias(**WRITE)
    control(served, "POST", "advance", {"seconds": 19})
    assert live(world)["Description"] == ""
    control(served, "POST", "advance", {"seconds": 1})
    assert live(world)["Description"] == "written"


def test_somebody_else_acts_over_http(world: World, served: str) -> None:
    act = {"service": "lambda", "operation": "UpdateAlias", "params": {**WRITE, "Description": "x"}}
    control(served, "POST", "faults", {"fault": "Meanwhile", "call": act, "operation": "GetAlias"})
    answer = over_http(served).get_alias(FunctionName="checkout", Name="live")
    assert answer["Description"] == "x"


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_process_is_killed_at_its_request(world: World, served: str, after_effect: bool) -> None:
    script = (
        "import boto3, json, sys\n"
        "aws = boto3.client('lambda')\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"aws.update_alias(**json.loads('{json.dumps(WRITE)}'))\n"
        "print('survived')\n"
    )
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": served,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIDVICTIM",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdin is not None
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        rule = {"fault": "Die", "pid": victim.pid, "after_effect": after_effect}
        control(served, "POST", "faults", {**rule, "caller": "AKIDVICTIM"})
        victim.stdin.write("\n")
        victim.stdin.flush()
        assert victim.stdout.read() == ""
    assert victim.returncode == -signal.SIGKILL
    assert live(world)["Description"] == ("written" if after_effect else "")


def test_the_rules_in_force_can_be_read_and_cleared(served: str) -> None:
    control(served, "POST", "faults", {"fault": "Throttle", "operation": "GetAlias", "nth": 2})
    over_http(served).get_alias(FunctionName="checkout", Name="live")
    (rule,) = control(served, "GET", "faults")
    assert (rule["fault"], rule["operation"], rule["nth"], rule["seen"]) == (
        "Throttle()",
        "GetAlias",
        2,
        1,
    )
    control(served, "DELETE", "faults")
    over_http(served).get_alias(FunctionName="checkout", Name="live")
    assert control(served, "GET", "faults") == []


def test_seen_directly_a_lost_answer_takes_no_time(world: World) -> None:
    """What a simulator that skips botocore relies on: how long it waits is its own affair."""
    world.faults.add(Hang(30), operation="GetAlias")
    before = world.clock.now()
    with pytest.raises(Silent) as caught:
        live(world)
    assert (caught.value.seconds, world.clock.now()) == (30, before)


def test_faults_are_deterministic() -> None:
    """The same seed and the same requests leave the same world."""

    def run() -> list[Any]:
        world = World(ManualClock(), seed=5)
        deploy(world, returning("1"))
        publish(world)
        made = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": "1"}
        world.call("lambda", "CreateAlias", made)
        world.faults.add(ServerError(after_effect=True), operation="UpdateAlias")
        attempts: list[Callable[[], Any]] = [lambda: update(world, Description="a")] * 2
        told: list[Any] = []
        for attempt in attempts:
            try:
                told.append(attempt())
            except AwsError as error:
                told.append(error.code)
        return [told, live(world), world.log]

    assert run() == run()
