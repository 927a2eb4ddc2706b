"""Lambda Managed Instances: what runs where, scaling by version, and how many versions a capacity provider takes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.in_process import client
from sandbox.aws.lambda_ import zip_of
from tests.support.seam import manual

FLEET = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet"
ON_FLEET = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": FLEET}}


@pytest.fixture
def aws(world: World) -> Any:
    made: Any = client("lambda", world)
    made.create_function(
        FunctionName="managed",
        Role="arn:aws:iam::123456789012:role/managed",
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": zip_of("def handler(event, context): return context.function_version")},
        CapacityProviderConfig=ON_FLEET,
    )
    manual(world).advance(2)
    return made


def publish(aws: Any, world: World, text: str = "") -> str:
    aws.update_function_configuration(FunctionName="managed", Description=text)
    manual(world).advance(2)
    number: str = aws.publish_version(FunctionName="managed")["Version"]
    manual(world).advance(2)
    return number


def state(aws: Any, **more: str) -> str:
    found: str = aws.get_function_configuration(FunctionName="managed", **more)["State"]
    return found


def test_latest_serves_nobody_and_the_bare_name_runs_the_latest_published(
    aws: Any, world: World
) -> None:
    assert state(aws) == "ActiveNonInvocable"
    publish(aws, world, "one")
    publish(aws, world, "two")
    assert aws.invoke(FunctionName="managed")["ExecutedVersion"] == "2"
    with pytest.raises(ClientError, match="ActiveNonInvocable"):
        aws.invoke(FunctionName="managed", Qualifier="$LATEST")


def test_an_alias_may_point_at_the_latest_published(aws: Any, world: World) -> None:
    publish(aws, world)
    at = "$LATEST.PUBLISHED"
    aws.create_alias(FunctionName="managed", Name="live", FunctionVersion=at)
    assert aws.get_alias(FunctionName="managed", Name="live")["FunctionVersion"] == at
    assert aws.invoke(FunctionName="managed:live")["ExecutedVersion"] == "1"


def test_a_version_scaled_to_0_comes_back_when_it_is_scaled_up(aws: Any, world: World) -> None:
    publish(aws, world)
    version = {"FunctionName": "managed", "Qualifier": "1"}
    assert "RequestedFunctionScalingConfig" not in aws.get_function_scaling_config(**version)
    off = {"MinExecutionEnvironments": 0, "MaxExecutionEnvironments": 0}
    aws.put_function_scaling_config(**version, FunctionScalingConfig=off)
    assert aws.get_function_scaling_config(**version)["RequestedFunctionScalingConfig"] == off
    assert state(aws, Qualifier="1") == "Deactivated"
    with pytest.raises(ClientError, match="Deactivated"):
        aws.invoke(**version)
    up = {"MinExecutionEnvironments": 3}
    aws.put_function_scaling_config(**version, FunctionScalingConfig=up)
    manual(world).advance(2)
    assert aws.invoke(**version)["ExecutedVersion"] == "1"


def test_a_capacity_provider_takes_a_hundred_versions(aws: Any, world: World) -> None:
    for number in range(100):
        publish(aws, world, str(number))
    listed = aws.list_function_versions_by_capacity_provider(CapacityProviderName="fleet")
    assert len(listed["FunctionVersions"]) == 50
    assert listed["NextMarker"]
    with pytest.raises(ClientError, match="FunctionVersionsPerCapacityProviderLimitExceeded"):
        publish(aws, world, "one more")
