"""The policy that a plan prints is what a rollout needs: with it alone it runs, with a statement less it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import botocore.session
import pytest

from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.aws.rights import Rights
from lambda_rollout.inputs.choices import Engine, Mode
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.inputs.hooks import parse_hooks
from lambda_rollout.inputs.package import S3Object, Zip
from lambda_rollout.inputs.payload import InlinePayload, SmokeTest
from lambda_rollout.preflight.policy import PolicyStatement, iam_policy
from lambda_rollout.report.permissions import permissions_section, policy_text, told_of_permissions
from lambda_rollout.rollout.events import Finished, LogNotRead, PermissionsNeeded, Result
from lambda_rollout.rollout.permissions import without_credentials
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.id_token import NoPermission
from sandbox.aws.in_process import connect, session
from sandbox.aws.world import REGION
from tests.support.code import package
from tests.support.hooks import YES, put_hook
from tests.support.scene import ROLE, Scene, rollout_spec
from tests.support.seam import SimClock
from tests.support.shop import Shop

NEWER = "def handler(event, context): return 3"
SUBJECT = "repo:octo@123456/shop@456789:environment:production"
CLAIMS = {
    "iss": "https://token.actions.githubusercontent.com",
    "aud": "sts.amazonaws.com",
    "sub": SUBJECT,
}
FLEET = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet"


def over_boto3(scene: Scene) -> Clients:
    """Clients that see AWS's answers as they are."""
    return Clients(connect(session(REGION), scene.world), REGION, SimClock(scene.world))


@dataclass
class Case:
    """What is asked for, and what there is of it in AWS."""

    asked: dict[str, Any] = field(default_factory=dict)
    steps: str = "50% 60s, 100% 60s"
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the function's configuration."""
    alias: bool = True

    def scene(self, rights: Mapping[str, Any] | None) -> Scene:
        scene = Scene.ready()
        put_hook(scene, "check-orders", YES)
        scene.world.lambda_().sources.put("builds", "shop*.zip", package(NEWER))
        if self.settings:
            scene.call(
                "lambda", "UpdateFunctionConfiguration", FunctionName="checkout", **self.settings
            )
            scene.clock.advance(2)
        if not self.alias:
            del scene.world.lambda_().functions["checkout"].aliases["live"]
        scene.call("lambda", "PublishVersion", FunctionName="checkout")
        scene.clock.advance(2)
        scene.build("def handler(event, context): return 4")
        scene.world.log.clear()
        if rights is not None:
            scene.world.rights["*"] = rights
        return scene

    def run(self, scene: Scene, clients: Clients | None = None, **more: Any) -> Finished:
        spec = rollout_spec(self.steps, **{**self.asked, **more})
        rights = clients.rights if clients else Rights()
        clients = clients or scene.clients()
        ports = replace(
            scene.ports(spec, clients),
            preflight_reader=AwsPreflightReader(clients, spec.inputs.alarms),
            metrics=CloudWatchMetrics(clients),
            logs=CloudWatchLogs(clients),
            rights=lambda: rights.said,
            claims=lambda _: CLAIMS,
        )
        return Rollout(spec, ports).run()

    def plan(self, scene: Scene, clients: Clients | None = None) -> PermissionsNeeded:
        self.run(scene, clients, mode=Mode.PLAN)
        [needed] = [event for event in scene.events if isinstance(event, PermissionsNeeded)]
        return needed


CASES = {
    "alarms": Case(),
    "no alarms, and a version by its number": Case({"alarms": (), "version": "2"}),
    "everything": Case(
        {
            "previous_alias": "live-previous",
            "package": Zip("new.zip", package(NEWER)),
            "guards": parse_guards("? error-rate < 50%"),
            "hooks": parse_hooks("before-traffic: check-orders"),
            "smoke_test": (SmokeTest("checkout", InlinePayload(b"{}")),),
            "payloads": {"checkout": b"{}"},
        }
    ),
    "a package in S3": Case({"package": S3Object("builds", "shop*.zip", "")}),
    "no alias yet": Case({"create_alias": True}, alias=False),
    "a capacity provider": Case(
        settings={
            "CapacityProviderConfig": {
                "LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": FLEET}
            }
        }
    ),
    "a durable function": Case(settings={"DurableConfig": {"ExecutionTimeout": 3600}}),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_enough(name: str) -> None:
    case = CASES[name]
    needed = case.plan(case.scene(None))
    rights = iam_policy(needed.statements)
    scene = case.scene(rights)
    finished = case.run(scene)
    assert finished.result is Result.PROMOTED, finished.reason
    assert not [r.operation for r in scene.requests() if r.outcome.startswith("AccessDenied")]


@pytest.mark.parametrize("name", CASES)
def test_no_statement_is_there_for_nothing(name: str) -> None:
    case = CASES[name]
    needed = case.plan(case.scene(None))
    # The log is read after a rollback only: below.
    for left_out in (each for each in needed.statements if each.sid != "ReadTheLog"):
        scene = case.scene(iam_policy(each for each in needed.statements if each != left_out))
        goes_well = case.run(scene).result is Result.PROMOTED
        assert not goes_well or said(scene, left_out), left_out.sid
        assert goes_well or not left_out.optional, left_out.sid


def said(scene: Scene, left_out: PolicyStatement) -> bool:
    """Whether it is told that one of its actions was refused."""
    told = "\n".join(str(event) for event in scene.events if not isinstance(event, Finished))
    return any(action in told or action.partition(":")[2] in told for action in left_out.actions)


@pytest.mark.parametrize("may_read", [True, False])
def test_the_log_is_read_after_a_rollback_or_it_says_that_it_was_not(may_read: bool) -> None:
    case = Case(steps="50% 60s, 100% 60s")
    needed = case.plan(case.scene(None)).statements
    scene = case.scene(iam_policy(e for e in needed if may_read or e.sid != "ReadTheLog"))
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert case.run(scene).result is Result.ROLLED_BACK
    assert bool(scene.requests("FilterLogEvents"))
    assert ("not authorized" in str(scene.told(LogNotRead))) is not may_read


def deploy(rights: Mapping[str, Any] | None, steps: str, **more: Any) -> tuple[Shop, Finished]:
    """By CodeDeploy, in a group with the alarm of the inputs."""
    shop = Shop.ready()
    assert isinstance(shop, Shop)
    if rights is not None:
        shop.world.rights["*"] = rights
    place = {"codedeploy_application": "shop", "codedeploy_deployment_group": "prod"}
    return shop, shop.release(rollout_spec(steps, engine=Engine.CODEDEPLOY, **place, **more))


@pytest.mark.parametrize("steps", ["10% 5m, 100% 1m", "20% 7m, 100% 1m"])
def test_it_is_enough_for_codedeploy_and_all_of_it_is_needed(steps: str) -> None:
    """The one schedule has a configuration of AWS's, for the other one is made."""
    planned, _ = deploy(None, steps, mode=Mode.PLAN)
    [needed] = planned.all(PermissionsNeeded)
    shop, finished = deploy(iam_policy(needed.statements), steps)
    assert finished.result is Result.PROMOTED, finished.reason
    assert not [r.operation for r in shop.requests() if r.outcome.startswith("AccessDenied")]
    for left_out in (each for each in needed.statements if not each.optional):
        rights = iam_policy(each for each in needed.statements if each != left_out)
        shop, finished = deploy(rights, steps)
        assert finished.result is Result.FAILED or said(shop, left_out), left_out.sid


def test_a_plan_marks_what_was_refused_and_what_was_not_tried() -> None:
    case = CASES["everything"]
    needed = case.plan(case.scene(None))
    rights = iam_policy(each for each in needed.statements if each.sid != "LookAhead")
    scene = case.scene(rights)
    seen = case.plan(scene, over_boto3(scene))
    assert set(seen.refused) >= {"lambda:GetPolicy", "lambda:ListFunctionUrlConfigs"}
    text = permissions_section(seen)
    assert "❌ refused: `lambda:GetPolicy`, `lambda:ListFunctionUrlConfigs`" in text
    assert "not tried: `lambda:PublishVersion`, `lambda:UpdateAlias`" in text
    assert "not tried: `lambda:CreateAlias`" in text
    assert "*optional*" in text
    told = "\n".join(told_of_permissions(seen))
    assert "refused now: lambda:GetPolicy, lambda:ListFunctionUrlConfigs" in told
    assert "UpdateFunctionCode" in told.partition("not tried: ")[2]
    writes = {"PublishVersion", "UpdateAlias", "CreateAlias", "UpdateFunctionCode"}
    assert not writes & {request.operation for request in scene.requests()}


def test_a_plan_without_any_right_still_says_what_is_needed() -> None:
    case = CASES["alarms"]
    scene = case.scene({"Statement": []})
    seen = case.plan(scene, over_boto3(scene))
    assert isinstance(scene.events[-1], Finished)
    assert scene.events[-1].result is Result.FAILED
    assert "lambda:GetAlias" in seen.refused
    assert seen.statements == case.plan(case.scene(None)).statements
    assert SUBJECT in seen.trust_policy


def test_only_a_plan_tells_it() -> None:
    case = CASES["alarms"]
    scene = case.scene(None)
    case.run(scene)
    assert not scene.told(PermissionsNeeded)


# The trust policy --------------------------------------------------------------------------------


def not_allowed(_: str) -> Mapping[str, Any]:
    raise NoPermission("this job may not ask GitHub for an OIDC token.", "Add it.")


def out_of_reach(_: str) -> Mapping[str, Any]:
    raise RolloutError("GitHub is down.")


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        (not_allowed, "this job may not ask GitHub for an OIDC token. Add it."),
        (out_of_reach, "GitHub is down."),
        (lambda _: {}, "its OIDC token names none"),
        (lambda _: {**CLAIMS, "sub": "x" * 2000}, "its OIDC token names none"),
    ],
    ids=["no permission", "out of reach", "no claims", "far too long"],
)
def test_without_a_token_the_subject_is_not_known(claims: Any, why: str) -> None:
    needed = without_credentials(rollout_spec(role_to_assume=ROLE), claims)
    assert (needed.trust_policy, needed.subject, needed.why_unknown) == ("", "", why)
    assert "This job's subject is not known" in permissions_section(needed)
    assert "123456789012" in policy_text(needed)


def test_the_token_is_asked_for_the_partition_of_the_role() -> None:
    asked: list[str] = []

    def claims(role: str) -> Mapping[str, Any]:
        asked.append(role)
        return CLAIMS

    without_credentials(rollout_spec(region="cn-north-1"), claims)
    without_credentials(rollout_spec(role_to_assume=ROLE), claims)
    assert asked[0].startswith("arn:aws-cn:iam::")
    assert asked[1] == ROLE


def test_the_policy_s_arns_are_of_the_region_s_partition() -> None:
    core: Any = botocore.session.Session()
    places = [
        (partition, region)
        for partition in core.get_available_partitions()
        for region in core.get_available_regions("lambda", partition)
    ]
    assert {partition for partition, _ in places} >= {"aws", "aws-cn", "aws-us-gov", "aws-iso-b"}
    for partition, region in [*places, ("aws-eusc", "eusc-de-east-1")]:
        needed = without_credentials(rollout_spec(region=region), not_allowed)
        [first, *_] = needed.statements[0].resources
        assert first == f"arn:{partition}:lambda:{region}:ACCOUNT:function:checkout"


def test_a_subject_that_others_share_is_named() -> None:
    branch = {**CLAIMS, "sub": "repo:octo/shop:ref:refs/heads/main"}
    spec = rollout_spec(role_to_assume=ROLE)
    assert "no environment" in permissions_section(without_credentials(spec, lambda _: branch))
    assert "no environment" not in permissions_section(without_credentials(spec, lambda _: CLAIMS))
