"""The sandbox's CodeDeploy, through a real boto3 client: it shifts, stops on alarms, rolls back, refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.in_process import client
from tests.support.hooks import put_codedeploys_hook
from tests.support.scene import NEW, OLD, Scene

ALL_EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
LINEAR = "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"


@pytest.fixture
def scene() -> Scene:
    """An application with one group that rolls back whatever happens, and a published version 2."""
    scene = Scene.ready()
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)
    put_group(scene)
    return scene


@cache
def door(world: World) -> Any:
    """A boto3 client; making one takes longer than all that it is used for."""
    return client("codedeploy", world)


def put_group(scene: Scene, events: list[str] | None = None, **settings: Any) -> None:
    deploy = door(scene.world)
    deploy.create_application(applicationName="shop", computePlatform="Lambda")
    given = ALL_EVENTS if events is None else events
    deploy.create_deployment_group(
        applicationName="shop",
        deploymentGroupName="prod",
        serviceRoleArn="arn:aws:iam::123456789012:role/deploy",
        alarmConfiguration={"enabled": True, "alarms": [{"name": "checkout-errors"}]},
        autoRollbackConfiguration={"enabled": bool(given), "events": given},
        **settings,
    )


def revision(current: str = OLD, target: str = NEW, **properties: str) -> dict[str, Any]:
    named = {
        "Name": "checkout",
        "Alias": "live",
        "CurrentVersion": current,
        "TargetVersion": target,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": {**named, **properties}}
    content = json.dumps({"version": 0.0, "Resources": [{"checkout": resource}]})
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}


def deploy(scene: Scene, config: str = CANARY, **asked: Any) -> str:
    asked = {
        "applicationName": "shop",
        "deploymentGroupName": "prod",
        "revision": revision(),
        **asked,
    }
    answer = door(scene.world).create_deployment(deploymentConfigName=config, **asked)
    return str(answer["deploymentId"])


def info(scene: Scene, deployment: str) -> dict[str, Any]:
    answer: dict[str, Any] = door(scene.world).get_deployment(deploymentId=deployment)
    found: dict[str, Any] = answer["deploymentInfo"]
    return found


def events(scene: Scene, deployment: str) -> list[str]:
    deploy = door(scene.world)
    ids = deploy.list_deployment_targets(deploymentId=deployment)["targetIds"]
    answer = deploy.batch_get_deployment_targets(deploymentId=deployment, targetIds=ids)
    return [
        event["status"]
        for event in answer["deploymentTargets"][0]["lambdaTarget"]["lifecycleEvents"]
    ]


def alias(scene: Scene) -> tuple[str, dict[str, float]]:
    found = scene.call("lambda", "GetAlias", FunctionName="checkout", Name="live")
    routing = found.get("RoutingConfig", {})
    return found["FunctionVersion"], routing.get("AdditionalVersionWeights", {})


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def test_a_canary_shifts_once_and_then_wholly(scene: Scene) -> None:
    deployment = deploy(scene)
    assert info(scene, deployment)["status"] == "Created"
    assert alias(scene) == (OLD, {})
    scene.clock.advance(3)
    assert info(scene, deployment)["status"] == "InProgress"
    assert alias(scene) == (OLD, {NEW: 0.1})
    assert events(scene, deployment) == ["Succeeded", "InProgress", "Pending"]
    scene.clock.advance(290)
    assert alias(scene) == (OLD, {NEW: 0.1})
    scene.clock.advance(20)
    assert alias(scene) == (NEW, {})
    assert info(scene, deployment)["status"] == "Succeeded"
    assert events(scene, deployment) == ["Succeeded"] * 3


def test_a_linear_one_shifts_ten_times(scene: Scene) -> None:
    deploy(scene, LINEAR)
    seen = []
    for _ in range(11):
        scene.clock.advance(60)
        seen.append(alias(scene)[1].get(NEW))
    assert seen == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, None, None]
    assert alias(scene) == (NEW, {})


def test_all_at_once_keeps_the_description(scene: Scene) -> None:
    deploy(scene, "CodeDeployDefault.LambdaAllAtOnce")
    scene.clock.advance(5)
    assert alias(scene) == (NEW, {})
    found = scene.call("lambda", "GetAlias", FunctionName="checkout", Name="live")
    assert found["Description"] == "the one that customers see"


def test_an_alarm_stops_it_and_a_new_deployment_rolls_back(scene: Scene) -> None:
    deployment = deploy(scene)
    scene.clock.advance(30)
    scene.set_alarm("checkout-errors", "ALARM")
    scene.clock.advance(20)
    stopped = info(scene, deployment)
    assert (stopped["status"], stopped["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert stopped["errorInformation"]["message"].endswith("Activated alarms: <checkout-errors>")
    assert events(scene, deployment) == ["Succeeded", "Failed", "Skipped"]
    back = info(scene, stopped["rollbackInfo"]["rollbackDeploymentId"])
    assert (back["status"], back["creator"]) == ("Succeeded", "codeDeployRollback")
    assert back["rollbackInfo"]["rollbackTriggeringDeploymentId"] == deployment
    assert alias(scene) == (OLD, {})


def test_an_alarm_that_fires_already_lets_nothing_through(scene: Scene) -> None:
    scene.set_alarm("checkout-errors", "ALARM")
    deployment = deploy(scene)
    scene.clock.advance(10)
    assert info(scene, deployment)["status"] == "Stopped"
    assert alias(scene) == (OLD, {})


def test_stopping_without_rollback_leaves_it_split_and_blocks_the_next(scene: Scene) -> None:
    scene.world.codedeploy().groups["shop", "prod"].settings["autoRollbackConfiguration"] = {}
    first = deploy(scene)
    scene.clock.advance(30)
    door(scene.world).stop_deployment(deploymentId=first)
    scene.clock.advance(600)
    assert info(scene, first)["status"] == "Stopped"
    assert "rollbackInfo" not in info(scene, first)
    assert alias(scene) == (OLD, {NEW: 0.1})
    second = deploy(scene)
    scene.clock.advance(10)
    assert info(scene, second)["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION"
    assert alias(scene) == (OLD, {NEW: 0.1})


def test_stopping_with_rollback_goes_back_whatever_the_group_says(scene: Scene) -> None:
    scene.world.codedeploy().groups["shop", "prod"].settings["autoRollbackConfiguration"] = {}
    deployment = deploy(scene)
    scene.clock.advance(30)
    door(scene.world).stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    scene.clock.advance(10)
    assert alias(scene) == (OLD, {})
    assert info(scene, deployment)["errorInformation"]["code"] == "MANUAL_STOP"
    with pytest.raises(ClientError) as refused:
        door(scene.world).stop_deployment(deploymentId=deployment)
    assert code(refused) == "DeploymentAlreadyCompletedException"


@pytest.mark.parametrize(
    ("current", "target", "message"),
    [
        (NEW, OLD, "does not match the current version in AppSpec file"),
        (OLD, OLD, "are the same"),
        (OLD, "$LATEST", "$LATEST"),
        (OLD, "99", "99"),
    ],
)
def test_what_the_alias_cannot_do_fails_later(
    scene: Scene, current: str, target: str, message: str
) -> None:
    deployment = deploy(scene, revision=revision(current, target))
    scene.clock.advance(10)
    failed = info(scene, deployment)
    assert failed["status"] == "Failed"
    assert failed["errorInformation"]["code"].startswith("INVALID_LAMBDA")
    assert message in failed["errorInformation"]["message"]
    assert alias(scene) == (OLD, {})


def test_one_deployment_at_a_time(scene: Scene) -> None:
    first = deploy(scene)
    with pytest.raises(ClientError) as refused:
        deploy(scene)
    assert code(refused) == "DeploymentLimitExceededException"
    assert first in str(refused.value)
    listed = door(scene.world).list_deployments(
        applicationName="shop", deploymentGroupName="prod", includeOnlyStatuses=["Created"]
    )
    assert listed["deployments"] == [first]


def test_a_target_is_told_only_once_it_started(scene: Scene) -> None:
    deployment = deploy(scene)
    with pytest.raises(ClientError) as refused:
        events(scene, deployment)
    assert code(refused) == "DeploymentNotStartedException"
    scene.clock.advance(1.5)
    assert events(scene, deployment) == ["InProgress", "Pending", "Pending"]


@pytest.mark.parametrize(
    ("routing", "refusal"),
    [
        ({"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 100, "canaryInterval": 5}}, "InvalidTrafficRoutingConfigurationException"),
        ({"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 5, "linearInterval": 2881}}, "InvalidTrafficRoutingConfigurationException"),
        ({"type": "TimeBasedLinear", "timeBasedCanary": {"canaryPercentage": 5, "canaryInterval": 5}}, "InvalidTrafficRoutingConfigurationException"),
        ({"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 99, "canaryInterval": 2880}}, ""),
    ],
)  # fmt: skip
def test_which_configurations_can_be_made(
    scene: Scene, routing: dict[str, Any], refusal: str
) -> None:
    deploy = door(scene.world)
    asked = {"computePlatform": "Lambda", "trafficRoutingConfig": routing}
    if not refusal:
        deploy.create_deployment_config(deploymentConfigName="ours", **asked)
        found = deploy.get_deployment_config(deploymentConfigName="ours")["deploymentConfigInfo"]
        assert found["trafficRoutingConfig"] == routing
        refusal, taken = "DeploymentConfigAlreadyExistsException", "ours"
    else:
        taken = "ours"
    with pytest.raises(ClientError) as refused:
        deploy.create_deployment_config(deploymentConfigName=taken, **asked)
    assert code(refused) == refusal


def test_names_that_are_aws_own_or_unknown(scene: Scene) -> None:
    deploy_ = door(scene.world)
    asked = {"computePlatform": "Lambda", "trafficRoutingConfig": {"type": "AllAtOnce"}}
    with pytest.raises(ClientError) as refused:
        deploy_.create_deployment_config(deploymentConfigName="CodeDeployDefault.Mine", **asked)
    assert code(refused) == "InvalidDeploymentConfigNameException"
    with pytest.raises(ClientError) as refused:
        deploy(scene, "Nobodys")
    assert code(refused) == "DeploymentConfigDoesNotExistException"
    with pytest.raises(ClientError) as refused:
        deploy_.get_application(applicationName="nobodys")
    assert code(refused) == "ApplicationDoesNotExistException"
    with pytest.raises(ClientError) as refused:
        deploy_.get_deployment_group(applicationName="shop", deploymentGroupName="nobodys")
    assert code(refused) == "DeploymentGroupDoesNotExistException"


def test_an_appspec_that_is_none(scene: Scene) -> None:
    for bad in (
        "{}",
        "no json",
        json.dumps({"Resources": [{"a": {"Type": "AWS::ECS::Service", "Properties": {}}}]}),
    ):
        given = {"revisionType": "AppSpecContent", "appSpecContent": {"content": bad}}
        with pytest.raises(ClientError) as refused:
            deploy(scene, revision=given)
        assert code(refused) == "InvalidRevisionException"


# Hooks ------------------------------------------------------------------------------------------


def with_hooks(*hooks: dict[str, str]) -> dict[str, Any]:
    made = revision()
    content = json.loads(made["appSpecContent"]["content"])
    made["appSpecContent"]["content"] = json.dumps({**content, "Hooks": list(hooks)})
    return made


@contextmanager
def refused(code: str) -> Iterator[None]:
    """Expect an error of AWS's."""
    with pytest.raises(ClientError) as found:
        yield
    assert found.value.response["Error"]["Code"] == code


BEFORE, AFTER = {"BeforeAllowTraffic": "before"}, {"AfterAllowTraffic": "after"}


def test_hooks_run_and_say_how_it_went(scene: Scene) -> None:
    put_codedeploys_hook(scene, "before", "Succeeded")
    put_codedeploys_hook(scene, "after", "Succeeded")
    deployment = deploy(scene, revision=with_hooks(BEFORE, AFTER))
    scene.clock.advance(310)
    assert info(scene, deployment)["status"] == "Succeeded"
    assert alias(scene) == (NEW, {})
    said = scene.requests("PutLifecycleEventHookExecutionStatus")
    assert [request.outcome for request in said] == ["ok", "ok"]


def test_no_traffic_moves_before_the_first_one_said_yes(scene: Scene) -> None:
    put_codedeploys_hook(scene, "before", "Failed")
    deployment = deploy(scene, revision=with_hooks(BEFORE))
    scene.clock.advance(30)
    found = info(scene, deployment)
    assert (found["status"], found["errorInformation"]["code"]) == (
        "Failed",
        "HOOK_EXECUTION_FAILURE",
    )
    assert events(scene, deployment) == ["Failed", "Skipped", "Skipped"]
    assert alias(scene) == (OLD, {})
    assert not scene.requests("UpdateAlias")


def test_a_failure_after_traffic_rolls_back(scene: Scene) -> None:
    put_codedeploys_hook(scene, "after", "Failed")
    deployment = deploy(scene, revision=with_hooks(AFTER))
    scene.clock.advance(330)
    assert events(scene, deployment) == ["Succeeded", "Succeeded", "Failed"]
    assert alias(scene) == (OLD, {})


def test_a_hook_that_says_nothing_fails_after_an_hour(scene: Scene) -> None:
    put_codedeploys_hook(scene, "before", None)
    deployment = deploy(scene, revision=with_hooks(BEFORE))
    scene.clock.advance(3590)
    assert info(scene, deployment)["status"] == "InProgress"
    scene.clock.advance(20)
    assert info(scene, deployment)["errorInformation"]["code"] == "TIMEOUT"


def test_a_hook_that_is_missing_fails_at_once(scene: Scene) -> None:
    deployment = deploy(scene, revision=with_hooks(BEFORE))
    scene.clock.advance(30)
    assert info(scene, deployment)["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"


def test_one_word_is_enough_and_it_must_be_one_of_two(scene: Scene) -> None:
    put_codedeploys_hook(scene, "before", None)
    deployment = deploy(scene, revision=with_hooks(BEFORE))
    scene.clock.advance(5)
    [execution] = scene.world.codedeploy().deployments[deployment].executions
    say = door(scene.world).put_lifecycle_event_hook_execution_status
    asked = {"deploymentId": deployment, "lifecycleEventHookExecutionId": execution}
    with refused("InvalidLifecycleEventHookExecutionStatusException"):
        say(**asked, status="Skipped")
    with refused("InvalidLifecycleEventHookExecutionIdException"):
        say(**{**asked, "lifecycleEventHookExecutionId": "x"}, status="Succeeded")
    say(**asked, status="Succeeded")
    with refused("LifecycleEventAlreadyCompletedException"):
        say(**asked, status="Failed")


@pytest.mark.parametrize("hooks", [[BEFORE, BEFORE], [{"ApplicationStop": "x"}], ["x"], [None]])
def test_other_hooks_are_no_revision(scene: Scene, hooks: list[Any]) -> None:
    with refused("InvalidRevisionException"):
        deploy(scene, revision=with_hooks(*hooks))
