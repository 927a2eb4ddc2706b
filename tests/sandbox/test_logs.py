"""CloudWatch Logs of the sandbox: what a function writes into it, and how it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambda_rollout.analysis.errors.place import PATTERN
from sandbox.aws import World
from sandbox.aws.errors import AwsError
from sandbox.aws.in_process import client
from sandbox.aws.lambda_ import zip_of
from sandbox.aws.logs.pattern import parse
from tests.support.log_payloads import ONE, PAYLOADS
from tests.support.scene import ROLE

CODE = """
import time
def handler(event, context):
    print("got", event)
    time.sleep(event.get("seconds", 0))
    return 1 / event.get("by", 1)
"""


def function(world: World, **config: Any) -> Any:
    aws = client("lambda", world)
    aws.create_function(
        FunctionName="shop",
        Role=ROLE,
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": zip_of(CODE)},
        **config,
    )
    world.clock.advance(2)
    aws.publish_version(FunctionName="shop")
    world.clock.advance(2)
    return aws


def invoke(aws: Any, **event: Any) -> None:
    aws.invoke(FunctionName="shop", Qualifier="1", Payload=json.dumps(event).encode())


def written(world: World, **asked: Any) -> list[dict[str, Any]]:
    group = asked.pop("group", "/aws/lambda/shop")
    return list(client("logs", world).filter_log_events(logGroupName=group, **asked)["events"])


def test_an_invocation_is_in_the_stream_of_its_version_and_day() -> None:
    world = World()
    aws = function(world)
    day = f"{world.clock.now():%Y/%m/%d}"
    invoke(aws)
    texts = [event["message"] for event in written(world, logStreamNamePrefix=f"{day}/[1]")]
    assert [text.split()[0] for text in texts] == ["START", "got", "END", "REPORT"]
    # Its environment lives on, and the stream is named by the day on which it began.
    world.clock.advance(86_400)
    invoke(aws, by=0)
    (failed,) = written(world, filterPattern="%ZeroDivisionError%")
    assert failed["logStreamName"].startswith(f"{day}/[1]")
    assert failed["message"].startswith("[ERROR] ZeroDivisionError: division by zero\nTraceback")
    aws.invoke(FunctionName="shop")
    assert written(world, logStreamNamePrefix=f"{world.clock.now():%Y/%m/%d}/[$LATEST]")


def test_in_a_group_of_its_own_a_stream_has_the_functions_name_too() -> None:
    world = World()
    invoke(function(world, LoggingConfig={"LogGroup": "/all", "LogFormat": "JSON"}), by=0)
    texts = written(
        world, group="/all", logStreamNamePrefix=f"{world.clock.now():%Y/%m/%d}/shop[1]"
    )
    error, report = (json.loads(text["message"]) for text in texts[1:])
    assert (error["level"], error["errorType"]) == ("ERROR", "ZeroDivisionError")
    assert (report["type"], report["record"]["status"]) == ("platform.report", "error")


@pytest.mark.parametrize("how", ["Text", "JSON"])
def test_a_function_that_takes_too_long_is_told_as_lambda_tells_it(how: str) -> None:
    world = World()
    invoke(function(world, LoggingConfig={"LogFormat": how}), seconds=9)
    (told,) = written(world, filterPattern="%timeout|timed.out%")
    assert ("Task timed out after 3.00 seconds" in told["message"]) == (how == "Text")


def test_an_event_is_found_when_it_was_ingested() -> None:
    world = World()
    aws = function(world)
    world.logs().delay = 5
    invoke(aws)
    assert not written(world)
    world.clock.advance(5)
    assert written(world)


def test_a_page_may_be_empty_and_not_the_last() -> None:
    world = World()
    logs = world.logs()
    for number in range(5):
        logs.write("g", f"s{number}", "last" if number == 4 else "", world.clock.now())
    logs.page_streams = 2
    pages: list[int] = []
    token: dict[str, str] = {}
    aws = client("logs", world)
    while True:
        page = aws.filter_log_events(logGroupName="g", filterPattern="last", **token)
        pages.append(len(page["events"]))
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == [0, 0, 1]


def test_a_page_is_no_larger_than_a_megabyte() -> None:
    world = World()
    for _ in range(5):
        world.logs().write("g", "s", "x" * 262_144, world.clock.now())
    page = client("logs", world).filter_log_events(logGroupName="g")
    assert len(page["events"]) == 4
    assert page["nextToken"]


def test_a_group_may_refuse_to_be_read() -> None:
    world = World()
    world.logs().write("g", "s", "x", world.clock.now())
    world.logs().groups["g"].refusal = AwsError("AccessDeniedException", "kms:Decrypt", 400)
    with pytest.raises(ClientError, match="kms:Decrypt"):
        written(world, group="g")


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("", "anything", None),
        ("ERROR", "[ERROR] x", "error"),
        ("a b", "b then a", "a alone"),
        ("?a ?b", "b", "c"),
        ('"a b"', "an a b", "a  b"),
        ("%[Ee]rror|FATAL%", "KeyError", "ERROR"),
    ],
)
def test_patterns(pattern: str, yes: str, no: str | None) -> None:
    matches = parse(pattern)
    assert matches(yes)
    assert no is None or not matches(no)


@pytest.mark.parametrize("pattern", ["%a(b)%", "%a b%", "{ $.a = 1 }", "-"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(AwsError):
        parse(pattern)


def test_the_pattern_lets_every_way_of_telling_pass() -> None:
    matches = parse(PATTERN)
    for name, texts in PAYLOADS.items():
        assert any(map(matches, texts)), name
    assert not matches(f"START RequestId: {ONE} Version: 8")
