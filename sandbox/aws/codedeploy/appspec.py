"""What a revision asks for.

Source: "AppSpec file structure" for AWS Lambda compute platform deployments, in CodeDeploy's user guide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.errors import AwsError

HOOKS = ("BeforeAllowTraffic", "AfterAllowTraffic")
PROPERTIES = {"Name", "Alias", "CurrentVersion", "TargetVersion"}


@dataclass(frozen=True)
class Shift:
    """Which alias goes from which version to which."""

    function: str
    alias: str
    current: str
    target: str

    @property
    def back(self) -> Shift:
        """The way back."""
        return Shift(self.function, self.alias, self.target, self.current)


def read(revision: Mapping[str, Any] | None) -> Shift:
    """What a CreateDeployment's revision asks for. Raises `AwsError` for what is none for Lambda."""
    content = _content(revision)
    try:
        resources = json.loads(content)["Resources"]
        (resource,) = (value for entry in resources for value in entry.values())
        properties = resource["Properties"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _invalid("The AppSpec file has not exactly one resource") from error
    if resource.get("Type") != "AWS::Lambda::Function" or set(properties) != PROPERTIES:
        raise _invalid("The resource is not a Lambda function with all of its properties")
    named = {name: str(value) for name, value in properties.items()}
    return Shift(named["Name"], named["Alias"], named["CurrentVersion"], named["TargetVersion"])


def hooks(revision: Mapping[str, Any] | None) -> dict[str, str]:
    """The function to run at each lifecycle event that has one. Raises `AwsError` as `read`."""
    try:
        found = [
            (event, function)
            for entry in json.loads(_content(revision)).get("Hooks", ())
            for event, function in entry.items()
        ]
    except (ValueError, TypeError, AttributeError) as error:
        raise _invalid("The AppSpec file's Hooks cannot be read") from error
    if len({event for event, _ in found}) < len(found) or {e for e, _ in found} - set(HOOKS):
        raise _invalid(f"Hooks takes one function for each of {' and '.join(HOOKS)}")
    return dict(found)


def _content(revision: Mapping[str, Any] | None) -> str:
    if not revision:
        raise AwsError("RevisionRequiredException", "Revision is required")
    if revision.get("revisionType") != "AppSpecContent":
        raise _invalid("A deployment to Lambda needs a revision of the type AppSpecContent")
    given = revision.get("appSpecContent", {})
    content = given.get("content", "")
    if given.get("sha256") not in {None, hashlib.sha256(content.encode()).hexdigest()}:
        raise _invalid("The sha256 is not that of the content")
    return str(content)


def of(shift: Shift) -> dict[str, Any]:
    """The revision that asks for a shift."""
    properties = {
        "Name": shift.function,
        "Alias": shift.alias,
        "CurrentVersion": shift.current,
        "TargetVersion": shift.target,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    content = json.dumps({"version": 0.0, "Resources": [{shift.function: resource}]})
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": content}}


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidRevisionException", message)
