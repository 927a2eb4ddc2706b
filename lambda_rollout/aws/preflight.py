"""The calls that a preflight reads with.

https://docs.aws.amazon.com/lambda/latest/api/ and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/, under the names of the operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws import preflight_answers as answers
from lambda_rollout.aws.alarm_definitions import AlarmDefinitions
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.invocations import LambdaInvocations
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.aws.policies import statements
from lambda_rollout.aws.versions import code_storage, version_state
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.facts import (
    LATEST,
    AlarmFacts,
    EventSource,
    FunctionUrl,
    Invoked,
    Provisioned,
    Scaling,
    Statement,
    VersionRead,
)
from lambda_rollout.runtime.errors import AccessDenied, NotFound, Unanswered, UnmarkedNotFound

_Raw = Mapping[str, Any]
_Read = TypeVar("_Read")


class AwsPreflightReader:
    """`lambda_rollout.preflight.calls.PreflightReader` over boto3."""

    def __init__(self, clients: Clients, alarms: Sequence[AlarmName]) -> None:
        """Make no call yet."""
        self._clients = clients
        self._metrics = CloudWatchMetrics(clients)
        self._definitions = AlarmDefinitions(clients, alarms)
        self._invocations = LambdaInvocations(clients)
        self._denied: set[bool] = set()
        """Whether it was without or with a qualifier that GetFunction turned out not to be allowed."""

    def _name(self, target: Target) -> str:
        return self._clients.names.of(target.function)

    def version(self, target: Target, version: str) -> VersionRead:
        """See `PreflightReader.version`."""
        # What is reserved is told of the bare function only, and that is $LATEST.
        qualifier = {} if version == LATEST else {"Qualifier": version}
        try:
            return self._function(
                target, qualifier, partial(answers.version_read, bare=not qualifier)
            )
        except AccessDenied:
            return ask(
                "GetFunctionConfiguration",
                lambda: self._clients.lambda_.get_function_configuration(
                    FunctionName=self._name(target), **qualifier
                ),
                lambda answer: VersionRead(answers.configuration(answer), version_state(answer)),
            )

    def _function(
        self, target: Target, qualifier: Mapping[str, str], read: Callable[[_Raw], _Read]
    ) -> _Read:
        """GetFunction. Raises `AccessDenied` without asking where that was the answer before."""
        if bool(qualifier) in self._denied:
            raise AccessDenied("GetFunction", "AccessDeniedException", "it was denied before")
        try:
            return ask(
                "GetFunction",
                lambda: self._clients.lambda_.get_function(
                    FunctionName=self._name(target), **qualifier
                ),
                read,
            )
        except AccessDenied:
            self._denied.add(bool(qualifier))
            raise

    def account_event_sources(self, pages: int) -> tuple[EventSource, ...] | None:
        """See `PreflightReader.account_event_sources`."""
        found: list[EventSource] = []
        marker: Mapping[str, Any] = {}
        for _ in range(pages):
            answer = self._page_of_mappings(marker)
            found += map(answers.event_source, answer["EventSourceMappings"])
            if not answer.get("NextMarker"):
                return tuple(found)
            marker = {"Marker": answer["NextMarker"]}
        return None

    def event_sources(self, target: Target) -> tuple[EventSource, ...]:
        """See `PreflightReader.event_sources`.

        Whether the bare name also finds the mappings of aliases is not documented, so both are asked for.
        """
        found: dict[str, EventSource] = {}
        for name in (self._name(target), f"{self._name(target)}:{target.alias}"):
            try:
                found.update((one.uuid, one) for one in self._mappings(name))
            except (NotFound, UnmarkedNotFound):
                continue  # an alias still to be created
        return tuple(found.values())

    def _mappings(self, name: str) -> Iterator[EventSource]:
        def ask_page(marker: Mapping[str, Any]) -> _Raw:
            return self._page_of_mappings({"FunctionName": name, **marker})

        return map(answers.event_source, _pages(ask_page, "EventSourceMappings"))

    def _page_of_mappings(self, asked: Mapping[str, Any]) -> _Raw:
        return ask(
            "ListEventSourceMappings",
            lambda: self._clients.lambda_.list_event_source_mappings(**asked),
            dict,
        )

    def function_policy(self, target: Target) -> tuple[Statement, ...]:
        """See `PreflightReader.function_policy`."""
        return self._policy(target)

    def alias_policy(self, target: Target) -> tuple[Statement, ...]:
        """See `PreflightReader.alias_policy`."""
        return self._policy(target, Qualifier=target.alias)

    def _policy(self, target: Target, **qualifier: str) -> tuple[Statement, ...]:
        try:
            policy = ask(
                "GetPolicy",
                lambda: self._clients.lambda_.get_policy(
                    FunctionName=self._name(target), **qualifier
                ),
                lambda answer: answer["Policy"],
            )
        except (NotFound, UnmarkedNotFound):
            return ()
        try:
            return statements(policy)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unanswered("GetPolicy", "UnreadablePolicy", str(error)) from error

    def urls(self, target: Target) -> tuple[FunctionUrl, ...]:
        """See `PreflightReader.urls`."""

        def ask_page(marker: Mapping[str, Any]) -> _Raw:
            return ask(
                "ListFunctionUrlConfigs",
                lambda: self._clients.lambda_.list_function_url_configs(
                    FunctionName=self._name(target), **marker
                ),
                dict,
            )

        return tuple(map(answers.function_url, _pages(ask_page, "FunctionUrlConfigs")))

    def reserved(self, target: Target) -> int | None:
        """See `PreflightReader.reserved`."""
        with suppress(AccessDenied):
            return self._function(target, {}, answers.reserved)
        return self._concurrency(target)

    def _concurrency(self, target: Target) -> int | None:
        return ask(
            "GetFunctionConcurrency",
            lambda: self._clients.lambda_.get_function_concurrency(FunctionName=self._name(target)),
            lambda answer: answer.get("ReservedConcurrentExecutions"),
        )

    def provisioned(self, target: Target) -> Provisioned | None:
        """See `PreflightReader.provisioned`."""
        try:
            return ask(
                "GetProvisionedConcurrencyConfig",
                lambda: self._clients.lambda_.get_provisioned_concurrency_config(
                    FunctionName=self._name(target), Qualifier=target.alias
                ),
                answers.provisioned,
            )
        except (NotFound, UnmarkedNotFound):
            return None

    def storage(self, target: Target, version: str) -> CodeStorage:
        """See `PreflightReader.storage`."""
        return ask(
            "GetFunction",
            lambda: self._clients.lambda_.get_function(
                FunctionName=self._name(target), Qualifier=version
            ),
            code_storage,
        )

    def scaling(self, target: Target, version: str) -> Scaling:
        """See `PreflightReader.scaling`; a version that nobody scaled may have no configuration at all."""
        try:
            return ask(
                "GetFunctionScalingConfig",
                lambda: self._clients.lambda_.get_function_scaling_config(
                    FunctionName=self._name(target), Qualifier=version
                ),
                answers.scaling,
            )
        except (NotFound, UnmarkedNotFound):
            return Scaling()

    def provider_versions(self, provider: str) -> int:
        """See `PreflightReader.provider_versions`."""
        name = provider.rpartition(":")[2]

        def ask_page(marker: Mapping[str, Any]) -> _Raw:
            return ask(
                "ListFunctionVersionsByCapacityProvider",
                lambda: self._clients.lambda_.list_function_versions_by_capacity_provider(
                    CapacityProviderName=name, **marker
                ),
                dict,
            )

        return sum(1 for _ in _pages(ask_page, "FunctionVersions"))

    def invoked(self, targets: tuple[Target, ...], until: datetime) -> tuple[Invoked, ...]:
        """See `PreflightReader.invoked`."""
        return self._metrics.invoked(targets, until)

    def try_invoking(self, target: Target, version: str) -> None:
        """See `PreflightReader.try_invoking`."""
        self._invocations.check(target.function, version)

    def silent(
        self, target: Target, version: str, metrics: tuple[CustomMetric, ...], until: datetime
    ) -> tuple[CustomMetric, ...]:
        """See `PreflightReader.silent`."""
        return self._metrics.silent(target, version, metrics, until)

    def alarms(self) -> tuple[AlarmFacts, ...]:
        """See `PreflightReader.alarms`."""
        return self._definitions.read()

    def try_hook(self, hook: Hook) -> None:
        """See `PreflightReader.try_hook`."""
        self._invocations.check(*hook.target)

    def try_history(self) -> None:
        """See `PreflightReader.try_history`."""
        self._definitions.try_history()


def _pages(ask_page: Callable[[Mapping[str, Any]], _Raw], items: str) -> Iterator[_Raw]:
    """Yield what all pages of a list of Lambda's hold under ``items``."""
    marker: dict[str, Any] = {}
    while True:
        answer = ask_page(marker)
        yield from answer[items]
        if not answer.get("NextMarker"):
            return
        marker = {"Marker": answer["NextMarker"]}
