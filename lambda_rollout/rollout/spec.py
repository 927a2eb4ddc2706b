"""What was asked for, and what it takes to do it: the story's two arguments."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import HUNDRED, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.inputs.choices import (
    AlarmAtStart,
    InsufficientData,
    Mode,
    OnCancel,
    OnStranded,
    Preflight,
)
from lambda_rollout.inputs.guards import Guard
from lambda_rollout.inputs.package import Package
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout.events import Run, Started
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """What was asked for. Times in seconds."""

    mode: Mode
    targets: tuple[Target, ...]
    region: str
    version: str | None
    """A published version's number; None publishes ``$LATEST``."""
    description: str
    plan: Plan
    promotion_watch: timedelta
    """How long 100% is watched, also for a plan that ends held and is promoted by a later run."""
    alarms: tuple[str, ...]
    poll_interval: float
    evidence_timeout: float
    alarm_at_start: AlarmAtStart
    insufficient_data: InsufficientData
    create_alias: bool
    on_cancel: OnCancel
    on_stranded: OnStranded
    role_to_assume: str
    run: Run
    rollout_id: str
    """Eight random hex digits that tell this rollout from every other."""
    version_alias: str | None = None
    """The alias of the function whose version to take; None if ``version`` says it."""
    package: Package | None = None
    """Code to upload before publishing."""
    warnings: tuple[str, ...] = ()
    """What the person deploying should know from the start."""
    preflight: Preflight = Preflight.WARN
    guards: tuple[Guard, ...] = ()
    min_invocations: int = 0

    def started(self) -> Started:
        """Make the first event."""
        return Started(
            mode=str(self.mode),
            targets=self.targets,
            region=self.region,
            plan=self.plan,
            alarms=self.alarms,
            guards=tuple(str(guard) for guard in self.guards),
            run=self.run,
        )

    def saved_state(self, phase: Phase, aliases: tuple[SavedAlias, ...]) -> SavedState:
        """Make what the post stage needs to do the rest."""
        return SavedState(
            phase=phase,
            region=self.region,
            role_to_assume=self.role_to_assume,
            hold_on_cancel=self.on_cancel is OnCancel.HOLD,
            aliases=aliases,
        )

    def record(self, old: str, new: str, until: datetime | None) -> Record:
        """Make the record that says this rollout is at work (or holds, without ``until``)."""
        # Only what can be read again: a server that stands in for GitHub may count its runs otherwise.
        in_github = _is_number(self.run.run_id) and bool(self.run.repository)
        attempt = self.run.attempt if _is_number(self.run.attempt) else "1"
        return Record(
            old=old,
            new=new,
            rollout_id=self.rollout_id,
            until=until.replace(microsecond=0) if until else None,
            run=self.run.run_id if in_github else "",
            attempt=attempt if in_github else "",
            repository=lease.repository_hash(self.run.repository) if in_github else "",
        )

    def live_record(self, writer: AliasWriter, new: str) -> Record:
        """Make a record with a fresh lease."""
        return self.record(writer.old, new, writer.aws_clock.lease_end())

    def command(self, target: Target, routing: Routing, description: str | None = None) -> str:
        """Return the AWS CLI command that gives an alias this whole routing."""
        words = ["aws", "lambda", "update-alias", "--region", self.region]
        words += ["--function-name", target.function, "--name", target.alias]
        words += ["--function-version", routing.version]
        words += ["--routing-config", '{"AdditionalVersionWeights":{}}']
        if description is not None:
            words += ["--description", description]
        return shlex.join(words)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def seconds(duration: timedelta) -> float:
    """Return a duration in seconds."""
    return duration.total_seconds()


def spec_of_saved_state(saved_state: SavedState, run: Run) -> RolloutSpec:
    """Say what the post stage has to do in the story's words; it shifts nothing and watches nothing."""
    rollout_id = saved_state.aliases[0].rollout_id if saved_state.aliases else ""
    return RolloutSpec(
        mode=Mode.ROLLBACK,
        targets=tuple(saved.target for saved in saved_state.aliases),
        region=saved_state.region,
        version=None,
        description="",
        plan=Plan((Step(HUNDRED, timedelta(0)),)),
        promotion_watch=timedelta(0),
        alarms=(),
        poll_interval=0.0,
        evidence_timeout=0.0,
        alarm_at_start=AlarmAtStart.FAIL,
        insufficient_data=InsufficientData.IGNORE,
        create_alias=False,
        on_cancel=OnCancel.HOLD if saved_state.hold_on_cancel else OnCancel.ROLLBACK,
        on_stranded=OnStranded.FAIL,
        role_to_assume=saved_state.role_to_assume,
        run=run,
        rollout_id=rollout_id,
    )
