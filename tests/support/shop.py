"""A `Scene` with an application and a deployment group of CodeDeploy's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.codedeploy import CodeDeployEngine
from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.rollout.codedeploy.ended import rollback_deployment, settle_deployment_main_left
from lambda_rollout.rollout.codedeploy.engine import Deployment
from lambda_rollout.rollout.events import (
    Event,
    Finished,
    WeightShifted,
)
from lambda_rollout.rollout.ports import Alarms
from lambda_rollout.rollout.saved_state import DeploymentRef, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from tests.support.scene import OWNERS_TEXT, Scene, rollout_spec

ALL_EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
T = TypeVar("T", bound=Event)

PLACE = DeploymentRef("shop", "prod")
CANARY = "10% 5m, 100% 2m"


class Died(BaseException):
    """The runner is gone."""


class Shop(Scene):
    """A scene with an application and a group, whose one alarm is that of the inputs."""

    @classmethod
    def opened(cls) -> Shop:
        """One with a function in production, and its next build in ``$LATEST``."""
        shop = cls.ready()
        assert isinstance(shop, Shop)
        return shop

    def deploy(self) -> None:
        super().deploy()
        self.call(
            "codedeploy", "CreateApplication", applicationName="shop", computePlatform="Lambda"
        )
        self.put_group()

    def put_group(
        self, alarms: Sequence[str] = ("checkout-errors",), events: Sequence[str] = ALL_EVENTS
    ) -> None:
        self.world.codedeploy().groups.clear()
        self.call(
            "codedeploy",
            "CreateDeploymentGroup",
            applicationName="shop",
            deploymentGroupName="prod",
            serviceRoleArn="arn:aws:iam::123456789012:role/deploy",
            alarmConfiguration={"enabled": True, "alarms": [{"name": name} for name in alarms]},
            autoRollbackConfiguration={"enabled": bool(events), "events": list(events)},
        )

    @property
    def engine(self) -> CodeDeployEngine:
        return CodeDeployEngine(self.clients(), PLACE)

    def release(
        self, ordered: RolloutSpec | None = None, *, with_metrics: bool = False
    ) -> Finished:
        ordered = ordered or rollout_spec(CANARY)
        ports = self.ports(ordered)
        ports = replace(ports, logs=CloudWatchLogs(self.clients()))
        if with_metrics:
            ports = replace(ports, metrics=CloudWatchMetrics(self.clients()))

        def alarms_of(more: Sequence[str]) -> Alarms:
            ours = ordered.inputs.alarms
            names = [*ours, *(AlarmName(n, n) for n in more)]
            return CloudWatchAlarms(self.clients(), names, self.stop)

        return Deployment(ordered, ports, self.engine, alarms_of).run()

    def killed_at(self, seconds: float) -> None:
        """A first run that dies so many seconds after its start."""

        def die() -> None:
            raise Died

        self.after(seconds, die)
        with pytest.raises(Died):
            self.release()
        self.events.clear()

    def undo(self, ordered: RolloutSpec) -> Finished:
        ports = replace(self.ports(ordered), logs=CloudWatchLogs(self.clients()))
        return rollback_deployment(ordered, ports, self.engine)

    def post(self, saved_state: SavedState) -> Finished:
        ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
        assert saved_state.deployment is not None
        engine = CodeDeployEngine(self.clients(), saved_state.deployment)
        return settle_deployment_main_left(saved_state, ordered, self.ports(ordered), engine)

    def deployments(self) -> list[str]:
        """Status of each deployment, in the order of their creation."""
        return [one.status for one in self.world.codedeploy().deployments.values()]

    def whole_on(self, version: str) -> bool:
        return (self.alias.routing, self.alias.description) == (
            Routing.all_on(version),
            OWNERS_TEXT,
        )

    def weights(self) -> list[Any]:
        return [int(event.percent) for event in self.events if isinstance(event, WeightShifted)]

    def all(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]
