"""The calls that a preflight reads with.

https://docs.aws.amazon.com/lambda/latest/api/ and
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/, under the names of the operations.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from lambda_rollout.aws.alarm_definitions import AlarmDefinitions
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.errors import NotFound, Unanswered, UnmarkedNotFound
from lambda_rollout.parsing.names import AlarmName
from lambda_rollout.preflight.facts import (
    AlarmFacts,
    Configuration,
    EventSource,
    Invoked,
    Permission,
    Provisioned,
)
from lambda_rollout.routing import Target

INVOKE = "lambda:InvokeFunction"
SOURCE_ARN, SOURCE_ACCOUNT = "aws:sourcearn", "aws:sourceaccount"


class AwsLookout:
    """`lambda_rollout.lookout.Lookout` over boto3."""

    def __init__(self, clients: Clients, alarms: Sequence[AlarmName]) -> None:
        """Make no call yet."""
        self._clients = clients
        self._metrics = CloudWatchMetrics(clients)
        self._definitions = AlarmDefinitions(clients, alarms)

    def configuration(self, target: Target, version: str) -> Configuration:
        """See `Lookout.configuration`."""
        return ask(
            "GetFunctionConfiguration",
            lambda: self._clients.lambda_.get_function_configuration(
                FunctionName=target.function, Qualifier=version
            ),
            _configuration,
        )

    def event_sources(self, target: Target) -> tuple[EventSource, ...]:
        """See `Lookout.event_sources`.

        Whether the bare name also finds the mappings of aliases is not documented, so both are asked for.
        """
        found: dict[str, EventSource] = {}
        for name in (target.function, f"{target.function}:{target.alias}"):
            try:
                found.update((one.uuid, one) for one in self._mappings(name))
            except (NotFound, UnmarkedNotFound):
                continue  # an alias still to be created
        return tuple(found.values())

    def _mappings(self, name: str) -> Iterator[EventSource]:
        marker: dict[str, Any] = {}
        while True:
            answer: Mapping[str, Any] = ask(
                "ListEventSourceMappings",
                partial(
                    self._clients.lambda_.list_event_source_mappings, FunctionName=name, **marker
                ),
                dict,
            )
            for mapping in answer["EventSourceMappings"]:
                yield EventSource(
                    uuid=mapping["UUID"],
                    source=mapping.get("EventSourceArn", ""),
                    qualifier=_qualifier(mapping["FunctionArn"]),
                    state=mapping.get("State", ""),
                )
            if not answer.get("NextMarker"):
                return
            marker = {"Marker": answer["NextMarker"]}

    def function_policy(self, target: Target) -> tuple[Permission, ...]:
        """See `Lookout.function_policy`."""
        return self._policy(target)

    def alias_policy(self, target: Target) -> tuple[Permission, ...]:
        """See `Lookout.alias_policy`."""
        return self._policy(target, Qualifier=target.alias)

    def _policy(self, target: Target, **qualifier: str) -> tuple[Permission, ...]:
        try:
            policy = ask(
                "GetPolicy",
                lambda: self._clients.lambda_.get_policy(FunctionName=target.function, **qualifier),
                lambda answer: answer["Policy"],
            )
        except (NotFound, UnmarkedNotFound):
            return ()
        try:
            return tuple(_permissions(json.loads(policy)))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unanswered("GetPolicy", "UnreadablePolicy", str(error)) from error

    def reserved(self, target: Target) -> int | None:
        """See `Lookout.reserved`."""
        return ask(
            "GetFunctionConcurrency",
            lambda: self._clients.lambda_.get_function_concurrency(FunctionName=target.function),
            lambda answer: answer.get("ReservedConcurrentExecutions"),
        )

    def provisioned(self, target: Target) -> Provisioned | None:
        """See `Lookout.provisioned`."""
        try:
            return ask(
                "GetProvisionedConcurrencyConfig",
                lambda: self._clients.lambda_.get_provisioned_concurrency_config(
                    FunctionName=target.function, Qualifier=target.alias
                ),
                _provisioned,
            )
        except (NotFound, UnmarkedNotFound):
            return None

    def invoked(self, targets: tuple[Target, ...], until: datetime) -> tuple[Invoked, ...]:
        """See `Lookout.invoked`."""
        return self._metrics.invoked(targets, until)

    def alarms(self) -> tuple[AlarmFacts, ...]:
        """See `Lookout.alarms`."""
        return self._definitions.read()

    def try_history(self) -> None:
        """See `Lookout.try_history`."""
        self._definitions.try_history()


def _configuration(answer: Mapping[str, Any]) -> Configuration:
    return Configuration(
        version=answer["Version"],
        state=answer["State"],
        state_reason=answer.get("StateReason", ""),
        role=answer["Role"],
        dead_letter=(answer.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        runtime=answer.get("Runtime", ""),
        timeout=timedelta(seconds=answer.get("Timeout", 0)),
    )


def _provisioned(answer: Mapping[str, Any]) -> Provisioned:
    return Provisioned(
        requested=answer["RequestedProvisionedConcurrentExecutions"],
        status=answer["Status"],
        reason=answer.get("StatusReason", ""),
    )


def _qualifier(function_arn: str) -> str:
    parts = function_arn.split(":")
    return parts[7] if len(parts) > 7 else ""


def _permissions(policy: Mapping[str, Any]) -> Iterator[Permission]:
    """Take out what is allowed to invoke; an element of a statement may be one value or a list of them.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
    """
    for statement in _list(policy["Statement"]):
        allows = statement.get("Effect") == "Allow"
        if not allows or not any(
            fnmatchcase(INVOKE.lower(), str(action).lower())
            for action in _list(statement.get("Action", ()))
        ):
            continue
        for principal in _principals(statement.get("Principal", {})):
            for source in _condition(statement, SOURCE_ARN) or [""]:
                yield Permission(
                    sid=str(statement.get("Sid", "")),
                    principal=principal,
                    source=source,
                    account=next(iter(_condition(statement, SOURCE_ACCOUNT)), ""),
                )


def _principals(principal: str | Mapping[str, Any]) -> Iterator[str]:
    if isinstance(principal, str):
        yield principal
        return
    for names in principal.values():
        yield from (str(name) for name in _list(names))


def _condition(statement: Mapping[str, Any], wanted: str) -> list[str]:
    """Return the values that a condition key is compared with; keys are the same in any case."""
    return [
        str(value)
        for compared in (statement.get("Condition") or {}).values()
        for key, values in compared.items()
        if key.lower() == wanted
        for value in _list(values)
    ]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
