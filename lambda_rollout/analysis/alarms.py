"""What an alarm did between two reads, and whether it counts. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

SAME_MOMENT = timedelta(seconds=1)
"""How far an alarm's StateTransitionedTimestamp and its history item may differ and still be one."""

PARTIAL = "PARTIAL_DATA"
"""Evaluated, on what could be read of its data."""

BROKEN = frozenset({"EVALUATION_ERROR", "EVALUATION_FAILURE"})
"""Not evaluated, for lack of a working definition or of the service: the state stays what it was, or is
INSUFFICIENT_DATA (a log alarm's)."""


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
    """StateReason; of a composite alarm that is not evaluated because of one below it, that one's name and reason."""
    transitioned_at: datetime | None
    """StateTransitionedTimestamp: the last change of the state, on AWS's clock."""
    evaluation: str = ""
    """EvaluationState: empty, PARTIAL_DATA, EVALUATION_ERROR, EVALUATION_FAILURE, IN_WARM_UP, or what AWS may add to
    them. A composite alarm, which has none of its own, has the worst of those below it."""

    @property
    def is_evaluated(self) -> bool:
        """Whether CloudWatch evaluates it: only then its state says anything. Not so in a state that is not known."""
        return self.evaluation in {"", PARTIAL}

    @property
    def is_broken(self) -> bool:
        """Whether it is not evaluated, and waiting does not help."""
        return self.evaluation in BROKEN

    @property
    def is_ok(self) -> bool:
        """Whether it was looked at, and found to be OK."""
        return self.state is AlarmState.OK and self.is_evaluated


@dataclass(frozen=True, slots=True)
class Transition:
    """One state change out of an alarm's history."""

    at: datetime
    before: AlarmState
    after: AlarmState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of the history of some alarms."""

    changes: Mapping[str, Sequence[Transition]] = field(default_factory=dict)
    """By the name of each alarm that was asked for, the oldest first."""
    others: int = 0
    """How many changes of other alarms are on the page."""
    next_token: str = ""
    """What the next page is asked for with; empty after the last."""


@dataclass(frozen=True, slots=True)
class AlarmWatch:
    """What is known of one alarm since the watch began."""

    history_known: AlarmReading
    """The newest reading up to which every change of state is known."""
    newest: AlarmReading
    counts: bool
    """False while it was in ALARM, or not evaluated, from before the start and has not been OK since."""
    was_ok: bool = False
    """Whether any reading since showed OK; what lies between two readings only the history can tell."""
    had_data: bool = False
    """Whether it was ever seen evaluated and not in INSUFFICIENT_DATA."""
    broken_since: float | None = None
    """When the first read was sent that showed `BROKEN` with nothing else since (monotonic seconds)."""
    fired: AlarmReading | None = None
    """Set once it counted and was in ALARM; never taken back. Its ``reason`` is that of the firing."""
    gap_since: float | None = None
    """When the read was sent that first showed a change which only the history can tell (monotonic seconds); later
    changes before that is known do not move it. None while nothing is open."""
    asked_at: float | None = None
    """When its history was first asked for by its name since then (monotonic seconds), other than in vain because there
    were too many calls. None while nothing is open, or it was not its turn yet."""

    @classmethod
    def start(cls, reading: AlarmReading) -> AlarmWatch:
        """Begin with the read made just before the first shift."""
        counts = reading.state is not AlarmState.ALARM and reading.is_evaluated
        return cls(reading, reading, counts=counts, had_data=_shows_data(reading))

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
    now_ok = reading.is_ok
    broken_since = sent if watch.broken_since is None else watch.broken_since
    seen = replace(
        watch,
        newest=reading,
        was_ok=watch.was_ok or now_ok,
        had_data=watch.had_data or _shows_data(reading),
        broken_since=broken_since if reading.is_broken else None,
    )
    if watch.fired is not None:
        return seen
    if reading.state is AlarmState.ALARM and (watch.counts or watch.was_ok):
        return _closed(replace(seen, history_known=reading, counts=True, fired=reading))
    if (
        reading.transitioned_at is None
        or reading.transitioned_at == watch.history_known.transitioned_at
    ):
        counts = watch.counts or now_ok
        return _closed(replace(seen, history_known=reading, counts=counts))
    return replace(seen, gap_since=sent if watch.gap_since is None else watch.gap_since)


def with_history(
    watch: AlarmWatch, history: Iterable[Transition], *, chained: bool = False
) -> AlarmWatch:
    """Take the alarm's history since ``watch.history_known`` into account, as far as it is complete.

    History may lag behind the state. It is complete only when it reaches the newest reading; until
    then it still `needs_history`, unless what is there already shows a firing. ``chained``: each change must
    also begin with the state that the one before it ended with. That is asked of what was picked from pages of a whole
    account's history, whose beginning is not the alarm's own.
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
            return _closed(replace(watch, counts=True, fired=fired))
        counts = counts or change.after is AlarmState.OK
    if not _reaches(watch.newest, since):
        return watch
    if chained and not _is_chain(watch.history_known.state, since):
        return watch
    had_data = watch.had_data or any(
        change.after is not AlarmState.INSUFFICIENT_DATA for change in since
    )
    return _closed(replace(watch, history_known=watch.newest, counts=counts, had_data=had_data))


def _closed(watch: AlarmWatch) -> AlarmWatch:
    return replace(watch, gap_since=None, asked_at=None)


def _is_chain(state: AlarmState, changes: Sequence[Transition]) -> bool:
    befores = (state, *(change.after for change in changes))
    return all(before is change.before for before, change in zip(befores, changes, strict=False))


def _shows_data(reading: AlarmReading) -> bool:
    return reading.is_evaluated and reading.state is not AlarmState.INSUFFICIENT_DATA


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


def _reaches(newest: AlarmReading, since: Sequence[Transition]) -> bool:
    """Whether the history goes as far as the newest reading, or beyond it."""
    if not since:
        return False
    moment, last = newest.transitioned_at, since[-1]
    if last.after is newest.state and (moment is None or last.at >= moment - SAME_MOMENT):
        return True
    # It was asked for a while after the reading was, and the alarm has changed once more since.
    return any(
        change.after is newest.state
        and moment is not None
        and abs(change.at - moment) <= SAME_MOMENT
        for change in since
    )


def firing_at_start(readings: Iterable[AlarmReading]) -> tuple[AlarmReading, ...]:
    """Return the alarms that are in ALARM before anything was shifted."""
    return tuple(reading for reading in readings if reading.state is AlarmState.ALARM)


def fired_since(
    reading: AlarmReading,
    history: Iterable[Transition],
    since: datetime,
    excused: Callable[[datetime], bool] = lambda _: False,
) -> AlarmReading | None:
    """Return the alarm as it went into ALARM at ``since`` or later, by its reading or its history; None if it did not.

    One that has been in ALARM for longer says nothing of what began then. ``excused`` says of a moment whether what
    fired then does not count.
    """

    def counts(at: datetime) -> bool:
        return at >= since and not excused(at)

    known = reading.transitioned_at
    if reading.state is AlarmState.ALARM and (known is None or counts(known)):
        return reading
    firings = [
        change for change in history if change.after is AlarmState.ALARM and counts(change.at)
    ]
    if not firings:
        return None
    newest = max(firings, key=lambda change: change.at)
    return replace(
        reading,
        state=AlarmState.ALARM,
        reason=newest.reason or reading.reason,
        transitioned_at=newest.at,
    )


def not_evaluated(readings: Iterable[AlarmReading]) -> tuple[AlarmReading, ...]:
    """Return the alarms that CloudWatch does not evaluate: whatever their state, they guard nothing."""
    return tuple(reading for reading in readings if not reading.is_evaluated)


@dataclass(frozen=True, slots=True)
class Survey:
    """One read of all alarms."""

    readings: tuple[AlarmReading, ...]
    missing: tuple[str, ...] = ()
    """Alarms that were asked for and do not exist, as the user wrote them."""
    known: tuple[AlarmWatch, ...] = ()
    """What an earlier watch has already found out about them; empty before the first."""
    sent: float = -math.inf
    """When the read was sent (monotonic seconds), as far as the reader said so."""
    guardians: tuple[str, ...] = ()
    """ARNs of the guardians (docs/guardian.md) that these alarms invoke, each once."""


def counting(survey: Survey) -> Survey:
    """Return the survey of a watch that begins when traffic is shifted already: there an alarm counts that is not
    evaluated, and has its minute to be.
    """
    watches = (replace(AlarmWatch.start(reading), counts=True) for reading in survey.readings)
    return replace(survey, known=tuple(watches))
