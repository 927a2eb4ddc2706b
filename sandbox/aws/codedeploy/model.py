"""CodeDeploy's operations on Lambda deployments, as far as a rollout meets them.

Rules and error names: CodeDeploy API reference and "CodeDeploy quotas" in its user guide; what AWS says in the
messages of most errors is not on record, so these texts are the sandbox's own.
"""

from __future__ import annotations

import json
import random as random_module
import string
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sandbox.aws.cloudwatch import CloudWatch
from sandbox.aws.codedeploy import appspec
from sandbox.aws.codedeploy.course import Course
from sandbox.aws.codedeploy.things import ENDED, LAMBDA, Config, Deployment, Group, predefined
from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_ import Lambda
from sandbox.clock import Clock

Params = Mapping[str, Any]
Answer = dict[str, Any]

MOST_ALARMS = 10
MOST_MINUTES = 2880
MOST_OWN_CONFIGS = 200
LONGEST_NAME = 100
STOP_EVENTS = {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}


class CodeDeploy:
    """The CodeDeploy of one account and Region.

    Seconds, to be set at any time: ``start_delay`` from one state of a deployment to the next, ``alarm_pause``
    between two looks at the group's alarms, ``minute`` is how long the minutes of a configuration last.
    """

    def __init__(
        self,
        clock: Clock,
        schedule: Callable[[datetime, Callable[[], None]], None],
        lambda_: Lambda,
        cloudwatch: CloudWatch,
        random: random_module.Random,
    ) -> None:
        self.clock = clock
        self.schedule = schedule
        self.lambda_ = lambda_
        self.random = random
        self.start_delay = 1.0
        self.alarm_pause = 10.0
        self.minute = 60.0
        self.applications: dict[str, str] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.configs = {config.name: config for config in predefined(clock.now())}
        self.deployments: dict[str, Deployment] = {}
        self._courses: dict[str, Course] = {}
        self._cloudwatch = cloudwatch

    # Applications, groups, configurations ------------------------------------------------------

    def create_application(self, params: Params) -> Answer:
        """CreateApplication."""
        name = params["applicationName"]
        if name in self.applications:
            raise AwsError(
                "ApplicationAlreadyExistsException", f"Application already exists: {name}"
            )
        self.applications[name] = params.get("computePlatform", "Server")
        return {"applicationId": f"id-of-{name}"}

    def get_application(self, params: Params) -> Answer:
        """GetApplication."""
        name = params["applicationName"]
        platform = self._platform(name)
        application = {"applicationId": f"id-of-{name}", "applicationName": name}
        return {"application": {**application, "computePlatform": platform}}

    def create_deployment_group(self, params: Params) -> Answer:
        """CreateDeploymentGroup."""
        application, name = params["applicationName"], params["deploymentGroupName"]
        self._platform(application)
        if (application, name) in self.groups:
            raise AwsError("DeploymentGroupAlreadyExistsException", f"Group already exists: {name}")
        settings = {key: value for key, value in params.items() if key != "tags"}
        self._check_settings(settings)
        self.groups[application, name] = Group(application, name, settings)
        return {"deploymentGroupId": f"id-of-{application}-{name}"}

    def get_deployment_group(self, params: Params) -> Answer:
        """GetDeploymentGroup."""
        group = self._group(params)
        answer = {**group.answer(), "computePlatform": self.applications[group.application]}
        return {"deploymentGroupInfo": answer}

    def create_deployment_config(self, params: Params) -> Answer:
        """CreateDeploymentConfig."""
        name = params["deploymentConfigName"]
        if name.startswith("CodeDeployDefault.") or not 0 < len(name) <= LONGEST_NAME:
            raise AwsError("InvalidDeploymentConfigNameException", f"Not allowed as a name: {name}")
        if name in self.configs:
            raise AwsError("DeploymentConfigAlreadyExistsException", f"It already exists: {name}")
        if params.get("computePlatform") != LAMBDA:
            raise AwsError("InvalidComputePlatformException", "The sandbox only has Lambda")
        own = [one for one in self.configs if not one.startswith("CodeDeployDefault.")]
        if len(own) >= MOST_OWN_CONFIGS:
            raise AwsError("DeploymentConfigLimitExceededException", "The limit is reached")
        routing = params.get("trafficRoutingConfig") or {}
        _check_routing(routing)
        self.configs[name] = Config(name, dict(routing), self.clock.now())
        return {"deploymentConfigId": f"id-of-{name}"}

    def get_deployment_config(self, params: Params) -> Answer:
        """GetDeploymentConfig."""
        return {"deploymentConfigInfo": self._config(params["deploymentConfigName"]).answer()}

    # Deployments -------------------------------------------------------------------------------

    def create_deployment(self, params: Params) -> Answer:
        """CreateDeployment: one at a time in a group."""
        group = self._group(params)
        if self.applications[group.application] != LAMBDA:
            raise AwsError("InvalidComputePlatformException", "The sandbox only deploys to Lambda")
        shift = appspec.read(params.get("revision"))
        default = group.settings.get("deploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce")
        config = self._config(params.get("deploymentConfigName", default))
        if running := [
            one for one in self.deployments.values() if one.group is group and not _over(one)
        ]:
            raise AwsError(
                "DeploymentLimitExceededException",
                f"The Deployment Group '{group.name}' already has an active Deployment "
                f"'{running[0].id}'",
            )
        rollback = params.get("autoRollbackConfiguration") or group.settings.get(
            "autoRollbackConfiguration", {}
        )
        deployment = Deployment(
            id=self._new_id(),
            group=group,
            config=config,
            shift=shift,
            revision=params["revision"],
            description=params.get("description", ""),
            rolls_back_on=frozenset(rollback.get("events", ()) if rollback.get("enabled") else ()),
            created=self.clock.now(),
            hooks=appspec.hooks(params["revision"]),
        )
        self._start(deployment)
        return {"deploymentId": deployment.id}

    def get_deployment(self, params: Params) -> Answer:
        """GetDeployment."""
        return {"deploymentInfo": self._deployment(params).answer()}

    def list_deployments(self, params: Params) -> Answer:
        """ListDeployments, the newest first; all on one page."""
        group = self._group(params) if "deploymentGroupName" in params else None
        wanted = params.get("includeOnlyStatuses")
        since = (params.get("createTimeRange") or {}).get("start")
        found = [
            one.id
            for one in reversed(self.deployments.values())
            if (group is None or group is one.group)
            and (not wanted or one.status in wanted)
            and (since is None or one.created >= since)
        ]
        return {"deployments": found}

    def list_deployment_targets(self, params: Params) -> Answer:
        """ListDeploymentTargets."""
        return {"targetIds": [self._target(params)["lambdaTarget"]["targetId"]]}

    def batch_get_deployment_targets(self, params: Params) -> Answer:
        """BatchGetDeploymentTargets."""
        target = self._target(params)
        for asked in params["targetIds"]:
            if asked != target["lambdaTarget"]["targetId"]:
                raise AwsError("DeploymentTargetDoesNotExistException", f"No such target: {asked}")
        return {"deploymentTargets": [target]}

    def stop_deployment(self, params: Params) -> Answer:
        """StopDeployment; unless asked to roll back, the alias stays as it is."""
        deployment = self._deployment(params)
        if _over(deployment):
            raise AwsError(
                "DeploymentAlreadyCompletedException",
                f"Deployment {deployment.id} is already in a terminal state: {deployment.status}",
            )
        self._courses[deployment.id].stop(back=params.get("autoRollbackEnabled", False))
        return {"status": "Pending", "statusMessage": "Stopping the deployment"}

    def put_lifecycle_event_hook_execution_status(self, params: Params) -> Answer:
        """PutLifecycleEventHookExecutionStatus: what a hook's function says."""
        deployment = self._deployment(params)
        execution, status = params.get("lifecycleEventHookExecutionId", ""), params.get("status")
        if execution not in deployment.executions:
            raise AwsError("InvalidLifecycleEventHookExecutionIdException", f"No such: {execution}")
        if status not in {"Succeeded", "Failed"}:
            raise AwsError("InvalidLifecycleEventHookExecutionStatusException", f"Not: {status}")
        if deployment.events[deployment.executions[execution]] != "InProgress":
            raise AwsError("LifecycleEventAlreadyCompletedException", "It is over already")
        self._courses[deployment.id].hook_said(passed=status == "Succeeded")
        return {"lifecycleEventHookExecutionId": execution}

    # What a course needs -----------------------------------------------------------------------

    def firing(self, deployment: Deployment) -> list[str]:
        """The group's alarms that are in ALARM; none of them stops a rollback."""
        if deployment.creator == "codeDeployRollback" or not deployment.group.alarms:
            return []
        found = self._cloudwatch.describe_alarms(
            {
                "AlarmNames": deployment.group.alarms,
                "AlarmTypes": ["MetricAlarm", "CompositeAlarm", "LogAlarm"],
            }
        )
        listed = (alarm for kind in found.values() if isinstance(kind, list) for alarm in kind)
        return sorted(alarm["AlarmName"] for alarm in listed if alarm["StateValue"] == "ALARM")

    def run_hook(self, deployment: Deployment, event: str) -> None:
        """Let a hook's function run, asynchronously. Raises `AwsError` if it cannot be invoked."""
        execution = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        deployment.executions[execution] = event
        told = {"DeploymentId": deployment.id, "LifecycleEventHookExecutionId": execution}
        self.lambda_.invoke(
            {
                "FunctionName": deployment.hooks[event],
                "InvocationType": "Event",
                "Payload": json.dumps(told).encode(),
            }
        )

    def begin_rollback(self, deployment: Deployment) -> None:
        """Deploy what was there before, as a deployment of its own."""
        back = Deployment(
            id=self._new_id(),
            group=deployment.group,
            config=self.configs["CodeDeployDefault.LambdaAllAtOnce"],
            shift=deployment.shift.back,
            revision=appspec.of(deployment.shift.back),
            description="",
            rolls_back_on=frozenset(),
            created=self.clock.now(),
            creator="codeDeployRollback",
            moves=deployment.share > 0,
        )
        deployment.rollback = {
            "rollbackDeploymentId": back.id,
            "rollbackMessage": f"Deployment {deployment.id} terminated. Automatic rollback is "
            f"triggered with a DeploymentId {back.id}.",
        }
        back.rollback = {
            "rollbackTriggeringDeploymentId": deployment.id,
            "rollbackMessage": f"Deployment {back.id} is triggered to roll back deployment "
            f"{deployment.id}.",
        }
        self._start(back)

    def _start(self, deployment: Deployment) -> None:
        self.deployments[deployment.id] = deployment
        self._courses[deployment.id] = Course(self, deployment)

    # Finding -----------------------------------------------------------------------------------

    def _new_id(self) -> str:
        return "d-" + "".join(self.random.choices(string.ascii_uppercase + string.digits, k=9))

    def _platform(self, name: str) -> str:
        if name not in self.applications:
            raise AwsError(
                "ApplicationDoesNotExistException", f"No application found for name: {name}"
            )
        return self.applications[name]

    def _group(self, params: Params) -> Group:
        application = params["applicationName"]
        self._platform(application)
        name = params.get("deploymentGroupName")
        if name is None:
            raise AwsError("DeploymentGroupNameRequiredException", "A group's name is required")
        if (application, name) not in self.groups:
            raise AwsError(
                "DeploymentGroupDoesNotExistException",
                f"No Deployment Group found for name: {name}",
            )
        return self.groups[application, name]

    def _config(self, name: str) -> Config:
        if name not in self.configs:
            raise AwsError(
                "DeploymentConfigDoesNotExistException",
                f"No Deployment Configuration found for name: {name}",
            )
        return self.configs[name]

    def _deployment(self, params: Params) -> Deployment:
        given = params["deploymentId"]
        if given not in self.deployments:
            raise AwsError(
                "DeploymentDoesNotExistException", f"No deployment found for id: {given}"
            )
        return self.deployments[given]

    def _target(self, params: Params) -> Answer:
        deployment = self._deployment(params)
        if deployment.started is None:
            raise AwsError(
                "DeploymentNotStartedException", f"Deployment {deployment.id} has not started"
            )
        return deployment.target(self.clock.now())

    def _check_settings(self, settings: Params) -> None:
        alarms = settings.get("alarmConfiguration", {}).get("alarms", [])
        if len(alarms) > MOST_ALARMS:
            raise AwsError("AlarmsLimitExceededException", f"At most {MOST_ALARMS} alarms")
        events = set(settings.get("autoRollbackConfiguration", {}).get("events", []))
        if events - STOP_EVENTS:
            raise AwsError("InvalidAutoRollbackConfigException", f"Unknown: {events - STOP_EVENTS}")
        self._config(settings.get("deploymentConfigName", "CodeDeployDefault.LambdaAllAtOnce"))


def _over(deployment: Deployment) -> bool:
    return deployment.status in ENDED


def _check_routing(routing: Params) -> None:
    canary, linear = routing.get("timeBasedCanary", {}), routing.get("timeBasedLinear", {})
    percentage = canary.get("canaryPercentage", linear.get("linearPercentage"))
    minutes = canary.get("canaryInterval", linear.get("linearInterval"))
    right = {
        "AllAtOnce": not canary and not linear,
        "TimeBasedCanary": bool(canary) and not linear,
        "TimeBasedLinear": bool(linear) and not canary,
    }.get(routing.get("type", ""), False)
    if right and routing["type"] != "AllAtOnce":
        right = 1 <= (percentage or 0) <= 99 and 1 <= (minutes or 0) <= MOST_MINUTES
    if not right:
        raise AwsError(
            "InvalidTrafficRoutingConfigurationException", f"Not allowed: {dict(routing)}"
        )
