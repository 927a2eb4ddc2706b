"""Where a version's log is, and how to ask for the errors in it. Pure.

Streams are named ``YYYY/MM/DD/[VERSION]…`` in the group that Lambda names after the function, and
``YYYY/MM/DD/FUNCTION[VERSION]…`` in any other; the day (UTC) is that on which the execution environment began
(https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from lambda_rollout.analysis.errors.words import UUID

MOST_DAYS = 8
"""Days whose streams are asked for, the newest: an execution environment lives for some hours."""

PATTERN = (
    "%[Ee]rror|ERROR|[Ee]xception|[Tt]raceback|timed.out|timeout|[Pp]anic|[Ff]atal|FATAL|[Ff]ail|FAIL|"
    "[Cc]ritical|CRITICAL|crit|SEVERE|exited%"
)
"""The filter pattern that lets pass whatever may tell of an error: a regular expression, which has no groups there
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html)."""

END = '"END RequestId"'
"""The filter pattern of the line that ends an invocation."""

_END = re.compile(rf"END RequestId: ({UUID})")
_DAY = timedelta(days=1)


def default_group(function: str) -> str:
    """Return the log group of a function that names none."""
    return f"/aws/lambda/{function}"


def stem(group: str, function: str, version: str) -> str:
    """Return what the names of a version's streams have after the day."""
    return f"{'' if group == default_group(function) else function}[{version}]"


def prefixes(
    group: str,
    function: str,
    version: str,
    since: datetime,
    until: datetime,
    published: datetime | None,
) -> tuple[str, ...]:
    """Return the beginnings of the names of a version's streams, the newest day first.

    One for each day since it was ``published``, or, if that is not known, since the day before ``since``.
    """
    first = min(published or since - _DAY, since).astimezone(UTC).date()
    last = until.astimezone(UTC).date()
    days = [last - number * _DAY for number in range(max(0, (last - first).days) + 1)]
    return tuple(f"{day:%Y/%m/%d}/{stem(group, function, version)}" for day in days[:MOST_DAYS])


def insights_query(group: str, function: str, version: str) -> str:
    """Return a query for CloudWatch Logs Insights that shows a version's errors, the newest first.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
    """
    streams = json.dumps(stem(group, function, version))
    return "\n".join(
        [
            "fields @timestamp, @requestId, @message",
            f"| filter @logStream like {streams}",
            "| filter @message like /(?i)(error|exception|traceback|timed out|timeout|panic|fatal|fail|critical|exited)/",
            "| sort @timestamp desc",
            "| limit 100",
        ]
    )


def read_statement(groups: Iterable[tuple[str, str]]) -> str:
    """Return the statement of an IAM policy that allows to read log groups, as JSON.

    Each is given with the ARN of an alias of its account and Region. Empty if none of these is an ARN.
    """
    found = [
        f"arn:{parts[1]}:logs:{parts[3]}:{parts[4]}:log-group:{group}:*"
        for arn, group in groups
        if len(parts := arn.split(":")) > 5
    ]
    resources = sorted(dict.fromkeys(found))
    if not resources:
        return ""
    resource = resources[0] if len(resources) == 1 else resources
    return json.dumps({"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": resource})


def ended_invocation(message: str) -> str:
    """Return the invocation of which Lambda says that it has ended; empty for any other entry."""
    found = _END.match(message)
    return found[1] if found else ""
