"""Durable functions and tenant isolation, as far as the sandbox has them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.control import Control
from sandbox.aws.in_process import client
from tests.sandbox.conftest import ROLE, deploy, returning
from tests.support.seam import manual


@pytest.fixture
def aws(world: World) -> Any:
    return client("lambda", world)


def change(aws: Any, world: World, **settings: Any) -> None:
    aws.update_function_configuration(FunctionName="checkout", **settings)
    manual(world).advance(2)


def running(aws: Any, **more: Any) -> list[str]:
    asked = {"FunctionName": "checkout", "Statuses": ["RUNNING"], **more}
    answer = aws.list_durable_executions_by_function(**asked)
    return [each["DurableExecutionName"] for each in answer["DurableExecutions"]]


def test_executions_are_told_by_version_and_until_they_are_stopped(aws: Any, world: World) -> None:
    change(aws, world, DurableConfig={"ExecutionTimeout": 60})
    aws.publish_version(FunctionName="checkout")
    begun = [world.lambda_().begin_execution("checkout", version) for version in ("1", "2", "2")]
    assert running(aws) == ["execution-2", "execution-1", "execution-0"]
    assert running(aws, Qualifier="2") == ["execution-2", "execution-1"]
    assert running(aws, Qualifier="live") == ["execution-0"]
    aws.stop_durable_execution(DurableExecutionArn=begun[2].arn)
    assert running(aws, Qualifier="2") == ["execution-1"]
    first = aws.list_durable_executions_by_function(FunctionName="checkout", MaxItems=2)
    assert first["NextMarker"] == "2"


def test_a_function_that_is_not_durable_has_none(aws: Any) -> None:
    with pytest.raises(ClientError, match="not a durable function"):
        running(aws)


def test_a_durable_function_is_invoked_by_version_and_for_a_quarter_of_an_hour(
    aws: Any, world: World
) -> None:
    change(aws, world, DurableConfig={"ExecutionTimeout": 900})
    assert aws.invoke(FunctionName="checkout", Qualifier="$LATEST")["StatusCode"] == 200
    with pytest.raises(ClientError, match="unqualified ARN"):
        aws.invoke(FunctionName="checkout")
    change(aws, world, DurableConfig={"ExecutionTimeout": 901})
    with pytest.raises(ClientError, match="cannot synchronously invoke"):
        aws.invoke(FunctionName="checkout", Qualifier="$LATEST")
    answer = aws.invoke(FunctionName="checkout", Qualifier="$LATEST", InvocationType="Event")
    assert answer["StatusCode"] == 202


def test_tenants_must_be_named(aws: Any, world: World) -> None:
    deploy(world, returning("1"), "shared", TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    mode = aws.get_function_configuration(FunctionName="shared")["TenancyConfig"]
    assert mode == {"TenantIsolationMode": "PER_TENANT"}
    with pytest.raises(ClientError, match="tenant ID"):
        aws.invoke(FunctionName="shared")
    assert aws.invoke(FunctionName="shared", TenantId="blue")["StatusCode"] == 200


def test_executions_and_objects_can_be_set_up_from_outside(world: World) -> None:
    control = Control(world)
    text = base64.b64encode(returning("1")).decode()
    place = {"bucket": "builds", "key": "one.zip"}
    assert control.answer("POST", "objects", {**place, "text": text}) == "v1"
    code = {"S3Bucket": "builds", "S3Key": "one.zip", "S3ObjectVersion": "v1"}
    made = {"FunctionName": "kept", "Runtime": "python3.13", "Handler": "index.handler"}
    mode = {"S3ObjectStorageMode": "REFERENCE"}
    world.call("lambda", "CreateFunction", {**made, "Role": ROLE, "Code": {**code, **mode}})
    manual(world).advance(2)
    world.call("lambda", "PublishVersion", {"FunctionName": "kept"})
    manual(world).advance(2)
    control.answer("DELETE", "objects", {**place, "version": "v1"})
    seen = world.call("lambda", "GetFunction", {"FunctionName": "kept", "Qualifier": "1"})
    assert seen["Configuration"]["State"] == "Inactive"
    assert seen["Code"]["Error"]["ErrorCode"] == "NoSuchKey"
    body = {"function": "checkout", "version": "1", "count": 2}
    assert len(control.answer("POST", "executions", body)) == 2
