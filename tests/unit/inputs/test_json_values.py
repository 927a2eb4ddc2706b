"""JSON by the letter: what is none, and numbers that keep their digits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from lambda_rollout.inputs.json_values import NoJson, read_json, written


def test_numbers_are_compared_by_value_and_keep_their_digits() -> None:
    assert read_json("1") == read_json("1.0") == read_json("10e-1")
    assert read_json("0.1") == Decimal("0.1")
    assert read_json("12345678901234567890123") != read_json("12345678901234567890124")


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "-Infinity", "1e99999999999999999999", "", "01"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(NoJson):
        read_json(text)


@pytest.mark.parametrize("text", ['{"a": [1, 2.50, null, true, "é\\n"], "b": {}}', "[]", "7"])
def test_it_is_written_as_it_was_read(text: str) -> None:
    assert written(read_json(text)) == text


def test_more_digits_than_python_reads_as_a_number_are_some() -> None:
    assert written(read_json("9" * 5000)) == "9" * 5000
