"""The history of alarms: kept two weeks, also after an alarm was deleted.

Source: DescribeAlarmHistory in the CloudWatch API Reference, and its sample in the AWS CLI's.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.cloudwatch.alarm import Alarm
from sandbox.clock import to_milliseconds

KEPT = timedelta(days=14)


@dataclass(frozen=True)
class Item:
    """One entry. `number` orders those of the same instant; `written_at` counts for the lag."""

    number: int
    alarm_name: str
    alarm_type: str
    at: datetime
    written_at: datetime
    type: str
    summary: str
    data: str

    def describe(self) -> dict[str, Any]:
        """The AlarmHistoryItem shape of botocore."""
        return {
            "AlarmName": self.alarm_name,
            "AlarmType": self.alarm_type,
            "Timestamp": self.at,
            "HistoryItemType": self.type,
            "HistorySummary": self.summary,
            "HistoryData": self.data,
        }


class History:
    """`lag` is how long an entry stays unseen after it was written."""

    def __init__(self) -> None:
        self.lag = timedelta(0)
        self._items: list[Item] = []

    def state_changed(self, alarm: Alarm, old: Mapping[str, Any], now: datetime) -> None:
        """Enter a transition; `old` is `state_of` before it."""
        new = state_of(alarm)
        summary = f"Alarm updated from {old['stateValue']} to {new['stateValue']}"
        data = {"version": "1.0", "oldState": old, "newState": new}
        self._add(alarm, "StateUpdate", summary, data, alarm.transitioned_at, now)

    def configured(self, alarm: Alarm, what: str, now: datetime) -> None:
        """Enter a change of configuration; `what` is Create, Update or Delete."""
        summary = f'Alarm "{alarm.name}" {what.lower()}d'[:255]
        data = {"version": "1.0", "type": what}
        self._add(alarm, "ConfigurationUpdate", summary, data, to_milliseconds(now), now)

    def visible(self, now: datetime) -> Iterator[Item]:
        """What can be read at `now`, in the order it was written."""
        for item in self._items:
            if item.written_at + self.lag <= now and item.at >= now - KEPT:
                yield item

    def _add(
        self,
        alarm: Alarm,
        type_: str,
        summary: str,
        data: Mapping[str, Any],
        at: datetime,
        now: datetime,
    ) -> None:
        number = len(self._items)
        text = json.dumps(data, separators=(",", ":"))
        self._items.append(Item(number, alarm.name, alarm.type, at, now, type_, summary, text))


def state_of(alarm: Alarm) -> dict[str, Any]:
    """The oldState or newState of HistoryData."""
    state: dict[str, Any] = {"stateValue": alarm.value, "stateReason": alarm.reason}
    if alarm.reason_data is not None:
        state["stateReasonData"] = json.loads(alarm.reason_data)
    return state
