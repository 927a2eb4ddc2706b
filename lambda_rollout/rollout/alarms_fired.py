"""Which alarms have fired since a moment, for the guardian: nobody has watched them meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta

from lambda_rollout.analysis.alarms import AlarmReading, Survey, Transition, fired_since
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import retrying

ALARM_MARGIN = timedelta(minutes=10)
"""How long before its weight, or its promotion, was written an alarm may have fired and still count against a version:
the record says it to the second only, and what an alarm sees comes minutes late."""

_READ_LIMIT = 60.0
"""Seconds to try to read the alarms, or a page of the history of one."""


class AlarmsFired:
    """The alarms of one look: all are read once, when they are asked for first."""

    def __init__(self, spec: RolloutSpec, ports: Ports) -> None:
        """Nothing is read yet."""
        self.fired: list[AlarmReading] = []
        """All that have fired since a moment that was asked for, as they fired."""
        self._spec = spec
        self._ports = ports
        self._survey: Survey | None = None

    def since(self, moment: datetime) -> list[AlarmReading]:
        """Return the alarms that were in ALARM since that moment, or shortly before.

        Raises `RolloutError` for what cannot be read; and if none of them has, but one does not exist any more.
        """
        if not self._spec.inputs.alarms:
            return []
        patient = retrying(self._ports.clock, self._ports.stop, _READ_LIMIT)
        if self._survey is None:
            self._survey = patient(self._ports.alarms.read)
        begin = moment - ALARM_MARGIN
        fired = []
        for reading in self._survey.readings:
            found = fired_since(reading, (), begin)
            if found is None and _moved_since(reading, begin):
                found = fired_since(reading, self._history(reading, begin), begin)
            if found is not None:
                fired.append(found)
        self._tell_missing(self._survey, needed=not fired)
        self.fired += fired
        return fired

    def _tell_missing(self, survey: Survey, *, needed: bool) -> None:
        """Say which alarms do not exist. Raises `RolloutError` if they are ``needed``: one may have fired."""
        if not survey.missing:
            return
        what = f"alarms that do not exist: {', '.join(survey.missing)}"
        remedy = "Correct the names, or create the alarms; of log alarms only boto3 1.44.5 and later knows."
        if needed:
            raise RolloutError(what, remedy)
        self._ports.emit(Warned(text=f"{what}. {remedy}"))

    def _history(self, reading: AlarmReading, begin: datetime) -> list[Transition]:
        """Return what an alarm did from a moment on. Raises `RolloutError`."""
        patient = retrying(self._ports.clock, self._ports.stop, _READ_LIMIT)
        changes: list[Transition] = []
        token = ""
        while True:
            page = patient(self._ports.alarms.history, (reading,), begin, token)
            changes += page.changes.get(reading.name, ())
            token = page.next_token
            if not token:
                return changes


def _moved_since(reading: AlarmReading, moment: datetime) -> bool:
    return reading.transitioned_at is None or reading.transitioned_at >= moment
