"""M out of N and missing data, against the tables that AWS publishes.

Source of the tables: "Configuring how CloudWatch alarms treat missing data",
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws.cloudwatch.evaluation import Decision, decide

RETAIN = None
INSUFFICIENT = "INSUFFICIENT_DATA"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")

# Data points, how many must be filled, then the state under MISSING, IGNORE, BREACHING, NOT
# BREACHING. 3 is Evaluation Periods and 5 the evaluation range throughout.
THREE_OF_THREE = [
    ("0 - X - X", 0, "OK", "OK", "OK", "OK"),
    ("0 - - - -", 2, "OK", "OK", "OK", "OK"),
    ("- - - - -", 3, INSUFFICIENT, RETAIN, "ALARM", "OK"),
    ("0 X X - X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("- - X - -", 2, "ALARM", RETAIN, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0 - X - X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 0 X 0 X", 0, "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 - X - -", 1, "OK", "OK", "ALARM", "OK"),
    ("- - - - 0", 2, "OK", "OK", "ALARM", "OK"),
    ("- - - X -", 2, "ALARM", RETAIN, "ALARM", "OK"),
]
# The page's earlier edition (awsdocs/amazon-cloudwatch-user-guide, AlarmThatSendsEmail.md) has one
# row in both tables that the present one only tells in words: "does not go immediately into ALARM".
# Its number of filled points is 2 by the present edition's way of counting.
EARLIER_EDITION = [("- - - - X", 2, INSUFFICIENT, RETAIN, "ALARM", "OK")]


Row = tuple[str, int, str | None, str | None, str | None, str | None]


def read(points: str) -> list[bool | None]:
    return [{"0": False, "X": True, "-": None}[point] for point in points.split()]


def cells(m: int, table: Sequence[Row]) -> list[tuple[int, str, int, str, str | None]]:
    return [
        (m, row[0], row[1], treatment, state)
        for row in table
        for treatment, state in zip(TREATMENTS, row[2:], strict=True)
    ]


@pytest.mark.parametrize(
    ("m", "points", "filled", "treatment", "state"),
    cells(3, THREE_OF_THREE)
    + cells(2, TWO_OF_THREE)
    + cells(3, EARLIER_EDITION)
    + cells(2, EARLIER_EDITION),
)
def test_the_published_tables(
    m: int, points: str, filled: int, treatment: str, state: str | None
) -> None:
    decision = decide(read(points), n=3, m=m, treat_missing_data=treatment)
    assert (decision.state, decision.filled) == (state, filled)


@pytest.mark.parametrize(
    ("points", "state"),
    [
        # "does not go immediately into ALARM state when the data is either - - - - X or - - - X -"
        ("- - - - X", INSUFFICIENT),
        ("- - - X -", INSUFFICIENT),
        # "… when the next data point is non-breaching and causes the data to be - - - X O or
        # - - X - O"
        ("- - - X 0", "OK"),
        ("- - X - 0", "OK"),
        # "However, if the last few data points are - - X - -, the alarm goes into ALARM"
        ("- - X - -", "ALARM"),
    ],
)
def test_premature_transitions_with_three_of_three(points: str, state: str) -> None:
    assert decide(read(points), n=3, m=3, treat_missing_data="missing").state == state


def test_the_newest_real_datapoints_count_and_come_first() -> None:
    decision = decide(read("X - 0 - X"), n=2, m=1, treat_missing_data="missing")
    assert decision == Decision("ALARM", evaluated=(4, 2), filled=0)


datapoints = st.lists(st.sampled_from([True, False, None]), min_size=1, max_size=12)


@given(
    points=st.lists(st.booleans(), min_size=3, max_size=12),
    n=st.integers(1, 3),
    treatment=st.sampled_from(TREATMENTS),
    data=st.data(),
)
def test_without_missing_data_the_treatment_is_ignored(
    points: list[bool], n: int, treatment: str, data: st.DataObject
) -> None:
    m = data.draw(st.integers(1, n))
    expected = "ALARM" if sum(points[-n:]) >= m else "OK"
    assert decide(points, n, m, treatment).state == expected


@given(points=datapoints, n=st.integers(1, 10), data=st.data())
def test_each_treatment_alarms_no_more_than_breaching_and_no_less_than_not_breaching(
    points: list[bool | None], n: int, data: st.DataObject
) -> None:
    m = data.draw(st.integers(1, n))
    states = {treat: decide(points, n, m, treat).state for treat in TREATMENTS}
    if states["notBreaching"] == "ALARM":
        assert set(states.values()) == {"ALARM"}
    if states["breaching"] == "OK":
        assert "ALARM" not in states.values()


@given(points=datapoints, n=st.integers(1, 10), data=st.data())
def test_filling_by_hand_gives_what_the_treatment_gives(
    points: list[bool | None], n: int, data: st.DataObject
) -> None:
    """CloudWatch "uses missing data points only as few times as possible"."""
    m = data.draw(st.integers(1, n))
    real = [point for point in points if point is not None][-n:]
    for treatment, filler in (("breaching", True), ("notBreaching", False)):
        full = list(itertools.repeat(filler, n - len(real))) + real
        assert decide(points, n, m, treatment).state == decide(full, n, m, "missing").state


@given(n=st.integers(1, 10), data=st.data())
def test_insufficient_data_only_without_any_datapoint_that_is_fine(
    n: int, data: st.DataObject
) -> None:
    m = data.draw(st.integers(1, n))
    points = data.draw(datapoints)
    for treatment in TREATMENTS:
        if decide(points, n, m, treatment).state == INSUFFICIENT:
            assert treatment == "missing"
            assert False not in points
