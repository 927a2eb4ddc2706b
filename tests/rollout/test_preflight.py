"""The preflight in the story: when it looks, what it refuses, and what it only tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.choices import Mode, Preflight
from lambda_rollout.inputs.package import Zip
from lambda_rollout.preflight.finding import Code, Finding
from lambda_rollout.rollout.events import Finished, PreflightFound, Result
from lambda_rollout.rollout.publish import publish
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.faults import AccessDenied, Answer
from tests.support.code import package
from tests.support.hooks import YES, hooks, put_hook
from tests.support.scene import ROLE, Scene, rollout_spec

WRITES = ("PublishVersion", "UpdateAlias", "CreateAlias", "UpdateFunctionCode")


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def roll_out(scene: Scene, asked: RolloutSpec) -> Finished:
    """As `Scene.roll_out`, with a preflight."""
    clients = scene.clients()
    alarms = asked.inputs.alarms
    ports = replace(
        scene.ports(asked, clients), preflight_reader=AwsPreflightReader(clients, alarms)
    )
    if asked.inputs.mode is Mode.PUBLISH:
        return publish(asked, ports)
    return Rollout(asked, ports).run()


def findings(scene: Scene) -> tuple[Finding, ...]:
    [found] = [event for event in scene.events if isinstance(event, PreflightFound)]
    return found.findings


def codes(scene: Scene) -> list[Code]:
    return [finding.code for finding in findings(scene)]


def other_role(scene: Scene) -> None:
    scene.call("lambda", "UpdateFunctionConfiguration", FunctionName="checkout", Role=f"{ROLE}-2")
    scene.clock.advance(2)


def test_it_looks_before_the_first_write_and_once(scene: Scene) -> None:
    assert roll_out(scene, rollout_spec()).result is Result.PROMOTED
    assert Code.NO_TRAFFIC in codes(scene)
    operations = [request.operation for request in scene.requests()]
    first_write = min(operations.index(name) for name in ("PublishVersion", "UpdateAlias"))
    assert operations.index("GetPolicy") < first_write
    assert "GetPolicy" not in operations[first_write:]


def test_what_aws_would_refuse_ends_it_before_anything_is_written(scene: Scene) -> None:
    other_role(scene)
    finished = roll_out(scene, rollout_spec())
    assert finished.result is Result.FAILED
    assert "execution role" in finished.reason
    assert finished.remedy == findings(scene)[0].remedy
    assert not scene.requests(*WRITES)


def test_without_a_split_there_is_nothing_to_refuse(scene: Scene) -> None:
    other_role(scene)
    assert roll_out(scene, rollout_spec("100% 60s")).result is Result.PROMOTED


def test_blindness_is_refused_only_when_strict(scene: Scene) -> None:
    finished = roll_out(scene, rollout_spec(preflight=Preflight.STRICT))
    assert finished.result is Result.FAILED
    assert "invoked the function" in finished.reason
    assert not scene.requests(*WRITES)


@pytest.mark.parametrize("preflight", Preflight)
def test_a_plan_tells_everything_and_refuses_nothing(scene: Scene, preflight: Preflight) -> None:
    other_role(scene)
    finished = roll_out(scene, rollout_spec(mode=Mode.PLAN, preflight=preflight))
    assert finished.result is Result.PLANNED
    assert [codes(scene)[0], codes(scene)[-1]] == [Code.ROLES_DIFFER, Code.WRITES_NEEDED]
    assert "lambda:PublishVersion, lambda:UpdateAlias" in findings(scene)[-1].seen
    [warned] = scene.warnings
    assert warned.startswith("A rollout would be refused: checkout:live: ")
    assert not scene.requests(*WRITES)


@pytest.mark.parametrize(
    ("asked", "writes"),
    [
        ({"version": "2"}, "lambda:UpdateAlias."),
        ({"version_alias": "next"}, "lambda:UpdateAlias."),
        ({}, "lambda:PublishVersion, lambda:UpdateAlias."),
        (
            {"previous_alias": "live-previous"},
            "lambda:PublishVersion, lambda:CreateAlias, lambda:UpdateAlias.",
        ),
        (
            {"package": Zip("new.zip", package())},
            "lambda:UpdateFunctionCode, lambda:PublishVersion, lambda:UpdateAlias.",
        ),
    ],
)
def test_a_plan_lists_what_it_takes_to_write(
    scene: Scene, asked: dict[str, Any], writes: str
) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.call("lambda", "CreateAlias", FunctionName="checkout", Name="next", FunctionVersion="2")
    scene.clock.advance(2)
    roll_out(scene, rollout_spec(mode=Mode.PLAN, **asked))
    assert findings(scene)[-1].seen.endswith(writes)


def test_a_missing_alias_is_looked_at_as_far_as_it_can_be(scene: Scene) -> None:
    scene.call("lambda", "DeleteAlias", FunctionName="checkout", Name="live")
    finished = roll_out(scene, rollout_spec(mode=Mode.PLAN, create_alias=True))
    assert finished.result is Result.PLANNED
    assert "lambda:CreateAlias" in findings(scene)[-1].seen
    assert Code.NO_TRAFFIC not in codes(scene)


def test_without_any_optional_permission_a_rollout_goes_on(scene: Scene) -> None:
    optional = (
        *("ListEventSourceMappings", "GetPolicy", "GetFunctionConcurrency"),
        "ListFunctionUrlConfigs",
        *("GetProvisionedConcurrencyConfig", "GetMetricData"),
    )
    for operation in optional:
        scene.world.faults.add(AccessDenied(), operation=operation, count=None)
    assert roll_out(scene, rollout_spec(preflight=Preflight.STRICT)).result is Result.PROMOTED
    assert set(codes(scene)) == {Code.NOT_CHECKED, Code.ALARM_NOT_JUDGED}


def test_an_alias_that_is_there_already_is_not_looked_at(scene: Scene) -> None:
    assert roll_out(scene, rollout_spec(version="1")).result is Result.UNCHANGED
    assert not scene.requests("GetPolicy")


def test_stop_during_the_preflight_ends_the_rollout_as_at_any_time(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="GetPolicy", count=None)
    scene.stop.request("SIGTERM")
    assert roll_out(scene, rollout_spec()).result is Result.FAILED
    assert not scene.requests(*WRITES)


def test_what_somebody_else_forbids_is_told_as_aws_says_it_and_not_as_a_missing_permission(
    scene: Scene,
) -> None:
    words = (
        "User: deploy is not authorized to perform: lambda:GetPolicy on resource: checkout with an explicit deny in a "
        "service control policy"
    )
    scene.world.faults.add(
        Answer("AccessDeniedException", words, 403), operation="GetPolicy", count=None
    )
    roll_out(scene, rollout_spec())
    (unread,) = (f for f in findings(scene) if f.code is Code.NOT_CHECKED)
    assert "with an explicit deny in a service control policy" in unread.seen
    assert "Allow" not in unread.seen + unread.remedy


# Hooks ------------------------------------------------------------------------------------------


def test_a_hook_that_does_not_exist_is_found_before_anything_is_published(scene: Scene) -> None:
    spec = rollout_spec(mode=Mode.PUBLISH, hooks=hooks("before-traffic: nobody"))
    end = roll_out(scene, spec)
    assert "before-traffic hook nobody cannot be invoked" in end.reason
    assert not scene.requests(*WRITES)


def test_a_hook_that_does_not_exist_is_found_before_anything_is_written(scene: Scene) -> None:
    end = roll_out(scene, rollout_spec(hooks=hooks("on-rollback: nobody")))
    assert end.result is Result.FAILED
    assert "on-rollback hook nobody cannot be invoked" in end.reason
    assert not scene.requests(*WRITES)


def test_a_hook_that_may_not_be_invoked_is_found_before_anything_is_written(scene: Scene) -> None:
    put_hook(scene, "check", YES)
    scene.world.faults.add(AccessDenied(), operation="Invoke")
    end = roll_out(scene, rollout_spec(hooks=hooks("after-traffic: check")))
    assert end.result is Result.FAILED
    assert "after-traffic hook check may not be invoked" in end.reason
    assert not scene.requests(*WRITES)


def test_a_hook_is_tried_without_being_run(scene: Scene) -> None:
    put_hook(scene, "check", YES)
    spec = rollout_spec(hooks=hooks("before-traffic: check"), mode=Mode.PLAN)
    assert roll_out(scene, spec).result is Result.PLANNED
    [tried] = scene.requests("Invoke")
    assert tried.params["InvocationType"] == "DryRun"
    assert Code.HOOK_CANNOT_RUN not in codes(scene)


def test_a_promotions_hooks_are_tried_too(scene: Scene) -> None:
    assert roll_out(scene, rollout_spec("10% 60s, hold")).result is Result.HELD
    scene.world.log.clear()
    spec = rollout_spec(hooks=hooks("after-traffic: nobody"), mode=Mode.PROMOTE)
    end = roll_out(scene, spec)
    assert end.result is Result.FAILED
    assert "after-traffic hook nobody cannot be invoked" in end.reason
    assert not scene.requests(*WRITES)


# The smoke test ------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.ROLLOUT, Mode.PUBLISH])
def test_a_smoke_test_that_may_not_run_ends_it_before_anything_is_published(
    scene: Scene, mode: Mode
) -> None:
    scene.world.faults.add(AccessDenied(), operation="Invoke", count=None)
    finished = roll_out(scene, rollout_spec(payloads={"checkout": b"{}"}, mode=mode))
    assert finished.result is Result.FAILED
    assert "lambda:InvokeFunction is not allowed" in finished.reason
    assert not scene.requests(*WRITES)
    (asked,) = scene.requests("Invoke")
    assert (asked.params["Qualifier"], asked.params["InvocationType"]) == ("1", "DryRun")


def test_only_a_smoke_test_asks_for_its_permission(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="Invoke", count=None)
    assert roll_out(scene, rollout_spec("100% 0s")).result is Result.PROMOTED


def test_a_function_with_tenants_is_refused_before_anything_is_published(scene: Scene) -> None:
    settings = scene.world.lambda_().functions["checkout"].latest.settings
    settings["TenancyConfig"] = {"TenantIsolationMode": "PER_TENANT"}
    finished = roll_out(scene, rollout_spec(payloads={"checkout": b"{}"}))
    assert "tenant isolation" in finished.reason
    assert "`mode: publish`" in finished.remedy
    assert not scene.requests(*WRITES)


def test_publishing_reads_nothing_of_who_calls_the_alias(scene: Scene) -> None:
    finished = roll_out(scene, rollout_spec(mode=Mode.PUBLISH, preflight=Preflight.STRICT))
    assert finished.result is Result.PUBLISHED
    assert findings(scene) == ()
    assert {request.operation for request in scene.requests()} == {
        "GetAlias",
        "GetFunction",
        "GetFunctionConfiguration",
        "PublishVersion",
    }
