"""Bad input, end to end: one clear error each, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sandbox.aws.faults import AccessDenied, Answer, ExpiredCredentials
from sandbox.runner import Finished
from tests.support.live import NEW, OLD, OWNERS_TEXT, Live
from tests.support.scene import ROLE

ACCOUNT = "123456789012"
CHECKOUT = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:checkout"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/GitHubActions"


def writes(scene: Live) -> list[str]:
    """What was done that is more than looking."""
    return [
        request.operation
        for request in scene.requests()
        if not request.operation.startswith(("Get", "Describe", "List"))
        and request.effect_at is not None
    ]


def failed(scene: Live, finished: Finished) -> str:
    """See that it failed and changed nothing; what the log says."""
    assert finished.status == 1, finished.log
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["failed-alarms"] == "[]"
    assert finished.summary
    assert [a for a in finished.annotations if a.kind == "error"]
    assert "Traceback" not in finished.log
    assert writes(scene) == []
    return finished.shown


# Mistakes in the inputs: told before the first call ---------------------------------------------

MISTAKES = {
    "qualifier": (
        {"function-name": "checkout:3"},
        "'checkout:3': Write 'checkout' without the qualifier. What is shifted is an alias",
    ),
    "qualifier in an ARN": (
        {"function-name": f"{CHECKOUT}:live"},
        f"'{CHECKOUT}:live': Write '{CHECKOUT}' without the qualifier. To shift that alias, set alias to 'live'.",
    ),
    "alias name": (
        {"alias": "no good"},
        "'no good': Write an alias's name: 1 to 128 letters, digits, - and _, and not only digits.",
    ),
    "not ascending": (
        {"steps": "50%, 10%"},
        "'10%': Percentages ascend: after 50% comes a higher one.",
    ),
    "over a hundred": (
        {"steps": "110%"},
        "'110%': A percentage is over 0 and at most 100.",
    ),
    "three decimals": (
        {"steps": "12.345% 5m"},
        "'12.345% 5m': Write '12.345' with at most two decimals.",
    ),
    "no unit": (
        {"steps": "10% 5"},
        "'10% 5': Add a unit to '5': 5s, 5m or 5h.",
    ),
    "empty item": (
        {"alarms": "checkout-errors,,checkout-latency"},
        "'checkout-errors,,checkout-latency': Item 2 of the list is empty: remove a comma",
    ),
    "$LATEST": (
        {"version": "$LATEST"},
        "'$LATEST': Leave version empty: then $LATEST is published and that version rolled out.",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_the_inputs_is_told_before_the_first_call(scene: Live, case: str) -> None:
    given, told = MISTAKES[case]
    finished = scene.runner.run({**scene.inputs, **given}, scene.as_caller("AKIAMAIN"), post=False)
    assert told in failed(scene, finished)
    assert scene.requests() == []


def test_no_region(scene: Live) -> None:
    scene.environ["AWS_REGION"] = ""
    finished = scene.run()
    told = "Write the Region of the function, or set AWS_REGION in the environment."
    assert told in failed(scene, finished)
    assert finished.outputs["reason"] == "1 mistake in the inputs: aws-region"
    assert scene.requests() == []


def test_all_mistakes_are_told_together(scene: Live) -> None:
    many = {name: text for given, _ in MISTAKES.values() for name, text in given.items()}
    finished = scene.runner.run({**scene.inputs, **many}, scene.as_caller("AKIAMAIN"), post=False)
    failed(scene, finished)
    named = finished.outputs["reason"].removeprefix("5 mistakes in the inputs: ")
    assert named == "function-name, alias, version, steps and alarms"
    assert len([a for a in finished.annotations if a.kind == "error"]) == 5


def test_a_package_that_is_not_there_is_told_with_the_others(scene: Live) -> None:
    many = {"steps": "0%", "package": "dist/missing.zip", "comment": "on"}
    finished = scene.runner.run({**scene.inputs, **many}, scene.as_caller("AKIAMAIN"), post=False)
    assert "'dist/missing.zip': There is no such file." in failed(scene, finished)
    assert finished.outputs["reason"] == "3 mistakes in the inputs: package, steps and comment"
    assert scene.requests() == []


# What only AWS can tell -------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    reason: str
    remedy: str
    inputs: dict[str, str] = field(default_factory=dict)
    setup: Callable[[Live], object] = lambda _: None
    alias: tuple[str, dict[str, float], str] = (OLD, {}, OWNERS_TEXT)


def no_credentials(scene: Live) -> None:
    none = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    scene.environ.update(none)


def with_environ(**variables: str) -> Callable[[Live], None]:
    return lambda scene: scene.environ.update(variables)


def split_by_a_stranger(scene: Live) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.world.run_due()
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.2}}}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **weights)


CASES = {
    "unknown function": Case(
        inputs={"function-name": "chekcout"},
        reason="there is no function chekcout in eu-central-1: Function not found: "
        f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:chekcout",
        remedy="Check `function-name`, `aws-region` and the account of the credentials.",
    ),
    "unknown alarm": Case(
        inputs={"alarms": "checkout-errors, checkout-latency"},
        reason="no such alarm in eu-central-1: checkout-latency.",
        remedy="Correct `alarms`. An alarm in another Region is given by its ARN.",
    ),
    "alarm of another account": Case(
        inputs={"alarms": "arn:aws:cloudwatch:eu-central-1:210987654321:alarm:checkout-errors"},
        reason="no such alarm: arn:aws:cloudwatch:eu-central-1:210987654321:alarm:checkout-errors.",
        remedy=f"CloudWatch tells of alarms in the account of the credentials only ({ACCOUNT}), and not of 210987654321",
    ),
    "alarm copied from YAML": Case(
        inputs={"alarms": "- checkout-errors\n"},
        reason="no such alarm in eu-central-1: - checkout-errors.",
        remedy="Write 'checkout-errors', without the dash of YAML or JSON.",
    ),
    "alarm is on": Case(
        setup=lambda scene: scene.set_alarm("ALARM"),
        reason="in ALARM before anything was shifted: checkout-errors (by the test).",
        remedy="Wait until it is OK. If this rollout fixes the cause of the alarm, set "
        "`alarm-at-start: ignore-until-ok`.",
    ),
    "unknown version": Case(
        inputs={"version": "17"},
        reason=f"function checkout has no version 17: Function not found: {CHECKOUT}:17",
        remedy="Name a published version in `version`, or leave it empty to publish $LATEST.",
    ),
    "no credentials": Case(
        setup=no_credentials,
        reason="no AWS credentials: Unable to locate credentials.",
        remedy="Run aws-actions/configure-aws-credentials in a step before, or set `role-to-assume`.",
    ),
    "a key with a newline": Case(
        setup=with_environ(AWS_SESSION_TOKEN="token\n"),
        reason="AWS_SESSION_TOKEN has a newline at an end.",
        remedy="Set the secret again, exactly as AWS gave it.",
    ),
    "an endpoint without a scheme": Case(
        setup=with_environ(AWS_ENDPOINT_URL_LAMBDA="localhost:4566"),
        reason="AWS_ENDPOINT_URL_LAMBDA is no URL: 'localhost:4566'.",
        remedy="Write it with its scheme: https://HOST[:PORT].",
    ),
    "a bad value": Case(
        setup=with_environ(AWS_DEFAULTS_MODE="fast"),
        reason="AWS cannot be called with this environment (AWS_DEFAULTS_MODE): Client configured with invalid "
        "defaults mode: fast. Valid defaults modes include: legacy, auto, standard, in-region, cross-region, mobile.",
        remedy="Correct it, or take it out of the job's environment.",
    ),
    "an unknown key": Case(
        setup=lambda scene: scene.world.faults.add(
            Answer(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
                403,
            ),
            count=None,
        ),
        reason="GetAlias: UnrecognizedClientException: The security token included in the request is invalid.",
        remedy="AWS does not know these credentials",
    ),
    "expired credentials": Case(
        setup=lambda scene: scene.world.faults.add(ExpiredCredentials(), count=None),
        reason="GetAlias: ExpiredTokenException: The security token included in the request is expired",
        remedy="Renew the credentials; with `role-to-assume` the action renews them itself.",
    ),
    "split by a stranger": Case(
        setup=split_by_a_stranger,
        reason="checkout:live is split: 80% on version 1, 20% on version 2. Somebody else did that, so it was "
        "left untouched.",
        remedy="Send all of its traffic to one version first, for example to the one that has most of it: aws lambda "
        "update-alias --region eu-central-1 --function-name checkout --name live --function-version 1 "
        "--routing-config '{\"AdditionalVersionWeights\":{}}'",
        alias=(OLD, {NEW: 0.2}, OWNERS_TEXT),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_aws_tells_ends_it_before_the_first_write(scene: Live, name: str) -> None:
    case = CASES[name]
    case.setup(scene)
    finished = scene.runner.run(
        {**scene.inputs, **case.inputs}, scene.as_caller("AKIAMAIN"), post=False
    )
    shown = failed(scene, finished)
    assert finished.outputs["reason"] == case.reason
    assert case.remedy in shown
    assert scene.alias == case.alias


@pytest.mark.parametrize(
    ("operation", "on"),
    [
        ("lambda:GetAlias", CHECKOUT),
        ("lambda:GetFunctionConfiguration", CHECKOUT),
        ("lambda:PublishVersion", CHECKOUT),
        ("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:*"),
    ],
)
def test_a_denied_permission_is_named(scene: Live, operation: str, on: str) -> None:
    service, name = operation.split(":")
    scene.world.faults.add(AccessDenied(), service=service, operation=name, count=None)
    finished = scene.run()
    shown = failed(scene, finished)
    words = f"User: {CALLER} is not authorized to perform: {operation} on resource: {on} because"
    assert words in finished.outputs["reason"]
    assert f"Allow {operation} to the role of this job" in shown
    assert scene.whole_on(OLD)


def test_a_denied_shift_leaves_the_alias_as_it_was(scene: Live) -> None:
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None)
    finished = scene.run()
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "0"
    assert (
        f"is not authorized to perform: lambda:UpdateAlias on resource: {CHECKOUT}"
        in finished.shown
    )
    assert scene.whole_on(OLD)
    assert len(scene.requests("UpdateAlias")) == 1


def test_versions_with_different_roles_leave_the_alias_as_it_was(scene: Live) -> None:
    other = {"Role": f"{ROLE}-of-another-team"}
    scene.call("lambda", "UpdateFunctionConfiguration", FunctionName="checkout", **other)
    scene.world.run_due()
    finished = scene.run()
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert scene.whole_on(OLD)
    assert "execution role" in finished.outputs["reason"]


def test_what_aws_refuses_is_told_in_its_own_words(scene: Live) -> None:
    words = "Specified versions must be associated with the same execution role"
    refusal = Answer("InvalidParameterValueException", words)
    scene.world.faults.add(refusal, operation="UpdateAlias", count=None)
    finished = scene.run()
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert words in finished.outputs["reason"]
    assert scene.whole_on(OLD)
    assert len(scene.requests("UpdateAlias")) == 1
