"""A small CloudFormation: what a template's resources are with some parameters, and the calls that make them.

Only what examples/starter and examples/guardian use; anything else is an error. Its own syntax is cfn-lint's to check.
Sources: CloudFormation User Guide, "Intrinsic function reference", "Condition functions", "Rules" and "Pseudo
parameters reference"; the properties are the parameters of the API's calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.aws.trust import ISSUER
from sandbox.aws.world import ACCOUNT, REGION

NO_VALUE = object()
"""What ``AWS::NoValue`` comes to: the property is left out."""

Call = Callable[..., Any]
"""Service, operation and parameters, as botocore names them; returns its answer."""


_OF_TEXT: Mapping[str, Callable[[str, Any], Any]] = {
    "Fn::Join": lambda by, parts: by.join(parts),
    "Fn::Split": lambda by, text: text.split(by),
}


class _Tagged(yaml.SafeLoader):
    """``!Sub x`` is ``{"Fn::Sub": x}``, ``!Ref x`` and ``!Condition x`` stay as they are called."""


def _short_form(loader: _Tagged, tag: str, node: yaml.Node) -> dict[str, Any]:
    name = tag if tag in {"Ref", "Condition"} else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        text = loader.construct_scalar(node)
        return {name: text.split(".", 1) if tag == "GetAtt" else text}
    assert isinstance(node, yaml.SequenceNode)
    return {name: loader.construct_sequence(node, deep=True)}


_Tagged.add_multi_constructor("!", _short_form)


@dataclass
class Stack:
    """A template with its parameters, to be made in some account."""

    template: Mapping[str, Any]
    parameters: dict[str, str]
    made: dict[str, dict[str, str]] = field(default_factory=dict)
    """Logical id -> what it is known by: ``Ref`` and attributes."""

    @classmethod
    def of(cls, path: Path, **given: str) -> Stack:
        """Read it. Fails for a parameter that it does not have, that it wants, or that its pattern refuses."""
        template = yaml.load(path.read_text("utf-8"), Loader=_Tagged)
        declared = template["Parameters"]
        assert set(given) <= set(declared), set(given) - set(declared)
        values: dict[str, str] = {}
        for name, about in declared.items():
            values[name] = str(given[name] if name in given else about["Default"])
            is_list = about["Type"] == "CommaDelimitedList"
            for each in values[name].split(",") if is_list else [values[name]]:
                assert re.fullmatch(about.get("AllowedPattern", ".*"), each), name
            assert values[name] in about.get("AllowedValues", [values[name]]), name
        stack = cls(template, values)
        for rule in template.get("Rules", {}).values():
            if stack.value(rule.get("RuleCondition", True)):
                for each in rule["Assertions"]:
                    assert stack.value(each["Assert"]), each["AssertDescription"]
        return stack

    # Values --------------------------------------------------------------------------------------

    def is_met(self, condition: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.value(self.template["Conditions"][condition]))

    def value(self, given: Any) -> Any:
        """Return what a part of the template comes to."""
        if isinstance(given, list):
            return [each for each in map(self.value, given) if each is not NO_VALUE]
        if not isinstance(given, dict):
            return given
        if len(given) == 1:
            [(name, argument)] = given.items()
            if name in {"Ref", "Condition"} or name.startswith("Fn::"):
                return self._function(name, argument)
        values = {key: self.value(each) for key, each in given.items()}
        return {key: each for key, each in values.items() if each is not NO_VALUE}

    def _function(self, name: str, argument: Any) -> Any:
        if name in _OF_TEXT:
            return _OF_TEXT[name](argument[0], self.value(argument[1]))
        match name:
            case "Ref":
                return self._named(argument)
            case "Fn::Sub":
                return re.sub(
                    r"\$\{([\w:.]+)\}", lambda found: str(self._named(found[1])), argument
                )
            case "Fn::GetAtt":
                return self.made[argument[0]][argument[1]]
            case "Fn::If":
                return self.value(argument[1] if self.is_met(argument[0]) else argument[2])
        return self._truth(name, argument)

    def _truth(self, name: str, argument: Any) -> bool:
        match name:
            case "Fn::Equals":
                first, second = self.value(argument)
                return bool(first == second)
            case "Fn::And":
                return all(self.value(argument))
            case "Fn::Or":
                return any(self.value(argument))
            case "Condition":
                return self.is_met(argument)
            case "Fn::Not":
                return not self.value(argument[0])
        raise ValueError(f"not known: {name}")

    def _named(self, name: str) -> Any:
        pseudo = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT}
        known = {**pseudo, **self.parameters, "AWS::NoValue": NO_VALUE}
        if self.template["Parameters"].get(name, {}).get("Type") == "CommaDelimitedList":
            return self.parameters[name].split(",")
        if name in known:
            return known[name]
        name, _, attribute = name.partition(".")
        return self.made[name][attribute or "Ref"]

    # Resources -----------------------------------------------------------------------------------

    def deploy(self, call: Call) -> dict[str, str]:
        """Make all of it, in the order in which it stands there; return the outputs."""
        for name, resource in self.template["Resources"].items():
            if "Condition" in resource and not self.is_met(resource["Condition"]):
                continue
            make = _MAKE[resource["Type"]]
            self.made[name] = make(self.value(resource["Properties"]), call)
        outputs = self.template.get("Outputs", {})
        return {name: self.value(about["Value"]) for name, about in outputs.items()}


def _make_provider(given: dict[str, Any], call: Call) -> dict[str, str]:
    made = call(
        "iam", "CreateOpenIDConnectProvider", Url=given["Url"], ClientIDList=given["ClientIdList"]
    )
    return {"Ref": made["OpenIDConnectProviderArn"]}


def _make_role(given: dict[str, Any], call: Call) -> dict[str, str]:
    policies = given.pop("Policies")
    # CloudFormation makes up a name where there is none.
    given.setdefault("RoleName", "made-up")
    given["AssumeRolePolicyDocument"] = json.dumps(given["AssumeRolePolicyDocument"])
    made = call("iam", "CreateRole", **given)["Role"]
    for policy in policies:
        _make_policy({**policy, "Roles": [given["RoleName"]]}, call)
    return {"Ref": given["RoleName"], "Arn": made["Arn"]}


def _make_policy(given: dict[str, Any], call: Call) -> dict[str, str]:
    policy = json.dumps(given["PolicyDocument"])
    for role in given["Roles"]:
        call(
            "iam",
            "PutRolePolicy",
            RoleName=role,
            PolicyName=given["PolicyName"],
            PolicyDocument=policy,
        )
    return {"Ref": given["PolicyName"]}


def _make_version(given: dict[str, Any], call: Call) -> dict[str, str]:
    return {"Version": call("lambda", "PublishVersion", **given)["Version"]}


def _make_alias(given: dict[str, Any], call: Call) -> dict[str, str]:
    return {"Ref": call("lambda", "CreateAlias", **given)["AliasArn"]}


def _make_log_alarm(given: dict[str, Any], call: Call) -> dict[str, str]:
    call("cloudwatch", "PutLogAlarm", **{**given, "Threshold": float(given["Threshold"])})
    return {"Ref": given["AlarmName"]}


def _make_objective(given: dict[str, Any], call: Call) -> dict[str, str]:
    call("application-signals", "CreateServiceLevelObjective", **given)
    return {"Ref": given["Name"]}


def _make_alarm(given: dict[str, Any], call: Call) -> dict[str, str]:
    if "Threshold" in given:
        given["Threshold"] = float(given["Threshold"])
    call("cloudwatch", "PutMetricAlarm", **given)
    return {"Ref": given["AlarmName"]}


def _make_queue(given: dict[str, Any], call: Call) -> dict[str, str]:
    attributes = {name: str(value).lower() for name, value in given.items()}
    # CloudFormation makes up a name where there is none.
    made = call("sqs", "CreateQueue", QueueName="made-up", Attributes=attributes)
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:made-up"
    return {"Ref": made["QueueUrl"], "Arn": arn, "QueueName": "made-up"}


def _make_log_group(given: dict[str, Any], call: Call) -> dict[str, str]:
    name = given["LogGroupName"]
    call("logs", "CreateLogGroup", logGroupName=name)
    call(
        "logs",
        "PutRetentionPolicy",
        logGroupName=name,
        retentionInDays=given["RetentionInDays"],
    )
    return {"Ref": name, "Arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"}


def _make_function(given: dict[str, Any], call: Call) -> dict[str, str]:
    made = call("lambda", "CreateFunction", **given)
    return {"Ref": given["FunctionName"], "Arn": made["FunctionArn"]}


def _make_permission(given: dict[str, Any], call: Call) -> dict[str, str]:
    call("lambda", "AddPermission", StatementId=given["Principal"].split(".")[0], **given)
    return {"Ref": "made-up"}


def _make_rule(given: dict[str, Any], call: Call) -> dict[str, str]:
    targets = given.pop("Targets")
    made = call("events", "PutRule", Name="made-up", **given)
    call("events", "PutTargets", Rule="made-up", Targets=targets)
    return {"Ref": "made-up", "Arn": made["RuleArn"]}


_MAKE: Mapping[str, Callable[[dict[str, Any], Call], dict[str, str]]] = {
    "AWS::IAM::OIDCProvider": _make_provider,
    "AWS::IAM::Role": _make_role,
    "AWS::IAM::Policy": _make_policy,
    "AWS::Lambda::Version": _make_version,
    "AWS::Lambda::Alias": _make_alias,
    "AWS::CloudWatch::Alarm": _make_alarm,
    "AWS::CloudWatch::LogAlarm": _make_log_alarm,
    "AWS::SQS::Queue": _make_queue,
    "AWS::Logs::LogGroup": _make_log_group,
    "AWS::Lambda::Function": _make_function,
    "AWS::Lambda::Permission": _make_permission,
    "AWS::Events::Rule": _make_rule,
    "AWS::ApplicationSignals::ServiceLevelObjective": _make_objective,
}


@dataclass
class Iam:
    """The part of IAM that a stack of ours makes, which STS and the rights of a sandbox then heed."""

    policies: dict[str, Any]
    """Role ARN -> its trust policy: `sandbox.aws.sts.Sts.policies`."""
    statements: list[Any] = field(default_factory=list)
    """All that the roles may do."""

    def __call__(self, operation: str, **given: Any) -> dict[str, Any]:
        """Answer one call."""
        match operation:
            case "CreateOpenIDConnectProvider":
                host = given["Url"].removeprefix("https://")
                assert host == ISSUER
                arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
                return {"OpenIDConnectProviderArn": arn}
            case "CreateRole":
                arn = f"arn:aws:iam::{ACCOUNT}:role/{given['RoleName']}"
                self.policies[arn] = json.loads(given["AssumeRolePolicyDocument"])
                return {"Role": {"Arn": arn}}
            case "PutRolePolicy":
                self.statements += json.loads(given["PolicyDocument"])["Statement"]
                return {}
        raise ValueError(f"not known: {operation}")
