"""Functions, versions and aliases, and how each looks in an answer."""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from sandbox.aws.lambda_.code import Code
from sandbox.aws.lambda_.naming import LATEST

CREATING = ("The function is being created.", "Creating")


@dataclass(frozen=True)
class Fate:
    """What becomes of a version that was just published.

    after: seconds until its state changes, None for the Region's usual delay. optimization:
    SnapStart's status once it is there (only where the function applies SnapStart).
    """

    state: str = "Active"
    reason: str = ""
    reason_code: str = ""
    after: float | None = None
    optimization: str = "On"


@dataclass
class Version:
    """A version of a function, `$LATEST` included.

    settings: the configuration as botocore's CreateFunction names it.
    """

    function: str
    arn: str
    number: str
    settings: dict[str, Any]
    code: Code
    revision_id: str
    last_modified: datetime
    state: str = "Pending"
    reason: tuple[str, str] = CREATING
    update_status: str = "Successful"
    optimization: str = "Off"
    source_key: str = ""
    """SourceKMSKeyArn, empty for AWS's own key."""
    reference: tuple[str, str, str] | None = None
    """Bucket, key and version of code that is kept by reference; None for a copy."""

    @property
    def config_sha256(self) -> str:
        """A hash of the configuration; that it holds the description, as here, is a guess and the harder case."""
        written = json.dumps(self.settings, sort_keys=True, default=str)
        return b64encode(sha256(written.encode()).digest()).decode()

    def same_as(self, other: Version) -> bool:
        """Whether publishing one after the other would give nothing new."""
        return self.settings == other.settings and self.code.sha256 == other.code.sha256

    def answer(self, arn: str | None = None) -> dict[str, Any]:
        """FunctionConfiguration. arn: the one that was asked for, if it was qualified."""
        answer: dict[str, Any] = {
            "FunctionName": self.function,
            "FunctionArn": arn
            or (self.arn if self.number == LATEST else f"{self.arn}:{self.number}"),
            **copy.deepcopy(self.settings),
            "LoggingConfig": {
                "LogFormat": "Text",
                "LogGroup": f"/aws/lambda/{self.function}",
                **self.settings.get("LoggingConfig", {}),
            },
            "CodeSize": self.code.size,
            "CodeSha256": self.code.sha256,
            "ConfigSha256": self.config_sha256,
            "LastModified": self.last_modified.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
            "Version": self.number,
            "RevisionId": self.revision_id,
            "State": self.state,
            "LastUpdateStatus": self.update_status,
            "SnapStart": {
                "ApplyOn": self.settings["SnapStart"]["ApplyOn"],
                "OptimizationStatus": self.optimization,
            },
        }
        if self.state != "Active":
            told = zip(("StateReason", "StateReasonCode"), self.reason, strict=True)
            answer |= {name: value for name, value in told if value}
        if self.update_status == "InProgress":
            # AWS also says LastUpdateStatusReasonCode=Creating, which its own model lacks.
            answer["LastUpdateStatusReason"] = CREATING[0]
        return answer


@dataclass
class Alias:
    """A name for one version, or for two between which invocations are drawn by weight.

    weights: additional version number -> share, 0 to 1. before: how the alias was answered
    before its last write, None if that made it.
    """

    name: str
    arn: str
    version: str
    description: str
    weights: dict[str, float]
    revision_id: str
    before: dict[str, Any] | None = None

    def answer(self) -> dict[str, Any]:
        """AliasConfiguration; RoutingConfig is left out where nothing is routed."""
        answer: dict[str, Any] = {
            "AliasArn": self.arn,
            "Name": self.name,
            "FunctionVersion": self.version,
            "Description": self.description,
            "RevisionId": self.revision_id,
        }
        if self.weights:
            answer["RoutingConfig"] = {"AdditionalVersionWeights": dict(self.weights)}
        return answer


@dataclass
class Function:
    """A function: `$LATEST`, what was published of it, its aliases."""

    name: str
    arn: str
    latest: Version
    published: dict[str, Version] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    last_number: int = 0
    last_published_from: Version | None = None
    fates: list[Fate] = field(default_factory=list)
