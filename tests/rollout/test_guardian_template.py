"""examples/guardian: its role's rights are what the guardian needs, and it is installed as its settings are read.

That they suffice for its stories is shown by each of them: `look` in the tests beside has no other rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from lambda_rollout.aws.topic import publish_to_topic
from lambda_rollout.inputs.guardian import read_settings
from lambda_rollout.rollout.events import ExecutionsLeft, Finished, Result
from lambda_rollout.rollout.guardian import guard
from lambda_rollout.runtime.errors import CallFailed
from sandbox.aws.world import ACCOUNT, REGION
from tests.rollout.test_guardian import PREVIOUS, Killed, die
from tests.support.code import package
from tests.support.guardian import ARN, TOPIC, as_its_role, listed, role_of, template
from tests.support.scene import NEW, Scene, rollout_spec
from tests.support.seam import through_botocore

OF_LAMBDA_ITSELF = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage"}
"""What the service does with the role: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html."""


def held() -> Scene:
    scene = Scene.ready()
    scene.roll_out(rollout_spec("10% 60s, hold"))
    scene.clock.advance(3600)
    scene.set_alarm("checkout-errors", "ALARM")
    scene.set_alarm("checkout-errors", "OK")
    return scene


def promoted() -> Scene:
    scene = Scene.ready()
    scene.roll_out(rollout_spec("100% 0s", previous_alias=PREVIOUS))
    scene.set_alarm("checkout-errors", "ALARM")
    return scene


def died_while_aws_moved() -> Scene:
    """A run was killed at 100%, while provisioned concurrency still moves to the new version."""
    scene = Scene.ready()
    scene.call(
        "lambda",
        "PutProvisionedConcurrencyConfig",
        FunctionName="checkout",
        Qualifier="live",
        ProvisionedConcurrentExecutions=5,
    )
    scene.clock.advance(120)
    scene.world.lambda_().provisioning_delay = 3600.0
    scene.after(120, die)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("10% 60s, 100% 30m"))
    scene.clock.advance(600)
    return scene


def durable() -> Scene:
    scene = Scene.ready()
    scene.call(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="checkout",
        DurableConfig={"ExecutionTimeout": 7200},
    )
    scene.clock.advance(2)
    scene.roll_out(rollout_spec("10% 60s, hold"))
    scene.world.lambda_().begin_execution("checkout", NEW)
    scene.set_alarm("checkout-errors", "ALARM")
    return scene


def ends(scene: Scene, **more: Any) -> Finished:
    spec = rollout_spec(rollout_id="00000001", previous_alias=PREVIOUS)
    with as_its_role(scene, **more):
        return guard(spec, scene.ports(spec), timedelta(hours=1))


def went_back(scene: Scene, without: str = "") -> bool:
    return ends(scene, without=without).result is Result.ROLLED_BACK


def counted(scene: Scene, without: str = "") -> bool:
    ends(scene, without=without)
    [left] = [event for event in scene.told(ExecutionsLeft) if isinstance(event, ExecutionsLeft)]
    return left.running == 1


def told(scene: Scene, without: str = "") -> bool:
    scene.world.sns.topics.add(TOPIC)
    with as_its_role(scene, without=without):
        try:
            publish_to_topic(through_botocore(scene.world), TOPIC, "subject", "text")
        except CallFailed:
            return False
    return True


STORIES: Mapping[str, tuple[Callable[[], Scene], Callable[..., bool]]] = {
    "lambda:GetAlias": (held, went_back),
    "lambda:UpdateAlias": (held, went_back),
    "cloudwatch:DescribeAlarms": (held, went_back),
    "cloudwatch:DescribeAlarmHistory": (held, went_back),
    "cloudwatch:GetMetricData": (promoted, went_back),
    "lambda:GetFunctionConfiguration": (promoted, went_back),
    "lambda:GetProvisionedConcurrencyConfig": (died_while_aws_moved, went_back),
    "lambda:ListDurableExecutionsByFunction": (durable, counted),
    "sns:Publish": (Scene.ready, told),
}


@pytest.mark.parametrize("action", STORIES)
def test_with_its_rights_it_goes_and_with_any_one_less_it_does_not(action: str) -> None:
    make, goes = STORIES[action]
    assert goes(make())
    assert not goes(make(), without=action)


def test_it_has_no_right_that_no_story_needs() -> None:
    granted = {one for each in role_of(("checkout",)) for one in listed(each["Action"])}
    assert granted == {*STORIES, *OF_LAMBDA_ITSELF}


def test_it_may_write_no_function_but_its_own() -> None:
    """Each in both forms: alone, and with a qualifier."""
    [writes] = [each for each in role_of(("f1", "f2")) if "lambda:UpdateAlias" in each["Action"]]
    start = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
    assert writes["Resource"] == [f"{start}{name}" for name in ("f1", "f2", "f1:*", "f2:*")]
    wide = [each["Sid"] for each in role_of(("f1", "f2")) if each["Resource"] == "*"]
    assert wide == ["AskTheAlarms"]


def test_without_a_topic_it_may_tell_nobody() -> None:
    stack = template(TopicArn="")
    policy = stack.template["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]
    stack.made = {"Failures": {"Arn": "any"}, "Log": {"Arn": "any"}}
    assert "TellPeople" not in [each["Sid"] for each in stack.value(policy)["Statement"]]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"Bake": "1h"}, "Bake needs PreviousAlias"),
        ({"Bake": "60"}, "Bake"),
        ({"Bake": ""}, "Bake"),
        ({"AliasName": "7"}, "AliasName"),
        ({"TopicArn": "on-call"}, "TopicArn"),
        ({"Name": "guardian"}, "Name"),
        ({"FunctionArns": "checkout"}, "FunctionArns"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    given: dict[str, str], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        template(**given)


def test_what_it_is_given_is_what_its_settings_are_read_from() -> None:
    made: dict[str, Any] = {}

    def call(_: str, operation: str, **given: Any) -> dict[str, Any]:
        made[operation] = given
        answers: dict[str, Any] = {
            "CreateRole": {"Role": {"Arn": "role"}},
            "PutRule": {"RuleArn": "rule"},
        }
        return {"QueueUrl": "url", "FunctionArn": ARN, **answers.get(operation, {})}

    given = {"Bake": "1h30m", "PreviousAlias": PREVIOUS, "AlarmNames": "a,b"}
    outputs = template(("f1", "f2"), **given).deploy(call)
    assert outputs["GuardianArn"] == ARN
    function = made["CreateFunction"]
    settings = read_settings({**function["Environment"]["Variables"], "AWS_REGION": REGION})
    assert [target.name for target in settings.inputs.targets] == ["f1", "f2"]
    assert settings.inputs.alias == "live"
    assert [alarm.name for alarm in settings.inputs.alarms] == ["a", "b"]
    assert (settings.bake, settings.inputs.previous_alias) == (timedelta(minutes=90), PREVIOUS)
    assert settings.topic == TOPIC
    module, _, handler = function["Handler"].rpartition(".")
    assert callable(getattr(import_module(module), handler))


def test_stock_emulators_take_what_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's IAM checks the grammar of policies."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        session = boto3.Session(region_name=REGION)
        clients: dict[str, Any] = {
            name: session.client(name)
            for name in ("cloudwatch", "events", "iam", "lambda", "logs", "s3", "sqs")
        }

        def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(clients[service], xform_name(operation))(**given)
            return answer

        where = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
        call("s3", "CreateBucket", Bucket="builds", **where)
        call("s3", "PutObject", Bucket="builds", Key="guardian.zip", Body=package())
        outputs = template(Bake="1h", PreviousAlias=PREVIOUS).deploy(call)
        assert outputs["GuardianArn"] == ARN
        [rule] = call("events", "ListRules")["Rules"]
        assert rule["ScheduleExpression"] == "rate(5 minutes)"
        [target] = call("events", "ListTargetsByRule", Rule=rule["Name"])["Targets"]
        assert target["Arn"] == ARN
        [alarm] = call("cloudwatch", "DescribeAlarms")["MetricAlarms"]
        assert alarm["AlarmActions"] == [TOPIC]
