"""Which types of alarms a Region knows, and DescribeAlarms, which names them all: else only metric alarms come back.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html. Log alarms date from 2026-06:
a Region, a partition or a server for tests that checks AlarmTypes may refuse the name, and with it the whole call. It
is asked again without it, once; from then on that Region is asked for what it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.aws.calls import ask
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import InvalidRequest
from lambda_rollout.runtime.retry import raise_if_stopped

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import AlarmTypeType

Raw = Mapping[str, Any]

PAGE = 100
"""Names in one DescribeAlarms call, and records in one answer, at most."""

KINDS = {
    "MetricAlarms": "MetricAlarm",
    "CompositeAlarms": "CompositeAlarm",
    "LogAlarms": "LogAlarm",
}
"""The lists in an answer of DescribeAlarms, and the type of the alarms in each."""

ALARM_TYPES: Sequence[AlarmTypeType] = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
OLDER_TYPES: Sequence[AlarmTypeType] = ("MetricAlarm", "CompositeAlarm")

T = TypeVar("T")


class AlarmTypes:
    """What was learned of the Regions; shared by all that ask them."""

    def __init__(self, warn: Callable[[str], None] = lambda _: None) -> None:
        """``warn`` is told once of a Region without log alarms."""
        self._warn = warn
        self._older: set[str] = set()
        self._learning = threading.Lock()

    def asking(self, region: str, call: Callable[[Sequence[AlarmTypeType]], T]) -> T:
        """Make a call with the types that the Region knows. Raises what ``call`` does.

        A refusal that has another cause comes again without log alarms, and nothing is learned of it.
        """
        if region in self._older:
            return call(OLDER_TYPES)
        try:
            return call(ALARM_TYPES)
        except InvalidRequest:
            answer = call(OLDER_TYPES)
        with self._learning:
            known = region in self._older
            self._older.add(region)
        if not known:
            self._warn(
                f"CloudWatch in {region} does not know log alarms: it is asked for the others only."
            )
        return answer

    def describe(
        self,
        client: CloudWatchClient,
        region: str,
        names: Sequence[str],
        stop: Stop | None = None,
    ) -> Iterator[Raw]:
        """Yield the answers of DescribeAlarms for all these names, page after page.

        ``client`` is that of the ``region``. Names that do not exist are silently absent. ``stop`` is heeded before
        each call, which raises `Cancelled` then; otherwise raises `CallFailed` and its kinds.
        """
        for start in range(0, len(names), PAGE):
            token: dict[str, Any] = {}
            while True:
                raise_if_stopped(stop)
                page = partial(_page, client, names[start : start + PAGE], token)
                answer = self.asking(region, page)
                yield answer
                if not answer.get("NextToken"):
                    break
                token = {"NextToken": answer["NextToken"]}


def _page(
    client: CloudWatchClient,
    names: Sequence[str],
    token: Mapping[str, Any],
    types: Sequence[AlarmTypeType],
) -> Raw:
    return ask(
        "DescribeAlarms",
        partial(
            client.describe_alarms, AlarmNames=names, AlarmTypes=types, MaxRecords=PAGE, **token
        ),
        _checked,
    )


def alarms_in(answer: Raw) -> Iterator[Raw]:
    """Yield every alarm in an answer of DescribeAlarms."""
    for kind in KINDS:
        yield from answer.get(kind) or ()


def _checked(answer: Raw) -> Raw:
    """Read every alarm once, so that an answer which no reading can be made of is found to be none of AWS's."""
    for alarm in alarms_in(answer):
        AlarmState(alarm["StateValue"])
        _ = alarm["AlarmArn"], alarm["AlarmName"]
    return answer
