"""Checks on resource policies: advice must never let in more than what it is about."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import Condition, FunctionUrl, Statement, Unread
from lambda_rollout.preflight.finding import Code, Finding, Level
from tests.support.preflight_facts import ARN, facts, found, only, target

BUCKET = "arn:aws:s3:::orders"
OF_BUCKET = Condition("ArnLike", "AWS:SourceArn", (BUCKET,))
OF_ACCOUNT = Condition("StringEquals", "AWS:SourceAccount", ("123456789012",))
OF_ORG = Condition("StringEquals", "aws:PrincipalOrgID", ("o-abcdefghij",))
NO_AUTH = Condition("StringEquals", "lambda:FunctionUrlAuthType", ("NONE",))
VIA_URL = Condition("Bool", "lambda:InvokedViaFunctionUrl", ("true",))
EVERYBODY = ("*", "*")
URL = Code.FUNCTION_URL_BYPASSES_ALIAS
S3 = Statement(
    sid="s3",
    effect="Allow",
    principals=(("Service", "s3.amazonaws.com"),),
    actions=("lambda:InvokeFunction",),
    resources=(ARN,),
    conditions=(OF_BUCKET, OF_ACCOUNT),
)
PLAIN = replace(S3, conditions=())


def on_alias(statement: Statement, **changes: Any) -> Statement:
    return replace(statement, resources=(f"{ARN}:live",), **changes)


def aws(principal: str) -> tuple[tuple[str, str], ...]:
    return (("AWS", principal),)


def source(arn: str, operator: str = "ArnLike") -> tuple[Condition, ...]:
    return (Condition(operator, "AWS:SourceArn", (arn,)),)


def told_of(statement: Statement) -> Finding:
    """The finding on a statement of a function that has a URL."""
    given = facts(target(function_policy=(statement,), urls=(FunctionUrl("", "NONE"),)))
    url, finding = sorted(examine(given), key=lambda each: each.code is not URL)
    assert url.code is URL
    return finding


def command(statement: Statement) -> list[str]:
    finding = told_of(statement)
    assert (finding.level, finding.code) == (Level.WARNING, Code.CALLER_NOT_ALLOWED_ON_ALIAS)
    return shlex.split(finding.command)


def options(statement: Statement) -> Mapping[str, str]:
    words = command(statement)[3:]
    return {
        word: ("" if each.startswith("--") else each)
        for word, each in zip(words, [*words[1:], "--"], strict=True)
        if word.startswith("--")
    }


# Commands ---------------------------------------------------------------------------------------


def test_a_caller_allowed_on_the_function_only() -> None:
    assert "s3.amazonaws.com" in only(facts(target(function_policy=(S3,)))).seen
    assert options(S3) == {
        "--function-name": "checkout",
        "--qualifier": "live",
        "--statement-id": "s3",
        "--action": "lambda:InvokeFunction",
        "--principal": "s3.amazonaws.com",
        "--source-arn": BUCKET,
        "--source-account": "123456789012",
    }


@pytest.mark.parametrize(
    ("action", "condition", "kept"),
    [
        ("lambda:InvokeFunctionUrl", NO_AUTH, {"--function-url-auth-type": "NONE"}),
        ("lambda:InvokeFunction", VIA_URL, {"--invoked-via-function-url": ""}),
        ("lambda:InvokeFunction", OF_ORG, {"--principal-org-id": "o-abcdefghij"}),
    ],
)
def test_everybody_is_let_in_under_the_same_condition_only(
    action: str, condition: Condition, kept: dict[str, str]
) -> None:
    public = replace(
        S3, sid="url", principals=(EVERYBODY,), actions=(action,), conditions=(condition,)
    )
    assert options(public) == {
        "--function-name": "checkout",
        "--qualifier": "live",
        "--statement-id": "url",
        "--action": action,
        "--principal": "*",
        **kept,
    }


@pytest.mark.parametrize("everybody", [EVERYBODY, ("AWS", "*")])
@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (Condition("IpAddress", "aws:SourceIp", ("10.0.0.0/8",)),),
        (OF_ORG, Condition("IpAddress", "aws:SourceIp", ("10.0.0.0/8",))),
        (replace(OF_ORG, operator="StringLike", values=("o-*",)),),
        (replace(OF_ORG, values=("o-abcdefghij", "o-klmnopqrst")),),
        (replace(VIA_URL, values=("false",)),),
        (OF_ORG, replace(OF_ORG, key="AWS:principalorgid")),
    ],
)
def test_no_command_lets_everybody_in_on_other_terms(
    everybody: tuple[str, str], conditions: tuple[Condition, ...]
) -> None:
    public = replace(S3, principals=(everybody,), conditions=conditions)
    finding = told_of(public)
    assert (finding.code, finding.command) == (Code.CALLER_NOT_ALLOWED_ON_ALIAS, "")
    told = [each.key in finding.seen and each.values[0] in finding.seen for each in conditions]
    assert all(told)
    assert "everybody" in finding.seen


@pytest.mark.parametrize(
    "changes",
    [
        {"principals": (("Service", "s3.amazonaws.com"), ("Service", "sns.amazonaws.com"))},
        {"principals": (("Federated", "cognito-identity.amazonaws.com"),)},
        {"principals": aws("AIDAEXAMPLE")},
        {"actions": ("lambda:InvokeFunction", "lambda:GetFunction")},
        {"actions": ("lambda:Invoke*",)},
        {"conditions": source("arn:aws:s3:::orders", "StringNotLike")},
        {"conditions": (replace(OF_BUCKET, values=(BUCKET, "arn:aws:s3:::more")),)},
    ],
)
def test_what_add_permission_cannot_say_is_said_in_words_only(changes: dict[str, Any]) -> None:
    assert command(replace(S3, **changes)) == []


def test_a_statement_without_sid_gets_an_id_of_its_own() -> None:
    first, second = (
        options(replace(S3, sid="", conditions=source(arn)))["--statement-id"]
        for arn in (BUCKET, "arn:aws:s3:::more")
    )
    assert first.startswith("live-")
    assert first != second
    assert "without Sid" in only(facts(target(function_policy=(replace(S3, sid=""),)))).seen


def test_every_option_is_add_permissions() -> None:
    model = botocore.session.get_session().get_service_model("lambda")
    shape = model.operation_model("AddPermission").input_shape
    assert shape is not None
    known = {f"--{xform_name(name, '-')}" for name in shape.members}
    public = replace(S3, conditions=(*S3.conditions, OF_ORG, NO_AUTH, VIA_URL))
    assert set(options(public)) <= known


def test_what_a_policy_says_is_quoted_for_the_shell() -> None:
    hostile = replace(S3, sid="x; rm -rf /", conditions=source("$(reboot)"))
    words = command(hostile)
    assert "$(reboot)" in words
    assert not any("rm -rf" in word for word in words)


def test_the_token_of_a_caller_is_told_to_nobody() -> None:
    token = Condition("StringEquals", "lambda:EventSourceToken", ("amzn1.ask.skill.1",))
    finding = only(facts(target(function_policy=(replace(S3, conditions=(token,)),))))
    assert "lambda:EventSourceToken" in finding.seen
    assert "amzn1" not in f"{finding}"


# The same callers? ------------------------------------------------------------------------------

NO, MAYBE, YES = Code.CALLER_NOT_ALLOWED_ON_ALIAS, Code.CALLER_NOT_JUDGED, None
API = "arn:aws:execute-api:eu-central-1:123456789012:"


@pytest.mark.parametrize(
    ("statement", "other", "code"),
    [
        (S3, replace(S3, sid="another"), YES),
        (S3, replace(S3, conditions=(OF_ACCOUNT,)), YES),
        (S3, replace(S3, conditions=(OF_BUCKET,)), YES),
        (S3, replace(S3, principals=(EVERYBODY,), conditions=()), YES),
        (S3, replace(S3, actions=("lambda:*",)), YES),
        (S3, replace(S3, conditions=(replace(OF_BUCKET, key="aws:sourcearn"),)), YES),
        (S3, replace(S3, conditions=source("arn:aws:s3:::others")), NO),
        (S3, replace(S3, conditions=(replace(OF_ACCOUNT, values=("210987654321",)),)), NO),
        (S3, replace(S3, principals=(("Service", "sns.amazonaws.com"),)), NO),
        (S3, replace(S3, actions=("lambda:GetFunction",)), NO),
        # A condition that the other has not, or has in another way, may matter.
        (PLAIN, S3, MAYBE),
        (S3, replace(S3, conditions=(OF_ORG,)), MAYBE),
        (S3, replace(S3, conditions=source(BUCKET, "StringNotLike")), MAYBE),
        (S3, replace(S3, negated=("NotPrincipal",), principals=()), MAYBE),
        # Patterns.
        *[
            (replace(S3, conditions=source(API + a)), replace(S3, conditions=source(API + b)), code)
            for a, b, code in [
                ("api1/*/GET/orders", "api1/*", YES),
                ("api1/*/GET/orders", "api1/*/GET/orders", YES),
                ("api1/*/GET/orders", "api2/*", NO),
                ("api1/*", "api1/prod/*", MAYBE),
                ("api1/*/GET/orders", "api1/*/*/orders", MAYBE),
                ("api1/prod/GET/orders", "api1/prod/GET/orders2", NO),
            ]
        ],
        # Accounts and who is in them.
        (
            replace(PLAIN, principals=aws("210987654321")),
            replace(PLAIN, principals=aws("arn:aws:iam::210987654321:root")),
            YES,
        ),
        (
            replace(PLAIN, principals=aws("arn:aws:iam::210987654321:role/x")),
            replace(PLAIN, principals=aws("210987654321")),
            MAYBE,
        ),
        (
            replace(PLAIN, principals=aws("210987654321")),
            replace(PLAIN, principals=aws("123456789012")),
            NO,
        ),
    ],
)
def test_whether_the_alias_lets_in_the_same_callers(
    statement: Statement, other: Statement, code: Code | None
) -> None:
    given = facts(target(function_policy=(statement,), alias_policy=(on_alias(other),)))
    assert found(given) == ([code] if code else [])


@pytest.mark.parametrize(
    ("denying", "matters"),
    [
        (PLAIN, True),
        (replace(PLAIN, principals=(EVERYBODY,), actions=("*",)), True),
        (replace(PLAIN, principals=(), negated=("NotPrincipal",)), True),
        (replace(PLAIN, actions=(), negated=("NotAction",)), True),
        (replace(PLAIN, principals=aws("210987654321")), False),
        (replace(PLAIN, actions=("lambda:GetFunction",)), False),
    ],
)
@pytest.mark.parametrize("on", ["function_policy", "alias_policy"])
def test_a_deny_that_may_matter_leaves_it_open(denying: Statement, matters: bool, on: str) -> None:
    policies: dict[str, tuple[Statement, ...]] = {
        "function_policy": (S3,),
        "alias_policy": (on_alias(S3),),
    }
    policies[on] = (replace(denying, sid="no", effect="Deny"), *policies[on])
    given = facts(target(**policies))
    assert found(given) == ([Code.CALLER_NOT_JUDGED] if matters else [])
    if matters:
        assert (only(given).level, only(given).command) == (Level.NOTE, "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"principals": (), "negated": ("NotPrincipal",)}, "NotPrincipal"),
        ({"negated": ("NotAction",), "actions": ()}, "NotAction"),
        ({"resources": (f"{ARN}:*",)}, "Resource"),
        ({"resources": (f"{ARN}:live", ARN)}, "Resource"),
        ({"resources": (), "negated": ("NotResource",)}, "NotResource"),
    ],
)
def test_a_statement_that_says_too_much_at_once_is_not_judged(
    changes: dict[str, Any], why: str
) -> None:
    finding = only(facts(target(function_policy=(replace(S3, **changes),))))
    assert (finding.level, finding.code, finding.command) == (
        Level.NOTE,
        Code.CALLER_NOT_JUDGED,
        "",
    )
    assert why in finding.seen


def test_a_caller_of_the_alias_alone_is_as_it_should_be() -> None:
    assert found(facts(target(alias_policy=(on_alias(S3),)))) == []


def test_a_right_to_look_is_no_right_to_invoke() -> None:
    assert found(facts(target(function_policy=(replace(S3, actions=("lambda:Get*",)),)))) == []


@pytest.mark.parametrize(
    ("action", "condition"),
    [("lambda:InvokeFunctionUrl", NO_AUTH), ("lambda:InvokeFunction", VIA_URL)],
)
def test_what_is_left_of_a_url_that_is_no_more_lets_nobody_in(
    action: str, condition: Condition
) -> None:
    left = replace(S3, principals=(EVERYBODY,), actions=(action,), conditions=(condition,))
    assert found(facts(target(function_policy=(left,), urls=()))) == []
    unread = Unread("lambda:ListFunctionUrlConfigs", "AccessDenied: not you")
    assert found(facts(target(function_policy=(left,), urls=unread))) == [
        Code.CALLER_NOT_ALLOWED_ON_ALIAS,
        Code.NOT_CHECKED,
    ]
