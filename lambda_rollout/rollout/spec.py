"""What was asked for, and who does it: the story's first argument, and what is left of it for the post stage."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import HUNDRED, Routing, Target
from lambda_rollout.alias.writer import AliasWriter
from lambda_rollout.inputs.choices import Engine, HookStage, Mode, OnCancel
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.names import FromAlias, Latest, Numbered, NumberedEach
from lambda_rollout.inputs.package import Package
from lambda_rollout.inputs.steps import Plan, Step
from lambda_rollout.rollout.events import Run, Started
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Who writes to the aliases, and where: all that it takes to leave them in order, in main and in the post stage."""

    region: str
    role_to_assume: str
    """The ARN of the role; empty goes without one."""
    run: Run
    rollout_id: str
    """Eight random hex digits that tell this rollout from every other."""
    hold_on_cancel: bool
    previous_alias: str = ""
    """Name of the alias that a promotion points at the version it left; empty for none."""

    @classmethod
    def of_saved_state(cls, saved_state: SavedState, run: Run) -> RunIdentity:
        """Say who the post stage is: ``run``, in the name of the rollout that main left."""
        return cls(
            region=saved_state.region,
            role_to_assume=saved_state.role_to_assume,
            run=run,
            rollout_id=saved_state.aliases[0].rollout_id if saved_state.aliases else "",
            hold_on_cancel=saved_state.hold_on_cancel,
            previous_alias=saved_state.previous_alias,
        )

    def saved_state(self, phase: Phase, aliases: tuple[SavedAlias, ...]) -> SavedState:
        """Make what the post stage needs to do the rest."""
        return SavedState(
            phase=phase,
            region=self.region,
            role_to_assume=self.role_to_assume,
            hold_on_cancel=self.hold_on_cancel,
            aliases=aliases,
            previous_alias=self.previous_alias,
        )

    def record(
        self, writer: AliasWriter, new: str, routing: Routing, until: datetime | None
    ) -> Record:
        """Make the record that says this rollout is at work on a routing (or holds it, without ``until``)."""
        # Only what can be read again: a server that stands in for GitHub may count its runs otherwise.
        in_github = _is_number(self.run.run_id) and bool(self.run.repository)
        attempt = self.run.attempt if _is_number(self.run.attempt) else "1"
        return Record(
            old=writer.old,
            new=new,
            rollout_id=self.rollout_id,
            since=writer.weight_since(routing),
            until=until.replace(microsecond=0) if until else None,
            run=self.run.run_id if in_github else "",
            attempt=attempt if in_github else "",
            repository=lease.repository_hash(self.run.repository) if in_github else "",
        )

    def live_record(self, writer: AliasWriter, new: str, routing: Routing) -> Record:
        """Make a record with a fresh lease."""
        return self.record(writer, new, routing, writer.aws_clock.lease_end())

    def command(self, target: Target, routing: Routing, description: str | None = None) -> str:
        """Return the AWS CLI command that gives an alias this whole routing."""
        words = ["aws", "lambda", "update-alias", "--region", self.region]
        words += ["--function-name", target.function, "--name", target.alias]
        words += ["--function-version", routing.version]
        words += ["--routing-config", '{"AdditionalVersionWeights":{}}']
        if description is not None:
            words += ["--description", description]
        return shlex.join(words)


STAGES_OF_MODE: Mapping[Mode, frozenset[HookStage]] = {
    Mode.PUBLISH: frozenset({HookStage.BEFORE_TRAFFIC}),
    Mode.PROMOTE: frozenset(HookStage) - {HookStage.BEFORE_TRAFFIC},
    Mode.ROLLBACK: frozenset({HookStage.ON_ROLLBACK}),
}
"""The stages of the hooks that a mode has; of any other mode all."""


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """What was asked for, as it was asked, and who does it. A new input is known here without a change."""

    inputs: Inputs
    run: Run
    rollout_id: str
    """As in `RunIdentity`."""
    packages: Mapping[str, Package] = field(default_factory=dict)
    """Function, as in ``function-name`` -> the code to upload before publishing; one without keeps its ``$LATEST``."""
    payloads: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Function, as in ``function-name`` -> what its smoke test invokes the new version with; none has none."""
    shows_messages: bool = False
    """Whether what a function's log says may be shown where this run reports: the repository is known to be private."""
    warnings: tuple[str, ...] = ()
    """What the person deploying should know from the start."""

    @property
    def identity(self) -> RunIdentity:
        """Who does it."""
        return RunIdentity(
            region=self.inputs.region,
            role_to_assume=self.inputs.role_to_assume or "",
            run=self.run,
            rollout_id=self.rollout_id,
            hold_on_cancel=self.inputs.on_cancel is OnCancel.HOLD,
            previous_alias=self.inputs.previous_alias or "",
        )

    def version_number(self, target: Target) -> str | None:
        """Return the published version of the target's function that was asked for by its number."""
        match self.inputs.version:
            case Numbered(number):
                return number
            case NumberedEach(numbers):
                return dict(numbers)[target.name]
        return None

    @property
    def version_alias(self) -> str | None:
        """The alias of the function whose version was asked for."""
        version = self.inputs.version
        return version.alias if isinstance(version, FromAlias) else None

    @property
    def publishes(self) -> bool:
        """Whether ``$LATEST`` is to be published, as no version was asked for."""
        return isinstance(self.inputs.version, Latest)

    @property
    def promotion_watch(self) -> timedelta:
        """How long 100% is watched, also for a plan that ends held and is promoted by a later run."""
        promotion = self.inputs.plan.promotion
        return promotion.watch if promotion else self.inputs.interval

    @property
    def plan(self) -> Plan:
        """The schedule of this run: of a promotion its last step alone."""
        # The steps before, or a `hold` at their end, are those of the rollout that was held.
        promotes = self.inputs.mode is Mode.PROMOTE
        return Plan((Step(HUNDRED, self.promotion_watch),)) if promotes else self.inputs.plan

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """The hooks that may be asked in this mode; CodeDeploy asks its own in a deployment, and in no other mode."""
        mode, direct = self.inputs.mode, self.inputs.engine is Engine.DIRECT
        stages = STAGES_OF_MODE.get(mode, frozenset(HookStage))
        if not (direct or mode in {Mode.ROLLOUT, Mode.PLAN}):
            return ()
        return tuple(hook for hook in self.inputs.hooks if hook.stage in stages)

    def started(self) -> Started:
        """Make the first event."""
        inputs = self.inputs
        return Started(
            mode=str(inputs.mode),
            targets=inputs.targets,
            region=inputs.region,
            plan=self.plan,
            alarms=tuple(alarm.text for alarm in inputs.alarms),
            guards=tuple(str(guard) for guard in inputs.guards),
            run=self.run,
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def seconds(duration: timedelta) -> float:
    """Return a duration in seconds."""
    return duration.total_seconds()
