"""CodeDeploy's calls for deployments to Lambda.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/ and, for the AppSpec,
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from lambda_rollout.aws.calls import told_apart
from lambda_rollout.aws.clients import Clients
from lambda_rollout.codedeploy import ROLLBACK_EVENTS, DeploymentState, Group, Place, Shift
from lambda_rollout.errors import AlreadyExists, NotFound, Refused
from lambda_rollout.plan import TrafficRouting
from lambda_rollout.routing import Target

if TYPE_CHECKING:
    from mypy_boto3_codedeploy import CodeDeployClient
    from mypy_boto3_codedeploy.literals import AutoRollbackEventType, DeploymentStatusType
    from mypy_boto3_codedeploy.type_defs import (
        AutoRollbackConfigurationTypeDef,
        TrafficRoutingConfigTypeDef,
    )

TAKEN = frozenset({"DeploymentConfigAlreadyExistsException", "DeploymentLimitExceededException"})
NOT_STARTED = "DeploymentNotStartedException"
OVER = "DeploymentAlreadyCompletedException"


class CodeDeployEngine:
    """`lambda_rollout.codedeploy.Engine` over boto3."""

    def __init__(self, clients: Clients, place: Place) -> None:
        """Make no call yet."""
        self._clients = clients
        self._place = place

    @property
    def place(self) -> Place:
        """See `Engine.place`."""
        return self._place

    @property
    def _client(self) -> CodeDeployClient:
        return self._clients.codedeploy

    def platform(self) -> str:
        """See `Engine.platform`."""
        with _told_apart("GetApplication"):
            answer = self._client.get_application(applicationName=self._place.application)
        return answer["application"].get("computePlatform", "")

    def group(self) -> Group:
        """See `Engine.group`."""
        with _told_apart("GetDeploymentGroup"):
            answer = self._client.get_deployment_group(
                applicationName=self._place.application, deploymentGroupName=self._place.group
            )
        found: Mapping[str, Any] = answer["deploymentGroupInfo"]
        alarms = found.get("alarmConfiguration", {})
        rollback = found.get("autoRollbackConfiguration", {})
        named = (
            (alarm["name"] for alarm in alarms.get("alarms", ())) if alarms.get("enabled") else ()
        )
        return Group(
            rollback_on=frozenset(rollback.get("events", ()) if rollback.get("enabled") else ()),
            alarms=tuple(named),
            ignores_unreadable_alarms=bool(alarms.get("ignorePollAlarmFailure")),
        )

    def configuration(self, name: str) -> TrafficRouting:
        """See `Engine.configuration`."""
        with _told_apart("GetDeploymentConfig"):
            answer = self._client.get_deployment_config(deploymentConfigName=name)
        return _routing(answer["deploymentConfigInfo"].get("trafficRoutingConfig", {}))

    def create_configuration(self, name: str, routing: TrafficRouting) -> None:
        """See `Engine.create_configuration`."""
        with _told_apart("CreateDeploymentConfig"):
            self._client.create_deployment_config(
                deploymentConfigName=name,
                computePlatform="Lambda",
                trafficRoutingConfig=_traffic_routing_config(routing),
            )

    def create(
        self, target: Target, old: str, new: str, configuration: str, description: str
    ) -> str:
        """See `Engine.create`."""
        rollback: AutoRollbackConfigurationTypeDef = {
            "enabled": True,
            "events": cast("list[AutoRollbackEventType]", list(ROLLBACK_EVENTS)),
        }
        with _told_apart("CreateDeployment"):
            answer = self._client.create_deployment(
                applicationName=self._place.application,
                deploymentGroupName=self._place.group,
                deploymentConfigName=configuration,
                description=description,
                # Whatever the group says: a deployment that ends without it leaves the alias split.
                autoRollbackConfiguration=rollback,
                revision={
                    "revisionType": "AppSpecContent",
                    "appSpecContent": {"content": appspec(target, old, new)},
                },
            )
        return answer["deploymentId"]

    def deployments(self, statuses: Collection[str]) -> Sequence[str]:
        """See `Engine.deployments`. AWS gives the newest first; the first page is enough."""
        wanted = cast("list[DeploymentStatusType]", sorted(statuses))
        with _told_apart("ListDeployments"):
            answer = self._client.list_deployments(
                applicationName=self._place.application,
                deploymentGroupName=self._place.group,
                includeOnlyStatuses=wanted,
            )
        return answer.get("deployments", [])

    def read(self, deployment: str) -> DeploymentState:
        """See `Engine.read`."""
        with _told_apart("GetDeployment"):
            answer = self._client.get_deployment(deploymentId=deployment)
        found: Mapping[str, Any] = answer["deploymentInfo"]
        error = found.get("errorInformation", {})
        rollback = found.get("rollbackInfo", {})
        return DeploymentState(
            id=deployment,
            status=found.get("status", ""),
            description=found.get("description", ""),
            error_code=error.get("code", ""),
            error=error.get("message", ""),
            rollback=rollback.get("rollbackDeploymentId", ""),
            rolls_back=rollback.get("rollbackTriggeringDeploymentId", ""),
        )

    def shift(self, deployment: str) -> Shift | None:
        """See `Engine.shift`."""
        try:
            with _told_apart("ListDeploymentTargets"):
                listed = self._client.list_deployment_targets(deploymentId=deployment)
            if not listed.get("targetIds"):
                return None
            with _told_apart("BatchGetDeploymentTargets"):
                answer = self._client.batch_get_deployment_targets(
                    deploymentId=deployment, targetIds=listed["targetIds"]
                )
        except Refused as error:
            if error.code == NOT_STARTED:
                return None
            raise
        targets = [
            one["lambdaTarget"] for one in answer["deploymentTargets"] if "lambdaTarget" in one
        ]
        return _shift(targets[0]) if targets else None

    def stop(self, deployment: str) -> None:
        """See `Engine.stop`."""
        with suppress(_Over), _told_apart("StopDeployment"):
            # Without it the alias would stay split, whatever the group says.
            self._client.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)


def appspec(target: Target, old: str, new: str) -> str:
    """Return the AppSpec that moves an alias from one version to another, as JSON."""
    properties = {
        "Name": target.name,
        "Alias": target.alias,
        "CurrentVersion": old,
        "TargetVersion": new,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    return json.dumps({"version": 0.0, "Resources": [{target.name: resource}]})


class _Over(Refused):
    """The deployment is over already."""


@contextmanager
def _told_apart(operation: str) -> Iterator[None]:
    """Tell errors apart by CodeDeploy's codes: all of them are 400s."""
    try:
        with told_apart(operation):
            yield
    except Refused as error:
        if type(error) is not Refused:
            raise
        kind: type[Refused] = Refused
        if error.code in TAKEN:
            kind = AlreadyExists
        elif error.code == OVER:
            kind = _Over
        elif error.code.endswith("DoesNotExistException"):
            kind = NotFound
        else:
            raise
        raise kind(operation, error.code, error.message) from error


def _shift(found: Mapping[str, Any]) -> Shift:
    info = found.get("lambdaFunctionInfo", {})
    return Shift(
        function=info.get("functionName", ""),
        alias=info.get("functionAlias", ""),
        old=info.get("currentVersion", ""),
        new=info.get("targetVersion", ""),
        lifecycle=tuple(
            (event.get("lifecycleEventName", ""), event.get("status", ""))
            for event in found.get("lifecycleEvents", ())
        ),
    )


def _routing(found: Mapping[str, Any]) -> TrafficRouting:
    canary, linear = found.get("timeBasedCanary"), found.get("timeBasedLinear")
    if canary:
        return TrafficRouting(
            "TimeBasedCanary", canary["canaryPercentage"], canary["canaryInterval"]
        )
    if linear:
        return TrafficRouting(
            "TimeBasedLinear", linear["linearPercentage"], linear["linearInterval"]
        )
    return TrafficRouting(found.get("type", "AllAtOnce"), 100, 0)


def _traffic_routing_config(routing: TrafficRouting) -> TrafficRoutingConfigTypeDef:
    if routing.type == "TimeBasedCanary":
        return {
            "type": "TimeBasedCanary",
            "timeBasedCanary": {
                "canaryPercentage": routing.percentage,
                "canaryInterval": routing.minutes,
            },
        }
    if routing.type == "TimeBasedLinear":
        return {
            "type": "TimeBasedLinear",
            "timeBasedLinear": {
                "linearPercentage": routing.percentage,
                "linearInterval": routing.minutes,
            },
        }
    return {"type": "AllAtOnce"}
