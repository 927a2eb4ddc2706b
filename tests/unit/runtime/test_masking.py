"""Secrets hidden in what others wrote."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Target
from lambda_rollout.rollout.events import Finished, Result, SmokeTested
from lambda_rollout.runtime.masking import HEAD, MASK, Masks, without_signed_headers

TOKEN = "ghs_0123456789"
MASKS = Masks.of({"INPUT_GITHUB-TOKEN": TOKEN, "AWS_SECRET_ACCESS_KEY": "short"})


@dataclasses.dataclass(frozen=True, slots=True)
class Nest:
    inner: object
    made: int = dataclasses.field(init=False, default=3)


@given(st.text(), st.text())
def test_a_secret_is_found_anywhere(before: str, after: str) -> None:
    assert TOKEN not in MASKS.text(before + TOKEN + after)
    assert MASKS.text(TOKEN) == MASK


@given(st.text())
def test_nothing_else_is_touched(text: str) -> None:
    assert TOKEN in text or MASKS.text(text) == text


def test_a_longer_secret_goes_first() -> None:
    masks = Masks.of({"GITHUB_TOKEN": TOKEN, "AWS_SESSION_TOKEN": TOKEN + "more"})
    assert masks.text(f"{TOKEN}more {TOKEN}") == f"{MASK} {MASK}"


def test_what_is_short_or_absent_hides_nothing() -> None:
    assert MASKS.secrets == (TOKEN,)
    assert Masks.of({}).text("a short text") == "a short text"


def test_what_there_is_to_hide_grows() -> None:
    masks = Masks("the first secret")
    before = masks.text("the first secret, a later secret")
    masks.add("a later secret", "short")
    assert before == f"{MASK}, a later secret"
    assert masks.text("the first secret, a later secret, short") == f"{MASK}, {MASK}, short"


LONG = "IQoJb3JpZ2luX2VjE//wEaCXVzLWVhc3QtMSJHMEU="


@given(st.integers(HEAD, len(LONG)), st.text("xy .…"), st.text("xy .…"))
def test_one_that_was_cut_off_is_hidden_too(length: int, before: str, after: str) -> None:
    assert Masks(LONG).text(before + LONG[:length] + after) == before + MASK + after


def test_all_that_stand_in_a_text_are_hidden() -> None:
    assert Masks(LONG).text(f"{LONG} {LONG[:20]}… {LONG}") == f"{MASK} {MASK}… {MASK}"


def test_one_is_hidden_as_it_stands_in_a_url() -> None:
    text = f"https://x.example/?X-Amz-Security-Token={quote(LONG, safe='')}&b=1"
    assert Masks(LONG).text(text) == f"https://x.example/?X-Amz-Security-Token={MASK}&b=1"


@pytest.mark.parametrize("secret", ["*" * 40, "***aaaaa", "* " * 8])
def test_one_that_looks_like_the_mask_ends(secret: str) -> None:
    assert Masks(secret).text(secret * 3) == Masks(secret).text(secret * 3)


def test_a_value_is_looked_through() -> None:
    nest = Nest(({"a": f"x {TOKEN}"}, Nest(TOKEN), None, 5, Decimal(1)))
    assert MASKS.of_value(nest) == Nest(({"a": f"x {MASK}"}, Nest(MASK), None, 5, Decimal(1)))


def test_an_event_without_a_secret_stays_the_same_object() -> None:
    event = Finished(at=datetime(2026, 1, 1, tzinfo=UTC), result=Result.FAILED, reason="why")
    assert MASKS.of_value(event) is event
    told = dataclasses.replace(event, reason=f"AWS said {TOKEN}")
    masked = MASKS.of_value(told)
    assert masked == dataclasses.replace(event, reason=f"AWS said {MASK}")
    assert masked.result is Result.FAILED


def test_the_headers_that_aws_repeats_are_left_out() -> None:
    said = "The signature does not match. Check it.\n\nThe Canonical String for this request should have been\n'GET"
    assert without_signed_headers(said) == "The signature does not match. Check it."
    assert without_signed_headers("Rate exceeded") == "Rate exceeded"


def test_a_function_s_log_is_masked_line_by_line() -> None:
    tested = SmokeTested(
        target=Target("checkout", "live"),
        version="8",
        passed=False,
        why=f"ValueError: {TOKEN}",
        log=("START", f"token={TOKEN} and on"),
    )
    masked = MASKS.of_value(tested)
    assert (masked.why, masked.log) == (f"ValueError: {MASK}", ("START", f"token={MASK} and on"))
