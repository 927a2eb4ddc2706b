"""A minute's percentiles, packed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_rollout.analysis.metrics import PERCENTILES, Percentiles

NUMBERS = st.floats(allow_nan=False).map(lambda value: value + 0.0)


@settings(max_examples=30)
@given(
    st.dictionaries(st.sampled_from(PERCENTILES), NUMBERS),
    st.dictionaries(st.sampled_from(PERCENTILES), NUMBERS),
)
def test_they_are_as_a_dict_of_them(one: dict[str, float], other: dict[str, float]) -> None:
    packed = Percentiles(one)
    assert dict(packed) == one
    assert packed == one
    assert one == packed
    assert len(packed) == len(one)
    assert repr(packed) == repr({name: one[name] for name in PERCENTILES if name in one})
    assert (packed == Percentiles(other)) is (one == other)
    for name in (*PERCENTILES, "p100"):
        assert packed.get(name) == one.get(name)


def test_what_is_not_there_is_no_number() -> None:
    with pytest.raises(KeyError):
        Percentiles({"p50": 1.0})["p99"]
