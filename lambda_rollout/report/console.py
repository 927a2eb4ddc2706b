"""Links into the AWS console.

Hosts of the partitions: https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-in.html
(GovCloud) and https://docs.amazonaws.cn/en_us/aws/latest/userguide/introduction.html (China).
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote

from lambda_rollout.analysis.alarms import AlarmReading

_HOSTS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_REGION = re.compile(r"[a-z0-9-]+")


def version_url(alias_arn: str, function: str, version: str) -> str:
    """Return the address of a function's version, empty in a partition whose console is not known."""
    fragment = f"/functions/{quote(function, safe='')}/versions/{quote(version, safe='')}"
    return _url(alias_arn, "lambda", fragment)


def alias_url(alias_arn: str, function: str, alias: str) -> str:
    """Return the address of an alias, empty in a partition whose console is not known."""
    fragment = f"/functions/{quote(function, safe='')}/aliases/{quote(alias, safe='')}"
    return _url(alias_arn, "lambda", fragment)


def alarm_url(reading: AlarmReading) -> str:
    """Return the address of an alarm, empty in a partition whose console is not known."""
    return _url(reading.arn, "cloudwatch", f"alarmsV2:alarm/{quote(reading.name, safe='')}")


def log_url(alias_arn: str, group: str, stream: str, since: datetime) -> str:
    """Return the address of a log stream from a moment on, empty in a partition whose console is not known.

    The console takes the names percent-encoded twice, with a dollar in place of the percent sign.
    """
    moment = f"?start={int(since.timestamp() * 1000)}"
    names = f"{_twice(group)}/log-events/{_twice(stream)}{_in_console(moment)}"
    return _url(alias_arn, "cloudwatch", f"logsV2:log-groups/log-group/{names}")


def function_log_url(arn: str, function: str) -> str:
    """Return the address of a function's log where it usually is, empty in a partition whose console is not known."""
    return _url(
        arn, "cloudwatch", f"logsV2:log-groups/log-group/{_twice(f'/aws/lambda/{function}')}"
    )


def _twice(name: str) -> str:
    return _in_console(quote(name, safe=""))


def _in_console(text: str) -> str:
    return quote(text, safe="").replace("%", "$")


def _url(arn: str, console: str, fragment: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[1] not in _HOSTS or not _REGION.fullmatch(parts[3]):
        return ""
    region = parts[3]
    return f"https://{region}.{_HOSTS[parts[1]]}/{console}/home?region={region}#{fragment}"
