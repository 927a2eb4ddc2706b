"""What happened, as frozen values: the only record of a rollout.

The story emits these; log, summary, outputs and the JSON report are made of them and of nothing
else. Whoever takes them in puts ``at`` on them (`stamped`), the runner's wall clock in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.analysis.errors.model import ErrorGroup, LoggedError
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.metrics import Comparison
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.steps import Plan
from lambda_rollout.preflight.finding import Finding
from lambda_rollout.preflight.policy import PolicyStatement

NOT_STAMPED = datetime.min.replace(tzinfo=UTC)
"""The time of an event that nobody has taken in yet."""


class Result(StrEnum):
    """How it ended; the ``result`` output."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled-back"
    HELD = "held"
    REQUESTED = "requested"
    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Run:
    """The workflow run that this is part of; every field is empty outside GitHub."""

    server_url: str = ""
    repository: str = ""
    run_id: str = ""
    attempt: str = ""
    actor: str = ""
    sha: str = ""

    @property
    def url(self) -> str:
        """The run's page on GitHub, or empty."""
        if not (self.server_url and self.repository and self.run_id):
            return ""
        return f"{self.server_url}/{self.repository}/actions/runs/{self.run_id}/attempts/{self.attempt or '1'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened."""

    at: datetime = NOT_STAMPED


_E = TypeVar("_E", bound=Event)


def stamped(event: _E, now: datetime) -> _E:
    """Return the event with the time ``now``, unless it says itself when it happened."""
    return replace(event, at=now) if event.at == NOT_STAMPED else event


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """The inputs were good and work begins. Always the first event unless the inputs were bad."""

    mode: str
    targets: tuple[Target, ...]
    region: str
    plan: Plan
    alarms: tuple[str, ...]
    guards: tuple[str, ...] = ()
    run: Run


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasFound(Event):
    """The alias before anything was changed."""

    target: Target
    arn: str
    routing: Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutAwaited(Event):
    """``mode: promote`` found nothing to promote, and waits for a rollout to begin."""

    targets: tuple[Target, ...]
    until: datetime
    """When waiting is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutRunning(Event):
    """``mode: promote`` found a rollout that is still running: it stays with the run that it is in."""

    target: Target
    version: str
    previous: str
    record: str
    """The record on the alias, as it stands there."""
    run_url: str
    """That run's page on GitHub if it is of this repository, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionRequested(Event):
    """The running rollout is asked to go on: the request stands in its record."""

    target: Target
    """The alias that it stands on; any one of the rollout's is enough."""
    percent: Decimal
    """Percent of the traffic that the new version has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEnded(Event):
    """What became of an alias whose rollout was asked to go on, as last seen."""

    target: Target
    version: str
    previous: str
    routing: Routing


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeen(Event):
    """``mode: promote`` asks this rollout to go on: the step ends once alarms and alias were read again."""

    number: int
    target: Target
    """The alias that the request stands on."""
    saved: timedelta
    """How much of the step's time is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """The request to go on was refused, or withdrawn: the step goes on as planned."""

    number: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMissing(Event):
    """There is no such alias, and ``create-alias`` allows to make it."""

    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasCreated(Event):
    """The missing alias was created, 100% on the new version."""

    target: Target
    arn: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonedFound(Event):
    """A run of this action died and left the alias unfinished; what is done about it follows."""

    target: Target
    routing: Routing
    record: str
    """The record on the alias, as it stands there."""
    run_url: str
    """The dead run's page on GitHub if it was of this repository, else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored(Event):
    """The alias that a dead run left is 100% on its old version again."""

    target: Target
    version: str
    from_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmsFound(Event):
    """The alarms as they were before anything was shifted."""

    readings: tuple[AlarmReading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardiansFound(Event):
    """Which guardians the alarms invoke (docs/guardian.md). A plan tells of none, too; any other run does not."""

    arns: tuple[str, ...]
    """Of their functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionPublished(Event):
    """``$LATEST`` was published, or AWS answered that nothing is new since ``version``."""

    target: Target
    version: str
    previous: str | None
    """The version the alias pointed at, None for an alias still to be created."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTaken(Event):
    """The ``version`` input names an already published version."""

    target: Target
    version: str
    previous: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionWaited(Event):
    """The version cannot serve yet; told once per change of ``state``."""

    target: Target
    version: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionReady(Event):
    """The version can serve."""

    target: Target
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTestStarted(Event):
    """The new version is invoked with the smoke test's payload, before it gets any traffic."""

    target: Target
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTested(Event):
    """A smoke test is over: the version passed, or it gets no traffic."""

    target: Target
    version: str
    passed: bool
    why: str = ""
    """Why it did not pass, in a clause; the function's own words may be in it. Empty otherwise."""
    log: tuple[str, ...] = ()
    """The last lines of the function's log, up to 4 KB, if it did not pass and there are any."""
    error: LoggedError | None = None
    """The error that these lines tell of, if they tell of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyThere(Event):
    """The alias was already 100% on that version: nothing to shift."""

    target: Target
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted(Event):
    """A step of the schedule begins; ``number`` counts from 1. Its weights are shifted next, unless it is a hold."""

    number: int
    percent: Decimal
    watch: timedelta
    earliest: timedelta | None = None
    """From when on it may end before its time is over; None if it may not."""
    holds: bool = False
    """Whether it stays at the weight of the step before until somebody says to go on, or it is over and goes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightShifted(Event):
    """AWS confirmed it: ``percent`` of the alias's traffic goes to the new version."""

    target: Target
    version: str
    previous: str
    percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChanged(Event):
    """An alarm is in another state than at the read before, or was between the two reads."""

    reading: AlarmReading
    before: AlarmState
    fired: bool
    """Whether this counts as fired: it is, or between the two reads it was, in ALARM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationChanged(Event):
    """CloudWatch does not evaluate an alarm any more, or only in part, or it does again."""

    reading: AlarmReading
    before: str
    """Its EvaluationState at the read before; empty where it was evaluated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable(Event):
    """A read failed; told once until it works again. ``what`` is ``alarms`` or the alias."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Event):
    """Nothing new, at most once a minute: how far it is."""

    number: int
    percent: Decimal
    step_left: timedelta
    all_left: timedelta
    states: tuple[tuple[AlarmState, int], ...]
    """How many alarms are in which state, in the order ALARM, INSUFFICIENT_DATA, OK."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepExtended(Event):
    """The step's time is over but its evidence is not there yet; it is watched on, at most to ``until``."""

    number: int
    until: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEndsEarly(Event):
    """All guards are shown to hold before the step's time is over; it passes with the next read that finds nothing."""

    number: int
    saved: timedelta
    """How much of its time is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardObserved(Event):
    """What the numbers say of a guard that is only observed: told when it is broken, and at the end of each step."""

    number: int
    guard: str
    target: Target
    outcome: Outcome
    why: str
    """The figures, or what they lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPassed(Event):
    """The step was watched to its end, and a read after its last second found nothing."""

    number: int
    percent: Decimal
    readings: tuple[AlarmReading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksNamed(Event):
    """The hooks that may be asked in this run, told at the start; no such event without any."""

    hooks: tuple[Hook, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookStarted(Event):
    """A hook is invoked, for the first time at this stage."""

    hook: Hook
    step: int | None
    """The number of the step that goes on, or was the last; None before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookInProgress(Event):
    """A hook said IN_PROGRESS, told at most once a minute."""

    hook: Hook
    again_in: timedelta
    """Until it is asked again."""
    details: str
    """Its ``hookDetails`` as JSON, cut where long; empty without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookUnanswered(Event):
    """A hook's call was throttled or not answered, and is made again; told once until one is answered."""

    hook: Hook
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEnded(Event):
    """A hook has said its last word, or its time is over."""

    hook: Hook
    passed: bool
    why: str
    """Why it failed; empty otherwise."""
    details: str
    """Its ``hookDetails`` as JSON, cut where long; empty without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack(Event):
    """AWS confirmed it: the alias is 100% on ``version`` again."""

    target: Target
    version: str
    from_version: str
    percent: Decimal
    """Percent of the traffic that ``from_version`` had when the rollback was decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionsLeft(Event):
    """A durable function went back, and executions go on on the version that it left; none is stopped by that."""

    target: Target
    version: str
    running: int | None
    """How many, None if that could not be read."""
    more: bool = False
    """Whether there are more than that."""
    why: str = ""
    """Why it could not be read, or empty."""
    command: str
    """The AWS CLI command that lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead(Event):
    """The log of a version that was left was read once its alias was back: what it says of errors."""

    target: Target
    version: str
    log_group: str
    since: datetime
    """From when on: the version's first traffic."""
    errors: tuple[ErrorGroup, ...]
    """The most frequent first, three at most; empty if there are none in it yet."""
    more: int = 0
    """How many further kinds of errors there are."""
    count: int = 0
    """Errors of all kinds."""
    complete: bool = True
    """Whether all entries that may tell of an error were read; if not there are more errors than counted."""
    exists: bool = True
    """Whether there is such a log group: Lambda makes it with the first entry."""
    messages: bool = False
    """Whether messages are told, and not types and counts alone."""
    waited: timedelta = timedelta()
    """How long entries were waited for: they come seconds late."""
    query: str
    """A query for CloudWatch Logs Insights that shows these errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNotRead(Event):
    """The logs of versions that were left could not be read; nothing depends on it."""

    targets: tuple[Target, ...]
    why: str
    remedy: str = ""
    """What to do, in a sentence; may be empty."""
    statement: str = ""
    """The statement of an IAM policy that allows it, as JSON; empty if that is not what lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Event):
    """AWS confirmed it: the alias stays as it is, marked as held; nothing watches it from now on."""

    target: Target
    version: str
    previous: str
    percent: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack(Event):
    """Somebody else has put the alias back on its old version: it was found there, not split and without a record."""

    target: Target
    version: str
    """The old one, which has all traffic again."""
    from_version: str
    percent: Decimal
    """What the new version had before, as far as this run knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCleared(Event):
    """AWS confirmed it: the rollout's record is off the alias, and the owner's description is back."""

    target: Target
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousAliasSet(Event):
    """AWS confirmed it: the alias that keeps the way back points at the version that was left."""

    target: Target
    """What was promoted."""
    alias: str
    """The alias of the same function that keeps the way back."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousAliasFound(Event):
    """The alias that keeps the way back says where to, and when that version was last live."""

    target: Target
    """What is to go back."""
    alias: str
    """The alias of the same function that keeps the way back."""
    version: str
    """The version to go back to."""
    from_version: str
    """The version that was promoted in its place."""
    promoted: datetime
    """When that was: until then the other one was live. On AWS's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasLeft(Event):
    """The alias could not be, or must not be, put back by us: what it sends where, and how to put it right."""

    target: Target
    routing: Routing | None
    """As last seen; None if it could not be read, or is gone."""
    expected: Routing
    why: str
    command: str
    """The AWS CLI command that puts the alias on the old version; empty if nothing is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentChanged(Event):
    """A CodeDeploy deployment is in another state, or its lifecycle is further on."""

    target: Target
    deployment: str
    """Its id, such as ``d-A1B2C3D4E``."""
    status: str
    """AWS's word: Created, InProgress, Succeeded, Failed, Stopped, …"""
    lifecycle: tuple[tuple[str, str], ...]
    """Name and status of each lifecycle event, in order; empty while it has not started."""
    description: str
    rolls_back: str = ""
    """The deployment that this one rolls back; empty for any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightFound(Event):
    """What was found before the first write, the gravest first; empty if nothing was."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionsNeeded(Event):
    """Which policies the role needs for these inputs, told by ``mode: plan`` however it ends."""

    statements: tuple[PolicyStatement, ...]
    trust_policy: str
    """The trust policy that accepts this job, as JSON text; empty if the job's subject is not known."""
    subject: str
    """This job's own, as its OIDC token has it; empty if it is not known."""
    why_unknown: str
    """Why the subject is not known, in a clause; empty otherwise."""
    allowed: tuple[str, ...]
    """The IAM actions that AWS allowed in this run."""
    refused: tuple[str, ...]
    """Those that it refused; of any other nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRead(Event):
    """The two versions' own metrics, for each target: the minutes not told before, or with other numbers now."""

    number: int
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned(Event):
    """Something the person deploying should know; it does not end the rollout."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Event):
    """The end; always the last event."""

    result: Result
    reason: str
    """One line: why it was rolled back, held or failed; empty otherwise."""
    remedy: str = ""
    """What to do next, in a sentence; may be empty."""
    failed_alarms: tuple[AlarmReading, ...] = ()
    asked_for: bool = False
    """Whether a rollback was what the user asked for (``mode: rollback``), so no failure."""
