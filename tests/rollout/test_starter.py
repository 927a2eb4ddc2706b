"""examples/starter: what its templates make is enough for a rollout, sees it, and trusts nobody else."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.preflight.finding import Code
from lambda_rollout.preflight.policy import Place, iam_policy, policy_statements
from lambda_rollout.rollout.events import AlarmsFound, PreflightFound, Result
from sandbox.aws.traffic import Traffic
from sandbox.aws.trust import ISSUER, Job, accepts
from sandbox.aws.world import ACCOUNT, REGION
from tests.rollout.test_permissions import Case
from tests.support.code import package
from tests.support.scene import Scene
from tests.support.stack import Iam, Stack
from tests.support.workflows import ROOT

STARTER = ROOT / "examples" / "starter"
OWNER = {"Owner": "octo", "Repository": "shop"}
IDS = {"OwnerId": "123456", "RepositoryId": "456789"}
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def starter(name: str, **parameters: str) -> Stack:
    return Stack.of(STARTER / f"{name}.yml", **parameters)


def role(**parameters: str) -> Stack:
    return starter("role", **{**OWNER, **parameters})


@pytest.fixture
def iam() -> Iam:
    return Iam({})


@pytest.fixture
def scene(iam: Iam) -> Scene:
    """A function without an alias, and both stacks."""
    scene = Scene.ready(alarms=())
    del scene.world.lambda_().functions["checkout"].aliases["live"]

    def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
        return (
            iam(operation, **given) if service == "iam" else scene.call(service, operation, **given)
        )

    role(**IDS).deploy(call)
    function = {"FunctionName": "checkout", "SlowestRequestInMilliseconds": "1000"}
    starter("function", **function).deploy(call)
    scene.clock.advance(2)
    # The next build, without which there is nothing to roll out.
    scene.build("def handler(event, context): return 3")
    scene.world.log.clear()
    scene.world.rights["*"] = {"Statement": iam.statements}
    return scene


ASKED = Case({"alarms": ("checkout-errors", "checkout-latency-p99")}, "10% 5m, 50% 5m, 100% 5m")


def test_the_preflight_finds_nothing_to_better(scene: Scene) -> None:
    Traffic(scene.world, "checkout:live", per_second=1, seconds=3600)
    scene.clock.advance(3600)
    guards = parse_guards("error-rate <= baseline + 1%\np99-duration <= baseline * 1.2")
    finished = ASKED.run(scene, mode=Mode.PLAN, guards=guards)
    assert finished.result is Result.PLANNED
    [found] = [event for event in scene.events if isinstance(event, PreflightFound)]
    # What a plan cannot try is no fault of the starter's.
    assert [each for each in found.findings if each.code is not Code.WRITES_NEEDED] == []
    [read] = [event for event in scene.events if isinstance(event, AlarmsFound)]
    assert {each.name for each in read.readings} == {"checkout-errors", "checkout-latency-p99"}


def test_with_its_role_alone_a_version_is_promoted(scene: Scene) -> None:
    assert ASKED.run(scene).result is Result.PROMOTED
    assert not [each for each in scene.requests() if each.outcome.startswith("AccessDenied")]


@pytest.mark.parametrize(
    ("code", "alarm"),
    [
        ("raise ValueError", "checkout-errors"),
        ("import time; time.sleep(2)", "checkout-latency-p99"),
    ],
)
def test_its_alarms_see_a_bad_version(scene: Scene, code: str, alarm: str) -> None:
    scene.build(f"def handler(event, context): {code}")
    Traffic(scene.world, "checkout:live", per_second=2)
    finished = ASKED.run(scene)
    assert finished.result is Result.ROLLED_BACK
    assert [each.name for each in finished.failed_alarms] == [alarm]
    assert scene.alias.routing == Routing.all_on("2")


def test_the_role_trusts_the_environment_alone(iam: Iam) -> None:
    role(**IDS).deploy(lambda _, operation, **given: iam(operation, **given))
    [(arn, policy)] = iam.policies.items()
    assert arn == f"arn:aws:iam::{ACCOUNT}:role/rollout"
    for job, is_trusted in (
        (Job(environment="production"), True),
        (Job(environment="dev"), False),
        (Job(), False),
        (Job(event="pull_request"), False),
        (Job(ids=None, environment="production"), False),
        (Job(repository="octo/shop2", environment="production"), False),
    ):
        claims = {**job.claims, "aud": "sts.amazonaws.com"}
        assert accepts(policy, PROVIDER, claims) is is_trusted, job


def test_without_ids_it_is_the_older_form(iam: Iam) -> None:
    role(Environment="live", GitHubIsKnown="yes").deploy(
        lambda _, operation, **given: iam(operation, **given)
    )
    [policy] = iam.policies.values()
    claims = {**Job(ids=None, environment="live").claims, "aud": "sts.amazonaws.com"}
    assert accepts(policy, PROVIDER, claims)


def test_its_policy_is_the_one_that_a_plan_prints(iam: Iam) -> None:
    def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
        answers = {"CreateAlias": {"AliasArn": "any"}, "PublishVersion": {"Version": "1"}}
        return iam(operation, **given) if service == "iam" else answers.get(operation, {})

    role(**IDS).deploy(call)
    starter("function", FunctionName="checkout").deploy(call)
    given = {"function-name": "checkout", "aws-region": REGION, "alarms": "checkout-errors"}
    inputs = read_inputs({variable(name): text for name, text in given.items()})
    needed = policy_statements(inputs, {}, Place("aws", ACCOUNT, REGION))
    by_name = {each["Sid"]: each for each in iam_policy(needed)["Statement"]}
    assert {each["Sid"]: each for each in iam.statements} == by_name


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, ["PublishVersion", "CreateAlias"]),
        ({"VersionOfAlias": "7"}, ["CreateAlias"]),
        ({"AliasIsThere": "yes"}, []),
    ],
    ids=str,
)
def test_what_is_there_is_not_made_again(given: dict[str, str], made: list[str]) -> None:
    """CloudFormation fails where PublishVersion answers with a version that exists."""
    calls: list[tuple[str, dict[str, Any]]] = []

    def call(_: str, operation: str, **params: Any) -> dict[str, Any]:
        calls.append((operation, params))
        return {"Version": "1", "AliasArn": "any"}

    starter("function", FunctionName="checkout", **given).deploy(call)
    of_lambda = {
        name: params for name, params in calls if name in {"PublishVersion", "CreateAlias"}
    }
    assert list(of_lambda) == made
    if "CreateAlias" in made:
        assert of_lambda["CreateAlias"]["FunctionVersion"] == given.get("VersionOfAlias", "1")


def test_no_parameter_can_widen_whom_it_trusts() -> None:
    for name in ("Owner", "Repository", "Environment"):
        with pytest.raises(AssertionError, match=name):
            role(**{name: "*"})


def test_stock_emulators_take_what_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's IAM checks the grammar of policies."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        clients = {
            name: boto3.client(name, region_name=REGION) for name in ("iam", "lambda", "cloudwatch")
        }

        def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(clients[service], xform_name(operation))(**given)
            return answer

        own = call("iam", "CreateRole", RoleName="own", AssumeRolePolicyDocument="{}")["Role"]
        create = {"Runtime": "python3.13", "Role": own["Arn"], "Handler": "app.handler"}
        code = {"ZipFile": package()}
        call("lambda", "CreateFunction", FunctionName="checkout", Code=code, **create)
        outputs = role(**IDS).deploy(call)
        assert outputs == {"RoleToAssume": f"arn:aws:iam::{ACCOUNT}:role/rollout"}
        outputs = starter("function", FunctionName="checkout").deploy(call)
        assert outputs == {"Alarms": "checkout-errors, checkout-latency-p99"}
        names = call("iam", "ListRolePolicies", RoleName="rollout")["PolicyNames"]
        assert names == ["lambda-rollout", "lambda-rollout-checkout"]
        found = call("lambda", "GetAlias", FunctionName="checkout", Name="live")
        assert found["FunctionVersion"] == "1"
        alarms = call("cloudwatch", "DescribeAlarms")["MetricAlarms"]
        assert {each["AlarmName"]: each["Threshold"] for each in alarms} == {
            "checkout-errors": 0.0,
            "checkout-latency-p99": 3000.0,
        }
