"""What an alias that keeps the way back says: how it is written, read, and when it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lambda_rollout.alias import record
from lambda_rollout.alias.promotion import Promotion, promotion_of, with_promotion
from lambda_rollout.alias.routing import Alias, Moving, Routing

KEPT = Promotion("7", "8", datetime(2026, 11, 28, 5, 10, tzinfo=UTC))
MARK = "[lambda-rollout 7>8 promoted 2026-11-28T05:10:00Z]"
RECORD = "[lambda-rollout 7>8 run local id 3fa94c7d until 2026-11-23T05:10:00Z]"


LEFT = Routing.all_on("7")


def alias(description: str, routing: Routing = LEFT) -> Alias:
    return Alias("arn", routing, description, "r1")


def test_it_stands_after_the_owners_text() -> None:
    assert with_promotion("for emergencies", KEPT) == f"for emergencies {MARK}"
    assert promotion_of(alias(f"for emergencies {MARK}")) == KEPT


@pytest.mark.parametrize("before", ["", MARK, f"{MARK} {MARK}", RECORD, f"{RECORD} {MARK}"])
def test_what_stood_there_before_is_replaced(before: str) -> None:
    later = replace(KEPT, old="8", new="9")
    assert with_promotion(f"mine {before}".strip(), later) == f"mine {later}"


def test_it_is_never_cut_but_the_text_is() -> None:
    written = with_promotion("x" * 300, KEPT)
    assert len(written) == record.DESCRIPTION_LIMIT
    assert written.endswith(f"x {MARK}")


@pytest.mark.parametrize(
    "text",
    [
        f"{MARK} and more",
        f"x{MARK}",
        MARK.replace("7>8", "07>8"),
        MARK.replace("11-28", "02-30"),
        MARK.replace("promoted", "demoted"),
        RECORD,
        "",
    ],
)
def test_what_only_looks_alike_is_none(text: str) -> None:
    assert promotion_of(alias(text)) is None


@pytest.mark.parametrize("routing", [Routing.all_on("8"), Routing("7", {"8": 0.1})])
def test_one_that_was_moved_since_tells_nothing(routing: Routing) -> None:
    assert promotion_of(alias(MARK, routing)) is None


def test_nor_does_one_that_aws_still_moves() -> None:
    assert promotion_of(replace(alias(MARK), moving=Moving({"6": 1.0}))) is None


def test_it_is_no_record_of_a_rollout() -> None:
    assert record.parse(MARK) == (MARK, None)
