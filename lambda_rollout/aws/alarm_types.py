"""Which types of alarms a Region knows. Without AlarmTypes only metric alarms come back, so all are always named.

Log alarms date from 2026-06: a Region, a partition or a server for tests that checks AlarmTypes may refuse the name,
and with it the whole call. It is asked again without it, once; from then on that Region is asked for what it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from lambda_rollout.runtime.errors import InvalidRequest

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import AlarmTypeType

ALL: Sequence[AlarmTypeType] = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
OLDER: Sequence[AlarmTypeType] = ("MetricAlarm", "CompositeAlarm")

T = TypeVar("T")


class AlarmTypes:
    """What was learned of the Regions; shared by all that ask them."""

    def __init__(self, warn: Callable[[str], None] = lambda _: None) -> None:
        """``warn`` is told once of a Region without log alarms."""
        self._warn = warn
        self._older: set[str] = set()
        self._learning = threading.Lock()

    def asking(self, region: str, call: Callable[[Sequence[AlarmTypeType]], T]) -> T:
        """Make a call with the types that the Region knows. Raises what ``call`` does.

        A refusal that has another cause comes again without log alarms, and nothing is learned of it.
        """
        if region in self._older:
            return call(OLDER)
        try:
            return call(ALL)
        except InvalidRequest:
            answer = call(OLDER)
        with self._learning:
            known = region in self._older
            self._older.add(region)
        if not known:
            self._warn(
                f"CloudWatch in {region} does not know log alarms: it is asked for the others only."
            )
        return answer
