"""CloudWatch's alarm calls.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html and
API_DescribeAlarmHistory.html. Without AlarmTypes only metric alarms come back; names that do not exist are
silently absent; neither call takes a Region, so there is a client for each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState, Survey, Transition
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Unanswered
from lambda_rollout.runtime.retry import raise_if_stopped

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import AlarmTypeType

PAGE = 100
"""Names in one DescribeAlarms call, and records in one answer, at most."""

TYPES: Sequence[AlarmTypeType] = ("MetricAlarm", "CompositeAlarm", "LogAlarm")


class CloudWatchAlarms:
    """`lambda_rollout.rollout.watch.Alarms` over boto3."""

    def __init__(
        self, clients: Clients, names: Sequence[AlarmName], stop: Stop | None = None
    ) -> None:
        """Make no call yet; an alarm without a Region of its own is looked for in the clients'.

        ``stop`` is heeded between two calls of one read, which raises `Cancelled` then: each may take seconds, and
        a rollback waits for the end of all.
        """
        self._stop = stop
        self._clients = clients
        self._names = names
        self._only_updated: set[tuple[str, str]] = set()
        """Region and name of the alarms whose answers tell when they were updated, but not when they changed."""

    def read(self) -> Survey:
        """See `Alarms.read`: one call for each hundred alarms of a Region."""
        by_region: dict[str, list[str]] = {}
        for name in self._names:
            by_region.setdefault(name.region or self._clients.region, []).append(name.name)
        found: dict[tuple[str, str], AlarmReading] = {}
        for region, names in by_region.items():
            for start in range(0, len(names), PAGE):
                for reading in self._page(region, names[start : start + PAGE]):
                    found[region, reading.name] = reading
        readings, missing = [], []
        for name in self._names:
            match = found.get((name.region or self._clients.region, name.name))
            # An ARN of another account must not be answered by an alarm of the same name in this one.
            if match is None or (name.text.startswith("arn:") and match.arn != name.text):
                missing.append(name.text)
            else:
                readings.append(match)
        return Survey(tuple(readings), tuple(missing))

    def _page(self, region: str, names: Sequence[str]) -> Iterator[AlarmReading]:
        token: dict[str, Any] = {}
        while True:
            raise_if_stopped(self._stop)
            answer, readings = ask(
                "DescribeAlarms",
                partial(
                    self._clients.cloudwatch(region).describe_alarms,
                    AlarmNames=names,
                    AlarmTypes=TYPES,
                    MaxRecords=PAGE,
                    **token,
                ),
                lambda answer: (answer, _readings(region, answer)),
            )
            self._only_updated |= {(region, name) for name in _only_updated(answer)}
            yield from readings
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def history(self, reading: AlarmReading, since: datetime) -> Sequence[Transition]:
        """See `Alarms.history`.

        Of an alarm that only tells when it was updated, it ends with the state found: an update need not be a
        change, and then there is nothing in the history that explains it.
        """
        transitions: list[Transition] = []
        token: dict[str, Any] = {}
        while True:
            raise_if_stopped(self._stop)
            answer: Mapping[str, Any] = ask(
                "DescribeAlarmHistory",
                partial(
                    self._clients.cloudwatch(reading.region).describe_alarm_history,
                    AlarmName=reading.name,
                    AlarmTypes=TYPES,
                    HistoryItemType="StateUpdate",
                    StartDate=since,
                    ScanBy="TimestampAscending",
                    MaxRecords=PAGE,
                    **token,
                ),
                dict,
            )
            transitions += (_transition(item) for item in answer["AlarmHistoryItems"])
            if not answer.get("NextToken"):
                if (reading.region, reading.name) in self._only_updated:
                    transitions += _as_found(reading)
                return transitions
            token = {"NextToken": answer["NextToken"]}


def _alarms(answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("MetricAlarms", "CompositeAlarms", "LogAlarms"):
        yield from answer.get(kind) or ()


def _readings(region: str, answer: Mapping[str, Any]) -> list[AlarmReading]:
    return [_reading(region, alarm) for alarm in _alarms(answer)]


def _only_updated(answer: Mapping[str, Any]) -> Iterator[str]:
    """Name the alarms without a StateTransitionedTimestamp: real ones have it, those of servers for tests may not."""
    for alarm in _alarms(answer):
        if not alarm.get("StateTransitionedTimestamp"):
            yield alarm["AlarmName"]


def _as_found(reading: AlarmReading) -> Iterator[Transition]:
    if reading.transitioned_at is not None:
        yield Transition(reading.transitioned_at, reading.state, reading.state, reading.reason)


def _reading(region: str, alarm: Mapping[str, Any]) -> AlarmReading:
    return AlarmReading(
        arn=alarm["AlarmArn"],
        name=alarm["AlarmName"],
        region=region,
        state=AlarmState(alarm["StateValue"]),
        reason=alarm.get("StateReason", ""),
        transitioned_at=alarm.get("StateTransitionedTimestamp")
        or alarm.get("StateUpdatedTimestamp"),
        evaluation=alarm.get("EvaluationState", ""),
    )


def _transition(item: Mapping[str, Any]) -> Transition:
    """Read a history item; its HistoryData is JSON in a string, of version 1.0."""
    try:
        data = json.loads(item["HistoryData"])
        return Transition(
            at=item["Timestamp"],
            before=AlarmState(data["oldState"]["stateValue"]),
            after=AlarmState(data["newState"]["stateValue"]),
            reason=str(data["newState"].get("stateReason", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # What cannot be read must not pass for "nothing happened".
        raise Unanswered("DescribeAlarmHistory", "UnreadableHistory", str(error)) from error
