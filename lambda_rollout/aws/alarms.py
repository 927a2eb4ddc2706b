"""CloudWatch's alarm calls.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html and
API_DescribeAlarmHistory.html. Names that do not exist are silently absent; neither call takes a Region, so there is a
client for each. Without a name DescribeAlarmHistory answers for all alarms of the account.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.analysis.alarms import (
    BROKEN,
    PARTIAL,
    AlarmReading,
    AlarmState,
    HistoryPage,
    Survey,
    Transition,
)
from lambda_rollout.aws.alarm_types import PAGE, Raw, alarms_in
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.preflight.alarm_rule import RuleUnread, children, parse_alarm_rule
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Unanswered

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import AlarmTypeType


_GUARDIAN = re.compile(
    r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:lambda-rollout-guardian"
)


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
        self._below: dict[str, tuple[str, ...]] = {}
        """By Region: the alarms below composite ones, as the newest read knows them."""
        self._only_updated: set[tuple[str, str]] = set()
        """Region and name of the alarms whose answers tell when they were updated, but not when they changed."""

    def read(self) -> Survey:
        """See `Alarms.read`: one call for each hundred alarms of a Region.

        The alarms below composite ones are named in the same calls, so that only the first read, and one after a rule
        was changed, asks once more.
        """
        by_region: dict[str, list[str]] = {}
        for name in self._names:
            by_region.setdefault(name.region or self._clients.region, []).append(name.name)
        found: dict[tuple[str, str], AlarmReading] = {}
        invoked: list[str] = []
        for region, names in by_region.items():
            described = self._described(region, names)
            for each in described:
                found[region, each] = _reading(region, each, described)
            for each in names:
                invoked += _guardians(described.get(each, {}))
        readings, missing = [], []
        for name in self._names:
            match = found.get((name.region or self._clients.region, name.name))
            # An ARN of another account must not be answered by an alarm of the same name in this one.
            if match is None or (name.text.startswith("arn:") and match.arn != name.text):
                missing.append(name.text)
            else:
                readings.append(match)
        return Survey(tuple(readings), tuple(missing), guardians=tuple(dict.fromkeys(invoked)))

    def _described(self, region: str, names: Sequence[str]) -> Mapping[str, Raw]:
        """Describe these alarms and all that are below them, by name."""
        found: dict[str, Raw] = {}
        asked: set[str] = set()
        wanted = list(dict.fromkeys((*names, *self._below.get(region, ()))))
        while wanted:
            client = self._clients.cloudwatch(region)
            for answer in self._clients.alarm_types.describe(client, region, wanted, self._stop):
                self._only_updated |= {(region, name) for name in _only_updated(answer)}
                found |= {alarm["AlarmName"]: alarm for alarm in alarms_in(answer)}
            asked |= set(wanted)
            below = _all_below(names, found)
            wanted = [child for child in below if child not in asked]
        self._below[region] = tuple(child for child in below if child in found)
        return found

    def history(
        self, readings: Sequence[AlarmReading], since: datetime, token: str = ""
    ) -> HistoryPage:
        """See `Alarms.history`.

        Of an alarm that only tells when it was updated, it ends with the state found: an update need not be a
        change, and then there is nothing in the history that explains it.
        """
        region = readings[0].region
        answer = self._clients.alarm_types.asking(
            region, partial(self._history_page, readings, since, token)
        )
        changes: dict[str, list[Transition]] = {reading.name: [] for reading in readings}
        others = 0
        for item in answer["AlarmHistoryItems"]:
            name = readings[0].name if len(readings) == 1 else _name_in(item)
            if name in changes:
                changes[name].append(_transition(item))
            else:
                others += 1
        following = answer.get("NextToken") or ""
        if not following:
            for reading in readings:
                if (region, reading.name) in self._only_updated:
                    changes[reading.name] += _as_found(reading)
        return HistoryPage(changes, others, following)

    def _history_page(
        self,
        readings: Sequence[AlarmReading],
        since: datetime,
        token: str,
        types: Sequence[AlarmTypeType],
    ) -> Raw:
        named: dict[str, Any] = {"AlarmName": readings[0].name} if len(readings) == 1 else {}
        if token:
            named["NextToken"] = token
        return ask(
            "DescribeAlarmHistory",
            partial(
                self._clients.cloudwatch(readings[0].region).describe_alarm_history,
                AlarmTypes=types,
                HistoryItemType="StateUpdate",
                StartDate=since,
                ScanBy="TimestampAscending",
                MaxRecords=PAGE,
                **named,
            ),
            dict,
        )


def _guardians(alarm: Raw) -> Iterator[str]:
    """Yield the guardians that an alarm invokes when it fires, known by their functions' names."""
    if alarm.get("ActionsEnabled", True):
        for action in alarm.get("AlarmActions") or ():
            if _GUARDIAN.match(action):
                yield action


def below_of(alarm: Raw) -> tuple[str, ...]:
    """Return the names in a composite alarm's rule, each once; an ARN there is of the same account and Region.

    Empty for any other alarm, and for a rule that is not understood: what is below it is not known then.
    """
    try:
        return tuple(dict.fromkeys(children(parse_alarm_rule(alarm.get("AlarmRule", "")))))
    except RuleUnread:
        return ()


def _all_below(names: Sequence[str], described: Mapping[str, Raw]) -> Sequence[str]:
    """Return what is below the named alarms, as far down as they are described."""
    reached = list(dict.fromkeys(names))
    for name in reached:
        reached += [child for child in below_of(described.get(name, {})) if child not in reached]
    return reached[len(set(names)) :]


def _only_updated(answer: Mapping[str, Any]) -> Iterator[str]:
    """Name the alarms without a StateTransitionedTimestamp: real ones have it, those of servers for tests may not."""
    for alarm in alarms_in(answer):
        if not alarm.get("StateTransitionedTimestamp"):
            yield alarm["AlarmName"]


def _as_found(reading: AlarmReading) -> Iterator[Transition]:
    if reading.transitioned_at is not None:
        yield Transition(reading.transitioned_at, reading.state, reading.state, reading.reason)


def _reading(region: str, name: str, described: Mapping[str, Raw]) -> AlarmReading:
    alarm = described[name]
    state = AlarmState(alarm["StateValue"])
    reason = alarm.get("StateReason", "")
    evaluation, because_of = _worst(name, described, frozenset())
    if because_of != name and evaluation and state is not AlarmState.ALARM:
        reason = f"alarm {because_of}, below it: {described[because_of].get('StateReason', '')}"
    return AlarmReading(
        arn=alarm["AlarmArn"],
        name=alarm["AlarmName"],
        region=region,
        state=state,
        reason=reason,
        transitioned_at=alarm.get("StateTransitionedTimestamp")
        or alarm.get("StateUpdatedTimestamp"),
        evaluation=evaluation,
    )


def _worst(name: str, described: Mapping[str, Raw], above: frozenset[str]) -> tuple[str, str]:
    """Return the worst EvaluationState of an alarm and all below it, and whose it is: its own where none is worse."""
    alarm = described[name]
    within = above | {name}
    each = [(alarm.get("EvaluationState", ""), name)]
    each += [
        _worst(child, described, within)
        for child in below_of(alarm)
        if child in described and child not in within
    ]
    return max(each, key=lambda one: _badness(one[0]))


def _badness(evaluation: str) -> int:
    if evaluation in BROKEN:
        return 3
    return {"": 0, PARTIAL: 1}.get(evaluation, 2)


def _name_in(item: Mapping[str, Any]) -> str:
    """Say whose history an item is of; without that, it could be of any."""
    if not item.get("AlarmName"):
        raise Unanswered("DescribeAlarmHistory", "UnreadableHistory", "an item without AlarmName")
    return str(item["AlarmName"])


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
