"""Where a version's log is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from lambda_rollout.analysis.errors.place import (
    MOST_DAYS,
    ended_invocation,
    insights_query,
    prefixes,
    read_statement,
)
from tests.support.log_payloads import ONE

GROUP = "/aws/lambda/checkout"
NOW = datetime(2026, 11, 28, 0, 30, tzinfo=UTC)


def test_a_prefix_for_each_day_since_it_was_published_is_exactly_this_version() -> None:
    published = NOW - timedelta(hours=2)
    assert prefixes(GROUP, "checkout", "8", NOW - timedelta(minutes=5), NOW, published) == (
        "2026/11/28/[8]",
        "2026/11/27/[8]",
    )
    assert prefixes("/shop", "checkout", "8", NOW, NOW, NOW) == ("2026/11/28/checkout[8]",)


def test_without_its_day_the_one_before_is_asked_for_too() -> None:
    """An environment may have been started before the rollout began."""
    days = prefixes(GROUP, "checkout", "8", NOW, NOW, None)
    assert days == ("2026/11/28/[8]", "2026/11/27/[8]")


def test_of_many_days_the_newest_are_asked_for() -> None:
    days = prefixes(GROUP, "checkout", "8", NOW, NOW, NOW - timedelta(days=400))
    assert len(days) == MOST_DAYS
    assert days[0] == "2026/11/28/[8]"


def test_a_day_is_that_of_utc_whatever_the_zone() -> None:
    east = datetime.fromisoformat("2026-11-28T01:30:00+02:00")
    assert prefixes(GROUP, "checkout", "8", east, east, east) == ("2026/11/27/[8]",)


def test_a_clock_that_is_ahead_asks_for_today_all_the_same() -> None:
    later = NOW + timedelta(days=1)
    assert prefixes(GROUP, "checkout", "8", later, NOW, later) == ("2026/11/28/[8]",)


def test_the_query_is_about_this_version_alone() -> None:
    assert '@logStream like "[8]"' in insights_query(GROUP, "checkout", "8")
    assert '@logStream like "checkout[8]"' in insights_query("/shop", "checkout", "8")


def test_the_statement_names_each_group_once_in_its_partition() -> None:
    arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:checkout:live"
    one = json.loads(read_statement([(arn, GROUP), (arn, GROUP)]))
    resource = f"arn:aws-cn:logs:cn-north-1:123456789012:log-group:{GROUP}:*"
    assert one == {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": resource}
    two = json.loads(read_statement([(arn, GROUP), (arn, "/shop")]))
    assert len(two["Resource"]) == 2
    assert read_statement([("", GROUP)]) == ""


def test_the_end_of_an_invocation_names_it() -> None:
    assert ended_invocation(f"END RequestId: {ONE}\n") == ONE
    assert ended_invocation("END of it") == ""
