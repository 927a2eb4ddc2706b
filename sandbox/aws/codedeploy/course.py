"""How a deployment goes, on the world's timeline.

What it does and says is taken from deployments recorded in public: the alias keeps its FunctionVersion until
the last shift; an alarm is noticed some ten seconds after it fired; a deployment that it stops has
AllowTraffic Failed and AfterAllowTraffic Skipped, and what rolls back is a deployment of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sandbox.aws.codedeploy.things import ENDED, Deployment
from sandbox.aws.errors import AwsError

if TYPE_CHECKING:
    from sandbox.aws.lambda_ import Lambda
    from sandbox.clock import Clock

FIRED = (
    "One or more alarms have been activated according to the Amazon CloudWatch metrics you "
    "selected, and the affected deployments have been stopped. Activated alarms: "
)


HOOK_LIMIT = 60
"""Minutes that a hook's function has to say how it went ("AppSpec 'hooks' section", CodeDeploy's user guide)."""


class Around(Protocol):
    """What a deployment needs of the Region that it is in; seconds."""

    clock: Clock
    start_delay: float
    alarm_pause: float
    minute: float

    @property
    def lambda_(self) -> Lambda: ...

    def schedule(self, at: datetime, action: Callable[[], None]) -> None: ...

    def firing(self, deployment: Deployment) -> list[str]: ...

    def begin_rollback(self, deployment: Deployment) -> None: ...

    def run_hook(self, deployment: Deployment, event: str) -> None: ...


class Course:
    """The course of one deployment."""

    def __init__(self, around: Around, deployment: Deployment) -> None:
        self._around = around
        self.deployment = deployment
        self._shifts: Iterator[int] = deployment.config.percents
        self._validating: tuple[str, Callable[[], None]] = "", lambda: None
        self._later(around.start_delay, self._begin)

    def end(
        self, status: str, code: str, message: str, trigger: str, *, back: bool = False
    ) -> None:
        """End it without success; ``back`` rolls back whatever the group says."""
        deployment = self.deployment
        if deployment.status in ENDED:
            return
        deployment.status, deployment.error = status, (code, message)
        deployment.completed = self._around.clock.now()
        for name, state in deployment.events.items():
            if state in {"Pending", "InProgress"}:
                deployment.events[name] = "Skipped" if state == "Pending" else "Failed"
        if back or trigger in deployment.rolls_back_on:
            self._around.begin_rollback(deployment)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        def unless_ended() -> None:
            if self.deployment.status not in ENDED:
                action()

        self._around.schedule(self._around.clock.now() + timedelta(seconds=seconds), unless_ended)

    def _begin(self) -> None:
        self.deployment.status = "InProgress"
        self.deployment.started = self._around.clock.now()
        self._watch_alarms()
        self._validate("BeforeAllowTraffic", self._allow_traffic)

    def _validate(self, event: str, then: Callable[[], None]) -> None:
        """Let an event's hook say whether it goes on with ``then``; without one it does after a moment."""
        if self.deployment.status in ENDED:
            return
        self.deployment.events[event] = "InProgress"
        self._validating = event, then
        if event not in self.deployment.hooks:
            self._later(self._around.start_delay, then)
            return
        self._later(HOOK_LIMIT * self._around.minute, partial(self._timed_out, event))
        try:
            self._around.run_hook(self.deployment, event)
        except AwsError as error:
            self._fail("HOOK_EXECUTION_FAILURE", f"{event} could not be run: {error.message}")

    def hook_said(self, *, passed: bool) -> None:
        """Go on, or not, as the hook says that is being run."""
        event, then = self._validating
        if not passed:
            self._fail("HOOK_EXECUTION_FAILURE", f"{event} failed: its function said Failed")
            return
        self.deployment.events[event] = "Succeeded"
        self._later(self._around.start_delay, then)

    def _timed_out(self, event: str) -> None:
        if self.deployment.events[event] == "InProgress":
            self._fail("TIMEOUT", f"{event} has not ended within an hour")

    def _watch_alarms(self) -> None:
        if firing := self._around.firing(self.deployment):
            named = " ".join(f"<{name}>" for name in firing)
            self.end("Stopped", "ALARM_ACTIVE", FIRED + named, "DEPLOYMENT_STOP_ON_ALARM")
        self._later(self._around.alarm_pause, self._watch_alarms)

    def _allow_traffic(self) -> None:
        shift = self.deployment.shift
        self.deployment.events["BeforeAllowTraffic"] = "Succeeded"
        self.deployment.events["AllowTraffic"] = "InProgress"
        asked = {"FunctionName": shift.function, "Name": shift.alias}
        try:
            alias = self._around.lambda_.get_alias(asked)
        except AwsError as error:
            self._fail("INVALID_LAMBDA_FUNCTION", error.message)
            return
        going_back = self.deployment.creator == "codeDeployRollback"
        if not going_back and alias["FunctionVersion"] != shift.current:
            why = "The Lambda function alias version does not match the current version in AppSpec file"
            self._fail("INVALID_LAMBDA_CONFIGURATION", why)
        elif not going_back and alias.get("RoutingConfig"):
            why = "The Lambda function alias already splits its traffic between two versions"
            self._fail("INVALID_LAMBDA_CONFIGURATION", why)
        elif shift.current == shift.target:
            why = "The current version and the target version in AppSpec file are the same"
            self._fail("INVALID_LAMBDA_CONFIGURATION", why)
        elif "$LATEST" in {shift.current, shift.target}:
            self._fail("INVALID_LAMBDA_CONFIGURATION", "$LATEST cannot be deployed")
        else:
            self._shift()

    def _shift(self) -> None:
        percent = next(self._shifts)
        shift, share = self.deployment.shift, percent / 100
        whole = percent == 100
        weights = {} if whole else {shift.target: share}
        routing = {
            "FunctionVersion": shift.target if whole else shift.current,
            "RoutingConfig": {"AdditionalVersionWeights": weights},
        }
        alias = {"FunctionName": shift.function, "Name": shift.alias}
        try:
            if self.deployment.moves:
                self._around.lambda_.update_alias({**alias, **routing})
        except AwsError as error:
            self._fail("INVALID_LAMBDA_CONFIGURATION", error.message)
            return
        self.deployment.share = share
        if whole:
            self.deployment.events["AllowTraffic"] = "Succeeded"
            self._validate("AfterAllowTraffic", self._succeed)
        else:
            self._later(self.deployment.config.minutes * self._around.minute, self._shift)

    def _succeed(self) -> None:
        self.deployment.events["AfterAllowTraffic"] = "Succeeded"
        self.deployment.status = "Succeeded"
        self.deployment.completed = self._around.clock.now()

    def _fail(self, code: str, message: str) -> None:
        self.end("Failed", code, message, "DEPLOYMENT_FAILURE")

    def stop(self, *, back: bool) -> None:
        """StopDeployment; it takes a moment."""
        why = "The deployment was stopped on request"
        asked = partial(
            self.end, "Stopped", "MANUAL_STOP", why, "DEPLOYMENT_STOP_ON_REQUEST", back=back
        )
        self._later(self._around.start_delay, asked)
