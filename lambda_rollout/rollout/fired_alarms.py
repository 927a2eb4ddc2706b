"""Which alarms fired since something was written: what the guardian asks CloudWatch, each alarm once a look.

What fires while another version serves, too, says nothing of the one that is looked at. Nothing on an alias tells of a
rollout that came later and went back; Lambda's own count of invocations does, by version.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lambda_rollout.analysis.alarms import AlarmReading, Survey, Transition, fired_since
from lambda_rollout.analysis.metrics import MINUTE
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import retrying

ALARM_MARGIN = timedelta(minutes=10)
"""How long before its weight, or its promotion, was written an alarm may have fired and still count against a version,
and how long after another version served it still counts against that one: a record says its time to the second only,
and what an alarm sees comes minutes late."""

QUESTION_LIMIT = 60.0
"""Seconds to try to read the alarms, or anything else that the guardian asks."""

Minutes = Collection[datetime]


@dataclass(frozen=True, slots=True)
class Fired:
    """What fired since a moment: what counts, and what fired only ``beside`` another version."""

    counted: tuple[AlarmReading, ...] = ()
    beside: tuple[AlarmReading, ...] = ()


@dataclass(slots=True)
class FiredAlarms:
    """The alarms of one look."""

    ports: Ports
    named: bool
    """Whether there is an alarm to ask."""
    counted: list[AlarmReading] = field(default_factory=list)
    """All that fired and count, of every question so far."""
    _survey: Survey | None = None

    def since(self, moment: datetime, others: Callable[[], Minutes] = tuple) -> Fired:
        """Say which alarms were in ALARM since that moment, or shortly before.

        ``others`` says, if any was, in which minutes other versions served, too: what fired then, or shortly after,
        does not count. Raises `RolloutError`, also if none fired and one does not exist: that one may have.
        """
        if not self.named:
            return Fired()
        start, survey = moment - ALARM_MARGIN, self._read()
        fired = {each.arn: found for each in survey.readings if (found := self._of(each, start))}
        counted = fired
        if fired and (minutes := others()):
            again = [each for each in survey.readings if each.arn in fired]
            found_again = {each.arn: self._of(each, start, minutes) for each in again}
            counted = {arn: found for arn, found in found_again.items() if found}
        self._tell_missing(survey, needed=not counted)
        self.counted += counted.values()
        beside = [found for arn, found in fired.items() if arn not in counted]
        return Fired(tuple(counted.values()), tuple(beside))

    def _read(self) -> Survey:
        if self._survey is None:
            patient = retrying(self.ports.clock, self.ports.stop, QUESTION_LIMIT)
            self._survey = patient(self.ports.alarms.read)
        return self._survey

    def _of(
        self, reading: AlarmReading, start: datetime, others: Minutes = ()
    ) -> AlarmReading | None:
        def is_about_others(at: datetime) -> bool:
            return any(minute <= at < minute + MINUTE + ALARM_MARGIN for minute in others)

        found = fired_since(reading, (), start, is_about_others)
        moved = reading.transitioned_at is None or reading.transitioned_at >= start
        if found is None and moved:
            found = fired_since(reading, self._history(reading, start), start, is_about_others)
        return found

    def _history(self, reading: AlarmReading, start: datetime) -> list[Transition]:
        """Return what the alarm did since then. Raises `RolloutError`."""
        patient = retrying(self.ports.clock, self.ports.stop, QUESTION_LIMIT)
        changes: list[Transition] = []
        token = ""
        while True:
            page = patient(self.ports.alarms.history, (reading,), start, token)
            changes += page.changes.get(reading.name, ())
            token = page.next_token
            if not token:
                return changes

    def _tell_missing(self, survey: Survey, *, needed: bool) -> None:
        """Say which alarms do not exist. Raises `RolloutError` if they are ``needed``: one may have fired."""
        if not survey.missing:
            return
        what = f"alarms that do not exist: {', '.join(survey.missing)}"
        remedy = (
            "Correct the names, or create the alarms. Those of another account cannot be asked, and of log alarms only "
            "boto3 1.44.5 and later knows."
        )
        if needed:
            raise RolloutError(what, remedy)
        self.ports.emit(Warned(text=f"{what}. {remedy}"))
