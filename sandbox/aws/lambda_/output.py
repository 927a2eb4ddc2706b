"""What Lambda writes into CloudWatch Logs of one invocation: the function's own lines, and those around them.

Text and JSON: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html. Streams are named
by the day on which the execution environment began and by the version; in a log group of the function's own by its name
too (https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

_BLANK = "\xa0"
"""The runtime's indent, which no log viewer takes away."""


def group_of(function: str, settings: Mapping[str, Any]) -> str:
    """The log group that a version writes to."""
    return settings.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"


def stream_of(function: str, version: str, settings: Mapping[str, Any], day: datetime) -> str:
    """The log stream of the one environment that a version has in the sandbox on a day."""
    own = group_of(function, settings) != f"/aws/lambda/{function}"
    return _stream(function, version, f"{day:%Y/%m/%d}", function if own else "")


@cache
def _stream(function: str, version: str, day: str, prefix: str) -> str:
    environment = hashlib.sha256(
        f"{function}:{version}:{day.replace('/', '-')}".encode()
    ).hexdigest()[:32]
    return f"{day}/{prefix}[{version}]{environment}"


def is_json(settings: Mapping[str, Any]) -> bool:
    """Whether the version's log format is JSON."""
    return bool(settings.get("LoggingConfig", {}).get("LogFormat") == "JSON")


def entries(
    log: str, error: Mapping[str, Any] | None, settings: Mapping[str, Any], at: datetime
) -> Iterator[str]:
    """The events of one invocation.

    log: as LogType=Tail shows it. error: what the runtime told of an exception, None without one.
    """
    if is_json(settings):
        yield from _as_json(log, error, at)
        return
    lines = log.splitlines()
    block: list[str] = []
    for line in lines:
        # A runtime writes an exception with its traceback as one event.
        if block and not line.startswith(("END RequestId", "REPORT RequestId")):
            block.append(line)
            continue
        if block:
            yield _indented(block)
            block = []
        if line.startswith("[ERROR] "):
            block = [line]
        elif line.strip():
            yield line + "\n"
    if block:
        yield _indented(block)


def _indented(block: list[str]) -> str:
    return "\n".join(
        _BLANK * (len(line) - len(line.lstrip(" "))) + line.lstrip(" ") for line in block
    )


def _as_json(log: str, error: Mapping[str, Any] | None, at: datetime) -> Iterator[str]:
    lines = [line for line in log.splitlines() if line.strip()]
    request_id = lines[0].split()[2]
    time = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
    timed_out = any("Task timed out after" in line for line in lines)
    for line in lines:
        if line.startswith(("START ", "END ", "REPORT ", "[ERROR]", "Traceback", " ")):
            continue
        if "Task timed out after" not in line:
            yield line + "\n"
    if error is not None and not timed_out:
        yield json.dumps({"timestamp": time, "level": "ERROR", **error})
    status = "timeout" if timed_out else "error" if error is not None else "success"
    record = {"requestId": request_id, "status": status, "metrics": {"durationMs": 1.0}}
    yield json.dumps({"time": time, "type": "platform.report", "record": record})
