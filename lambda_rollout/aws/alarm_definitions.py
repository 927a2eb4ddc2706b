"""How alarms are made: which metrics, how often, how many datapoints; and what is below a composite one.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html, API_CompositeAlarm.html
and API_LogAlarm.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lambda_rollout.aws.alarm_types import KINDS
from lambda_rollout.aws.alarms import below_of
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.preflight.alarm_rule import AlarmRule, RuleUnread, parse_alarm_rule
from lambda_rollout.preflight.facts import AlarmFacts, WatchedMetric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.literals import AlarmTypeType

DEPTH = 5
"""How far down composite alarms are followed."""

_RATE = re.compile(r"rate\(\s*(\d{1,6})\s+(minute|hour|day)s?\s*\)")
_QUERY = re.compile(r"\s*SELECT\b|\bSEARCH\s*\(", re.IGNORECASE)

_Raw = Mapping[str, Any]


class AlarmDefinitions:
    """The definitions of a rollout's alarms, one try each call."""

    def __init__(self, clients: Clients, names: Sequence[AlarmName]) -> None:
        """Make no call yet; an alarm without a Region of its own is looked for in the clients'."""
        self._clients = clients
        self._names = names

    def read(self) -> tuple[AlarmFacts, ...]:
        """Return the alarms that exist, in the order in which they were named."""
        found = {
            region: self._below(region, list(dict.fromkeys(names)))
            for region, names in self._by_region().items()
        }
        return tuple(
            _facts(name.name, raw, frozenset())
            for name in self._names
            if name.name in (raw := found[name.region or self._clients.region])
        )

    def try_history(self) -> None:
        """Ask each Region for one item of the history of its first alarm."""
        for region, names in self._by_region().items():
            self._clients.alarm_types.asking(region, partial(self._ask_history, region, names[0]))

    def _ask_history(self, region: str, name: str, types: Sequence[AlarmTypeType]) -> None:
        ask(
            "DescribeAlarmHistory",
            partial(
                self._clients.cloudwatch(region).describe_alarm_history,
                AlarmName=name,
                AlarmTypes=types,
                HistoryItemType="StateUpdate",
                MaxRecords=1,
            ),
            dict,
        )

    def _by_region(self) -> Mapping[str, list[str]]:
        by_region: dict[str, list[str]] = {}
        for name in self._names:
            by_region.setdefault(name.region or self._clients.region, []).append(name.name)
        return by_region

    def _below(self, region: str, names: list[str]) -> Mapping[str, tuple[str, _Raw]]:
        """Describe the named alarms and all below them: name -> kind and definition."""
        found: dict[str, tuple[str, _Raw]] = {}
        for _ in range(DEPTH):
            found.update(self._described(region, names))
            below = [child for name in names if name in found for child in below_of(found[name][1])]
            names = [child for child in dict.fromkeys(below) if child not in found]
            if not names:
                break
        return found

    def _described(
        self, region: str, names: Sequence[str]
    ) -> Iterator[tuple[str, tuple[str, _Raw]]]:
        client = self._clients.cloudwatch(region)
        for answer in self._clients.alarm_types.describe(client, region, names):
            for key, kind in KINDS.items():
                for alarm in answer.get(key) or ():
                    yield alarm["AlarmName"], (kind, alarm)


def _rule(alarm: _Raw) -> AlarmRule | None:
    try:
        return parse_alarm_rule(alarm.get("AlarmRule", ""))
    except RuleUnread:
        return None


def _facts(
    name: str, described: Mapping[str, tuple[str, _Raw]], above: frozenset[str]
) -> AlarmFacts:
    kind, alarm = described[name]
    if kind == "CompositeAlarm":
        below = above | {name}
        return AlarmFacts(
            name,
            kind,
            rule=_rule(alarm),
            children=tuple(
                _facts(child, described, below)
                for child in below_of(alarm)
                if child in described and child not in below
            ),
        )
    made = _of_logs(name, alarm) if kind == "LogAlarm" else _of_metrics(name, alarm)
    return replace(
        made,
        warm_until=_warm_until(alarm),
        evaluation=alarm.get("EvaluationState", ""),
        evaluation_reason=alarm.get("StateReason", ""),
    )


def _of_logs(name: str, alarm: _Raw) -> AlarmFacts:
    """Read a log alarm: its query runs on a schedule, and some of its last results have to breach.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_LogAlarm.html
    """
    schedule = (alarm.get("ScheduledQueryConfiguration") or {}).get("ScheduleConfiguration") or {}
    rate = _RATE.fullmatch(schedule.get("ScheduleExpression", ""))
    evaluated = alarm.get("QueryResultsToEvaluate") or 1
    return AlarmFacts(
        name,
        "LogAlarm",
        unread="a query of logs",
        period=timedelta(**{f"{rate[2]}s": int(rate[1])}) if rate else timedelta(),
        evaluation_periods=evaluated,
        datapoints_to_alarm=alarm.get("QueryResultsToAlarm") or evaluated,
        query_offset=_seconds(schedule.get("EndTimeOffset")),
    )


def _of_metrics(name: str, alarm: _Raw) -> AlarmFacts:
    criteria = (alarm.get("EvaluationCriteria") or {}).get("PromQLCriteria")
    if criteria is not None or "EvaluationCriteria" in alarm:
        return AlarmFacts(
            name,
            "MetricAlarm",
            unread="a PromQL query",
            period=_seconds(alarm.get("EvaluationInterval")),
            pending=_seconds((criteria or {}).get("PendingPeriod")),
        )
    evaluated = alarm.get("EvaluationPeriods", 1)
    metrics, expression = _metrics(alarm)
    queries = alarm.get("Metrics") or ()
    periods = [
        *(metric.period for metric in metrics),
        *(_seconds(q.get("Period")) for q in queries),
    ]
    return AlarmFacts(
        name=name,
        kind="MetricAlarm",
        metrics=metrics,
        unread=_unread(alarm),
        expression=expression,
        period=max(periods, default=timedelta()),
        evaluation_periods=evaluated,
        datapoints_to_alarm=alarm.get("DatapointsToAlarm") or evaluated,
        comparison=alarm.get("ComparisonOperator", ""),
        threshold=None if alarm.get("ThresholdMetricId") else alarm.get("Threshold"),
    )


def _unread(alarm: _Raw) -> str:
    """Name what is no list of metrics: a query in a language of its own, or another account's metrics."""
    own = str(alarm.get("AlarmArn", "")).split(":")[4:5]
    for query in alarm.get("Metrics") or ():
        if _QUERY.search(query.get("Expression", "")):
            return "an expression that searches for its metrics"
        if query.get("AccountId") and [query["AccountId"]] != own:
            return f"metrics of account {query['AccountId']}"
    return ""


def _warm_until(alarm: _Raw) -> datetime | None:
    minutes = (alarm.get("WarmUpConfiguration") or {}).get("WarmUpPeriodDurationInMinutes")
    configured = alarm.get("AlarmConfigurationUpdatedTimestamp")
    return configured + timedelta(minutes=minutes) if minutes and configured else None


def _metrics(alarm: _Raw) -> tuple[tuple[WatchedMetric, ...], str]:
    """Return what an alarm looks at, and its metric math if it has any."""
    if "MetricName" in alarm:
        statistic = alarm.get("Statistic") or alarm.get("ExtendedStatistic", "")
        return (_metric("", alarm, statistic, alarm.get("Period")),), ""
    queries = alarm.get("Metrics") or ()
    metrics = tuple(
        _metric(query["Id"], stat.get("Metric", {}), stat.get("Stat", ""), stat.get("Period"))
        for query in queries
        if (stat := query.get("MetricStat"))
    )
    expression = next(
        (q["Expression"] for q in queries if q.get("Expression") and q.get("ReturnData", True)), ""
    )
    return metrics, expression


def _metric(id_: str, metric: _Raw, statistic: str, period: int | None) -> WatchedMetric:
    return WatchedMetric(
        id=id_,
        namespace=metric.get("Namespace", ""),
        name=metric.get("MetricName", ""),
        dimensions={each["Name"]: each["Value"] for each in metric.get("Dimensions") or ()},
        statistic=statistic,
        period=_seconds(period),
    )


def _seconds(period: int | None) -> timedelta:
    return timedelta(seconds=period or 0)
