"""The AWS CLI's commands of a page, done in the sandbox: words are read by botocore's models, as the CLI reads them.

Only what pages use: ``aws SERVICE COMMAND --option value``, with texts and numbers, and ``aws cloudformation deploy``
of a template in this repository. https://docs.aws.amazon.com/cli/latest/reference/
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.validate import validate_parameters

from tests.support.stack import Call, Stack
from tests.support.workflows import ROOT

DEPLOY = ("cloudformation", "deploy")
"""A command of the CLI's own, without an operation of its name."""
DEPLOYS = {"--stack-name", "--template-file", "--capabilities", "--parameter-overrides"}
"""Its options, as far as they are known here; they take one or several words."""

_SERVICES = {"deploy": "codedeploy"}
"""The CLI's names of services that have another one in the API."""
_SCALARS = {"string": str, "integer": int, "double": float}


@functools.cache
def model(service: str) -> Any:
    """Botocore's model of a service, by the CLI's name of it."""
    return botocore.session.get_session().get_service_model(_SERVICES.get(service, service))


def operation_of(service: str, command: str) -> Any:
    """Return the operation that a command is named after."""
    [found] = [
        model(service).operation_model(name)
        for name in model(service).operation_names
        if xform_name(name, "-") == command
    ]
    return found


def options(words: Sequence[str]) -> dict[str, list[str]]:
    """Option -> the words that follow it."""
    found: dict[str, list[str]] = {}
    for word in words:
        if word.startswith("--"):
            assert word not in found, f"{word} twice"
            current = found.setdefault(word, [])
        else:
            current.append(word)
    return found


def run(words: Sequence[str], call: Call) -> dict[str, Any]:
    """Do what ``aws`` would do with these words after its name; return AWS's answer."""
    service, command, *rest = words
    given = options(rest)
    if (service, command) == DEPLOY:
        return _deploy(given, call)
    operation = operation_of(service, command)
    members = operation.input_shape.members
    params: dict[str, Any] = {}
    for name, shape in members.items():
        if (values := given.pop(f"--{xform_name(name, '-')}", None)) is not None:
            [value] = values
            params[name] = _SCALARS[shape.type_name](value)
    assert not given, f"not known: {', '.join(given)}"
    validate_parameters(params, operation.input_shape)
    answer: dict[str, Any] = call(model(service).service_name, operation.name, **params)
    return answer


def _deploy(given: dict[str, list[str]], call: Call) -> dict[str, Any]:
    assert set(given) <= DEPLOYS
    [file] = given["--template-file"]
    parameters = dict(each.split("=", 1) for each in given.get("--parameter-overrides", []))
    stack = Stack.of(ROOT / file, **parameters)
    # Who makes roles has to say so; one with a name of its own asks for more.
    kinds = [each["Type"] for each in stack.template["Resources"].values()]
    named = "AWS::IAM::Role" in kinds
    assert given["--capabilities"] == ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"]
    return dict(stack.deploy(call))
