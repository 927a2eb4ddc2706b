"""What was asked for, and what it takes to do it: the story's two arguments."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from lambda_rollout import lease
from lambda_rollout.alarm_poll import Alarms
from lambda_rollout.aws_clock import AwsClock
from lambda_rollout.choices import Mode, OnCancel, OnStranded, Preflight
from lambda_rollout.events import Event, Run, Started
from lambda_rollout.guards import Guard
from lambda_rollout.handover import Charge, Handover, Phase
from lambda_rollout.judge import AlarmAtStart, InsufficientData, Running, VersionState
from lambda_rollout.lease import Record, RunWord
from lambda_rollout.lookout import Lookout
from lambda_rollout.numbers import Metrics
from lambda_rollout.package import CodeStorage, Package
from lambda_rollout.plan import Plan, Step
from lambda_rollout.routing import HUNDRED, Routing, Target
from lambda_rollout.stop import Clock, Stop
from lambda_rollout.together import Together, one_by_one
from lambda_rollout.traffic import Aliases, Traffic


class Versions(Protocol):
    """Lambda's version calls, one try each. Errors are `CallFailed` and its kinds."""

    def latest(self, target: Target) -> VersionState:
        """GetFunctionConfiguration of ``$LATEST``."""
        ...

    def read(self, target: Target, version: str) -> VersionState:
        """GetFunctionConfiguration of a published version."""
        ...

    def storage(self, target: Target) -> CodeStorage:
        """GetFunction of ``$LATEST``: how its code is kept. The presigned URL in the answer is not looked at."""
        ...

    def upload(
        self, target: Target, package: Package, architectures: Sequence[str], storage: CodeStorage
    ) -> str:
        """UpdateFunctionCode, for the architectures and the storage of the function; return the code's SHA-256."""
        ...

    def running(self, target: Target, version: str) -> Running:
        """ListDurableExecutionsByFunction: how many executions of a version are running, up to a thousand."""
        ...

    def publish(self, target: Target, description: str, code_sha256: str) -> str:
        """PublishVersion, if the code is still that; return the version's number."""
        ...


class Runs(Protocol):
    """What GitHub knows about other runs. Never raises: no answer is `RunWord.UNKNOWN`."""

    def word(self, record: Record) -> RunWord:
        """Say whether the run that wrote this record is over."""
        ...

    def url(self, record: Record) -> str:
        """Return the page of the run that wrote this record, or empty."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
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
    nonce: str
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

    def started(self, at: datetime) -> Started:
        """Make the first event."""
        return Started(
            at=at,
            mode=str(self.mode),
            targets=self.targets,
            region=self.region,
            plan=self.plan,
            alarms=self.alarms,
            guards=tuple(str(guard) for guard in self.guards),
            run=self.run,
        )

    def handover(self, phase: Phase, charges: tuple[Charge, ...]) -> Handover:
        """Make what the post stage needs to do the rest."""
        return Handover(
            phase=phase,
            region=self.region,
            role_to_assume=self.role_to_assume,
            hold_on_cancel=self.on_cancel is OnCancel.HOLD,
            charges=charges,
        )

    def record(self, old: str, new: str, until: datetime | None) -> Record:
        """Make the record that says this rollout is at work (or holds, without ``until``)."""
        # Only what can be read again: a server that stands in for GitHub may count its runs otherwise.
        in_github = _is_number(self.run.run_id) and bool(self.run.repository)
        attempt = self.run.attempt if _is_number(self.run.attempt) else "1"
        return Record(
            old=old,
            new=new,
            nonce=self.nonce,
            until=until.replace(microsecond=0) if until else None,
            run=self.run.run_id if in_github else "",
            attempt=attempt if in_github else "",
            repository=lease.repository_hash(self.run.repository) if in_github else "",
        )

    def live_record(self, traffic: Traffic, new: str) -> Record:
        """Make a record with a fresh lease."""
        return self.record(traffic.old, new, traffic.aws_clock.lease_end())

    def command(self, target: Target, routing: Routing, description: str | None = None) -> str:
        """Return the AWS CLI command that gives an alias this whole routing."""
        words = ["aws", "lambda", "update-alias", "--region", self.region]
        words += ["--function-name", target.function, "--name", target.alias]
        words += ["--function-version", routing.version]
        words += ["--routing-config", '{"AdditionalVersionWeights":{}}']
        if description is not None:
            words += ["--description", description]
        return shlex.join(words)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the story works with."""

    aliases: Aliases
    versions: Versions
    alarms: Alarms
    runs: Runs
    clock: Clock
    aws_clock: AwsClock
    stop: Stop
    emit: Callable[[Event], None]
    remember: Callable[[Handover], None]
    """Saves what the post stage needs, before the next write."""
    together: Together = one_by_one
    """Does the same to many targets."""
    metrics: Metrics | None = None
    """The calls that read the versions' own numbers; None goes without them."""
    lookout: Lookout | None = None
    """The calls of the preflight; None goes without one."""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def seconds(duration: timedelta) -> float:
    """Return a duration in seconds."""
    return duration.total_seconds()


def order_of_handover(handover: Handover, run: Run) -> Order:
    """Say what the post stage has to do in the story's words; it shifts nothing and watches nothing."""
    nonce = handover.charges[0].nonce if handover.charges else ""
    return Order(
        mode=Mode.ROLLBACK,
        targets=tuple(charge.target for charge in handover.charges),
        region=handover.region,
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
        on_cancel=OnCancel.HOLD if handover.hold_on_cancel else OnCancel.ROLLBACK,
        on_stranded=OnStranded.FAIL,
        role_to_assume=handover.role_to_assume,
        run=run,
        nonce=nonce,
    )
