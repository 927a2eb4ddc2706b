"""Links into the AWS console.

Hosts of the partitions: https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/getting-started-sign-in.html
(GovCloud) and https://docs.amazonaws.cn/en_us/aws/latest/userguide/introduction.html (China).
"""

from __future__ import annotations

import re
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


def _url(arn: str, console: str, fragment: str) -> str:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[1] not in _HOSTS or not _REGION.fullmatch(parts[3]):
        return ""
    region = parts[3]
    return f"https://{region}.{_HOSTS[parts[1]]}/{console}/home?region={region}#{fragment}"
