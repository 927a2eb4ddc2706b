"""All inputs, checked, and the mistakes in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import (
    AlarmAtStart,
    Comment,
    Engine,
    Errors,
    HookStage,
    InsufficientData,
    Mode,
    OnCancel,
    OnStranded,
    Preflight,
)
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.names import AlarmName, VersionChoice
from lambda_rollout.inputs.package import NewCode
from lambda_rollout.inputs.payload import Expected, SmokeTest
from lambda_rollout.inputs.steps import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All inputs, checked. One field for each, named as in ``action.yml``.

    ``functions`` are as the user wrote them, each without a qualifier; ``plan`` is ``steps``;
    what may be left empty and was is None. ``region`` is never empty.
    """

    functions: tuple[str, ...]
    alias: str
    version: VersionChoice
    package: tuple[NewCode, ...]
    description: str
    plan: Plan
    interval: timedelta
    alarms: tuple[AlarmName, ...]
    create_alias: bool
    alarm_at_start: AlarmAtStart
    insufficient_data: InsufficientData
    guards: tuple[Guard, ...]
    min_invocations: int
    evidence_timeout: timedelta
    preflight: Preflight
    poll_interval: timedelta
    mode: Mode
    previous_alias: str | None
    smoke_test: tuple[SmokeTest, ...]
    smoke_expect: Expected | None
    hooks: tuple[Hook, ...]
    errors: Errors
    on_cancel: OnCancel
    on_stranded: OnStranded
    engine: Engine
    codedeploy_application: str | None
    codedeploy_deployment_group: str | None
    region: str
    role_to_assume: str | None
    github_token: str = field(repr=False)
    comment: Comment
    pr_number: int | None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The alias of each function, in the order given."""
        return tuple(Target(function, self.alias) for function in self.functions)

    def hooks_of(self, stage: HookStage) -> tuple[Hook, ...]:
        """The hooks of one stage, in the order given."""
        return tuple(hook for hook in self.hooks if hook.stage is stage)
