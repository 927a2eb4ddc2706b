"""The guardian as examples/guardian installs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sandbox.aws.world import ACCOUNT, REGION
from tests.support.scene import Scene
from tests.support.stack import Iam, Stack
from tests.support.workflows import ROOT

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:lambda-rollout-guardian"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"
CALLER = "AKIAGUARDIAN"


def template(functions: Sequence[str] = ("checkout",), **given: str) -> Stack:
    """The stack of examples/guardian with the parameters that it wants."""
    arns = (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}" for name in functions)
    usual = {
        "FunctionArns": ",".join(arns),
        "AlarmNames": ",".join(f"{name}-errors" for name in functions),
        "CodeBucket": "builds",
        "CodeKey": "guardian.zip",
        "TopicArn": TOPIC,
    }
    return Stack.of(ROOT / "examples" / "guardian" / "template.yml", **{**usual, **given})


@cache
def role_of(functions: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The statements of its role."""
    iam = Iam({})

    def call(service: str, operation: str, **given: Any) -> dict[str, Any]:
        answers = {"CreateQueue": {"QueueUrl": "any"}, "PutRule": {"RuleArn": "any"}}
        answers["CreateFunction"] = {"FunctionArn": ARN}
        return iam(operation, **given) if service == "iam" else answers.get(operation, {})

    template(functions).deploy(call)
    return iam.statements


@contextmanager
def as_its_role(
    scene: Scene, functions: tuple[str, ...] = ("checkout",), without: str = ""
) -> Iterator[None]:
    """Let the caller have the rights of its role, ``without`` one action."""
    before = dict(scene.world.rights)
    actions = [
        {**each, "Action": [one for one in listed(each["Action"]) if one != without]}
        for each in role_of(functions)
    ]
    scene.world.rights["*"] = {"Statement": actions}
    try:
        yield
    finally:
        scene.world.rights.clear()
        scene.world.rights.update(before)


def listed(given: str | list[str]) -> list[str]:
    """IAM takes one text for a list of one."""
    return [given] if isinstance(given, str) else given
