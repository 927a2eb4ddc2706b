"""CodeDeploy's calls for deployments to Lambda.

https://docs.aws.amazon.com/codedeploy/latest/APIReference/ and, for the AppSpec,
https://docs.aws.amazon.com/codedeploy/latest/userguide/reference-appspec-file-structure.html.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws import calls
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.codedeploy_steps import TrafficRouting
from lambda_rollout.inputs.hooks import CODEDEPLOY_EVENTS, Hook
from lambda_rollout.rollout.codedeploy.model import (
    ROLLBACK_EVENTS,
    DeploymentGroup,
    DeploymentState,
    DeploymentTarget,
)
from lambda_rollout.rollout.saved_state import DeploymentRef
from lambda_rollout.runtime.errors import AlreadyExists, InvalidRequest, NotFound, Refused

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
_INVALID = re.compile(r"Invalid\w+Exception|\w+RequiredException")
"""What is wrong with the call itself, of whatever member: CodeDeploy has a code for each."""

_Answer = TypeVar("_Answer", bound=Mapping[str, Any])
_Read = TypeVar("_Read")


class CodeDeployEngine:
    """`lambda_rollout.rollout.codedeploy.model.Engine` over boto3."""

    def __init__(self, clients: Clients, ref: DeploymentRef) -> None:
        """Make no call yet."""
        self._clients = clients
        self._ref = ref

    @property
    def place(self) -> DeploymentRef:
        """See `Engine.place`."""
        return self._ref

    @property
    def _client(self) -> CodeDeployClient:
        return self._clients.codedeploy

    def platform(self) -> str:
        """See `Engine.platform`."""
        return _ask(
            "GetApplication",
            lambda: self._client.get_application(applicationName=self._ref.application),
            lambda answer: str(answer["application"]["computePlatform"]),
        )

    def group(self) -> DeploymentGroup:
        """See `Engine.group`."""
        return _ask(
            "GetDeploymentGroup",
            lambda: self._client.get_deployment_group(
                applicationName=self._ref.application, deploymentGroupName=self._ref.group
            ),
            lambda answer: _group(answer["deploymentGroupInfo"]),
        )

    def configuration(self, name: str) -> TrafficRouting:
        """See `Engine.configuration`."""
        return _ask(
            "GetDeploymentConfig",
            lambda: self._client.get_deployment_config(deploymentConfigName=name),
            lambda answer: _routing(answer["deploymentConfigInfo"].get("trafficRoutingConfig", {})),
        )

    def create_configuration(self, name: str, routing: TrafficRouting) -> None:
        """See `Engine.create_configuration`."""
        _ask(
            "CreateDeploymentConfig",
            lambda: self._client.create_deployment_config(
                deploymentConfigName=name,
                computePlatform="Lambda",
                trafficRoutingConfig=_traffic_routing_config(routing),
            ),
            dict,
        )

    def create(
        self,
        target: Target,
        old: str,
        new: str,
        configuration: str,
        description: str,
        hooks: Sequence[Hook] = (),
    ) -> str:
        """See `Engine.create`."""
        rollback: AutoRollbackConfigurationTypeDef = {
            "enabled": True,
            "events": cast("list[AutoRollbackEventType]", list(ROLLBACK_EVENTS)),
        }
        return _ask(
            "CreateDeployment",
            lambda: self._client.create_deployment(
                applicationName=self._ref.application,
                deploymentGroupName=self._ref.group,
                deploymentConfigName=configuration,
                description=description,
                # Whatever the group says: a deployment that ends without it leaves the alias split.
                autoRollbackConfiguration=rollback,
                revision={
                    "revisionType": "AppSpecContent",
                    "appSpecContent": {"content": appspec(target, old, new, hooks)},
                },
            ),
            lambda answer: str(answer["deploymentId"]),
        )

    def deployments(self, statuses: Collection[str]) -> Sequence[str]:
        """See `Engine.deployments`. AWS gives the newest first; the first page is enough."""
        wanted = cast("list[DeploymentStatusType]", sorted(statuses))
        return _ask(
            "ListDeployments",
            lambda: self._client.list_deployments(
                applicationName=self._ref.application,
                deploymentGroupName=self._ref.group,
                includeOnlyStatuses=wanted,
            ),
            lambda answer: answer["deployments"],
        )

    def read(self, deployment: str) -> DeploymentState:
        """See `Engine.read`."""
        return _ask(
            "GetDeployment",
            lambda: self._client.get_deployment(deploymentId=deployment),
            lambda answer: _state(deployment, answer["deploymentInfo"]),
        )

    def shift(self, deployment: str) -> DeploymentTarget | None:
        """See `Engine.shift`."""
        try:
            listed = _ask(
                "ListDeploymentTargets",
                lambda: self._client.list_deployment_targets(deploymentId=deployment),
                lambda answer: answer["targetIds"],
            )
            if not listed:
                return None
            return _ask(
                "BatchGetDeploymentTargets",
                lambda: self._client.batch_get_deployment_targets(
                    deploymentId=deployment, targetIds=listed
                ),
                _first_shift,
            )
        except Refused as error:
            if error.code == NOT_STARTED:
                return None
            raise

    def stop(self, deployment: str) -> None:
        """See `Engine.stop`."""
        with suppress(_Over):
            _ask(
                "StopDeployment",
                # Without it the alias would stay split, whatever the group says.
                lambda: self._client.stop_deployment(
                    deploymentId=deployment, autoRollbackEnabled=True
                ),
                dict,
            )


def appspec(target: Target, old: str, new: str, hooks: Sequence[Hook] = ()) -> str:
    """Return the AppSpec that moves an alias from one version to another, and asks these hooks, as JSON."""
    properties = {
        "Name": target.name,
        "Alias": target.alias,
        "CurrentVersion": old,
        "TargetVersion": new,
    }
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    spec: dict[str, Any] = {"version": 0.0, "Resources": [{target.name: resource}]}
    if hooks:
        named = {hook.stage: hook.function for hook in hooks}
        spec["Hooks"] = [
            {event: named[stage]} for stage, event in CODEDEPLOY_EVENTS.items() if stage in named
        ]
    return json.dumps(spec)


class _Over(Refused):
    """The deployment is over already."""


def _ask(operation: str, call: Callable[[], _Answer], read: Callable[[_Answer], _Read]) -> _Read:
    """Do as `calls.ask`, and tell errors apart by CodeDeploy's codes: all of them are 400s."""
    try:
        return calls.ask(operation, call, read)
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
        elif _INVALID.fullmatch(error.code):
            kind = InvalidRequest
        else:
            raise
        raise kind(operation, error.code, error.message) from error


def _group(found: Mapping[str, Any]) -> DeploymentGroup:
    alarms = found.get("alarmConfiguration", {})
    rollback = found.get("autoRollbackConfiguration", {})
    named = (alarm["name"] for alarm in alarms.get("alarms", ())) if alarms.get("enabled") else ()
    return DeploymentGroup(
        rollback_on=frozenset(rollback.get("events", ()) if rollback.get("enabled") else ()),
        alarms=tuple(named),
        ignores_unreadable_alarms=bool(alarms.get("ignorePollAlarmFailure")),
    )


def _state(deployment: str, found: Mapping[str, Any]) -> DeploymentState:
    error = found.get("errorInformation", {})
    rollback = found.get("rollbackInfo", {})
    return DeploymentState(
        id=deployment,
        status=found["status"],
        description=found.get("description", ""),
        error_code=error.get("code", ""),
        error=error.get("message", ""),
        rollback=rollback.get("rollbackDeploymentId", ""),
        rolls_back=rollback.get("rollbackTriggeringDeploymentId", ""),
    )


def _first_shift(answer: Mapping[str, Any]) -> DeploymentTarget | None:
    targets = (one["lambdaTarget"] for one in answer["deploymentTargets"] if "lambdaTarget" in one)
    return next((_shift(target) for target in targets), None)


def _shift(found: Mapping[str, Any]) -> DeploymentTarget:
    info = found.get("lambdaFunctionInfo", {})
    return DeploymentTarget(
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
