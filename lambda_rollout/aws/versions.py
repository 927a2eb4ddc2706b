"""Lambda's version calls.

https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html, API_PublishVersion.html,
API_UpdateFunctionCode.html.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.invocation import LONGEST_INVOCATION, InvocationLimits
from lambda_rollout.analysis.version import Running, VersionState
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.package import CodeStorage, Image, Package, S3Object, Zip

MOST_EXECUTIONS = 1000
"""Durable executions in one answer, at most: enough to say how many go on."""

SETTINGS = (
    "Architectures",
    "CapacityProviderConfig",
    "DeadLetterConfig",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "Handler",
    "ImageConfigResponse",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "SnapStart",
    "TenancyConfig",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
)
"""Members of a configuration that its owner sets, and that stay as they are when it is published. Not
RuntimeVersionConfig, which AWS renews in ``$LATEST`` by itself."""


class LambdaVersions:
    """`lambda_rollout.rollout.ports.Versions` over boto3."""

    def __init__(self, clients: Clients) -> None:
        """Make no call yet."""
        self._clients = clients

    def _name(self, target: Target) -> str:
        return self._clients.names.of(target.function)

    def latest(self, target: Target) -> VersionState:
        """See `Versions.latest`."""
        return ask(
            "GetFunctionConfiguration",
            lambda: self._clients.lambda_.get_function_configuration(
                FunctionName=self._name(target)
            ),
            version_state,
        )

    def read(self, target: Target, version: str) -> VersionState:
        """See `Versions.read`."""
        return ask(
            "GetFunctionConfiguration",
            lambda: self._clients.lambda_.get_function_configuration(
                FunctionName=self._name(target), Qualifier=version
            ),
            version_state,
        )

    def storage(self, target: Target) -> CodeStorage:
        """See `Versions.storage`."""
        return ask(
            "GetFunction",
            lambda: self._clients.lambda_.get_function(FunctionName=self._name(target)),
            code_storage,
        )

    def upload(
        self, target: Target, package: Package, architectures: Sequence[str], storage: CodeStorage
    ) -> str:
        """See `Versions.upload`."""
        code = _code(package) | ({} if isinstance(package, Image) else _kept(storage))
        if architectures:
            code["Architectures"] = list(architectures)
        return ask(
            "UpdateFunctionCode",
            lambda: self._clients.uploads.update_function_code(
                FunctionName=self._name(target), **code
            ),
            lambda answer: str(answer["CodeSha256"]),
        )

    def running(self, target: Target, version: str) -> Running:
        """See `Versions.running`."""
        return ask(
            "ListDurableExecutionsByFunction",
            lambda: self._clients.lambda_.list_durable_executions_by_function(
                FunctionName=self._name(target),
                Qualifier=version,
                Statuses=["RUNNING"],
                MaxItems=MOST_EXECUTIONS,
            ),
            lambda answer: Running(
                len(answer["DurableExecutions"]), more=bool(answer.get("NextMarker"))
            ),
        )

    def publish(self, target: Target, description: str, code_sha256: str) -> str:
        """See `Versions.publish`."""
        guard: dict[str, Any] = {"CodeSha256": code_sha256} if code_sha256 else {}
        return ask(
            "PublishVersion",
            lambda: self._clients.lambda_.publish_version(
                FunctionName=self._name(target), Description=description, **guard
            ),
            lambda answer: str(answer["Version"]),
        )


def _code(package: Package) -> dict[str, Any]:
    match package:
        case Zip(content=content):
            return {"ZipFile": content}
        case S3Object(bucket, key, version):
            place = {"S3Bucket": bucket, "S3Key": key}
            return {**place, "S3ObjectVersion": version} if version else dict(place)
        case Image(uri):
            return {"ImageUri": uri}


def _kept(storage: CodeStorage) -> dict[str, Any]:
    key = {"SourceKMSKeyArn": storage.key} if storage.key else {}
    return {**key, "S3ObjectStorageMode": "REFERENCE"} if storage.by_reference else key


def code_storage(answer: Mapping[str, Any]) -> CodeStorage:
    """Read how code is kept out of an answer of GetFunction, and nothing else: ``Location`` opens it to anybody.

    ResolvedS3Object is there for code that is kept by reference, and for no other (documented).
    """
    code = answer["Code"]
    return CodeStorage(
        key=code.get("SourceKMSKeyArn", ""),
        by_reference=bool(code.get("ResolvedS3Object")),
        lost=str((code.get("Error") or {}).get("ErrorCode", "")),
    )


def _settings(answer: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each setting that an answer holds, with a hash of its value: the environment's may be secret."""
    for name in SETTINGS:
        value = answer.get(name)
        if name == "SnapStart" and value:
            # The rest is its state.
            value = value.get("ApplyOn")
        if value:
            written = json.dumps(value, sort_keys=True, default=str)
            yield name, sha256(written.encode()).hexdigest()


def version_state(answer: Mapping[str, Any]) -> VersionState:
    """Read GetFunctionConfiguration, or the part of GetFunction that is the same."""
    snap_start = answer.get("SnapStart") or {}
    return VersionState(
        state=answer["State"],
        state_reason=answer.get("StateReason", ""),
        last_update=answer["LastUpdateStatus"],
        last_update_reason=answer.get("LastUpdateStatusReason", ""),
        snap_start_applies=snap_start.get("ApplyOn") == "PublishedVersions",
        snap_start_optimized=snap_start.get("OptimizationStatus") == "On",
        code_sha256=answer["CodeSha256"],
        description=answer.get("Description", ""),
        architectures=tuple(answer.get("Architectures") or ()),
        role=answer["Role"],
        config_sha256=answer.get("ConfigSha256", ""),
        settings=dict(_settings(answer)),
        is_durable="DurableConfig" in answer,
        arn=answer.get("FunctionArn", ""),
        limits=invocation_limits(answer),
        log_group=(answer.get("LoggingConfig") or {}).get("LogGroup", ""),
        modified=_moment(answer.get("LastModified", "")),
    )


def _moment(text: str) -> datetime | None:
    """Read ``2026-11-23T10:05:09.120+0000``; None for what is none."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None


def invocation_limits(answer: Mapping[str, Any]) -> InvocationLimits:
    """Read out of a version's configuration what an invocation of it needs and lasts."""
    return InvocationLimits(
        timeout=answer.get("Timeout") or LONGEST_INVOCATION,
        execution_timeout=(answer.get("DurableConfig") or {}).get("ExecutionTimeout", 0),
        per_tenant=bool((answer.get("TenancyConfig") or {}).get("TenantIsolationMode")),
    )
