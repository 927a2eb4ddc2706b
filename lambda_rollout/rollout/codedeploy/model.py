"""CodeDeploy as the story sees it: a group, a deployment, and the calls. What is decided here is pure.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html (configurations) and
https://docs.aws.amazon.com/codedeploy/latest/userguide/deployments-rollback-and-redeploy.html (a rollback is a
deployment of its own).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.codedeploy_steps import TrafficRouting
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.rollout.saved_state import DeploymentRef
from lambda_rollout.runtime.errors import RolloutError

RUNNING = frozenset({"Created", "Queued", "InProgress", "Baking", "Ready"})
ENDED = frozenset({"Succeeded", "Failed", "Stopped"})

ROLLBACK_EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")


@dataclass(frozen=True, slots=True)
class DeploymentGroup:
    """A deployment group's settings, as far as they matter here."""

    rollback_on: frozenset[str]
    """The events on which it rolls back by itself; empty if that is off."""
    alarms: tuple[str, ...]
    """The alarms on which it stops; empty if that is off."""
    ignores_unreadable_alarms: bool = False


@dataclass(frozen=True, slots=True)
class DeploymentState:
    """A deployment as one GetDeployment answer showed it."""

    id: str
    status: str
    description: str = ""
    error_code: str = ""
    error: str = ""
    rollback: str = ""
    """The deployment that rolls this one back; empty while there is none."""
    rolls_back: str = ""
    """The deployment that this one rolls back; empty for any other."""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether CodeDeploy says that it reached its end. Only the alias tells the truth."""
        return self.status == "Succeeded"

    def why(self) -> str:
        """Say why it did not succeed, in AWS's words."""
        verb = "stopped" if self.status == "Stopped" else "failed"
        because = self.error or self.error_code or "no reason given"
        return f"CodeDeploy {verb} deployment {self.id}: {because}"


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    """What a deployment moves, and how far its lifecycle is."""

    function: str
    alias: str
    old: str
    new: str
    lifecycle: tuple[tuple[str, str], ...] = ()
    """Name and status of each lifecycle event, in order."""

    def is_of(self, target: Target) -> bool:
        """Whether it moves this alias; CodeDeploy may name the function by its ARN."""
        return self.alias == target.alias and self.function.rpartition(":")[2] == target.name


class LostSight(RolloutError):
    """The deployment cannot be followed any more; it goes on in AWS without us."""


class CodeDeploy(Protocol):
    """CodeDeploy's calls for one application and group, one try each. Errors are `CallFailed` and its kinds."""

    @property
    def place(self) -> DeploymentRef:
        """The application and the group."""
        ...

    def platform(self) -> str:
        """GetApplication: its compute platform."""
        ...

    def group(self) -> DeploymentGroup:
        """GetDeploymentGroup."""
        ...

    def configuration(self, name: str) -> TrafficRouting:
        """GetDeploymentConfig."""
        ...

    def create_configuration(self, name: str, routing: TrafficRouting) -> None:
        """CreateDeploymentConfig."""
        ...

    def create(
        self,
        target: Target,
        old: str,
        new: str,
        configuration: str,
        description: str,
        hooks: Sequence[Hook] = (),
    ) -> str:
        """CreateDeployment, with one hook at most for each stage that CodeDeploy has; return its id.

        Raises `AlreadyExists` while another one of the group runs.
        """
        ...

    def deployments(self, statuses: Collection[str]) -> Sequence[str]:
        """ListDeployments: the group's, in any of these states, the newest first."""
        ...

    def read(self, deployment: str) -> DeploymentState:
        """GetDeployment."""
        ...

    def shift(self, deployment: str) -> DeploymentTarget | None:
        """ListDeploymentTargets and BatchGetDeploymentTargets; None while it has not started."""
        ...

    def stop(self, deployment: str) -> None:
        """StopDeployment, with rollback. One that is over already is no error."""
        ...


def differences(
    group: DeploymentGroup, ref: DeploymentRef, alarms: Sequence[str], region: str
) -> Iterator[str]:
    """Yield, in sentences, what of the group's settings differs from what the inputs expect.

    ``alarms`` are as the user wrote them.
    """
    who = f"Deployment group {ref.application}/{ref.group}"
    lacking = [event for event in ROLLBACK_EVENTS if event not in group.rollback_on]
    if lacking:
        yield (
            f"{who} does not roll back on {', '.join(lacking)}. This action asks for it in its own deployment. Any other "
            "deployment of the group that fails leaves the alias split, and every later one then fails."
        )
    if group.ignores_unreadable_alarms:
        yield f"{who} goes on shifting while it cannot read its alarms (ignorePollAlarmFailure)."
    ours = [own_name(alarm, region) for alarm in alarms]
    if alone := [name for name in ours if name not in group.alarms]:
        yield (
            f"{who} does not watch {', '.join(alone)}: this job stops the deployment when it fires, but if "
            "the job is gone, nothing does."
        )
    if more := [name for name in group.alarms if name not in ours]:
        yield f"{who} also stops on {', '.join(more)}, which `alarms` does not name. This run watches that alarm too."


def own_name(alarm: str, region: str) -> str:
    """Return the name by which a group in ``region`` knows an alarm; an ARN of elsewhere stays as it is."""
    parts = alarm.split(":", 6)
    here = len(parts) == 7 and parts[0] == "arn" and parts[3] == region
    return parts[6] if here else alarm
