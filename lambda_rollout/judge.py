"""Evidence in, verdict out. Pure: no clock, no network, no state but the values passed in.

A verdict on a step has three values, after argoproj/argo-rollouts: passed, failed, or not yet; and
"not yet" never promotes.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

UNREADABLE_LIMIT = 60.0
"""Seconds without a successful read after which a watch is blind and the rollout goes back."""

HISTORY_GRACE = 15.0
"""Seconds after a step's end that an alarm's history may take to show a change made just before it."""

SAME_MOMENT = timedelta(seconds=1)
"""How far an alarm's StateTransitionedTimestamp and its history item may differ and still be one."""


class AlarmState(StrEnum):
    """An alarm's ``StateValue``."""

    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    OK = "OK"


class AlarmAtStart(StrEnum):
    """What an alarm means that is in ALARM before anything was shifted."""

    FAIL = "fail"
    WAIT = "wait"
    IGNORE_UNTIL_OK = "ignore-until-ok"


class InsufficientData(StrEnum):
    """What an alarm means that is in INSUFFICIENT_DATA at a step's last read."""

    IGNORE = "ignore"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class AlarmReading:
    """One alarm as one DescribeAlarms answer showed it.

    Fields are those of https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html.
    """

    arn: str
    name: str
    region: str
    state: AlarmState
    reason: str
    transitioned_at: datetime | None
    """StateTransitionedTimestamp: the last change of the state, on AWS's clock."""
    evaluation: str = ""
    """EvaluationState: empty, PARTIAL_DATA, EVALUATION_ERROR or EVALUATION_FAILURE."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One state change out of an alarm's history."""

    at: datetime
    before: AlarmState
    after: AlarmState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AlarmWatch:
    """What is known of one alarm since the watch began."""

    explained: AlarmReading
    """The newest reading up to which every change of state is known."""
    newest: AlarmReading
    counts: bool
    """False while it was in ALARM from before the start and has not been OK since."""
    was_ok: bool = False
    """Whether any reading since showed OK; what lies between two readings only the history can tell."""
    fired: AlarmReading | None = None
    """Set once it counted and was in ALARM; never taken back. Its ``reason`` is that of the firing."""

    @classmethod
    def start(cls, reading: AlarmReading) -> AlarmWatch:
        """Begin with the read made just before the first shift."""
        return cls(reading, reading, counts=reading.state is not AlarmState.ALARM)

    @property
    def unexplained(self) -> bool:
        """Whether the state changed in a way that only the alarm's history can tell."""
        return self.fired is None and self.newest.transitioned_at != self.explained.transitioned_at


def observe(watch: AlarmWatch, reading: AlarmReading) -> AlarmWatch:
    """Take a new reading into account.

    The timestamp of the last transition is what tells a state that stayed from one that left and came
    back between two reads. The first is explained by the reading alone; for the second `explain` must
    be given the history.
    """
    now_ok = reading.state is AlarmState.OK
    seen = replace(watch, newest=reading, was_ok=watch.was_ok or now_ok)
    if watch.fired is not None:
        return seen
    if reading.state is AlarmState.ALARM and (watch.counts or watch.was_ok):
        return replace(seen, explained=reading, counts=True, fired=reading)
    if (
        reading.transitioned_at is None
        or reading.transitioned_at == watch.explained.transitioned_at
    ):
        return replace(seen, explained=reading, counts=watch.counts or now_ok)
    return seen


def explain(watch: AlarmWatch, history: Iterable[Transition]) -> AlarmWatch:
    """Take the alarm's history since ``watch.explained`` into account, as far as it is complete.

    History may lag behind the state. It is complete only when it reaches the newest reading; until
    then the watch comes back unexplained, unless what is there already shows a firing.
    """
    if not watch.unexplained:
        return watch
    since = _after_what_was_known(watch.explained, sorted(history, key=lambda change: change.at))
    counts = watch.counts
    for change in since:
        if change.after is AlarmState.ALARM and counts:
            fired = replace(
                watch.newest,
                state=AlarmState.ALARM,
                reason=change.reason or watch.newest.reason,
                transitioned_at=change.at,
            )
            return replace(watch, counts=True, fired=fired)
        counts = counts or change.after is AlarmState.OK
    if not since or not _reaches(watch.newest, since[-1]):
        return watch
    return replace(watch, explained=watch.newest, counts=counts)


def _after_what_was_known(
    known: AlarmReading, history: Sequence[Transition]
) -> Sequence[Transition]:
    if known.transitioned_at is None:
        return history
    moment = known.transitioned_at
    same = [
        (abs(change.at - moment), index)
        for index, change in enumerate(history)
        if change.after is known.state and abs(change.at - moment) <= SAME_MOMENT
    ]
    if same:
        return history[min(same)[1] + 1 :]
    return [change for change in history if change.at > moment]


def _reaches(newest: AlarmReading, last: Transition) -> bool:
    moment = newest.transitioned_at
    return last.after is newest.state and (moment is None or last.at >= moment - SAME_MOMENT)


def firing_at_start(readings: Iterable[AlarmReading]) -> tuple[AlarmReading, ...]:
    """Return the alarms that are in ALARM before anything was shifted."""
    return tuple(reading for reading in readings if reading.state is AlarmState.ALARM)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a step at one moment. Moments are monotonic seconds of one clock."""

    now: float
    planned_end: float
    """When the step's time is over."""
    last_end: float
    """When waiting for more evidence ends: planned_end plus ``evidence-timeout``."""
    alarms_read_at: float
    """When the newest successful read of all alarms was *sent*; an answer can be older than its arrival."""
    aliases_read_at: float
    """When the oldest target's newest successful read was sent."""
    watches: tuple[AlarmWatch, ...]
    alarms_failing_since: float | None = None
    """When the first read was sent that failed with no success since; None while reads succeed."""
    aliases_failing_since: float | None = None
    missing: tuple[str, ...] = ()
    """Alarms that were there and are no more."""
    broken: str = ""
    """Which guard is broken, and by which figures."""
    lacks: str = ""
    """Which guard cannot be judged yet, or whose invocations are too few."""
    lacked_at: float = -math.inf
    """When the step was last found to lack something: as long as that it lasts at least."""
    insufficient_data: InsufficientData = InsufficientData.IGNORE


@dataclass(frozen=True, slots=True)
class Passed:
    """Watched to the end, nothing found."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Go back."""

    reason: str
    alarms: tuple[AlarmReading, ...] = ()


@dataclass(frozen=True, slots=True)
class NotYet:
    """Watch on. ``lacks`` is empty while the step simply has time left."""

    lacks: str = ""


Verdict = Passed | Failed | NotYet


def judge_step(evidence: Evidence) -> Verdict:
    """Decide whether a step has passed, must go back, or goes on.

    Passed needs a read of the alarms and one of the aliases, both sent after the step's last second
    (contract, promise 3); the last second of a step that was extended is the one in which it still lacked something.
    Whatever is in doubt by then goes back.
    """
    failed = _reason_at_any_time(evidence)
    if failed is not None:
        return failed
    last_second = max(evidence.planned_end, evidence.lacked_at)
    if evidence.now < last_second or evidence.alarms_read_at < last_second:
        return NotYet()
    unexplained = tuple(watch.newest for watch in evidence.watches if watch.unexplained)
    if unexplained and evidence.now < evidence.planned_end + HISTORY_GRACE:
        return NotYet(f"the history of {', '.join(reading.name for reading in unexplained)}")
    if unexplained:
        return Failed(_unexplained_reason(unexplained), unexplained)
    if evidence.aliases_read_at < evidence.planned_end:
        return NotYet()
    return _judge_what_is_lacking(evidence)


def _reason_at_any_time(evidence: Evidence) -> Failed | None:
    fired = tuple(watch.fired for watch in evidence.watches if watch.fired is not None)
    if fired:
        return Failed(_fired_reason(fired), fired)
    if evidence.missing:
        return Failed(f"alarm deleted during the rollout: {', '.join(evidence.missing)}")
    if evidence.broken:
        return Failed(evidence.broken)
    for what, since in (
        ("alarms", evidence.alarms_failing_since),
        ("alias", evidence.aliases_failing_since),
    ):
        if since is not None and evidence.now - since >= UNREADABLE_LIMIT:
            return Failed(f"the {what} could not be read for {UNREADABLE_LIMIT:.0f} s")
    return None


def _judge_what_is_lacking(evidence: Evidence) -> Verdict:
    blind: tuple[AlarmReading, ...] = ()
    if evidence.insufficient_data is InsufficientData.FAIL:
        blind = tuple(
            watch.newest
            for watch in evidence.watches
            if watch.newest.state is AlarmState.INSUFFICIENT_DATA
        )
    names = ", ".join(reading.name for reading in blind)
    lacks = f"INSUFFICIENT_DATA: {names}" if blind else evidence.lacks
    if not lacks:
        return Passed()
    if evidence.now >= evidence.last_end:
        return Failed(f"evidence-timeout ran out, still {lacks}", blind)
    return NotYet(lacks)


def _fired_reason(fired: Sequence[AlarmReading]) -> str:
    first = fired[0]
    others = f" (and {len(fired) - 1} more)" if len(fired) > 1 else ""
    return f"alarm {first.name} fired{others}: {first.reason}"


def _unexplained_reason(readings: Sequence[AlarmReading]) -> str:
    names = ", ".join(reading.name for reading in readings)
    return f"alarm {names} changed its state between two reads, and its history could not be read"


IDLE = "Inactive"
"""The state of a version that nobody invoked for some weeks: Lambda took its resources back."""


def wake_command(function: str, version: str, region: str = "") -> str:
    """Return the AWS CLI command that wakes an idle version.

    That invocation fails, and makes the version Pending, then Active.
    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    words = ["aws", "lambda", "invoke", *(["--region", region] if region else [])]
    return shlex.join([*words, "--function-name", function, "--qualifier", version, "/dev/stdout"])


def list_executions(function: str, version: str, region: str = "") -> str:
    """Return the AWS CLI command that lists the durable executions that run on a version."""
    words = ["aws", "lambda", "list-durable-executions-by-function"]
    words += ["--region", region] if region else []
    return shlex.join(
        [*words, "--function-name", function, "--qualifier", version, "--statuses", "RUNNING"]
    )


@dataclass(frozen=True, slots=True)
class VersionState:
    """What GetFunctionConfiguration says about a version's life; "" where AWS says nothing.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """

    state: str = ""
    state_reason: str = ""
    last_update: str = ""
    last_update_reason: str = ""
    snap_start_applies: bool = False
    snap_start_optimized: bool = False
    code_sha256: str = ""
    description: str = ""
    architectures: tuple[str, ...] = ()
    role: str = ""
    is_durable: bool = False
    """Whether executions may outlast an invocation: they end on the version that they began with."""


@dataclass(frozen=True, slots=True)
class Running:
    """How many durable executions of a version are running."""

    count: int
    more: bool = False
    """Whether there are more than were counted."""


@dataclass(frozen=True, slots=True)
class Ready:
    """It can serve."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """It cannot serve yet; ``state`` says why."""

    state: str


@dataclass(frozen=True, slots=True)
class NeverReady:
    """It will not get there by waiting; ``why`` holds AWS's reason."""

    why: str
    idle: bool = False
    """Whether an invocation would wake it. Nobody but its owner may do that: it runs the owner's code."""


def readiness(version: VersionState) -> Ready | Waiting | NeverReady:
    """Decide whether a published version can take traffic.

    The waiter PublishedVersionActive would spin for 26 minutes on a version that is Inactive or
    ActiveNonInvocable, so every state but Pending and Active is an end.
    """
    if version.last_update == "Failed":
        return NeverReady(
            f"its last update failed: {version.last_update_reason or 'no reason given'}"
        )
    if version.state not in {"", "Active", "Pending"}:
        why = f"it is {version.state}: {version.state_reason or 'no reason given'}"
        return NeverReady(why, idle=version.state == IDLE)
    if version.state == "Pending":
        return Waiting("Pending")
    if version.last_update == "InProgress":
        return Waiting("update in progress")
    if version.snap_start_applies and not version.snap_start_optimized:
        return Waiting("SnapStart is still optimizing it")
    return Ready()
