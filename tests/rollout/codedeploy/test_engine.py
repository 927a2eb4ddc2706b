"""A rollout by CodeDeploy that goes well, with its hooks and its smoke test: what AWS saw."""

from __future__ import annotations

import json

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    AlreadyThere,
    DeploymentChanged,
    RecordCleared,
    Result,
    StepPassed,
    StepStarted,
)
from tests.support.hooks import hooks, put_codedeploys_hook
from tests.support.scene import NEW, OLD, OWNERS_TEXT, rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def test_a_canary_is_promoted_and_100_percent_is_watched(shop: Shop) -> None:
    finished = shop.release()
    assert finished.result is Result.PROMOTED, finished
    assert shop.whole_on(NEW)
    assert shop.weights() == [10, 100]
    assert [event.number for event in shop.all(StepPassed)] == [1, 2]
    (created,) = shop.requests("CreateDeployment")
    assert (
        created.params["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    )
    assert not shop.requests("CreateDeploymentConfig", "StopDeployment")
    assert shop.clock.monotonic() >= 5 * 60 + 2 * 60


def test_nothing_writes_the_alias_while_codedeploy_shifts(shop: Shop) -> None:
    shop.release()
    ended = next(e.at for e in shop.all(DeploymentChanged) if e.status == "Succeeded")
    written = [request.at for request in shop.requests("UpdateAlias")]
    assert written
    assert all(at >= ended for at in written)


def test_the_watch_at_100_percent_bears_a_record_that_is_cleared(shop: Shop) -> None:
    shop.release()
    said = [request.params["Description"] for request in shop.requests("UpdateAlias")]
    assert all(f"[lambda-rollout {OLD}>{NEW} run local" in text for text in said[:-1])
    assert said[-1] == OWNERS_TEXT
    assert shop.told(RecordCleared)


def test_a_linear_one_tells_every_weight(shop: Shop) -> None:
    finished = shop.release(rollout_spec("25% 1m, 50% 1m, 75% 1m, 100% 1m"))
    assert finished.result is Result.PROMOTED
    assert shop.weights() == [25, 50, 75, 100]
    assert [event.number for event in shop.all(StepStarted)] == [1, 2, 3, 4]


def test_weights_that_codedeploy_adds_up_are_those_of_the_plan(shop: Shop) -> None:
    """Floats: three times 0.1 is 0.30000000000000004."""
    alias = shop.world.lambda_().functions["checkout"].aliases["live"]

    def smudge() -> None:
        if alias.weights.get(NEW) == 0.75:
            alias.weights[NEW] = 0.7500000000000001

    for second in range(60, 300, 5):
        shop.after(second, smudge)
    shop.release(rollout_spec("25% 1m, 50% 1m, 75% 1m, 100% 1m"))
    assert shop.weights() == [25, 50, 75, 100]
    assert [event.number for event in shop.all(StepStarted)] == [1, 2, 3, 4]


def test_lifecycle_events_are_told(shop: Shop) -> None:
    shop.release()
    changes = shop.all(DeploymentChanged)
    assert [event.status for event in changes][-1] == "Succeeded"
    assert changes[-1].lifecycle == tuple(
        (name, "Succeeded") for name in ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
    )


def test_a_configuration_of_ours_is_named_by_its_content_and_used_again(shop: Shop) -> None:
    assert shop.release(rollout_spec("20% 7m, 100% 0s")).result is Result.PROMOTED
    shop.build("def handler(event, context): return 3")
    assert (
        shop.release(rollout_spec("20% 7m, 100% 0s", rollout_id="11111111")).result
        is Result.PROMOTED
    )
    made = [
        request.params["deploymentConfigName"]
        for request in shop.requests("CreateDeploymentConfig")
    ]
    used = [request.params["deploymentConfigName"] for request in shop.requests("CreateDeployment")]
    assert made == ["lambda-rollout-Canary20Percent7Minutes"]
    assert used == made * 2


def test_a_configuration_that_lies_about_itself_is_refused(shop: Shop) -> None:
    shop.call(
        "codedeploy",
        "CreateDeploymentConfig",
        deploymentConfigName="lambda-rollout-Canary20Percent7Minutes",
        computePlatform="Lambda",
        trafficRoutingConfig={"type": "AllAtOnce"},
    )
    finished = shop.release(rollout_spec("20% 7m"))
    assert finished.result is Result.FAILED
    assert "not what its name says" in finished.reason
    assert not shop.requests("CreateDeployment")


def test_nothing_new_is_left_alone(shop: Shop) -> None:
    assert shop.release(rollout_spec(CANARY, version=OLD)).result is Result.UNCHANGED
    assert shop.told(AlreadyThere)
    assert not shop.requests("CreateDeployment", "UpdateAlias")


def test_a_plan_changes_nothing(shop: Shop) -> None:
    assert shop.release(rollout_spec("20% 7m", mode=Mode.PLAN)).result is Result.PLANNED
    writes = ("UpdateAlias", "PublishVersion", "CreateDeployment", "CreateDeploymentConfig")
    assert not shop.requests(*writes)


def test_hooks_go_into_the_deployment(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_a", "Succeeded")
    put_codedeploys_hook(shop, "CodeDeployHook_b", "Succeeded")
    lines = hooks("after-traffic: CodeDeployHook_b", "before-traffic: CodeDeployHook_a")
    assert shop.release(rollout_spec(CANARY, hooks=lines)).result is Result.PROMOTED
    [created] = shop.requests("CreateDeployment")
    content = json.loads(created.params["revision"]["appSpecContent"]["content"])
    assert content["Hooks"] == [
        {"BeforeAllowTraffic": "CodeDeployHook_a"},
        {"AfterAllowTraffic": "CodeDeployHook_b"},
    ]
    said = shop.requests("PutLifecycleEventHookExecutionStatus", "UpdateAlias")
    assert said[0].operation == "PutLifecycleEventHookExecutionStatus"
    assert sum(r.operation == "PutLifecycleEventHookExecutionStatus" for r in said) == 2
    # CodeDeploy asks them, nobody else does.
    assert not shop.requests("Invoke")


def test_a_hook_that_says_no_before_traffic_leaves_the_alias_untouched(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_a", "Failed")
    spec = rollout_spec(CANARY, hooks=hooks("before-traffic: CodeDeployHook_a"))
    end = shop.release(spec)
    assert end.result is Result.FAILED
    assert "BeforeAllowTraffic failed" in end.reason
    assert shop.whole_on(OLD)
    assert not shop.weights()
    lifecycle = [dict(event.lifecycle) for event in shop.all(DeploymentChanged)]
    assert any(each.get("BeforeAllowTraffic") == "Failed" for each in lifecycle)


def test_a_hook_that_says_no_after_traffic_rolls_back(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_b", "Failed")
    spec = rollout_spec(CANARY, hooks=hooks("after-traffic: CodeDeployHook_b"))
    end = shop.release(spec)
    assert end.result is Result.ROLLED_BACK
    assert "AfterAllowTraffic failed" in end.reason
    assert shop.whole_on(OLD)


def test_an_alarm_stops_a_deployment_whose_hook_says_nothing(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_b", None)
    shop.put_group(alarms=())
    spec = rollout_spec(CANARY, hooks=hooks("after-traffic: CodeDeployHook_b"))
    shop.after(400, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    end = shop.release(spec)
    assert end.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in end.failed_alarms] == ["checkout-errors"]
    assert shop.whole_on(OLD)


def test_a_version_that_fails_its_smoke_test_is_not_deployed(shop: Shop) -> None:
    shop.build("def handler(event, context): raise ValueError('no')")
    finished = shop.release(rollout_spec(CANARY, payloads={"checkout": b"{}"}))
    assert (finished.result, "ValueError: no" in finished.reason) == (Result.FAILED, True)
    assert not shop.requests("CreateDeployment", "UpdateAlias")
    assert shop.alias.routing == Routing.all_on(OLD)
    assert shop.saved_states == []


def test_the_smoke_test_comes_before_the_deployment(shop: Shop) -> None:
    spec = rollout_spec(CANARY, payloads={"checkout": b"{}"})
    assert shop.release(spec).result is Result.PROMOTED
    asked = [request.operation for request in shop.requests("Invoke", "CreateDeployment")]
    assert asked == ["Invoke", "CreateDeployment"]


def test_the_version_that_codedeploy_left_is_kept(shop: Shop) -> None:
    assert (
        shop.release(rollout_spec(CANARY, previous_alias="live-previous")).result is Result.PROMOTED
    )
    kept = shop.world.lambda_().functions["checkout"].aliases["live-previous"]
    assert kept.version == OLD
    assert kept.description.startswith(f"[lambda-rollout {OLD}>{NEW} promoted ")
