"""The alarms of one rollout, read every poll, and asked what they did between two reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from lambda_rollout.analysis.alarms import (
    AlarmReading,
    AlarmState,
    AlarmWatch,
    Survey,
    observe,
)
from lambda_rollout.analysis.step import ALARMS_NAMED
from lambda_rollout.rollout.events import AlarmChanged, EvaluationChanged, Unreadable
from lambda_rollout.rollout.histories import Histories
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import CallFailed, CredentialsExpired

RETRY_EVERY = 5.0
"""Seconds until a failed read is tried again, at most, however long the poll interval is."""


class Rhythm:
    """When something was last read, and when it is to be read again. Moments are monotonic seconds."""

    def __init__(self, every: float, now: float) -> None:
        """Read every so many seconds, counted from now."""
        self.every = every
        self.tried_at = now
        """When the newest read was sent."""
        self.good_at = -math.inf
        """When the newest successful read of this step was sent."""
        self.failing_since: float | None = None
        self._is_told = False

    def begin_step(self, every: float) -> None:
        """Forget that it was read: what was sent before the shift says nothing about the step after it.

        ``every``: how often it is read from now on, in seconds.
        """
        self.good_at = -math.inf
        self.every = every

    def good(self, sent: float) -> None:
        """Take note of a read that succeeded."""
        self.tried_at = self.good_at = sent
        self.failing_since = None

    def bad(self, sent: float, tell_after: float = 0.0) -> bool:
        """Take note of a read that failed; return whether to tell of it: once, when it fails for so many seconds."""
        self.tried_at = sent
        if self.failing_since is None:
            self.failing_since, self._is_told = sent, False
        if self._is_told or sent - self.failing_since < tell_after:
            return False
        self._is_told = True
        return True

    def next_at(self, end: float) -> float:
        """Return when to read next, if a step ends at ``end``: a read is due then, too."""
        if self.failing_since is not None:
            return self.tried_at + min(self.every, RETRY_EVERY)
        if self.good_at < end:
            return min(self.tried_at + self.every, end)
        return self.tried_at + self.every


class AlarmPoll:
    """What is known of every alarm, from a first survey on.

    After each single read the caller has its word: the call that follows an alarm's firing is the rollback.
    """

    def __init__(self, ports: Ports, every: float, survey: Survey, began_at: datetime) -> None:
        """Begin with the ``survey`` made just before; ``every`` is in seconds, ``began_at`` on AWS's clock."""
        self._ports = ports
        self._by_arn = {reading.arn: AlarmWatch.start(reading) for reading in survey.readings}
        self._by_arn |= {watch.newest.arn: watch for watch in survey.known}
        self._untold: list[AlarmChanged | EvaluationChanged] = []
        self._every = every
        self.rhythm = Rhythm(every, ports.clock.monotonic())
        self._histories = Histories(ports, min(every, RETRY_EVERY), began_at)
        for watch in self.watches:
            self._histories.seen(watch, survey.sent)
        self.most_open = 0
        """How many alarms needed their history together, at most, since none last did."""
        self.missing: tuple[str, ...] = ()
        """Alarms that the newest read did not find."""

    def begin_step(self, at_least_every: float = math.inf) -> None:
        """Begin to read for another step: as often as asked for, and at least every so many seconds."""
        self.rhythm.begin_step(min(self._every, at_least_every))

    @property
    def watches(self) -> tuple[AlarmWatch, ...]:
        """All alarms, as the judge takes them."""
        return tuple(self._by_arn.values())

    @property
    def readings(self) -> tuple[AlarmReading, ...]:
        """The newest readings."""
        return tuple(watch.newest for watch in self.watches)

    @property
    def survey(self) -> Survey:
        """What another watch can begin with: nothing is forgotten that was found out here."""
        return Survey(self.readings, known=self.watches)

    def did_not_guard(self) -> Iterator[str]:
        """Say of each alarm that could not have stopped the rollout why it could not; of more than a few, together."""
        alike: dict[str, list[str]] = {}
        for watch in self.watches:
            if why := _why_it_did_not_guard(watch):
                alike.setdefault(why, []).append(watch.newest.name)
        for why, names in alike.items():
            if len(names) <= ALARMS_NAMED:
                yield from (f"Alarm {name} did not guard: {why}." for name in names)
            else:
                named, more = ", ".join(names[:ALARMS_NAMED]), len(names) - ALARMS_NAMED
                yield f"{len(names)} alarms did not guard ({named} and {more} more), of each: {why}."

    @property
    def in_alarm(self) -> tuple[AlarmReading, ...]:
        """The alarms that fired, or else are in ALARM now."""
        fired = tuple(watch.fired for watch in self.watches if watch.fired is not None)
        return fired or tuple(r for r in self.readings if r.state is AlarmState.ALARM)

    @property
    def has_gaps(self) -> bool:
        """Whether it is unknown of one what it did between two reads."""
        return any(watch.needs_history for watch in self.watches)

    @property
    def next_history_at(self) -> float:
        """When a history is to be asked for, infinity if all are known (monotonic seconds)."""
        return self._histories.next_at(self._by_arn)

    def read_what_is_due(self, end: float) -> bool:
        """Read the states if it is time, for a step that ends at ``end`` (monotonic seconds), and fill the gaps.

        Ends with the call that finds an alarm to have fired, and returns whether one did, or when the states are to be
        read again. Raises as `read`, and `Cancelled` on stop between two calls.
        """
        clock = self._ports.clock
        if clock.monotonic() >= self.rhythm.next_at(end):
            self.read()
            if self._has_fired:
                return True
        self._count_open()
        # The moment first: "now" is an answer, and a moment later it is past.
        while self.next_history_at <= clock.monotonic():
            for arn, after in self._histories.ask(self._by_arn).items():
                self._take(arn, after)
            self._count_open()
            if self._has_fired:
                return True
            if clock.monotonic() >= self.rhythm.next_at(end):
                break
        return False

    def read(self) -> None:
        """Read all states, one try. Raises `CredentialsExpired` on the second failure in a row: they are over."""
        sent = self._ports.clock.monotonic()
        try:
            survey = self._ports.alarms.read()
        except CallFailed as error:
            if self.rhythm.bad(sent):
                self._ports.emit(Unreadable(what="alarms", why=str(error)))
            elif isinstance(error, CredentialsExpired):
                raise
            return
        self.rhythm.good(sent)
        self.missing = survey.missing
        for found in survey.readings:
            before = self._by_arn.get(found.arn) or AlarmWatch.start(found)
            # Events keep readings: one that says nothing new is the one that they have.
            reading = before.newest if before.newest == found else found
            after = self._by_arn[reading.arn] = observe(before, reading, sent)
            self._histories.seen(after, sent)
            if before.newest.evaluation != reading.evaluation:
                self._untold.append(
                    EvaluationChanged(reading=reading, before=before.newest.evaluation)
                )
            if before.newest.state is not reading.state:
                self._note(reading, before.newest.state, fired=after.fired is not None)
        if not self._has_fired:
            self.tell()

    def tell(self) -> None:
        """Emit what the alarms did. Nothing is told of a firing before the rollback was sent."""
        while self._untold:
            self._ports.emit(self._untold.pop(0))

    @property
    def _has_fired(self) -> bool:
        return any(watch.fired for watch in self.watches)

    def _count_open(self) -> None:
        now = sum(watch.needs_history for watch in self.watches)
        self.most_open = max(self.most_open, now) if now else 0

    def _take(self, arn: str, after: AlarmWatch) -> None:
        before = self._by_arn[arn]
        self._by_arn[arn] = after
        if after.fired is not None and before.fired is None:
            self._note(after.fired, before.history_known.state, fired=True)

    def _note(self, reading: AlarmReading, before: AlarmState, *, fired: bool) -> None:
        at = self._ports.clock.now()
        self._untold.append(AlarmChanged(at=at, reading=reading, before=before, fired=fired))


def _why_it_did_not_guard(watch: AlarmWatch) -> str:
    """Say why an alarm guarded nothing, empty if it did."""
    if not watch.counts and not watch.newest.is_evaluated:
        return f"CloudWatch did not evaluate it ({watch.newest.evaluation}: {watch.newest.reason})"
    if not watch.counts and watch.newest.state is AlarmState.ALARM:
        return "it was in ALARM from before the start and never OK"
    if not watch.counts:
        return "it was in ALARM, or not evaluated, before the start and never OK"
    return "" if watch.had_data or watch.fired else "it had no data throughout"
