"""What AWS's answers say, as the preflight's facts. Pure: works on values.

https://docs.aws.amazon.com/lambda/latest/api/, under the names of the operations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_rollout.aws.versions import code_storage, invocation_limits, version_state
from lambda_rollout.preflight.facts import (
    Configuration,
    EventSource,
    FunctionUrl,
    Provisioned,
    Scaling,
    VersionRead,
)

_Raw = Mapping[str, Any]


def function_url(config: _Raw) -> FunctionUrl:
    """Read one of ListFunctionUrlConfigs."""
    qualifier = _qualifier(config["FunctionArn"])
    return FunctionUrl(
        # AWS's words for the bare function are the bare ARN, or $LATEST.
        qualifier="" if qualifier.startswith("$") else qualifier,
        auth_type=config["AuthType"],
        invoke_mode=config.get("InvokeMode", ""),
        has_cors=bool(config.get("Cors")),
    )


def configuration(answer: _Raw) -> Configuration:
    """Read GetFunctionConfiguration, or the part of GetFunction that is the same."""
    return Configuration(
        version=answer["Version"],
        state=answer["State"],
        state_reason=answer.get("StateReason", ""),
        role=answer["Role"],
        dead_letter=(answer.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        runtime=answer.get("Runtime", ""),
        limits=invocation_limits(answer),
        capacity_provider=_provider(answer.get("CapacityProviderConfig") or {}),
        is_durable="DurableConfig" in answer,
    )


def version_read(answer: _Raw, *, bare: bool) -> VersionRead:
    """Read GetFunction; ``bare``: of a function without a qualifier."""
    told = answer["Configuration"]
    return VersionRead(
        configuration(told),
        version_state(told),
        code_storage(answer),
        tells_reserved=bare,
        reserved=reserved(answer),
    )


def reserved(answer: _Raw) -> int | None:
    """Read what is reserved of GetFunction's answer; it has no word of it where nothing is (documented)."""
    told: int | None = (answer.get("Concurrency") or {}).get("ReservedConcurrentExecutions")
    return told


def event_source(mapping: _Raw) -> EventSource:
    """Read one of ListEventSourceMappings."""
    return EventSource(
        uuid=mapping["UUID"],
        source=mapping.get("EventSourceArn", ""),
        qualifier=_qualifier(mapping["FunctionArn"]),
        state=mapping.get("State", ""),
        function=":".join(mapping["FunctionArn"].split(":")[:7]),
    )


def provisioned(answer: _Raw) -> Provisioned:
    """Read GetProvisionedConcurrencyConfig."""
    return Provisioned(
        requested=answer["RequestedProvisionedConcurrentExecutions"],
        status=answer["Status"],
        reason=answer.get("StatusReason", ""),
    )


def _provider(config: _Raw) -> str:
    instances = config.get("LambdaManagedInstancesCapacityProviderConfig") or {}
    return str(instances.get("CapacityProviderArn", ""))


def scaling(answer: _Raw) -> Scaling:
    """Read what was asked for; what is applied besides is AWS's own default."""
    asked = answer.get("RequestedFunctionScalingConfig") or {}
    return Scaling(asked.get("MinExecutionEnvironments"), asked.get("MaxExecutionEnvironments"))


def _qualifier(function_arn: str) -> str:
    parts = function_arn.split(":")
    return parts[7] if len(parts) > 7 else ""
