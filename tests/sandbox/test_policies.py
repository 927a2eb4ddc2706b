"""Resource policies: each of function, version and alias has its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws import World
from sandbox.aws.in_process import client
from tests.sandbox.conftest import refusal

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
BUCKET = "arn:aws:s3:::orders"


@pytest.fixture
def aws(world: World) -> Any:
    return client("lambda", world)


def allow(aws: Any, sid: str = "s3", **more: Any) -> dict[str, Any]:
    params = {
        "FunctionName": "checkout",
        "StatementId": sid,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        **more,
    }
    statement: dict[str, Any] = json.loads(aws.add_permission(**params)["Statement"])
    return statement


def statements(aws: Any, **more: Any) -> list[dict[str, Any]]:
    policy = json.loads(aws.get_policy(FunctionName="checkout", **more)["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    found: list[dict[str, Any]] = policy["Statement"]
    return found


def test_a_statement_has_the_shape_that_aws_gives_it(aws: Any) -> None:
    assert allow(aws, SourceArn=BUCKET, SourceAccount="123456789012") == {
        "Sid": "s3",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "123456789012"},
            "ArnLike": {"AWS:SourceArn": BUCKET},
        },
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("*", "*"),
        ("210987654321", {"AWS": "arn:aws:iam::210987654321:root"}),
        ("arn:aws:iam::210987654321:role/x", {"AWS": "arn:aws:iam::210987654321:role/x"}),
    ],
)
def test_principals(aws: Any, given: str, shown: Any) -> None:
    assert allow(aws, Principal=given)["Principal"] == shown


def test_an_alias_has_a_policy_of_its_own(aws: Any) -> None:
    allow(aws)
    assert refusal(lambda: aws.get_policy(FunctionName="checkout", Qualifier="live")) == (
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )
    allow(aws, "alias", Qualifier="live")
    assert [each["Sid"] for each in statements(aws)] == ["s3"]
    assert [each["Resource"] for each in statements(aws, Qualifier="live")] == [f"{ARN}:live"]


def test_with_its_last_statement_a_policy_is_gone(aws: Any) -> None:
    allow(aws)
    aws.remove_permission(FunctionName="checkout", StatementId="s3")
    code, _ = refusal(lambda: aws.get_policy(FunctionName="checkout"))
    assert code == "ResourceNotFoundException"


def test_a_statement_id_serves_once(aws: Any) -> None:
    allow(aws)
    code, message = refusal(lambda: allow(aws))
    assert code == "ResourceConflictException"
    assert message.startswith("The statement id (s3) provided already exists.")


def test_latest_takes_no_policy(aws: Any) -> None:
    assert refusal(lambda: allow(aws, Qualifier="$LATEST")) == (
        "InvalidParameterValueException",
        "We currently do not support adding policies for $LATEST.",
    )


def test_a_stale_revision_is_refused(aws: Any) -> None:
    allow(aws)
    code, _ = refusal(lambda: allow(aws, "two", RevisionId="0" * 36))
    assert code == "PreconditionFailedException"


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        (
            {"PrincipalOrgID": "o-abcdefghij"},
            {"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}},
        ),
        ({"InvokedViaFunctionUrl": True}, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
        (
            {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        ),
    ],
)
def test_options_become_conditions(
    aws: Any, given: dict[str, Any], condition: dict[str, Any]
) -> None:
    assert allow(aws, Principal="*", **given)["Condition"] == condition


def test_a_whole_policy_is_put_shown_and_deleted(aws: Any) -> None:
    allow(aws)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": ARN}
    aws.put_resource_policy(
        ResourceArn=ARN,
        Policy=json.dumps({"Statement": deny}),
        RevisionId=aws.get_policy(FunctionName="checkout")["RevisionId"],
    )
    assert statements(aws) == [deny]
    assert json.loads(aws.get_resource_policy(ResourceArn=ARN)["Policy"])["Statement"] == [deny]
    aws.delete_resource_policy(ResourceArn=ARN)
    code, _ = refusal(lambda: aws.get_resource_policy(ResourceArn=ARN))
    assert code == "ResourceNotFoundException"
