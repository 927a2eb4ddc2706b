"""The alarms while somebody else shifts: read every poll, and asked what they did between two reads."""

from __future__ import annotations

import math

from lambda_rollout.codedeploy import LostSight
from lambda_rollout.errors import CallFailed, CredentialsExpired
from lambda_rollout.events import AlarmChanged, Unreadable
from lambda_rollout.judge import (
    AlarmReading,
    AlarmState,
    AlarmWatch,
    Evidence,
    Failed,
    explain,
    judge_step,
    observe,
)
from lambda_rollout.order import Parts
from lambda_rollout.watch import HISTORY_MARGIN, GoBack, Rhythm, Survey


class AlarmPoll:
    """The alarms while CodeDeploy shifts: read every poll, and what they did between two reads."""

    def __init__(self, parts: Parts, every: float, survey: Survey) -> None:
        """Begin with the ``survey`` made just before; ``every`` is in seconds."""
        self._parts = parts
        self._watches = {reading.arn: AlarmWatch.start(reading) for reading in survey.readings}
        self._missing: tuple[str, ...] = ()
        self._rhythm = Rhythm(every, parts.clock.monotonic())
        self._untold: list[AlarmChanged] = []

    @property
    def readings(self) -> tuple[AlarmReading, ...]:
        """The newest readings."""
        return tuple(watch.newest for watch in self._watches.values())

    @property
    def survey(self) -> Survey:
        """The readings up to which every change is known: what another watch can begin with."""
        return Survey(tuple(watch.explained for watch in self._watches.values()))

    @property
    def never_counted(self) -> tuple[AlarmReading, ...]:
        """Alarms that were in ALARM from before the start and never OK."""
        return tuple(watch.newest for watch in self._watches.values() if not watch.counts)

    def next_at(self) -> float:
        """Return when to read next, in monotonic seconds."""
        return self._rhythm.next_at(math.inf) if self._watches else math.inf

    def look(self) -> None:
        """Read what is due. Raises `GoBack` if an alarm fired, is gone, or if none can be read."""
        if self._watches and self._parts.clock.monotonic() >= self.next_at():
            self.read()
        for arn, watch in self._watches.items():
            if watch.unexplained:
                self._watches[arn] = self._explained(watch)
        verdict = judge_step(
            Evidence(
                now=self._parts.clock.monotonic(),
                planned_end=math.inf,
                last_end=math.inf,
                alarms_read_at=self._rhythm.good_at,
                aliases_read_at=math.inf,
                watches=tuple(self._watches.values()),
                alarms_failing_since=self._rhythm.failing_since,
                missing=self._missing,
            )
        )
        if isinstance(verdict, Failed):
            raise GoBack(verdict.reason, verdict.alarms)
        self.tell()

    def read(self) -> None:
        """Read all alarms, one try."""
        clock = self._parts.clock
        sent = clock.monotonic()
        try:
            survey = self._parts.alarms.read()
        except CallFailed as error:
            if self._rhythm.bad(sent):
                self._parts.emit(Unreadable(at=clock.now(), what="alarms", why=str(error)))
            elif isinstance(error, CredentialsExpired):
                raise LostSight(f"the AWS credentials have expired ({error.operation})") from error
            return
        self._rhythm.good(sent)
        self._missing = survey.missing
        for reading in survey.readings:
            before = self._watches.get(reading.arn) or AlarmWatch.start(reading)
            after = self._watches[reading.arn] = observe(before, reading)
            if before.newest.state is not reading.state:
                self._note(reading, before.newest.state, fired=after.fired is not None)

    def tell(self) -> None:
        """Emit what the alarms did. Nothing is told of a firing before the deployment was stopped."""
        while self._untold:
            self._parts.emit(self._untold.pop(0))

    def in_alarm(self) -> tuple[AlarmReading, ...]:
        """Return the alarms that fired, or else are in ALARM now."""
        fired = tuple(watch.fired for watch in self._watches.values() if watch.fired is not None)
        return fired or tuple(r for r in self.readings if r.state is AlarmState.ALARM)

    def _explained(self, watch: AlarmWatch) -> AlarmWatch:
        since = watch.explained.transitioned_at or self._parts.clock.now()
        try:
            history = self._parts.alarms.history(watch.newest, since - HISTORY_MARGIN)
        except CallFailed:
            return watch
        after = explain(watch, history)
        if after.fired is not None:
            self._note(after.fired, watch.explained.state, fired=True)
        return after

    def _note(self, reading: AlarmReading, before: AlarmState, *, fired: bool) -> None:
        at = self._parts.clock.now()
        self._untold.append(AlarmChanged(at=at, reading=reading, before=before, fired=fired))
