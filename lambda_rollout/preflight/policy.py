"""Which IAM policy a role needs for these inputs, statement by statement. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html and the same page of CloudWatch,
CodeDeploy and S3: actions, and the resources that each can be limited to. A call with a qualifier is checked against
``…:function:NAME:QUALIFIER``, so a function stands in two forms; DescribeAlarms needs ``*`` for composite alarms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lambda_rollout.analysis.errors.place import default_group
from lambda_rollout.inputs.choices import Engine, Errors
from lambda_rollout.inputs.codedeploy_steps import (
    AWS_CONFIGURATIONS,
    OUR_CONFIGURATIONS,
    codedeploy_routing,
    is_predefined,
)
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import Latest, account_of_function, name_of_function
from lambda_rollout.inputs.package import Package, S3Object

ACCOUNT = "ACCOUNT"
"""Stands for an account that is not known."""

INLINE_LIMIT = 10_240
"""Characters, white space not counted, of all policies written into one role.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

_SPECIAL = re.compile(r"[*?]|\$(?=\{)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the functions are."""

    partition: str
    account: str
    """`ACCOUNT` if it is not known."""
    region: str


@dataclass(frozen=True, slots=True)
class FunctionKinds:
    """What some functions need besides, as their configurations say."""

    providers: tuple[str, ...] = ()
    """The ARNs of the capacity providers of those on Lambda Managed Instances."""
    durable: bool = False
    """Whether one of them is durable."""
    log_groups: Mapping[str, str] = field(default_factory=dict)
    """Function, as in ``function-name`` -> its log group, where that is not the one that Lambda names after it."""


@dataclass(frozen=True, slots=True)
class PolicyStatement:
    """One statement, which allows."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    needed_for: str
    optional: bool = False
    """Whether a rollout runs without it, saying what it could not check."""
    regions: tuple[str, ...] = ()
    """Where its calls are made; only of one whose resource is ``*``."""


def policy_statements(
    inputs: Inputs,
    packages: Mapping[str, Package],
    place: Place,
    kinds: FunctionKinds | None = None,
) -> tuple[PolicyStatement, ...]:
    """Return what a rollout with these inputs needs, in the order in which README tells it.

    ``packages``: function, as in ``function-name`` -> the code that is uploaded to it.
    """
    kinds = kinds or FunctionKinds()
    found = [
        *_of_the_alias(inputs, place),
        *_of_the_code(inputs, packages, place),
        *_of_invocations(inputs, place),
        *_of_a_look_ahead(inputs, kinds, place),
        *_of_cloudwatch(inputs),
        *_of_the_log(inputs, kinds, place),
        *(_of_codedeploy(inputs, place) if inputs.engine is Engine.CODEDEPLOY else ()),
    ]
    here = (place.region,)
    return tuple(
        replace(one, regions=one.regions or here) if "*" in one.resources else one for one in found
    )


# Statement by statement -------------------------------------------------------------------------


def _of_the_alias(inputs: Inputs, place: Place) -> Iterator[PolicyStatement]:
    publishes = ("lambda:PublishVersion",) if isinstance(inputs.version, Latest) else ()
    both = _both_forms(inputs.functions, place)
    yield PolicyStatement(
        "MoveTheAlias",
        (
            "lambda:GetAlias",
            "lambda:GetFunctionConfiguration",
            "lambda:GetProvisionedConcurrencyConfig",
            *publishes,
            "lambda:UpdateAlias",
        ),
        both,
        "every rollout",
    )
    why = [
        *(["`create-alias: true`"] if inputs.create_alias else []),
        *(["`previous-alias` (the first time)"] if inputs.previous_alias else []),
    ]
    if why:
        yield PolicyStatement("CreateTheAlias", ("lambda:CreateAlias",), both, ", ".join(why))


def _of_the_code(
    inputs: Inputs, packages: Mapping[str, Package], place: Place
) -> Iterator[PolicyStatement]:
    uploaded = [function for function in inputs.functions if function in packages]
    if uploaded:
        yield PolicyStatement(
            "UploadTheCode",
            ("lambda:GetFunction", "lambda:UpdateFunctionCode"),
            _both_forms(uploaded, place),
            "`package`",
        )
    objects = [package for package in packages.values() if isinstance(package, S3Object)]
    for sid, action, named in (
        ("ReadThePackage", "s3:GetObject", [one for one in objects if not one.version]),
        ("ReadThePackageVersion", "s3:GetObjectVersion", [one for one in objects if one.version]),
    ):
        if named:
            arns = (f"arn:{place.partition}:s3:::{one.bucket}/{_literal(one.key)}" for one in named)
            yield PolicyStatement(sid, (action,), _each_once(arns), "`package` in S3")


def _of_invocations(inputs: Inputs, place: Place) -> Iterator[PolicyStatement]:
    # CodeDeploy invokes its own with its service role.
    hooks = inputs.hooks if inputs.engine is Engine.DIRECT else ()
    if hooks:
        arns = []
        for function, qualifier in (hook.target for hook in hooks):
            arn = _function(function, place)
            arns.append(f"{arn}:{qualifier}" if qualifier else arn)
        yield PolicyStatement(
            "AskTheHooks", ("lambda:InvokeFunction",), _each_once(arns), "`hooks`"
        )
    if inputs.smoke_test:
        tested = (f"{_function(test.function, place)}:*" for test in inputs.smoke_test)
        yield PolicyStatement(
            "InvokeTheVersion", ("lambda:InvokeFunction",), _each_once(tested), "`smoke-test`"
        )


def _of_a_look_ahead(
    inputs: Inputs, kinds: FunctionKinds, place: Place
) -> Iterator[PolicyStatement]:
    yield PolicyStatement(
        "LookAhead",
        (
            "lambda:GetFunction",
            *(["lambda:GetFunctionScalingConfig"] if kinds.providers else []),
            "lambda:GetPolicy",
            *(["lambda:ListDurableExecutionsByFunction"] if kinds.durable else []),
            "lambda:ListFunctionUrlConfigs",
        ),
        _both_forms(inputs.functions, place),
        "the preflight",
        optional=True,
    )
    yield PolicyStatement(
        "FindTheEventSources",
        ("lambda:ListEventSourceMappings",),
        ("*",),
        "the preflight",
        optional=True,
    )
    if kinds.providers:
        yield PolicyStatement(
            "UseTheCapacityProvider",
            ("lambda:ListFunctionVersionsByCapacityProvider", "lambda:PassCapacityProvider"),
            _each_once(kinds.providers),
            "functions on Lambda Managed Instances",
        )


def _of_cloudwatch(inputs: Inputs) -> Iterator[PolicyStatement]:
    by_codedeploy = inputs.engine is Engine.CODEDEPLOY
    if inputs.alarms or by_codedeploy:
        regions = [*(alarm.region or inputs.region for alarm in inputs.alarms)]
        yield PolicyStatement(
            "ReadTheAlarms",
            ("cloudwatch:DescribeAlarmHistory", "cloudwatch:DescribeAlarms"),
            ("*",),
            "`alarms`" if inputs.alarms else "the deployment group's alarms",
            # A deployment group names alarms of its own Region.
            regions=_each_once([*regions, *([inputs.region] if by_codedeploy else [])]),
        )
    reasons = [
        *(["`guards`"] if inputs.guards else []),
        *(["`min-invocations`"] if inputs.min_invocations else []),
    ]
    yield PolicyStatement(
        "ReadTheNumbers",
        ("cloudwatch:GetMetricData",),
        ("*",),
        ", ".join(reasons) or "the preflight",
        optional=not reasons,
    )


def _of_the_log(inputs: Inputs, kinds: FunctionKinds, place: Place) -> Iterator[PolicyStatement]:
    if inputs.errors is Errors.OFF:
        return
    groups = []
    for function in inputs.functions:
        group = kinds.log_groups.get(function) or default_group(name_of_function(function))
        account = _function(function, place).split(":")[4]
        groups.append(f"arn:{place.partition}:logs:{place.region}:{account}:log-group:{group}:*")
    yield PolicyStatement(
        "ReadTheLog",
        ("logs:FilterLogEvents",),
        _each_once(groups),
        "`errors`, after a rollback",
        optional=True,
    )


def _of_codedeploy(inputs: Inputs, place: Place) -> Iterator[PolicyStatement]:
    application, group = inputs.codedeploy_application, inputs.codedeploy_deployment_group
    start = f"arn:{place.partition}:codedeploy:{place.region}:{place.account}"
    yield PolicyStatement(
        "StartDeployments",
        (
            "codedeploy:CreateDeployment",
            "codedeploy:GetApplication",
            "codedeploy:GetApplicationRevision",
            "codedeploy:GetDeployment",
            "codedeploy:GetDeploymentGroup",
            "codedeploy:ListDeployments",
            "codedeploy:RegisterApplicationRevision",
        ),
        (
            f"{start}:application:{application}",
            f"{start}:deploymentgroup:{application}/{group}",
        ),
        "`engine: codedeploy`",
    )
    # By how its name begins: another schedule of the same kind takes no other policy.
    routing = codedeploy_routing(inputs.plan)
    creates = routing is None or not is_predefined(routing)
    name = f"{OUR_CONFIGURATIONS}*" if creates else f"{AWS_CONFIGURATIONS}*"
    yield PolicyStatement(
        "ConfigureDeployments",
        (
            *(["codedeploy:CreateDeploymentConfig"] if creates else []),
            "codedeploy:GetDeploymentConfig",
        ),
        (f"{start}:deploymentconfig:{name}",),
        "`engine: codedeploy`",
    )
    yield PolicyStatement(
        "FollowAndStopDeployments",
        (
            "codedeploy:BatchGetDeploymentTargets",
            "codedeploy:ListDeploymentTargets",
            "codedeploy:StopDeployment",
        ),
        ("*",),
        "`engine: codedeploy`",
    )


# As IAM writes it -------------------------------------------------------------------------------


def iam_policy(needed: Iterable[PolicyStatement]) -> Mapping[str, Any]:
    """Return the policy that allows this, as IAM takes it."""
    return {"Version": "2012-10-17", "Statement": [_as_iam(each) for each in needed]}


def is_too_long(policy: Mapping[str, Any]) -> bool:
    """Whether the policy does not fit into a role, and has to be several of its own."""
    return len(json.dumps(policy, separators=(",", ":"))) > INLINE_LIMIT


def _as_iam(statement: PolicyStatement) -> Mapping[str, Any]:
    regions = {"StringEquals": {"aws:RequestedRegion": _one_or_all(statement.regions)}}
    return {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": _one_or_all(statement.actions),
        "Resource": _one_or_all(statement.resources),
        **({"Condition": regions} if statement.regions else {}),
    }


def _one_or_all(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _both_forms(functions: Iterable[str], place: Place) -> tuple[str, ...]:
    arns = _each_once(_function(function, place) for function in functions)
    return tuple(form for arn in arns for form in (arn, f"{arn}:*"))


def _function(function: str, place: Place) -> str:
    """Return a function's ARN, without a qualifier: in whichever form it was written it may name its own place."""
    if function.startswith("arn:"):
        return ":".join(function.split(":")[:7])
    account = account_of_function(function) or place.account
    start = f"arn:{place.partition}:lambda:{place.region}:{account}"
    return f"{start}:function:{name_of_function(function)}"


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def _literal(text: str) -> str:
    """Write a text of which nothing is a wildcard or a policy variable.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return _SPECIAL.sub(lambda found: f"${{{found[0]}}}", text)
