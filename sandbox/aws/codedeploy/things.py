"""What CodeDeploy keeps: configurations, groups, deployments.

Shapes: CodeDeploy API reference, DeploymentConfigInfo, DeploymentGroupInfo, DeploymentInfo, LambdaTarget.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.aws.codedeploy.appspec import Shift

LAMBDA = "Lambda"
ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
EVENTS = ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")


@dataclass(frozen=True)
class Config:
    """A deployment configuration: how much traffic goes over, and when."""

    name: str
    routing: Mapping[str, Any]
    created: datetime

    @property
    def percents(self) -> Iterator[int]:
        """The target version's share after each shift, in percent; the last is 100."""
        if self.routing["type"] == "TimeBasedCanary":
            yield self.routing["timeBasedCanary"]["canaryPercentage"]
        elif self.routing["type"] == "TimeBasedLinear":
            by = self.routing["timeBasedLinear"]["linearPercentage"]
            yield from range(by, 100, by)
        yield 100

    @property
    def minutes(self) -> int:
        """Minutes between two shifts."""
        canary, linear = self.routing.get("timeBasedCanary"), self.routing.get("timeBasedLinear")
        if canary:
            return int(canary["canaryInterval"])
        return int(linear["linearInterval"]) if linear else 0

    def answer(self) -> dict[str, Any]:
        """DeploymentConfigInfo."""
        return {
            "deploymentConfigId": f"id-of-{self.name}",
            "deploymentConfigName": self.name,
            "computePlatform": LAMBDA,
            "trafficRoutingConfig": dict(self.routing),
            "createTime": self.created,
        }


def predefined(created: datetime) -> Iterator[Config]:
    """AWS's own configurations for Lambda ("Working with deployment configurations" in the user guide)."""
    start = "CodeDeployDefault.Lambda"
    for minutes in (5, 10, 15, 30):
        canary = {"canaryPercentage": 10, "canaryInterval": minutes}
        routing = {"type": "TimeBasedCanary", "timeBasedCanary": canary}
        yield Config(f"{start}Canary10Percent{minutes}Minutes", routing, created)
    for minutes in (1, 2, 3, 10):
        linear = {"linearPercentage": 10, "linearInterval": minutes}
        routing = {"type": "TimeBasedLinear", "timeBasedLinear": linear}
        unit = "Minute" if minutes == 1 else "Minutes"
        yield Config(f"{start}Linear10PercentEvery{minutes}{unit}", routing, created)
    yield Config(f"{start}AllAtOnce", {"type": "AllAtOnce"}, created)


@dataclass
class Group:
    """A deployment group of an application, as it was created."""

    application: str
    name: str
    settings: dict[str, Any]

    @property
    def alarms(self) -> list[str]:
        """The names of the alarms that stop a deployment; none if they are switched off."""
        given = self.settings.get("alarmConfiguration", {})
        return [alarm["name"] for alarm in given.get("alarms", [])] if given.get("enabled") else []

    def answer(self) -> dict[str, Any]:
        """DeploymentGroupInfo."""
        return {
            "applicationName": self.application,
            "deploymentGroupName": self.name,
            "deploymentGroupId": f"id-of-{self.application}-{self.name}",
            "computePlatform": LAMBDA,
            **self.settings,
        }


@dataclass
class Deployment:
    """One deployment, and how far it is.

    share: the target version's part of the traffic, 0 to 1. moves: False for the rollback of a deployment that
    moved nothing. hooks: lifecycle event to the function that it runs. executions: the id that such a function was
    given, to the lifecycle event.
    """

    id: str
    group: Group
    config: Config
    shift: Shift
    revision: Mapping[str, Any]
    description: str
    rolls_back_on: frozenset[str]
    created: datetime
    creator: str = "user"
    status: str = "Created"
    started: datetime | None = None
    completed: datetime | None = None
    error: tuple[str, str] | None = None
    rollback: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=lambda: dict.fromkeys(EVENTS, "Pending"))
    share: float = 0.0
    moves: bool = True
    hooks: Mapping[str, str] = field(default_factory=dict)
    executions: dict[str, str] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """DeploymentInfo."""
        answer: dict[str, Any] = {
            "applicationName": self.group.application,
            "deploymentGroupName": self.group.name,
            "deploymentConfigName": self.config.name,
            "deploymentId": self.id,
            "revision": dict(self.revision),
            "status": self.status,
            "createTime": self.created,
            "creator": self.creator,
            "computePlatform": LAMBDA,
            "autoRollbackConfiguration": {
                "enabled": bool(self.rolls_back_on),
                "events": sorted(self.rolls_back_on),
            },
        }
        if self.description:
            answer["description"] = self.description
        if self.started:
            answer["startTime"] = self.started
        if self.completed:
            answer["completeTime"] = self.completed
        if self.error:
            answer["errorInformation"] = {"code": self.error[0], "message": self.error[1]}
        if self.rollback:
            answer["rollbackInfo"] = dict(self.rollback)
        return answer

    def target(self, now: datetime) -> dict[str, Any]:
        """DeploymentTarget."""
        state = {"Created": "Pending", "Stopped": "Failed"}.get(self.status, self.status)
        target = {
            "deploymentId": self.id,
            "targetId": f"{self.shift.function}:{self.shift.alias}",
            "status": state,
            "lastUpdatedAt": now,
            "lifecycleEvents": [
                {"lifecycleEventName": name, "status": state} for name, state in self.events.items()
            ],
            "lambdaFunctionInfo": {
                "functionName": self.shift.function,
                "functionAlias": self.shift.alias,
                "currentVersion": self.shift.current,
                "targetVersion": self.shift.target,
                "targetVersionWeight": self.share,
            },
        }
        return {"deploymentTargetType": "LambdaTarget", "lambdaTarget": target}
