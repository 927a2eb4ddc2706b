"""What a caller may do, held against its requests as IAM does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.control import Control
from sandbox.aws.errors import AwsError
from sandbox.aws.in_process import client
from sandbox.aws.rights import asked
from tests.support.scene import Scene

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"


def allow(action: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def policy(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.fixture
def world() -> World:
    return Scene.ready().world


def get_alias(world: World) -> str:
    """AWS's code, empty where it answers."""
    try:
        world.call("lambda", "GetAlias", {"FunctionName": "checkout", "Name": "live"}, caller="A")
    except AwsError as error:
        return error.code
    return ""


def test_without_a_policy_everything_is_allowed(world: World) -> None:
    assert get_alias(world) == ""


@pytest.mark.parametrize(
    ("statements", "is_allowed"),
    [
        ([], False),
        ([allow("lambda:GetAlias")], True),
        ([allow("LAMBDA:getalias")], True),
        ([allow(["lambda:Get*"], [FUNCTION, f"{FUNCTION}:*"])], True),
        ([allow("lambda:GetAlias", f"{FUNCTION}:live")], True),
        ([allow("lambda:GetAlias", FUNCTION)], False),
        ([allow("lambda:GetAlias", f"{FUNCTION}:dev")], False),
        ([allow("lambda:GetAlias", f"{FUNCTION}:${{*}}")], False),
        ([allow("lambda:UpdateAlias")], False),
        ([allow("*"), {**allow("lambda:GetAlias"), "Effect": "Deny"}], False),
        ([allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-central-1"}})], True),
        ([allow("*", Condition={"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}})], False),
    ],
    ids=str,
)
def test_a_statement_allows_what_it_is_about(
    world: World, statements: list[Any], is_allowed: bool
) -> None:
    world.rights["A"] = policy(*statements)
    assert get_alias(world) == ("" if is_allowed else "AccessDeniedException")
    assert world.log[-1].outcome in {"ok", "AccessDeniedException"}


@pytest.mark.parametrize(
    "statement",
    [
        allow("*", Condition={"StringLike": {"aws:RequestedRegion": "*"}}),
        {"Effect": "Allow", "NotAction": "lambda:*", "Action": "*", "Resource": "*"},
    ],
    ids=str,
)
def test_what_is_not_known_is_not_guessed(world: World, statement: Any) -> None:
    world.rights["A"] = policy(statement)
    with pytest.raises(ValueError, match="not known"):
        get_alias(world)


def test_the_refusal_is_in_awss_words(world: World) -> None:
    world.rights["*"] = policy()
    with pytest.raises(ClientError) as refused:
        client("lambda", world).get_alias(FunctionName="checkout", Name="live")
    error = refused.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        "User: arn:aws:sts::123456789012:assumed-role/rollout/lambda-rollout is not authorized to perform: lambda:GetAlias "
        f"on resource: {FUNCTION}:live because no identity-based policy allows the lambda:GetAlias action"
    )
    with pytest.raises(ClientError, match=r"\(AccessDenied\).*cloudwatch:DescribeAlarms"):
        client("cloudwatch", world).describe_alarms()


def test_sts_asks_for_no_permission_and_a_function_has_a_role_of_its_own(world: World) -> None:
    world.rights["*"] = policy()
    assert client("sts", world).get_caller_identity()["Account"] == "123456789012"
    live = {"FunctionName": "checkout", "Name": "live"}
    assert world.call("lambda", "GetAlias", live, caller="function")["Name"] == "live"


def test_a_call_may_take_more_than_its_own_action(world: World) -> None:
    from_s3 = {"FunctionName": "checkout", "S3Bucket": "b", "S3Key": "k", "S3ObjectVersion": "v"}
    with pytest.raises(AwsError):
        world.call("lambda", "UpdateFunctionCode", from_s3)
    assert dict(asked(world, world.log[-1])) == {
        "lambda:UpdateFunctionCode": FUNCTION,
        "s3:GetObjectVersion": "arn:aws:s3:::b/k",
    }


def test_a_test_or_a_demo_may_set_it(world: World) -> None:
    control = Control(world)
    control.answer("POST", "rights", json.loads(json.dumps({"caller": "A", "policy": policy()})))
    assert get_alias(world) == "AccessDeniedException"
    control.answer("POST", "rights", {"caller": "A", "policy": None})
    assert get_alias(world) == ""
