"""Somebody between us and AWS, as a client sees it through every door, and what AWS has done meanwhile."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from lambda_rollout.aws.clients import READ_TIMEOUT
from sandbox.aws import World
from sandbox.aws.between import Drip, Half, Page, Twice
from sandbox.aws.faults import Answer, Fault
from sandbox.aws.in_process import client
from tests.sandbox.conftest import live, update
from tests.support.seam import direct

CONFIG = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": 1})
MISMATCH = "PreconditionFailedException"
CONFLICT = "ResourceConflictException"
DOORS = ["botocore", "seam"]


@pytest.fixture(params=DOORS)
def aws(request: pytest.FixtureRequest, world: World) -> Any:
    return _client(request.param, world, "lambda")


def _client(door: str, world: World, service: str) -> Any:
    if door == "botocore":
        return client(service, world, config=CONFIG)
    clients = direct(world)
    return clients.lambda_ if service == "lambda" else clients.cloudwatch("eu-central-1")


def _write(world: World, aws: Any) -> Any:
    return aws.update_alias(
        FunctionName="checkout",
        Name="live",
        Description="written",
        RevisionId=live(world)["RevisionId"],
    )


def _meets(world: World, fault: Fault, operation: str = "UpdateAlias") -> None:
    world.faults.clear()
    world.faults.add(fault, operation=operation)


def _refused(call: Callable[[], object]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    answer: dict[str, Any] = dict(caught.value.response)
    return answer


def test_the_second_delivery_of_a_write_is_refused_and_the_first_one_stands(
    world: World, aws: Any
) -> None:
    before = live(world)["RevisionId"]
    _meets(world, Twice())
    answer = _refused(lambda: _write(world, aws))
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (
        MISMATCH,
        412,
    )
    assert answer["ResponseMetadata"]["RequestId"]
    assert live(world)["Description"] == "written"
    assert live(world)["RevisionId"] != before


def test_the_first_deliverys_answer_may_be_the_one_that_gets_through(
    world: World, aws: Any
) -> None:
    _meets(world, Twice("first"))
    answer = _write(world, aws)
    assert answer["RevisionId"] == live(world)["RevisionId"]


def test_or_none(world: World, aws: Any) -> None:
    _meets(world, Twice("none"))
    with pytest.raises(ConnectionClosedError):
        _write(world, aws)
    assert live(world)["Description"] == "written"


def test_a_second_delivery_that_comes_minutes_later_finds_another_revision(
    world: World, aws: Any
) -> None:
    _meets(world, Twice("first", lands_after=120))
    _write(world, aws)
    update(world, Description="later")
    world.clock.advance(121)
    assert live(world)["Description"] == "later"


def test_without_a_revision_it_overwrites(world: World, aws: Any) -> None:
    _meets(world, Twice("second", lands_after=120))
    with pytest.raises(ConnectionClosedError):
        aws.update_alias(FunctionName="checkout", Name="live", Description="written")
    update(world, Description="later")
    world.clock.advance(121)
    assert live(world)["Description"] == "written"


@pytest.mark.parametrize(
    ("effect", "now", "then"),
    [("never", "", ""), ("before", "written", "written"), ("late", "", "written")],
)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "fault",
    [
        lambda **how: Page(404, **how),
        lambda **how: Answer(CONFLICT, "in progress", 409, **how),
    ],
    ids=["page", "AWS's own"],
)
def test_an_error_answer_says_nothing_of_the_effect(
    world: World, door: str, fault: Callable[..., Fault], effect: str, now: str, then: str
) -> None:
    aws = _client(door, world, "lambda")
    _meets(world, fault(effect=effect, lands_after=60 if effect == "late" else 0))
    _refused(lambda: _write(world, aws))
    assert live(world)["Description"] == now
    world.clock.advance(61)
    assert live(world)["Description"] == then


@pytest.mark.parametrize("status", [302, 400, 403, 404, 407, 409, 412, 429, 451, 500, 502, 503])
@pytest.mark.parametrize("service", ["lambda", "cloudwatch"])
def test_a_page_bears_none_of_awss_marks(world: World, status: int, service: str) -> None:
    """And both doors tell of it in the same words."""
    told = []
    for door in DOORS:
        aws = _client(door, world, service)
        world.faults.clear()
        world.faults.add(Page(status))
        call = (
            aws.describe_alarms
            if service == "cloudwatch"
            else lambda aws=aws: aws.get_alias(FunctionName="checkout", Name="live")
        )
        answer = _refused(call)
        assert "RequestId" not in answer["ResponseMetadata"]
        assert "x-amzn-requestid" not in answer["ResponseMetadata"]["HTTPHeaders"]
        assert answer["Error"]["Code"] == str(status)
        told.append((answer["Error"], answer["ResponseMetadata"]["HTTPStatusCode"]))
    assert told[0] == told[1]


@pytest.mark.parametrize("fault", [Page(200), Page(200, body="")], ids=["page", "empty"])
@pytest.mark.parametrize("service", ["lambda", "cloudwatch"])
@pytest.mark.parametrize("door", DOORS)
def test_a_200_that_is_no_answer_is_read_as_an_empty_one(
    world: World, door: str, service: str, fault: Fault
) -> None:
    aws = _client(door, world, service)
    world.faults.add(fault)
    answer = (
        aws.describe_alarms()
        if service == "cloudwatch"
        else aws.get_alias(FunctionName="checkout", Name="live")
    )
    metadata = answer.pop("ResponseMetadata")
    assert answer == {}
    assert metadata["HTTPStatusCode"] == 200
    assert "RequestId" not in metadata


def test_half_of_awss_answer_has_its_marks_and_nothing_else(world: World, aws: Any) -> None:
    _meets(world, Half())
    answer = _write(world, aws)
    metadata = answer.pop("ResponseMetadata")
    assert answer == {}
    assert metadata["RequestId"]
    assert live(world)["Description"] == "written"


def test_an_answer_of_awss_bears_its_marks(world: World, aws: Any) -> None:
    metadata = _write(world, aws)["ResponseMetadata"]
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]
    assert metadata["HTTPStatusCode"] == 200


@pytest.mark.parametrize(("door", "deadline"), [("botocore", 4), ("seam", READ_TIMEOUT)])
def test_in_process_an_answer_that_drips_is_silence_until_the_deadline(
    world: World, door: str, deadline: float
) -> None:
    _meets(world, Drip(effect="before"))
    before = world.clock.monotonic()
    with pytest.raises(ReadTimeoutError):
        _write(world, _client(door, world, "lambda"))
    assert world.clock.monotonic() - before == pytest.approx(deadline)
    assert live(world)["Description"] == "written"


@pytest.mark.parametrize(("off", "told"), [(None, None), (0.0, " 05:00:"), (3600.0, " 06:00:")])
def test_the_date_may_be_missing_or_wrong(
    world: World, off: float | None, told: str | None
) -> None:
    world.dates["AKIASANDBOX"] = off
    aws = _client("botocore", world, "lambda")
    answer = aws.get_alias(FunctionName="checkout", Name="live")
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    assert (told or "") in date
    assert bool(date) == (told is not None)


@pytest.mark.parametrize(("off", "believed"), [(None, False), (0.0, True), (3600.0, False)])
def test_the_seam_hears_it_too(world: World, off: float | None, believed: bool) -> None:
    world.dates["AKIASANDBOX"] = off
    clients = direct(world)
    for _ in range(2):
        clients.lambda_.get_alias(FunctionName="checkout", Name="live")
    assert clients.aws_clock.believed == believed


# Over HTTP ----------------------------------------------------------------------------------------


def _over_http(url: str) -> Any:
    session: Any = boto3.Session("AKIDHTTP", "secret", region_name="eu-central-1")
    config = CONFIG.merge(Config(read_timeout=0.5))
    return session.client("lambda", endpoint_url=url, config=config)


def _control(url: str, route: str, body: Any) -> None:
    request = urllib.request.Request(
        f"{url}/_sandbox/{route}", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request):
        pass


HTTP: list[tuple[dict[str, Any], str, bool]] = [
    ({"fault": "Twice"}, MISMATCH, True),
    ({"fault": "Page", "status": 302}, "302", False),
    ({"fault": "Page", "status": 404, "effect": "before"}, "404", True),
    ({"fault": "Page", "status": 502, "effect": "before"}, "502", True),
    (
        {"fault": "Answer", "code": CONFLICT, "message": "", "status": 409, "effect": "before"},
        CONFLICT,
        True,
    ),
]


@pytest.mark.parametrize(("fault", "code", "done"), HTTP, ids=str)
def test_errors_over_http(
    world: World, served: str, fault: dict[str, Any], code: str, done: bool
) -> None:
    _control(served, "faults", {**fault, "operation": "UpdateAlias"})
    answer = _refused(lambda: _write(world, _over_http(served)))
    assert answer["Error"]["Code"] == code
    assert ("RequestId" in answer["ResponseMetadata"]) == (not code.isdecimal())
    assert live(world)["Description"] == ("written" if done else "")


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        ({"fault": "Page", "status": 200}, False),
        ({"fault": "Page", "status": 200, "body": "", "effect": "before"}, True),
        ({"fault": "Half"}, True),
    ],
    ids=str,
)
def test_no_answers_over_http(world: World, served: str, fault: dict[str, Any], done: bool) -> None:
    _control(served, "faults", {**fault, "operation": "UpdateAlias"})
    answer = _write(world, _over_http(served))
    assert set(answer) == {"ResponseMetadata"}
    assert live(world)["Description"] == ("written" if done else "")


def test_each_byte_of_a_drip_begins_the_read_timeout_anew(world: World, served: str) -> None:
    """A client that waits 0.5 s at most still reads after 1.5 s, when the connection ends; and finds nothing wrong."""
    drip = {"fault": "Drip", "every": 0.2, "seconds": 1.5, "effect": "before"}
    _control(served, "faults", {**drip, "operation": "UpdateAlias"})
    assert set(_write(world, _over_http(served))) == {"ResponseMetadata"}
    assert live(world)["Description"] == "written"


def test_a_date_over_http(world: World, served: str) -> None:
    _control(served, "dates", {"off": None})
    answer = _over_http(served).get_alias(FunctionName="checkout", Name="live")
    assert "date" not in answer["ResponseMetadata"]["HTTPHeaders"]
