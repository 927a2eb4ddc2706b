"""Words for people."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lambda_rollout.report.console import alarm_url, alias_url, version_url
from lambda_rollout.report.lines import bar
from lambda_rollout.report.wording import clean, listing, share
from tests.support.stories import ERRORS_OK


@pytest.mark.parametrize(
    ("percent", "written"), [("10", "10%"), ("12.50", "12.5%"), ("1E+2", "100%"), ("0", "0%")]
)
def test_shares(percent: str, written: str) -> None:
    assert share(Decimal(percent)) == written


def test_lists() -> None:
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b"]) == "a and b"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_clean_keeps_words_and_shows_what_would_not_be_seen() -> None:
    assert clean("  a\n\tb \x0b c ") == "a b c"
    assert clean("a\u202eb\u200bc\x1bd\ud800e") == "a�b�c�d�e"
    assert clean("Größe 測試 ✅") == "Größe 測試 ✅"
    assert clean("x" * 11, limit=10) == "x" * 9 + "…"
    assert clean(" " * 10_000 + "x", limit=10) == "…"


@pytest.mark.parametrize(
    ("total", "left", "filled"),
    [(100, 100, 0), (100, 50, 10), (100, 1, 19), (100, 0, 20), (0, 0, 20)],
)
def test_bar(total: int, left: int, filled: int) -> None:
    drawn = bar(timedelta(seconds=total), timedelta(seconds=left))
    assert drawn == "█" * filled + "░" * (20 - filled)


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-central-1", "eu-central-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_links_lead_to_the_partitions_console(partition: str, region: str, host: str) -> None:
    arn = f"arn:{partition}:lambda:{region}:123456789012:function:checkout:live"
    home = f"https://{host}/lambda/home?region={region}#/functions/checkout"
    assert version_url(arn, "checkout", "8") == f"{home}/versions/8"
    assert alias_url(arn, "checkout", "live") == f"{home}/aliases/live"
    name = "5xx / p99 (live) 测"
    alarm_arn = f"arn:{partition}:cloudwatch:{region}:123456789012:alarm:{name}"
    assert alarm_url(replace(ERRORS_OK, arn=alarm_arn, name=name)) == (
        f"https://{host}/cloudwatch/home?region={region}"
        "#alarmsV2:alarm/5xx%20%2F%20p99%20%28live%29%20%E6%B5%8B"
    )


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "checkout",
        "arn:aws-iso:lambda:us-iso-east-1:1:function:f:live",
        "arn:aws:lambda:e)x:1:f:g",
    ],
)
def test_an_unknown_console_gives_no_link(arn: str) -> None:
    assert version_url(arn, "checkout", "8") == ""
