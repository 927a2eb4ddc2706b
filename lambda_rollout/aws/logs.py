"""CloudWatch Logs: what a version has written, by FilterLogEvents. One call, one try.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambda_rollout.analysis.errors.model import LogEntry
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.rollout.ports import LogPage, LogQuery


class CloudWatchLogs:
    """`lambda_rollout.rollout.ports.Logs` over boto3."""

    def __init__(self, clients: Clients) -> None:
        """Make no call yet, and no client either: most rollouts need none."""
        self._clients = clients

    def page(self, query: LogQuery, token: str = "") -> LogPage:
        """See `Logs.page`."""
        return ask(
            "FilterLogEvents",
            lambda: self._clients.logs.filter_log_events(**_parameters(query, token)),
            _page,
        )


def _parameters(query: LogQuery, token: str) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "logGroupName": query.group,
        "startTime": _milliseconds(query.since),
        "limit": query.limit,
    }
    if query.stream:
        asked["logStreamNames"] = [query.stream]
    else:
        asked["logStreamNamePrefix"] = query.prefix
    if query.until is not None:
        asked["endTime"] = _milliseconds(query.until)
    if query.pattern:
        asked["filterPattern"] = query.pattern
    if token:
        asked["nextToken"] = token
    return asked


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _page(answer: Mapping[str, Any]) -> LogPage:
    entries = tuple(
        LogEntry(
            datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
            event["logStreamName"],
            event.get("message", ""),
        )
        for event in answer["events"]
    )
    return LogPage(entries, answer.get("nextToken") or "")
