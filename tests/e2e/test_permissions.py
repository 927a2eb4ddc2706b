"""The README's IAM policy allows exactly the calls that are made.

That nothing else is called, every test with the `scene` fixture checks at its end. Here it is seen that nothing
in the policy is there for nothing.
"""

from __future__ import annotations

from tests.e2e.conftest import allowed_actions, called
from tests.support.code import package
from tests.support.hooks import YES, put_hook
from tests.support.live import NEW, OLD, PATIENCE, Live
from tests.support.scene import ROLE

CHECKED_WITH_CREATE_DEPLOYMENT = {
    "codedeploy:GetApplicationRevision",
    "codedeploy:RegisterApplicationRevision",
}
"""CodeDeploy asks for these when it is given a revision, though nobody calls them.

https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html
"""


PASSED = {"lambda:PassCapacityProvider"}
"""AWS asks for it when a function on Lambda Managed Instances is published; there is no call of that name.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances.html
"""

OF_NEWER_KINDS = {
    "lambda:GetFunctionScalingConfig",
    "lambda:ListDurableExecutionsByFunction",
    "lambda:ListFunctionVersionsByCapacityProvider",
}
"""What is called only for functions of a kind that few are."""

FLEET = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet"


def of_codedeploy(actions: frozenset[str]) -> set[str]:
    return {action for action in actions if action.startswith("codedeploy:")}


def test_the_policy_allows_nothing_that_is_not_called(scene: Live) -> None:
    workspace = scene.runner.folder / "workspace"
    workspace.mkdir(exist_ok=True)
    build = package("def handler(event, context): return 3")
    (workspace / "build.zip").write_bytes(build)
    put_hook(scene, "check-orders", YES)
    finished = scene.run(
        alias="canary",
        create_alias="true",
        package="build.zip",
        smoke_test="{}",
        hooks="before-traffic: check-orders",
    )
    assert finished.outputs["result"] == "promoted", finished.log
    assert finished.outputs["version"] == NEW
    # An alarm that left its state between two reads is looked up in its history.
    step = scene.start(version=NEW, steps="50% 3s, 100% 0s", poll_interval="5m")
    try:
        scene.until_shifted(step)
        scene.set_alarm("INSUFFICIENT_DATA")
        scene.set_alarm("OK")
        assert step.wait(PATIENCE).outputs["result"] == "promoted"
    finally:
        step.kill()
    # The log of what was left is read.
    assert scene.run(mode="rollback", version=OLD).outputs["result"] == "rolled-back"
    allowed = allowed_actions()
    assert called(scene) == allowed - of_codedeploy(allowed) - PASSED - OF_NEWER_KINDS


def test_nor_does_its_part_for_newer_kinds_of_functions(scene: Live) -> None:
    config = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": FLEET}}
    scene.call(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="checkout",
        CapacityProviderConfig=config,
        DurableConfig={"ExecutionTimeout": 3600},
    )
    # The second one begins at a version that is on the capacity provider, too.
    for result in ("promoted", "unchanged"):
        finished = scene.run(steps="100% 0s")
        assert finished.outputs["result"] == result, finished.log
    finished = scene.run(mode="rollback", version=OLD)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert allowed_actions() >= OF_NEWER_KINDS | PASSED
    assert called(scene) >= OF_NEWER_KINDS


def test_nor_does_its_part_for_codedeploy(scene: Live) -> None:
    scene.call("codedeploy", "CreateApplication", applicationName="shop", computePlatform="Lambda")
    names = {"applicationName": "shop", "deploymentGroupName": "prod"}
    scene.call("codedeploy", "CreateDeploymentGroup", **names, serviceRoleArn=ROLE)
    codedeploy = scene.world.codedeploy()
    codedeploy.start_delay, codedeploy.minute = 0.2, 1.0
    scene.inputs |= {
        "engine": "codedeploy",
        "codedeploy-application": "shop",
        "codedeploy-deployment-group": "prod",
    }
    # A schedule for which CodeDeploy has no configuration of its own.
    step = scene.start(steps="10% 29m, 100% 1s")
    try:
        scene.until_shifted(step)
        scene.until(lambda: scene.requests("BatchGetDeploymentTargets"), step)
        step.cancel()
        assert step.wait(PATIENCE).outputs["result"] == "rolled-back"
    finally:
        step.kill()
    allowed = of_codedeploy(allowed_actions())
    assert of_codedeploy(called(scene)) == allowed - CHECKED_WITH_CREATE_DEPLOYMENT
