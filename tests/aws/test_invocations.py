"""Invoke, through real botocore clients and past them: what ran, what it said, and how long is waited for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.runtime.errors import AccessDenied, Busy, InvalidRequest, NotFound, Unanswered
from sandbox.aws import World, faults
from sandbox.aws.lambda_ import Fate
from tests.support.scene import NEW, OLD, Scene
from tests.support.seam import direct, through_botocore

WELL = "def handler(event, context):\n    print('hé', event)\n    return {'got': event}\n"
BROKEN = "def handler(event, context):\n    raise ValueError('no ' + event['a'])\n"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(event['seconds'])\n    return 'done'\n"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


@pytest.fixture(params=[through_botocore, direct], ids=["through botocore", "direct"])
def invocations(request: pytest.FixtureRequest, scene: Scene) -> LambdaInvocations:
    made: Clients = request.param(scene.world)
    return LambdaInvocations(made)


def publish(scene: Scene, code: str, **settings: object) -> None:
    scene.build(code)
    if settings:
        scene.call("lambda", "UpdateFunctionConfiguration", FunctionName="checkout", **settings)
        scene.clock.advance(2)
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)


def test_what_a_function_returns_and_logs(scene: Scene, invocations: LambdaInvocations) -> None:
    publish(scene, WELL)
    said = invocations.invoke("checkout", NEW, b'{"a": 1}', 5)
    assert said.payload == b'{"got": {"a": 1}}'
    assert (said.function_error, said.executed_version) == ("", NEW)
    lines = said.log_tail.splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == "hé {'a': 1}"
    asked = scene.requests("Invoke")[0].params
    assert (asked["Qualifier"], asked["InvocationType"], asked["LogType"]) == (
        NEW,
        "RequestResponse",
        "Tail",
    )


def test_what_a_function_raises(scene: Scene, invocations: LambdaInvocations) -> None:
    publish(scene, BROKEN)
    said = invocations.invoke("checkout", NEW, b'{"a": "b"}', 5)
    assert said.function_error == "Unhandled"
    assert b'"errorMessage": "no b"' in said.payload
    assert "[ERROR] ValueError: no b" in said.log_tail


def test_the_read_timeout_is_the_caller_s(scene: Scene, invocations: LambdaInvocations) -> None:
    publish(scene, SLOW, Timeout=900)
    began = scene.clock.monotonic()
    assert invocations.invoke("checkout", NEW, b'{"seconds": 60}', 61).payload == b'"done"'
    assert scene.clock.monotonic() - began == pytest.approx(60, abs=0.1)
    with pytest.raises(Unanswered):
        invocations.invoke("checkout", NEW, b'{"seconds": 60}', 59.5)


@pytest.mark.parametrize(
    "fault", [faults.DropAnswer(), faults.ServerError(), faults.Hang(30)], ids=repr
)
def test_nobody_knows_whether_it_ran(
    scene: Scene, invocations: LambdaInvocations, fault: faults.Fault
) -> None:
    scene.world.faults.add(fault, operation="Invoke", count=None)
    with pytest.raises(Unanswered):
        invocations.invoke("checkout", OLD, b"{}", 5)
    assert len(scene.requests("Invoke")) == 1


def test_a_version_that_sleeps_or_is_throttled_has_not_run(
    scene: Scene, invocations: LambdaInvocations
) -> None:
    scene.world.lambda_().set_state("checkout", OLD, Fate("Inactive"))
    with pytest.raises(Busy, match="Inactive"):
        invocations.invoke("checkout", OLD, b"{}", 5)
    with pytest.raises(Busy, match="Pending"):
        invocations.invoke("checkout", OLD, b"{}", 5)
    scene.clock.advance(5)
    scene.world.faults.add(faults.Throttle(), operation="Invoke")
    with pytest.raises(Busy):
        invocations.invoke("checkout", OLD, b"{}", 5)
    assert invocations.invoke("checkout", OLD, b"{}", 5).function_error == ""


def test_a_dry_run_says_what_is_not_there_or_not_allowed_and_runs_nothing(
    scene: Scene, invocations: LambdaInvocations
) -> None:
    publish(scene, BROKEN)
    invocations.check("checkout", NEW)
    invocations.check("checkout", "")
    with pytest.raises(NotFound):
        invocations.check("checkout", "9")
    with pytest.raises(NotFound):
        invocations.check("refunds", "")
    scene.world.faults.add(faults.AccessDenied(), operation="Invoke", count=None)
    with pytest.raises(AccessDenied, match="lambda:InvokeFunction"):
        invocations.check("checkout", NEW)


def test_more_than_6_mb_is_refused(scene: Scene, invocations: LambdaInvocations) -> None:
    with pytest.raises(InvalidRequest, match="too large"):
        invocations.invoke("checkout", OLD, b'"' + b"x" * 6 * 1024 * 1024 + b'"', 5)


def test_a_log_that_is_cut_begins_with_a_whole_line(
    scene: Scene, invocations: LambdaInvocations
) -> None:
    # Half a secret is one that nobody knows to hide.
    secret = "MarkedSecret" * 400
    lines = f"    print({secret!r})\n    print('second')\n"
    publish(scene, f"def handler(event, context):\n{lines}")
    tail = invocations.invoke("checkout", NEW, b"{}", 5).log_tail
    assert tail.startswith("second\nEND RequestId: ")


@pytest.mark.parametrize("made", [through_botocore, direct])
def test_an_answer_that_took_a_quarter_of_an_hour_says_nothing_of_awss_time(
    scene: Scene, made: Callable[[World], Clients]
) -> None:
    publish(scene, SLOW, Timeout=900)
    clients = made(scene.world)
    invocations, believed = LambdaInvocations(clients), []
    for _ in range(2):
        invocations.invoke("checkout", NEW, b'{"seconds": 800}', 910)
        believed.append(clients.aws_clock.believed)
    for _ in range(2):
        clients.lambda_.get_alias(FunctionName="checkout", Name="live")
    believed.append(clients.aws_clock.believed)
    invocations.invoke("checkout", NEW, b'{"seconds": 800}', 910)
    believed.append(clients.aws_clock.believed)
    assert believed == [False, False, True, True]
