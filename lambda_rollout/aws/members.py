"""What an answer must hold before anybody judges by it.

botocore's models require nothing of an answer: half a JSON, a proxy's page and an empty body become an empty answer,
which would read as "no such alarm", "no weights" or "not Active, but not Failed either". So this is a table of ours:
each operation that the package calls, and the members that AWS always sends and that we judge by
(https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html and the same page of the other services).
Pure: works on values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_ALIAS = ("AliasArn", "FunctionVersion", "RevisionId")
_CONFIGURATION = ("Version", "State", "LastUpdateStatus", "CodeSha256", "Role")
_ALARM_LISTS = ("MetricAlarms", "CompositeAlarms", "LogAlarms")

NEEDED: Mapping[str, tuple[str, ...]] = {
    "GetAlias": _ALIAS,
    "UpdateAlias": _ALIAS,
    "CreateAlias": _ALIAS,
    "GetFunctionConfiguration": _CONFIGURATION,
    "GetFunction": (
        "Configuration.FunctionArn",
        *(f"Configuration.{member}" for member in _CONFIGURATION),
        "Code",
    ),
    "UpdateFunctionCode": ("CodeSha256",),
    "PublishVersion": ("Version", "CodeSha256"),
    "Invoke": (),
    "GetProvisionedConcurrencyConfig": ("Status", "RequestedProvisionedConcurrentExecutions"),
    "GetFunctionConcurrency": (),
    "GetPolicy": ("Policy",),
    "ListEventSourceMappings": (
        "EventSourceMappings",
        "EventSourceMappings[].UUID",
        "EventSourceMappings[].FunctionArn",
    ),
    "ListFunctionUrlConfigs": (
        "FunctionUrlConfigs",
        "FunctionUrlConfigs[].FunctionArn",
        "FunctionUrlConfigs[].AuthType",
    ),
    "ListDurableExecutionsByFunction": (
        "DurableExecutions",
        "DurableExecutions[].DurableExecutionArn",
        "DurableExecutions[].Status",
    ),
    "GetFunctionScalingConfig": ("FunctionArn",),
    "ListFunctionVersionsByCapacityProvider": (
        "CapacityProviderArn",
        "FunctionVersions",
        "FunctionVersions[].FunctionArn",
    ),
    "DescribeAlarms": (
        "|".join(_ALARM_LISTS),
        *(
            f"{kind}[].{member}"
            for kind in _ALARM_LISTS
            for member in ("AlarmName", "AlarmArn", "StateValue")
        ),
    ),
    "DescribeAlarmHistory": (
        "AlarmHistoryItems",
        "AlarmHistoryItems[].Timestamp",
        "AlarmHistoryItems[].HistoryData",
    ),
    "GetMetricData": (
        "MetricDataResults",
        "MetricDataResults[].Id",
        "MetricDataResults[].StatusCode",
    ),
    "FilterLogEvents": ("events", "events[].timestamp", "events[].logStreamName"),
    "GetApplication": ("application.computePlatform",),
    "GetDeploymentGroup": ("deploymentGroupInfo.deploymentGroupName",),
    "GetDeploymentConfig": ("deploymentConfigInfo.deploymentConfigName",),
    "CreateDeploymentConfig": ("deploymentConfigId",),
    "CreateDeployment": ("deploymentId",),
    "ListDeployments": ("deployments",),
    "GetDeployment": ("deploymentInfo.status",),
    "ListDeploymentTargets": ("targetIds",),
    "BatchGetDeploymentTargets": ("deploymentTargets",),
    "StopDeployment": ("status",),
    "Publish": ("MessageId",),
    "GetCallerIdentity": ("Account", "Arn"),
    "AssumeRoleWithWebIdentity": tuple(
        f"Credentials.{member}"
        for member in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    ),
}
"""Operation -> paths: ``a.b`` goes down, ``a[].b`` is asked of each element of a list, ``a|b`` of at least one.

A list may be empty where it is asked for alone.
"""

MARKED = frozenset({"GetFunctionConcurrency", "Invoke", "StopDeployment"})
"""Where the members alone would not tell AWS's answer: none need be there (nothing is reserved, a function may return
anything), or anybody's ``{"status": "ok"}`` has them. So AWS's request id is asked for besides, and a whole JSON object
where the answer is one; a body that is a stream (Invoke's) is the function's own."""


def missing(operation: str, answer: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the paths of ``operation`` that an answer does not hold. Raises KeyError if it has no row above."""
    return tuple(
        path
        for path in NEEDED[operation]
        if not any(_holds(answer, choice) for choice in path.split("|"))
    )


def _holds(answer: Mapping[str, Any], path: str) -> bool:
    before, listed, after = path.partition("[].")
    if listed:
        # An absent list has no element that lacks anything; that there is one is asked for by its own path.
        return all(_holds(element, after) for element in answer.get(before) or ())
    return all(value is not None and value != "" for value in _down(answer, path.split(".")))


def _down(value: Any, names: list[str]) -> Iterator[Any]:
    """Yield what is found at each step down, None where there is nothing."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
        yield value
