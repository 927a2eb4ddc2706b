"""Which alarms have fired since a moment, for the guardian: nobody has watched them meanwhile.

What fires while another version serves, too, says nothing of the one that is looked at. Nothing on an alias tells of a
rollout that came later and went back; Lambda's own count of invocations does, by version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.alarms import AlarmReading, Survey, Transition, fired_since
from lambda_rollout.analysis.metrics import MINUTE
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import retrying

ALARM_MARGIN = timedelta(minutes=10)
"""How long before its weight, or its promotion, was written an alarm may have fired and still count against a version,
and how long after another version served it still counts against that one: a record says its time to the second only,
and what an alarm sees comes minutes late."""

QUESTION_LIMIT = 60.0
"""Seconds to try to read the alarms, a page of the history of one, or anything else that the guardian asks."""

LATER = 50
"""How many of the numbers after a promoted version's are looked at: AWS counts them up, and one whose version was never
rolled out has no traffic through the alias."""


class AlarmsFired:
    """The alarms of one look: all are read once, when they are asked for first."""

    def __init__(self, spec: RolloutSpec, ports: Ports) -> None:
        """Nothing is read yet."""
        self.fired: list[AlarmReading] = []
        """All that have fired since a moment that was asked for, as they fired, and that count."""
        self.named = bool(spec.inputs.alarms)
        """Whether there is an alarm to ask."""
        self._ports = ports
        self._survey: Survey | None = None

    def since(self, moment: datetime) -> list[AlarmReading]:
        """Return the alarms that were in ALARM since that moment, or shortly before.

        Raises `RolloutError` for what cannot be read; and if none of them has, but one does not exist any more.
        """
        if not self.named:
            return []
        begin, survey = moment - ALARM_MARGIN, self._read()
        fired = [found for each in survey.readings if (found := self._of(each, begin))]
        self._tell_missing(survey, needed=not fired)
        self.fired += fired
        return fired

    def apart_from_later(
        self,
        promotions: Mapping[Target, Promotion],
        fired: Sequence[AlarmReading],
        moment: datetime,
    ) -> list[AlarmReading]:
        """Return which of what `since` has found fired while no later version had traffic, or shortly after.

        ``promotions``: of the aliases in question. Raises as `since` does.
        """
        begin = moment - ALARM_MARGIN
        others = self._served_later(promotions, begin)
        if not others:
            return list(fired)
        arns, survey = {each.arn for each in fired}, self._read()
        again = [each for each in survey.readings if each.arn in arns]
        counted = [found for each in again if (found := self._of(each, begin, others))]
        self._tell_missing(survey, needed=not counted)
        self.fired = [each for each in self.fired if each not in fired] + counted
        return counted

    def _served_later(
        self, promotions: Mapping[Target, Promotion], begin: datetime
    ) -> Collection[datetime]:
        """Return the minutes in which versions after the promoted ones were invoked. Raises `RolloutError`."""
        if self._ports.traffic is None:
            return ()
        later = {
            target: [str(int(promotion.new) + n) for n in range(1, LATER + 1)]
            for target, promotion in promotions.items()
        }
        patient = retrying(self._ports.clock, self._ports.stop, QUESTION_LIMIT)
        return patient(self._ports.traffic.served, later, begin, self._ports.aws_clock.now())

    def _read(self) -> Survey:
        if self._survey is None:
            patient = retrying(self._ports.clock, self._ports.stop, QUESTION_LIMIT)
            self._survey = patient(self._ports.alarms.read)
        return self._survey

    def _of(
        self, reading: AlarmReading, begin: datetime, others: Collection[datetime] = ()
    ) -> AlarmReading | None:
        def is_about_others(at: datetime) -> bool:
            return any(minute <= at < minute + MINUTE + ALARM_MARGIN for minute in others)

        found = fired_since(reading, (), begin, is_about_others)
        if found is None and _moved_since(reading, begin):
            found = fired_since(reading, self._history(reading, begin), begin, is_about_others)
        return found

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
        self._ports.emit(Warned(text=f"{what}. {remedy}"))

    def _history(self, reading: AlarmReading, begin: datetime) -> list[Transition]:
        """Return what an alarm did from a moment on. Raises `RolloutError`."""
        patient = retrying(self._ports.clock, self._ports.stop, QUESTION_LIMIT)
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
