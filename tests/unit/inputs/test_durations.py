"""Durations, as they are read and written."""

from datetime import timedelta

import pytest

from lambda_rollout.inputs.durations import format_duration, parse_duration, readable_duration
from lambda_rollout.inputs.text import Mistakes


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("2h", 7200),
        ("1h0m5s", 3605),
        ("007m", 420),
        ("120h", 432000),
        ("000000000000000001s", 1),
    ],
)
def test_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


UNIT = ", and write whole numbers, such as 90s, 5m or 1h30m."
FORM = (
    " is not a duration: write hours, minutes and seconds in that order, in whole numbers and "
    "without spaces, such as 90s, 5m or 1h30m."
)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("5", "Add a unit to '5': 5s, 5m or 5h."),
        ("0", "Add a unit to '0': 0s, 0m or 0h."),
        ("12345678901", "Add a unit to '12345678901': 5s, 5m or 5h."),
        ("1.5", "Add a unit to '1.5'" + UNIT),
        (".5", "Add a unit to '.5'" + UNIT),
        ("1,5", "Add a unit to '1,5'" + UNIT),
        ("-5", "Add a unit to '-5'" + UNIT),
        ("٥", "Add a unit to '٥'" + UNIT),
        ("", "''" + FORM),
        (".", "'.'" + FORM),
        ("30m1h", "'30m1h'" + FORM),
        ("1m1m", "'1m1m'" + FORM),
        ("1.5h", "'1.5h'" + FORM),
        ("-5m", "'-5m'" + FORM),
        ("5 m", "'5 m'" + FORM),
        ("5M", "'5M'" + FORM),
        ("5d", "'5d'" + FORM),
        ("5min", "'5min'" + FORM),
        ("٥m", "'٥m'" + FORM),
        ("5m\n", r"'5m\n'" + FORM),
        ("120h1s", "Write a duration from 0s to 120h."),
        ("1" + "0" * 5000 + "s", "Write a duration from 0s to 120h."),
    ],
)
def test_refused(text: str, remedy: str) -> None:
    with pytest.raises(Mistakes) as raised:
        parse_duration(text)
    (mistake,) = raised.value.mistakes
    assert (mistake.given, mistake.remedy) == (text, remedy)


def test_bounds_are_included() -> None:
    low, high = timedelta(seconds=1), timedelta(minutes=5)
    assert parse_duration("1s", at_least=low, at_most=high) == low
    assert parse_duration("300s", at_least=low, at_most=high) == high
    for outside in ("0s", "301s"):
        with pytest.raises(Mistakes, match="Write a duration from 1s to 5m"):
            parse_duration(outside, at_least=low, at_most=high)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59.4, "59s"),
        (59.6, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (3605, "1h5s"),
        (-3, "0s"),
    ],
)
def test_written(seconds: float, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (0.2, "under 1s"),
        (45, "45s"),
        (59.6, "1m"),
        (125, "2m 5s"),
        (300, "5m"),
        (3599, "59m 59s"),
        (3600, "1h"),
        (5400, "1h 30m"),
        (3605, "1h 5s"),
        (180_000, "50h"),
        (-3, "0s"),
    ],
)
def test_written_for_people(seconds: float, written: str) -> None:
    assert readable_duration(timedelta(seconds=seconds)) == written
