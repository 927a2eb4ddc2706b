"""What stands at this moment, as one value that every report reads; `fold` makes it of the events.

Nothing here knows how a report looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmReading
from lambda_rollout.analysis.metrics import Comparison
from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.preflight.finding import Finding
from lambda_rollout.rollout import events as e


class Status(StrEnum):
    """Where a step of the schedule is."""

    WAITING = "waiting"
    SHIFTING = "shifting"
    WATCHING = "watching"
    EXTENDED = "extended"
    PASSED = "passed"
    FAILED = "failed"
    """The rollout ended in it, whatever ended it."""
    SKIPPED = "skipped"
    """A later step began without it: an earlier run had done it."""
    LEFT_OUT = "left out"
    """A later step began without it: the rollout was told to go on to 100%."""
    NOT_REACHED = "not reached"


MOST_WARNINGS = 100
"""Warnings that are kept; of more only the number is known."""

GOING_ON = frozenset({Status.SHIFTING, Status.WATCHING, Status.EXTENDED})
"""A step that has begun and not ended."""


@dataclass(frozen=True, slots=True)
class StepNow:
    """One step of the schedule and what has come of it."""

    number: int
    percent: Decimal
    watch: timedelta
    status: Status = Status.WAITING
    began: datetime | None = None
    watched_from: datetime | None = None
    """When AWS had confirmed the weight of every target."""
    ended: datetime | None = None
    extended_until: datetime | None = None
    lacked: str = ""
    """Why it was extended."""
    earliest: timedelta | None = None
    """From when on it may end before ``watch`` is over; None if it may not."""
    saved: timedelta | None = None
    """How much earlier it ends, because all guards are shown to hold or somebody asked for it; None if it does not."""
    holds: bool = False
    """Whether it waits at the weight of the step before until somebody says to go on."""
    told_to_go_on: bool = False
    """Whether ``mode: promote`` asked for its end, and was not refused."""
    refused: str = ""
    """Why the last request to go on was refused in it; empty if none was."""

    @property
    def lasted(self) -> timedelta | None:
        """How long its weight was watched, None if it never was out."""
        if self.ended is None or self.watched_from is None:
            return None
        return max(timedelta(), self.ended - self.watched_from)


@dataclass(frozen=True, slots=True)
class AlarmNow:
    """One alarm: its newest reading, and what else was seen of it."""

    newest: AlarmReading
    fired: AlarmReading | None = None
    """The reading that counted against the new version; its reason is that of the firing."""
    was_ok: bool = False
    had_data: bool = False
    changes: int = 0
    """How often its state was seen to have changed."""

    @property
    def guarded(self) -> bool:
        """False for an alarm that was never evaluated and OK: nothing shows that it could have fired."""
        return self.fired is not None or self.was_ok


class HookSaid(StrEnum):
    """What a hook has said so far."""

    NOTHING_YET = "not answered yet"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "failed"
    """It said so, or what it said, or did not say, counts as that."""
    NOT_AWAITED = "not waited for"
    """Something else decided first."""


@dataclass(frozen=True, slots=True)
class HookNow:
    """One hook at one stage, and what has come of it."""

    hook: Hook
    step: int | None
    began: datetime
    said: HookSaid = HookSaid.NOTHING_YET
    why: str = ""
    """Why it failed, or is asked again; its own or AWS's words may be in it."""
    details: str = ""
    ended: datetime | None = None

    @property
    def is_fatal(self) -> bool:
        """Whether it sends the rollout back: before any traffic there is nothing to send back, and later it is back."""
        in_traffic = self.hook.stage in {HookStage.EACH_STEP, HookStage.AFTER_TRAFFIC}
        return in_traffic and self.said is HookSaid.FAILED

    @property
    def lasted(self) -> timedelta | None:
        """From its first call to its last word, None before that."""
        return None if self.ended is None else max(timedelta(), self.ended - self.began)


@dataclass(frozen=True, slots=True)
class Exposure:
    """From when on the new version had which share of the traffic."""

    since: datetime
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TargetNow:
    """One alias: from which version to which, and what it sends where."""

    target: Target
    arn: str = ""
    previous: str | None = None
    version: str | None = None
    published: bool = False
    """Whether ``version`` was published from ``$LATEST`` by this run."""
    missing: bool = False
    """Whether there was no such alias at the start."""
    created: bool = False
    already_there: bool = False
    abandoned: e.AbandonedFound | None = None
    """How a run that died had left the alias before this one began."""
    restored: bool = False
    """Whether that was put right first."""
    running: e.RolloutRunning | None = None
    """The rollout that another run is at work on, and that this run asks to go on; None if this run shifts."""
    smoke_test: e.SmokeTestStarted | e.SmokeTested | None = None
    """How far its smoke test is; None if it has none, or it has not begun."""
    routing: Routing | None = None
    """As last confirmed or seen; None if unknown."""
    exposures: tuple[Exposure, ...] = ()
    rolled_back_at: datetime | None = None
    left: e.AliasLeft | None = None
    taken_back: bool = False
    """Whether somebody else has put it back on its old version."""
    executions_left: e.ExecutionsLeft | None = None
    """The durable executions that a rollback did not stop, if any."""
    way_back: e.PreviousAliasFound | None = None
    """What said where to go back to, if that was no number and no record."""

    @property
    def weight(self) -> Decimal | None:
        """Percent of the traffic on the new version, None if unknown."""
        if self.routing is None or self.version is None:
            return None
        return self.routing.percent_of(self.version)

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` and so on; empty before the alias was read."""
        return self.arn.split(":")[1] if self.arn.count(":") > 1 else ""

    def exposed(self, until: datetime) -> tuple[tuple[Decimal, timedelta], ...]:
        """How long the new version had which share of the traffic, in order, without times at 0%."""
        changes = [
            each
            for before, each in pairwise([Exposure(until, Decimal()), *self.exposures])
            if each.percent != before.percent
        ]
        return tuple(
            (now.percent, max(timedelta(), after.since - now.since))
            for now, after in pairwise([*changes, Exposure(until, Decimal())])
            if now.percent
        )


@dataclass(frozen=True, slots=True)
class RolloutState:
    """Everything that the reports tell."""

    started: e.Started | None = None
    targets: Mapping[Target, TargetNow] = field(default_factory=dict)
    steps: tuple[StepNow, ...] = ()
    alarms: Mapping[str, AlarmNow] = field(default_factory=dict)
    """By ARN, in the order they were found."""
    warnings: tuple[str, ...] = ()
    """The first of them, up to `MOST_WARNINGS`."""
    more_warnings: int = 0
    findings: tuple[Finding, ...] | None = None
    """Of the preflight, None if there was none."""
    permissions: e.PermissionsNeeded | None = None
    """What the role needs, told by a plan; None in any other mode."""
    guardians: e.GuardiansFound | None = None
    """Which guardians the alarms invoke; None where nothing was said of them."""
    numbers: Mapping[Target, Comparison] = field(default_factory=dict)
    """The versions' own metrics, all minutes so far."""
    named_hooks: tuple[Hook, ...] = ()
    """Those that may be asked."""
    hooks: tuple[HookNow, ...] = ()
    """Those that were asked, in order."""
    logs: tuple[e.LogRead, ...] = ()
    """What the logs of the versions say that were left, in order."""
    unread_logs: tuple[e.LogNotRead, ...] = ()
    finished: e.Finished | None = None
    latest: datetime | None = None

    @property
    def mode(self) -> str:
        """The input of that name; empty before anything is known."""
        return self.started.mode if self.started else ""

    @property
    def asks_another_run(self) -> bool:
        """Whether this run shifts nothing, and asks the one whose rollout it is to go on."""
        return any(now.running is not None for now in self.targets.values())

    @property
    def going_on(self) -> StepNow | None:
        """The step that is going on, if one is."""
        return next((step for step in self.steps if step.status in GOING_ON), None)

    @property
    def asked(self) -> HookNow | None:
        """The hook that is being asked, if one is."""
        return next((hook for hook in reversed(self.hooks) if hook.ended is None), None)

    @property
    def result(self) -> e.Result:
        """How it ended; without an end it failed."""
        return self.finished.result if self.finished else e.Result.FAILED

    @property
    def reason(self) -> str:
        """Why it was rolled back, held or failed; AWS's words may be in it. Empty otherwise."""
        return self.finished.reason if self.finished else "the run was interrupted before its end"

    @property
    def remedy(self) -> str:
        """What to do next; may be empty."""
        return self.finished.remedy if self.finished else ""

    @property
    def lasted(self) -> timedelta:
        """From the first event to the newest."""
        if self.started is None or self.latest is None:
            return timedelta()
        return self.latest - self.started.at

    @property
    def left(self) -> tuple[e.AliasLeft, ...]:
        """The aliases that are not as they should be."""
        return tuple(now.left for now in self.targets.values() if now.left is not None)

    @property
    def failed_alarms(self) -> tuple[AlarmReading, ...]:
        """The alarms that caused a rollback."""
        return self.finished.failed_alarms if self.finished else ()

    @property
    def unguarding(self) -> tuple[AlarmNow, ...]:
        """The alarms that are not shown to have been able to stop the new version."""
        return tuple(alarm for alarm in self.alarms.values() if not alarm.guarded)

    @property
    def watched(self) -> bool:
        """Whether any step began."""
        return any(step.began is not None for step in self.steps)

    @property
    def failed_smoke_tests(self) -> tuple[e.SmokeTested, ...]:
        """The smoke tests that a version did not pass."""
        tests = (now.smoke_test for now in self.targets.values())
        return tuple(test for test in tests if isinstance(test, e.SmokeTested) and not test.passed)

    @property
    def shifted(self) -> bool:
        """Whether any alias was, or may have been, touched."""
        return any(
            now.created or now.exposures or now.rolled_back_at for now in self.targets.values()
        )
