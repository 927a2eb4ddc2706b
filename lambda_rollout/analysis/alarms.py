"""What an alarm did between two reads, and whether it counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

SAME_MOMENT = timedelta(seconds=1)
"""How far an alarm's StateTransitionedTimestamp and its history item may differ and still be one."""


class AlarmState(StrEnum):
    """An alarm's ``StateValue``."""

    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    OK = "OK"


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

    history_known: AlarmReading
    """The newest reading up to which every change of state is known."""
    newest: AlarmReading
    counts: bool
    """False while it was in ALARM from before the start and has not been OK since."""
    was_ok: bool = False
    """Whether any reading since showed OK; what lies between two readings only the history can tell."""
    fired: AlarmReading | None = None
    """Set once it counted and was in ALARM; never taken back. Its ``reason`` is that of the firing."""
    gap_since: float | None = None
    """When the read was sent that first showed a change which only the history can tell (monotonic seconds); later
    changes before that is known do not move it. None while nothing is open."""

    @classmethod
    def start(cls, reading: AlarmReading) -> AlarmWatch:
        """Begin with the read made just before the first shift."""
        return cls(reading, reading, counts=reading.state is not AlarmState.ALARM)

    @property
    def needs_history(self) -> bool:
        """Whether the state changed in a way that only the alarm's history can tell."""
        return (
            self.fired is None and self.newest.transitioned_at != self.history_known.transitioned_at
        )


def observe(watch: AlarmWatch, reading: AlarmReading, sent: float) -> AlarmWatch:
    """Take a new reading into account, of a read that was ``sent`` then (monotonic seconds).

    The timestamp of the last transition is what tells a state that stayed from one that left and came
    back between two reads. The first is explained by the reading alone; for the second `with_history` must
    be given the history.
    """
    now_ok = reading.state is AlarmState.OK
    seen = replace(watch, newest=reading, was_ok=watch.was_ok or now_ok)
    if watch.fired is not None:
        return seen
    if reading.state is AlarmState.ALARM and (watch.counts or watch.was_ok):
        return replace(seen, history_known=reading, counts=True, fired=reading, gap_since=None)
    if (
        reading.transitioned_at is None
        or reading.transitioned_at == watch.history_known.transitioned_at
    ):
        counts = watch.counts or now_ok
        return replace(seen, history_known=reading, counts=counts, gap_since=None)
    return replace(seen, gap_since=sent if watch.gap_since is None else watch.gap_since)


def with_history(watch: AlarmWatch, history: Iterable[Transition]) -> AlarmWatch:
    """Take the alarm's history since ``watch.explained`` into account, as far as it is complete.

    History may lag behind the state. It is complete only when it reaches the newest reading; until
    then the watch comes back unexplained, unless what is there already shows a firing.
    """
    if not watch.needs_history:
        return watch
    since = _after_what_was_known(
        watch.history_known, sorted(history, key=lambda change: change.at)
    )
    counts = watch.counts
    for change in since:
        if change.after is AlarmState.ALARM and counts:
            fired = replace(
                watch.newest,
                state=AlarmState.ALARM,
                reason=change.reason or watch.newest.reason,
                transitioned_at=change.at,
            )
            return replace(watch, counts=True, fired=fired, gap_since=None)
        counts = counts or change.after is AlarmState.OK
    if not since or not _reaches(watch.newest, since[-1]):
        return watch
    return replace(watch, history_known=watch.newest, counts=counts, gap_since=None)


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
class Survey:
    """One read of all alarms."""

    readings: tuple[AlarmReading, ...]
    missing: tuple[str, ...] = ()
    """Alarms that were asked for and do not exist, as the user wrote them."""
