"""The calls of a preflight, as a protocol."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.facts import (
    AlarmFacts,
    EventSource,
    FunctionUrl,
    Invoked,
    Provisioned,
    Scaling,
    Statement,
    VersionRead,
)


class PreflightReader(Protocol):
    """The calls of a preflight, one try each, reading only. Errors are `CallFailed` and its kinds."""

    def version(self, target: Target, version: str) -> VersionRead:
        """GetFunction, which has a quota of its own; where it is not allowed, GetFunctionConfiguration."""
        ...

    def account_event_sources(self, pages: int) -> tuple[EventSource, ...] | None:
        """ListEventSourceMappings of all the account's functions; None where these are more than so many pages."""
        ...

    def event_sources(self, target: Target) -> tuple[EventSource, ...]:
        """ListEventSourceMappings, of the function and of the alias."""
        ...

    def function_policy(self, target: Target) -> tuple[Statement, ...]:
        """GetPolicy of the unqualified function; empty if there is none."""
        ...

    def alias_policy(self, target: Target) -> tuple[Statement, ...]:
        """GetPolicy of the alias; empty if there is none."""
        ...

    def urls(self, target: Target) -> tuple[FunctionUrl, ...]:
        """ListFunctionUrlConfigs, of the bare function and of all its aliases."""
        ...

    def reserved(self, target: Target) -> int | None:
        """What GetFunction says besides; where that is not allowed, GetFunctionConcurrency."""
        ...

    def provisioned(self, target: Target) -> Provisioned | None:
        """GetProvisionedConcurrencyConfig of the alias."""
        ...

    def storage(self, target: Target, version: str) -> CodeStorage:
        """GetFunction, of a version: how its code is kept."""
        ...

    def scaling(self, target: Target, version: str) -> Scaling:
        """GetFunctionScalingConfig, of a version on Lambda Managed Instances."""
        ...

    def provider_versions(self, provider: str) -> int:
        """ListFunctionVersionsByCapacityProvider: how many there are on that of this ARN."""
        ...

    def invoked(self, targets: tuple[Target, ...], until: datetime) -> tuple[Invoked, ...]:
        """GetMetricData: how often each alias was invoked in the last day."""
        ...

    def silent(
        self, target: Target, version: str, metrics: tuple[CustomMetric, ...], until: datetime
    ) -> tuple[CustomMetric, ...]:
        """GetMetricData: which of the metrics have no data of a version in the last day."""
        ...

    def alarms(self) -> tuple[AlarmFacts, ...]:
        """DescribeAlarms: how the rollout's alarms are made, those that exist."""
        ...

    def try_hook(self, hook: Hook) -> None:
        """Invoke a hook with DryRun, which runs nothing, to see whether it exists and may be invoked."""
        ...

    def try_invoking(self, target: Target, version: str) -> None:
        """Invoke with DryRun, of a version: whether it may be invoked."""
        ...

    def try_history(self) -> None:
        """DescribeAlarmHistory, to see whether it is allowed."""
        ...
