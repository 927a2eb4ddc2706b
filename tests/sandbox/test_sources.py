"""Code from S3 and ECR, what a package is allowed to be, and a quota of requests."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws import World
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Quota
from sandbox.aws.in_process import client
from tests.sandbox.conftest import ROLE, returning

PLACE = {"S3Bucket": "builds", "S3Key": "shop.zip"}


def update_code(world: World, name: str = "checkout", **code: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client("lambda", world).update_function_code(FunctionName=name, **code)
    world.clock.advance(2)
    return answer


def refused(world: World, name: str = "checkout", **code: Any) -> str:
    with pytest.raises(AwsError) as caught:
        world.call("lambda", "UpdateFunctionCode", {"FunctionName": name, **code})
    assert caught.value.code == "InvalidParameterValueException"
    return caught.value.message


def test_an_object_is_the_same_code_as_its_bytes(world: World) -> None:
    direct = update_code(world, ZipFile=returning("7"))["CodeSha256"]
    version = world.lambda_().sources.put("builds", "shop.zip", returning("7"))
    world.lambda_().sources.put("builds", "shop.zip", returning("8"))
    assert update_code(world, **PLACE)["CodeSha256"] != direct
    assert update_code(world, **PLACE, S3ObjectVersion=version)["CodeSha256"] == direct


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({**PLACE, "S3Bucket": "nowhere"}, "NoSuchBucket"),
        ({**PLACE, "S3Key": "no.zip"}, "NoSuchKey"),
        ({**PLACE, "S3ObjectVersion": "v9"}, "NoSuchVersion"),
    ],
)
def test_what_is_not_there_is_refused_in_s3s_words(
    world: World, place: dict[str, str], code: str
) -> None:
    world.lambda_().sources.put("builds", "shop.zip", returning("7"))
    assert f"Error occurred while GetObject. S3 Error Code: {code}." in refused(world, **place)


def test_an_object_that_is_no_zip_is_refused(world: World) -> None:
    world.lambda_().sources.put("builds", "shop.zip", b"no zip")
    assert "Could not unzip" in refused(world, **PLACE)


def test_an_image_has_its_digest_in_hex_and_runs(world: World) -> None:
    world.lambda_().sources.images |= {"shop:1": returning("1"), "shop:2": returning("2")}
    create = {"PackageType": "Image", "Role": ROLE, "Handler": "index.handler"}
    world.call(
        "lambda",
        "CreateFunction",
        {"FunctionName": "img", "Code": {"ImageUri": "shop:1"}, **create},
    )
    world.clock.advance(2)
    answer = update_code(world, "img", ImageUri="shop:2")
    assert len(answer["CodeSha256"]) == 64
    assert int(answer["CodeSha256"], 16)
    version = world.call("lambda", "PublishVersion", {"FunctionName": "img"})
    assert version["CodeSha256"] == answer["CodeSha256"]


def test_image_and_zip_are_not_exchanged(world: World) -> None:
    world.lambda_().sources.images["shop:1"] = returning("1")
    assert "Please don't provide ImageUri" in refused(world, ImageUri="shop:1")
    create = {"PackageType": "Image", "Role": ROLE, "Code": {"ImageUri": "shop:1"}}
    world.call("lambda", "CreateFunction", {"FunctionName": "img", **create})
    world.clock.advance(2)
    assert "Please provide ImageUri" in refused(world, "img", ZipFile=returning("1"))
    assert "Source image shop:9 does not exist" in refused(world, "img", ImageUri="shop:9")


def test_an_update_that_names_no_architecture_is_for_x86(world: World) -> None:
    update_code(world, ZipFile=returning("7"), Architectures=["arm64"])
    assert update_code(world, ZipFile=returning("7"))["Architectures"] == ["x86_64"]


def test_getfunction_and_getpolicy_have_quotas_of_their_own(world: World) -> None:
    world.faults.add(Quota(), service="lambda", count=None)

    def passed(operation: str) -> int:
        through = 0
        for _ in range(150):
            try:
                world.call("lambda", operation, {"FunctionName": "checkout"})
            except AwsError as error:
                # There is no policy.
                through += error.code == "ResourceNotFoundException"
            else:
                through += 1
        return through

    assert passed("GetFunction") == 100
    assert passed("GetPolicy") == 15
    assert passed("GetFunctionConfiguration") == 15
    assert passed("ListFunctionUrlConfigs") == 0


def test_a_quota_lets_a_burst_through_and_then_so_many_a_second(world: World) -> None:
    world.faults.add(Quota(per_second=10, burst=5), service="lambda", count=None)

    def passed(tries: int) -> int:
        outcomes = []
        for _ in range(tries):
            try:
                world.call("lambda", "GetAlias", {"FunctionName": "checkout", "Name": "live"})
            except AwsError as error:
                outcomes.append(error.code)
        assert set(outcomes) <= {"TooManyRequestsException"}
        return tries - len(outcomes)

    assert passed(20) == 5
    world.clock.advance(0.25)
    # What was throttled used nothing up.
    assert passed(20) == 2
    world.clock.advance(60)
    assert passed(20) == 5
    # Alarms and invocations have quotas of their own.
    world.call("cloudwatch", "DescribeAlarms", {})
    world.call("lambda", "Invoke", {"FunctionName": "checkout"})
