"""StateReason and StateReasonData, worded as CloudWatch words them.

Wording: published notifications and the samples of DescribeAlarmHistory in the AWS CLI reference.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sandbox.aws.cloudwatch.alarm import Alarm, Criteria
from sandbox.aws.cloudwatch.evaluation import ALARM, INSUFFICIENT_DATA, Decision
from sandbox.aws.cloudwatch.metrics import MetricStore

_WORDS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}


class Window(NamedTuple):
    """One period of an alarm's evaluation range; `start` in seconds since the epoch."""

    start: float
    value: float | None


def state_reason(
    state: str, criteria: Criteria, windows: Sequence[Window], decision: Decision
) -> str:
    """Why the alarm is in `state` after `decision`."""
    if state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_count(decision.filled, 'datapoint', 'unknown')}."
    if decision.filled and criteria.treat_missing_data in ("breaching", "notBreaching"):
        return f"Threshold Crossed: {_filled(criteria, decision)}."
    return f"Threshold Crossed: {_compared(state, criteria, windows, decision)}."


def _filled(criteria: Criteria, decision: Decision) -> str:
    received = len(decision.evaluated)
    treated = "Breaching" if criteria.treat_missing_data == "breaching" else "NonBreaching"
    first = "no datapoints were received"
    if received:
        first = _count(received, "datapoint", "received")
    missing = _count(decision.filled, "missing datapoint", f"treated as [{treated}]")
    return f"{first} for {_plural(criteria.n, 'period')} and {missing}"


def _compared(state: str, criteria: Criteria, windows: Sequence[Window], decision: Decision) -> str:
    alarming = state == ALARM
    listed = []
    for at in decision.evaluated:
        value = windows[at].value
        if value is not None and criteria.breaching(value) == alarming:
            listed.append(f"{value} ({_utc(windows[at].start):%d/%m/%y %H:%M:%S})")
    counted, minimum = _plural(len(listed), "datapoint"), ""
    if criteria.m_was_given:
        counted = f"{len(listed)} out of the last {criteria.n} datapoints"
        needed = criteria.m if alarming else criteria.n - criteria.m + 1
        direction = "OK -> ALARM" if alarming else "ALARM -> OK"
        minimum = f" (minimum {_plural(needed, 'datapoint')} for {direction} transition)"
    was = ("was" if len(listed) == 1 else "were") + ("" if alarming else " not")
    return (
        f"{counted} [{', '.join(listed)}] {was} {_WORDS[criteria.operator]} "
        f"the threshold ({criteria.threshold}){minimum}"
    )


def state_reason_data(
    criteria: Criteria,
    windows: Sequence[Window],
    decision: Decision,
    now: datetime,
    store: MetricStore,
) -> str:
    """The JSON beside the reason: what was read, when, against what."""
    real = [windows[at] for at in decision.evaluated]
    data: dict[str, Any] = {"version": "1.0", "queryDate": json_time(now)}
    if real:
        data["startDate"] = json_time(_utc(real[-1].start))
    if criteria.statistic is not None:
        data["statistic"] = criteria.statistic
    data |= {
        "period": criteria.period,
        "recentDatapoints": [window.value for window in reversed(real)],
        "threshold": criteria.threshold,
        "evaluatedDatapoints": [_evaluated(criteria, window, store) for window in real],
    }
    return json.dumps(data, separators=(",", ":"))


def _evaluated(criteria: Criteria, window: Window, store: MetricStore) -> dict[str, Any]:
    samples = criteria.query.samples(store, window.start, window.start + criteria.period)
    counted = {} if samples is None else {"sampleCount": samples}
    return {"timestamp": json_time(_utc(window.start)), **counted, "value": window.value}


def composite_reason(child: Alarm | None) -> str:
    """Why a composite alarm changed; `child` is the alarm that moved it, None when it was put."""
    if child is None:
        return "The alarm rule was evaluated when it was put"
    at = f"{child.transitioned_at:%A %d %B, %Y %H:%M:%S UTC}"
    return f"{child.arn} transitioned to {child.value} at {at}"


def composite_reason_data(children: Sequence[Alarm]) -> str:
    """The JSON beside it: the children that are in the composite alarm's new state."""
    triggering = [
        {
            "arn": child.arn,
            "state": {"value": child.value, "timestamp": json_time(child.transitioned_at)},
        }
        for child in children
    ]
    return json.dumps({"triggeringAlarms": triggering}, separators=(",", ":"))


def json_time(at: datetime) -> str:
    """2026-11-23T05:10:00.000+0000, as in CloudWatch's own JSON texts."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _count(count: int, noun: str, done: str) -> str:
    return f"{_plural(count, noun)} {'was' if count == 1 else 'were'} {done}"
