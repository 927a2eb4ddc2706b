"""README's policy is all that any inputs need, and every call of the package is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_rollout.aws.members import NEEDED
from lambda_rollout.aws.rights import action_of
from lambda_rollout.inputs.package import Image
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.preflight.policy import (
    FunctionKinds,
    Place,
    PolicyStatement,
    iam_policy,
    policy_statements,
)
from tests.support.pages import blocks, table

PLACE = Place("aws", "123456789012", "eu-central-1")
ALL: Mapping[str, Any] = {
    "alarms": "checkout-errors",
    "create-alias": "true",
    "previous-alias": "live-previous",
    "guards": "error-rate < 1%",
    "min-invocations": "1",
    "hooks": "before-traffic: check-orders",
    "smoke-test": "{}",
}
KINDS = FunctionKinds(
    ("arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet",), durable=True
)
BY_CODEDEPLOY: Mapping[str, Any] = {
    "engine": "codedeploy",
    "steps": "20% 5m",
    "codedeploy-application": "shop",
    "codedeploy-deployment-group": "prod",
}


def of(inputs: Mapping[str, str]) -> dict[str, PolicyStatement]:
    """By name, for the function checkout; the package's place in S3 is README's words."""
    given = {"function-name": "checkout", "aws-region": "eu-central-1", **inputs}
    read = read_inputs({variable(name): text for name, text in given.items()})
    packages = {"checkout": Image("image")}
    return {each.sid: each for each in policy_statements(read, packages, PLACE, KINDS)}


def all_of_it() -> dict[str, PolicyStatement]:
    """What any inputs need."""
    return {**of(BY_CODEDEPLOY), **of(ALL)}


def policy_of_readme() -> Any:
    [policy] = [each for each in map(json.loads, blocks("json", "README.md")) if is_a_policy(each)]
    return policy


def is_a_policy(document: Any) -> bool:
    return "Resource" in document["Statement"][0]


def test_readmes_policy_is_all_of_them() -> None:
    by_name = {each["Sid"]: each for each in policy_of_readme()["Statement"]}
    assert by_name == {each["Sid"]: each for each in iam_policy(all_of_it().values())["Statement"]}


def test_readmes_table_says_what_each_is_needed_for() -> None:
    rows = table("## Permissions")
    told = {name.strip("`"): row[1] for row in rows for name in row[0].split(", ")}
    always = {"MoveTheAlias"}
    assert set(told) | always == set(all_of_it())
    assert {name for name, why in told.items() if why.startswith("nothing")} == {
        "LookAhead",
        "FindTheEventSources",
    }


def test_no_call_of_ours_is_left_out() -> None:
    """Whatever the package calls is allowed by some statement; STS asks for no permission."""
    granted = {action for each in all_of_it().values() for action in each.actions}
    names = {action.partition(":")[2] for action in granted}
    calls = {action_of("lambda", name).partition(":")[2] for name in NEEDED}
    # What GetFunction tells is asked for otherwise where that is refused. The guardian publishes its messages in AWS,
    # with a role of its own.
    elsewhere = {"GetFunctionConcurrency", "Publish"}
    assert calls - names == {"AssumeRoleWithWebIdentity", "GetCallerIdentity", *elsewhere}
