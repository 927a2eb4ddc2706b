"""Which statements which inputs need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lambda_rollout.inputs.package import Package, S3Object
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.preflight.policy import (
    FunctionKinds,
    Place,
    PolicyStatement,
    iam_policy,
    is_too_long,
    policy_statements,
)

PLACE = Place("aws", "123456789012", "eu-central-1")
FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"


def needed(
    packages: Mapping[str, Package] | None = None,
    kinds: FunctionKinds | None = None,
    place: Place = PLACE,
    **inputs: str,
) -> dict[str, PolicyStatement]:
    """By name; ``inputs`` with lines for dashes."""
    given = {"function-name": "checkout", "aws-region": place.region}
    given |= {name.replace("_", "-"): text for name, text in inputs.items()}
    read = read_inputs({variable(name): text for name, text in given.items()})
    return {each.sid: each for each in policy_statements(read, packages or {}, place, kinds)}


BY_CODEDEPLOY: Mapping[str, Any] = {
    "engine": "codedeploy",
    "steps": "20% 5m",
    "codedeploy_application": "shop",
    "codedeploy_deployment_group": "prod",
}


def test_the_least() -> None:
    found = needed()
    assert [each.sid for each in found.values() if not each.optional] == ["MoveTheAlias"]
    assert found["MoveTheAlias"].resources == (FUNCTION, f"{FUNCTION}:*")
    assert "ReadTheAlarms" not in found


@pytest.mark.parametrize("version", ["7", "alias:dev", '{"checkout": "7"}'])
def test_who_names_a_version_publishes_none(version: str) -> None:
    assert "lambda:PublishVersion" not in needed(version=version)["MoveTheAlias"].actions
    assert "lambda:PublishVersion" in needed()["MoveTheAlias"].actions


def test_alarms_are_read_where_they_are() -> None:
    elsewhere = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:x"
    found = needed(alarms=f"a\n{elsewhere}\n")["ReadTheAlarms"]
    assert (found.resources, found.regions) == (("*",), ("eu-central-1", "us-east-1"))
    [statement] = iam_policy([found])["Statement"]
    regions = ["eu-central-1", "us-east-1"]
    assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": regions}}


def test_numbers_are_optional_where_nothing_rests_on_them() -> None:
    assert needed()["ReadTheNumbers"].optional
    assert not needed(guards="error-rate < 1%")["ReadTheNumbers"].optional
    assert not needed(min_invocations="1")["ReadTheNumbers"].optional


def test_what_is_invoked_is_named_as_it_is_invoked() -> None:
    elsewhere = "arn:aws:lambda:eu-central-1:210987654321:function:theirs"
    hooks = (
        f"each-step: mine\neach-step: mine\non-rollback: mine:live\nafter-traffic: {elsewhere}:4"
    )
    start = "arn:aws:lambda:eu-central-1:123456789012:function"
    assert needed(hooks=hooks)["AskTheHooks"].resources == (
        f"{start}:mine",
        f"{start}:mine:live",
        f"{elsewhere}:4",
    )
    assert needed(smoke_test="{}")["InvokeTheVersion"].resources == (f"{FUNCTION}:*",)


def test_codedeploy_invokes_its_hooks_itself() -> None:
    found = needed(hooks="before-traffic: CodeDeployHook_x", **BY_CODEDEPLOY)
    assert "AskTheHooks" not in found
    # The group's alarms are read in any case.
    assert "ReadTheAlarms" in found


@pytest.mark.parametrize(
    ("steps", "name", "creates"),
    [
        ("10% 5m", "CodeDeployDefault.Lambda*", False),
        ("20% 5m", "lambda-rollout-*", True),
    ],
)
def test_a_configuration_is_made_where_aws_has_none(steps: str, name: str, creates: bool) -> None:
    found = needed(**{**BY_CODEDEPLOY, "steps": steps})["ConfigureDeployments"]
    start = "arn:aws:codedeploy:eu-central-1:123456789012"
    assert found.resources == (f"{start}:deploymentconfig:{name}",)
    assert ("codedeploy:CreateDeploymentConfig" in found.actions) is creates


def test_a_package_in_s3_has_to_be_readable() -> None:
    packages = {
        "checkout": S3Object("b", "a*b?/${aws:x}$.zip", ""),
        "cart": S3Object("b", "c.zip", "id"),
    }
    found = needed(packages, function_name="checkout, cart")
    # No character of a key is a wildcard, or begins a variable.
    assert found["ReadThePackage"].resources == ("arn:aws:s3:::b/a${*}b${?}/${$}{aws:x}$.zip",)
    assert found["ReadThePackageVersion"].actions == ("s3:GetObjectVersion",)


def test_each_function_is_in_its_own_account_and_partition() -> None:
    place = Place("aws-cn", "ACCOUNT", "cn-north-1")
    mine = "arn:aws-cn:lambda:cn-north-1:123456789012:function:mine"
    names = f"checkout, 210987654321:function:theirs, {mine}"
    assert needed(place=place, function_name=names)["MoveTheAlias"].resources[::2] == (
        "arn:aws-cn:lambda:cn-north-1:ACCOUNT:function:checkout",
        "arn:aws-cn:lambda:cn-north-1:210987654321:function:theirs",
        mine,
    )


def test_too_many_functions_for_one_policy_are_noticed() -> None:
    many = ", ".join(f"function-with-a-long-name-{number}" for number in range(40))
    assert is_too_long(iam_policy(needed(function_name=many).values()))
    assert not is_too_long(iam_policy(needed(alarms="checkout-errors").values()))


def test_the_log_is_where_the_function_writes_it() -> None:
    kinds = FunctionKinds(log_groups={"checkout": "/shop/all", "cart": ""})
    found = needed(kinds=kinds, function_name="checkout, cart")["ReadTheLog"]
    start = "arn:aws:logs:eu-central-1:123456789012:log-group"
    assert found.resources == (f"{start}:/shop/all:*", f"{start}:/aws/lambda/cart:*")
    assert found.optional
    assert "ReadTheLog" not in needed(errors="off")
