"""The smoke test in the story: before any write of an alias, told in full, and never repeated blindly."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.invocation import Invocation, InvocationLimits
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.inputs.payload import parse_smoke_expect
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import Finished, Result, SmokeTested
from lambda_rollout.rollout.smoke_test import ANSWER_MARGIN, ReadyVersion, smoke_test
from lambda_rollout.runtime.background import BackgroundThread
from lambda_rollout.runtime.clock import SystemClock
from lambda_rollout.runtime.errors import Cancelled
from lambda_rollout.runtime.parallel import several_at_once
from sandbox.aws.faults import (
    AccessDenied,
    Answer,
    Die,
    DropAnswer,
    Fault,
    Hang,
    Meanwhile,
    ServerError,
    Throttle,
)
from sandbox.aws.lambda_ import Fate
from tests.support.code import package
from tests.support.scene import NEW, OLD, ROLE, Scene, rollout_spec

WELL = "def handler(event, context):\n    return {'statusCode': 200, 'total': event['a']}\n"
RAISES = "def handler(event, context):\n    print('reading', event)\n    raise KeyError('total')\n"
PAYLOADS = {"checkout": b'{"a": 1}'}


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def roll_out(scene: Scene, code: str = WELL, expect: str = "", **asked: Any) -> Finished:
    scene.build(code)
    fields = {"payloads": PAYLOADS, "smoke_expect": parse_smoke_expect(expect), **asked}
    return scene.roll_out(rollout_spec("10% 10s, 100% 0s", **fields))


def outcomes(scene: Scene) -> list[SmokeTested]:
    return [event for event in scene.told(SmokeTested) if isinstance(event, SmokeTested)]


def writes(scene: Scene) -> list[str]:
    return [request.operation for request in scene.requests("UpdateAlias", "CreateAlias")]


def test_a_version_that_passes_is_rolled_out_after_it(scene: Scene) -> None:
    assert roll_out(scene, expect='{"statusCode": 200, "total": 1}').result is Result.PROMOTED
    (invoked,) = scene.requests("Invoke")
    asked = invoked.params
    assert (invoked.function, asked["Qualifier"]) == ("checkout", NEW)
    assert asked["Payload"] == b'{"a": 1}'
    assert invoked.at <= scene.requests("UpdateAlias")[0].at
    (test,) = outcomes(scene)
    assert (test.passed, test.why, test.log) == (True, "", ())


def test_a_version_that_raises_gets_no_traffic_and_its_log_is_told(scene: Scene) -> None:
    before = scene.alias
    finished = roll_out(scene, RAISES)
    assert finished.result is Result.FAILED
    assert finished.reason == (
        "the smoke test failed: version 2 of checkout: it failed (Unhandled): KeyError: 'total'"
    )
    assert "stays published, without traffic" in finished.remedy
    assert scene.alias == before
    assert writes(scene) == []
    (test,) = outcomes(scene)
    assert "reading {'a': 1}" in test.log
    assert "[ERROR] KeyError: 'total'" in test.log
    said = outputs(rollout_state(scene.events))
    assert (said["result"], said["version"], said["previous-version"], said["weight"]) == (
        "failed",
        NEW,
        OLD,
        "0",
    )


def test_an_answer_that_lacks_a_field_is_refused_with_its_path(scene: Scene) -> None:
    finished = roll_out(scene, expect='{"order": {"id": 7}, "total": 1}')
    assert '$.order: expected {"id": 7}, got nothing' in finished.reason
    assert writes(scene) == []


def test_without_a_smoke_test_nothing_is_invoked(scene: Scene) -> None:
    assert roll_out(scene, payloads={}).result is Result.PROMOTED
    assert not scene.requests("Invoke")


def test_what_has_traffic_already_is_not_invoked(scene: Scene) -> None:
    spec = rollout_spec(payloads=PAYLOADS, version=OLD)
    assert scene.roll_out(spec).result is Result.UNCHANGED
    assert not scene.requests("Invoke")


def test_a_resumed_rollout_and_a_promotion_are_not_tested_again(scene: Scene) -> None:
    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s"))
    scene.clock.advance(601)
    resume = rollout_spec(
        "50% 10s, hold", on_stranded=OnStranded.RESUME, payloads=PAYLOADS, rollout_id="0badcafe"
    )
    assert scene.roll_out(resume).result is Result.HELD
    promote = rollout_spec("100% 0s", mode=Mode.PROMOTE, payloads=PAYLOADS)
    assert scene.roll_out(promote).result is Result.PROMOTED
    assert not scene.requests("Invoke")


def test_a_plan_invokes_nothing(scene: Scene) -> None:
    assert roll_out(scene, mode=Mode.PLAN).result is Result.PLANNED
    assert not scene.requests("Invoke")


def test_an_alias_is_created_after_it(scene: Scene) -> None:
    target = Target("checkout", "next")
    failed = roll_out(scene, RAISES, targets=[target], create_alias=True)
    assert failed.result is Result.FAILED
    assert "next" not in scene.world.lambda_().functions["checkout"].aliases
    assert roll_out(scene, targets=[target], create_alias=True).result is Result.PROMOTED
    assert writes(scene) == ["CreateAlias"]


# What is repeated, and what is not -----------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Throttle(),
        Answer("ResourceNotReadyException", "its VPC connection is being restored", 502),
        Answer("ResourceNotFoundException", "Function not found: checkout:2", 404),
        Answer("SnapStartNotReadyException", "is being initialized", 409),
    ],
    ids=repr,
)
def test_what_has_not_run_is_invoked_again_for_a_minute(scene: Scene, fault: Fault) -> None:
    scene.world.faults.add(fault, operation="Invoke", count=3)
    assert roll_out(scene).result is Result.PROMOTED
    assert len(scene.requests("Invoke")) == 4


def test_a_version_that_sleeps_is_woken(scene: Scene) -> None:
    sleeps = Meanwhile(lambda world: world.lambda_().set_state("checkout", NEW, Fate("Inactive")))
    scene.world.faults.add(sleeps, operation="Invoke")
    assert roll_out(scene).result is Result.PROMOTED


def test_what_is_throttled_for_longer_fails(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="Invoke", count=None)
    began = scene.clock.monotonic()
    finished = roll_out(scene)
    assert "could not be invoked: Invoke: TooManyRequestsException" in finished.reason
    assert 60 <= scene.clock.monotonic() - began <= 80
    assert writes(scene) == []


@pytest.mark.parametrize(
    "fault", [DropAnswer(), ServerError(), ServerError(after_effect=True), Hang(900)], ids=repr
)
def test_of_what_was_not_answered_nobody_knows_and_it_is_not_invoked_again(
    scene: Scene, fault: Fault
) -> None:
    scene.world.faults.add(fault, operation="Invoke")
    finished = roll_out(scene)
    assert finished.result is Result.FAILED
    assert "outcome unknown: Invoke: " in finished.reason
    assert len(scene.requests("Invoke")) == 1
    assert writes(scene) == []


def test_an_answer_is_waited_for_as_long_as_the_function_may_run(scene: Scene) -> None:
    scene.call("lambda", "UpdateFunctionConfiguration", FunctionName="checkout", Timeout=300)
    scene.clock.advance(2)
    began = scene.clock.monotonic()
    slow = "import time\ndef handler(event, context):\n    time.sleep(290)\n"
    assert roll_out(scene, slow).result is Result.PROMOTED
    scene.world.faults.add(Hang(900), operation="Invoke")
    began = scene.clock.monotonic()
    assert roll_out(scene, "x = 1").result is Result.FAILED
    assert scene.clock.monotonic() - began == pytest.approx(300 + ANSWER_MARGIN, abs=20)


def test_a_function_that_runs_into_its_timeout_is_told_so(scene: Scene) -> None:
    forever = "import time\ndef handler(event, context):\n    time.sleep(60)\n"
    assert "Task timed out after 3.00 seconds" in roll_out(scene, forever).reason


def test_a_missing_permission_is_told_with_its_remedy(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="Invoke", count=None)
    finished = roll_out(scene)
    assert "lambda:InvokeFunction" in finished.remedy
    assert writes(scene) == []


# Several, and stop ---------------------------------------------------------------------------------


def add_refunds(scene: Scene, code: str) -> None:
    create = {"Runtime": "python3.13", "Role": ROLE, "Handler": "app.handler"}
    scene.call(
        "lambda", "CreateFunction", FunctionName="refunds", **create, Code={"ZipFile": package()}
    )
    scene.clock.advance(2)
    scene.call("lambda", "PublishVersion", FunctionName="refunds")
    scene.call("lambda", "CreateAlias", FunctionName="refunds", Name="live", FunctionVersion="1")
    scene.call("lambda", "UpdateFunctionCode", FunctionName="refunds", ZipFile=package(code))
    scene.clock.advance(2)


def test_of_a_group_all_are_tested_and_one_that_fails_keeps_all_back(scene: Scene) -> None:
    add_refunds(scene, RAISES)
    both = [Target("checkout", "live"), Target("refunds", "live")]
    finished = roll_out(scene, targets=both, payloads={**PAYLOADS, "refunds": b"{}"})
    assert finished.reason.startswith("the smoke test failed: version 2 of refunds: it failed")
    assert [test.passed for test in outcomes(scene)] == [True, False]
    assert writes(scene) == []
    assert scene.alias.routing == Routing.all_on(OLD)


def test_one_of_a_group_may_have_none(scene: Scene) -> None:
    add_refunds(scene, RAISES)
    both = [Target("checkout", "live"), Target("refunds", "live")]
    assert roll_out(scene, targets=both).result is Result.PROMOTED
    assert [test.target.name for test in outcomes(scene)] == ["checkout"]


class Held:
    """Invocations that are answered when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def invoke(self, function: str, qualifier: str, payload: bytes, read_timeout: float) -> Any:
        self.begun.release()
        self.may_end.wait(60)
        return Invocation(b"{}")

    def check(self, function: str, qualifier: str) -> None:
        """Allowed."""


def test_a_stop_is_heard_while_all_of_them_run(scene: Scene) -> None:
    both = [Target("checkout", "live"), Target("refunds", "live")]
    spec = rollout_spec(payloads={**PAYLOADS, "refunds": b"{}"}, targets=both)
    held = Held()
    ports = replace(
        scene.ports(spec),
        invocations=held,
        background=lambda: BackgroundThread("call"),
        parallel=several_at_once,
        clock=SystemClock(),
    )

    def cancel() -> None:
        for _ in both:
            held.begun.acquire()
        scene.stop.request("the job was cancelled")

    canceller = threading.Thread(target=cancel)
    canceller.start()
    versions = [ReadyVersion(target, NEW, InvocationLimits()) for target in both]
    with pytest.raises(Cancelled, match="the job was cancelled"):
        smoke_test(versions, spec, ports)
    canceller.join()
    held.may_end.set()
    assert sum("cannot be taken back" in text for text in scene.warnings) == 2
    assert outcomes(scene) == []


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"TenancyConfig": {"TenantIsolationMode": "PER_TENANT"}}, "tenant isolation"),
        ({"DurableConfig": {"ExecutionTimeout": 3600}}, "durable"),
    ],
)
def test_what_needs_more_than_a_payload_is_refused_without_an_invocation(
    scene: Scene, settings: dict[str, Any], told: str
) -> None:
    scene.world.lambda_().functions["checkout"].latest.settings.update(settings)
    finished = roll_out(scene)
    assert told in finished.reason
    assert not scene.requests("Invoke")
    assert writes(scene) == []


def test_a_durable_function_of_a_quarter_of_an_hour_is_invoked(scene: Scene) -> None:
    settings = {"DurableConfig": {"ExecutionTimeout": 900}}
    scene.world.lambda_().functions["checkout"].latest.settings.update(settings)
    assert roll_out(scene).result is Result.PROMOTED
