"""Evidence in, verdict out. Pure: no clock, no network, no state but the values passed in.

A verdict on a step has three values, after argoproj/argo-rollouts: passed, failed, or not yet; and
"not yet" never promotes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState, AlarmWatch
from lambda_rollout.inputs.choices import InsufficientData
from lambda_rollout.inputs.durations import readable_duration

UNREADABLE_LIMIT = 60.0
"""Seconds without a successful read after which a watch is blind and the rollout goes back."""

_LIMIT_TOLD = readable_duration(timedelta(seconds=UNREADABLE_LIMIT))

HISTORY_GRACE = 15.0
"""Seconds that an alarm's history may take to show a change, counted from the read that saw the change, or from when it
was first asked for, if there were others before it; and at least so many after a step's planned end."""

HISTORY_TURN = 0.7
"""Seconds that each alarm which needs its history may keep the others from being asked for: AWS answers three calls a
second, and somebody else in the account may make half of them."""


ALARMS_NAMED = 5
"""How many alarms a reason names at most."""


HOLD_REMEDY = (
    "Nothing has to be repaired. Roll out again, and end the hold with `mode: promote` while it lasts; what is to go on by "
    "the clock is a longer step in place of `hold`."
)


@dataclass(frozen=True, slots=True)
class StepEvidence:
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
    histories: int = 0
    """How many alarms needed their history together, at most, since none last did."""
    missing_alarms: tuple[str, ...] = ()
    """Alarms that were there and are no more."""
    failed: str = ""
    """Which guard is broken, and by which figures."""
    missing: str = ""
    """Which guard cannot be judged yet, or whose invocations are too few."""
    missing_at: float = -math.inf
    """When the step was last found to lack something: as long as that it lasts at least."""
    insufficient_data: InsufficientData = InsufficientData.IGNORE
    not_forward: str = ""
    """What has to come before more traffic is shifted, however long that takes; empty if nothing has to."""
    holds_for: timedelta | None = None
    """For how long the step is held until somebody says to go on, which nobody did yet; None for any other step."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Watched to the end, nothing found."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Go back."""

    reason: str
    alarms: tuple[AlarmReading, ...] = ()
    remedy: str = ""
    """What to do next, if there is more to say than of any failure."""


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Watch on. ``lacks`` is empty while the step simply has time left."""

    missing: str = ""


Verdict = Passed | Failed | Inconclusive


def judge_step(evidence: StepEvidence) -> Verdict:
    """Decide whether a step has passed, must go back, or goes on.

    Passed needs a read of the alarms and one of the aliases, both sent after the step's last second
    (README, promise 3); the last second of a step that was extended is the one in which it still lacked something.
    Whatever is in doubt by then goes back. One that is held never passes by itself: what is missing does not matter
    meanwhile, and when its time is over it goes back.
    """
    failed = _reason_at_any_time(evidence)
    if failed is not None:
        return failed
    if evidence.holds_for is not None:
        return _judge_hold(evidence.holds_for, evidence)
    last_second = max(evidence.planned_end, evidence.missing_at)
    if evidence.now < last_second or evidence.alarms_read_at < last_second:
        return Inconclusive()
    verdict = (
        _judge_histories(evidence)
        or _judge_evaluations(evidence)
        or _judge_what_is_missing(evidence)
    )
    if isinstance(verdict, Passed) and evidence.not_forward:
        return Inconclusive(evidence.not_forward)
    if isinstance(verdict, Passed) and evidence.aliases_read_at < last_second:
        return Inconclusive()
    return verdict


def _judge_hold(held_for: timedelta, evidence: StepEvidence) -> Failed | Inconclusive:
    if evidence.now < evidence.planned_end:
        return Inconclusive()
    reason = f"the hold of {readable_duration(held_for)} is over, and nobody said to go on"
    return Failed(reason, remedy=HOLD_REMEDY)


def _judge_histories(evidence: StepEvidence) -> Failed | Inconclusive | None:
    """Wait for the history of each alarm that needs it, and no longer than that one's grace; None if none does."""
    waiting = [watch for watch in evidence.watches if watch.needs_history]
    over = tuple(watch.newest for watch in waiting if evidence.now >= _grace_ends(watch, evidence))
    if over:
        return Failed(_needs_history_reason(over), over)
    if waiting:
        return Inconclusive(f"the history of {_named([watch.newest for watch in waiting])}")
    return None


def _grace_ends(watch: AlarmWatch, evidence: StepEvidence) -> float:
    """Return until when the alarm's history is waited for; alarms that flap in turn do not put it off for ever."""
    began = evidence.planned_end if watch.gap_since is None else watch.gap_since
    began = min(max(began, evidence.planned_end), evidence.last_end)
    turn = began + HISTORY_TURN * max(0, evidence.histories - 1)
    asked = turn if watch.asked_at is None else min(watch.asked_at, turn)
    return max(began, asked) + HISTORY_GRACE


def _judge_evaluations(evidence: StepEvidence) -> Failed | Inconclusive | None:
    """No step ends on the state of an alarm that is not evaluated: it is as old as that; None if all are.

    A warm-up, or a state that is not known here, may last as long as any evidence; what is broken has its own limit,
    and both together have an end.
    """
    waiting = [
        watch.newest for watch in evidence.watches if watch.counts and not watch.newest.is_evaluated
    ]
    over = tuple(reading for reading in waiting if evidence.now >= _patience(reading, evidence))
    if not waiting:
        return None
    lacks = "not evaluated: " + ", ".join(f"{r.name} ({r.evaluation})" for r in over or waiting)
    return Failed(f"evidence-timeout ran out: {lacks}", over) if over else Inconclusive(lacks)


def _patience(reading: AlarmReading, evidence: StepEvidence) -> float:
    if reading.is_broken:
        return max(evidence.last_end, evidence.planned_end + UNREADABLE_LIMIT)
    return evidence.last_end


def _reason_at_any_time(evidence: StepEvidence) -> Failed | None:
    fired = tuple(watch.fired for watch in evidence.watches if watch.fired is not None)
    if fired:
        return Failed(_fired_reason(fired), fired)
    if evidence.missing_alarms:
        return Failed(f"alarm deleted during the rollout: {', '.join(evidence.missing_alarms)}")
    if evidence.failed:
        return Failed(evidence.failed)
    for what, since in (
        ("alarms", evidence.alarms_failing_since),
        ("alias", evidence.aliases_failing_since),
    ):
        if since is not None and evidence.now - since >= UNREADABLE_LIMIT:
            return Failed(f"the {what} could not be read for {_LIMIT_TOLD}")
    return _broken_for_too_long(evidence)


def _broken_for_too_long(evidence: StepEvidence) -> Failed | None:
    """An alarm that is not evaluated is as good as one that cannot be read; one that does not count is neither."""
    broken = tuple(
        watch.newest
        for watch in evidence.watches
        if watch.counts
        and watch.broken_since is not None
        and evidence.now - watch.broken_since >= UNREADABLE_LIMIT
    )
    if not broken:
        return None
    told = f"{broken[0].evaluation}: {broken[0].reason}"
    return Failed(
        f"alarm {_named(broken)} was not evaluated by CloudWatch for {_LIMIT_TOLD}: {told}",
        broken,
    )


def _judge_what_is_missing(evidence: StepEvidence) -> Verdict:
    blind: tuple[AlarmReading, ...] = ()
    if evidence.insufficient_data is InsufficientData.FAIL:
        blind = tuple(
            watch.newest
            for watch in evidence.watches
            if watch.newest.state is AlarmState.INSUFFICIENT_DATA
        )
    lacks = f"INSUFFICIENT_DATA: {_named(blind)}" if blind else evidence.missing
    if not lacks:
        return Passed()
    if evidence.now >= evidence.last_end:
        return Failed(f"evidence-timeout ran out: {lacks}", blind)
    return Inconclusive(lacks)


def _fired_reason(fired: Sequence[AlarmReading]) -> str:
    first = fired[0]
    others = f" (and {len(fired) - 1} more)" if len(fired) > 1 else ""
    return f"alarm {first.name} fired{others}: {first.reason}"


def _needs_history_reason(readings: Sequence[AlarmReading]) -> str:
    return f"alarm {_named(readings)} changed its state between two reads, and its history could not be read"


def _named(readings: Sequence[AlarmReading]) -> str:
    """Name a few of the alarms: a placeholder may stand for hundreds."""
    names = [reading.name for reading in readings[:ALARMS_NAMED]]
    more = len(readings) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
