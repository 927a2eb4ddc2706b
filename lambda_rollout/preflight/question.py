"""What a preflight is asked: which aliases are to go where, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.steps import Plan


@dataclass(frozen=True, slots=True)
class Passage:
    """What one target is to go through."""

    target: Target
    alias_arn: str
    """Empty for an alias that is still to be created."""
    old: str | None
    new: str
    """``$LATEST`` if it is still to be published."""
    uploads: bool = False
    """Whether new code is uploaded before it is published."""
    is_smoke_tested: bool = False
    """Whether the new version is invoked before it gets any traffic."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the preflight is for."""

    now: datetime
    """On AWS's clock."""
    passages: tuple[Passage, ...]
    plan: Plan
    guards: tuple[Guard, ...] = ()
    needs_numbers: bool = False
    hooks: tuple[Hook, ...] = ()
    by_codedeploy: bool = False
    """Whether CodeDeploy shifts, and invokes the hooks."""
    evidence_timeout: timedelta = timedelta(minutes=15)
    writes: tuple[str, ...] = ()
    only_publishes: bool = False
    """Whether no alias is to be moved: then nothing is read that only a watch depends on."""
    account: str = ""
    """Whose the credentials are, empty if that is not known."""
