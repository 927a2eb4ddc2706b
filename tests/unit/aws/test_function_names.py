"""By which name a function is asked for."""

from __future__ import annotations

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws.function_names import FunctionNames

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"


@pytest.mark.parametrize("asked", ["checkout", "123456789012:function:checkout", ARN])
def test_once_an_alias_was_read_by_its_arn(asked: str) -> None:
    names = FunctionNames()
    assert names.of(asked) == asked
    names.learn(Target(asked, "live"), f"{ARN}:live")
    assert names.of(asked) == ARN
    names.learn(Target(asked, "live"), f"{ARN.replace('123', '999')}:live")
    assert names.of(asked) == ARN, "the first word counts"
    assert names.of("another") == "another"


@pytest.mark.parametrize(
    "answered",
    [
        "",
        "live",
        ARN,
        f"{ARN}:other",
        f"{ARN}-2:live",
        f"{ARN}:live:x",
        "arn:aws:s3:::checkout:live",
    ],
)
def test_what_is_no_arn_of_this_alias_is_no_name(answered: str) -> None:
    names = FunctionNames()
    names.learn(Target("checkout", "live"), answered)
    assert names.of("checkout") == "checkout"


@pytest.mark.parametrize("partition", ["aws-cn", "aws-us-gov", "aws-iso-b"])
def test_every_partition_has_arns(partition: str) -> None:
    arn = f"arn:{partition}:lambda:us-iso-east-1:123456789012:function:check_out-1"
    names = FunctionNames()
    names.learn(Target("check_out-1", "live-2"), f"{arn}:live-2")
    assert names.of("check_out-1") == arn
