"""What main leaves for the post stage survives the trip through GITHUB_STATE."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState

charges = st.builds(
    SavedAlias,
    function=st.text(min_size=1),
    alias=st.text(min_size=1),
    old=st.integers(1, 999).map(str),
    new=st.integers(1, 999).map(str),
    text=st.text(),
    attempted_percents=st.lists(st.sampled_from(["0.5", "10", "33.33", "100"])).map(tuple),
)
saved_states = st.builds(
    SavedState,
    phase=st.sampled_from(Phase),
    region=st.text(),
    role_to_assume=st.text(),
    hold_on_cancel=st.booleans(),
    aliases=st.lists(charges, max_size=3).map(tuple),
)


@given(saved_states)
def test_what_is_saved_is_read_back(saved_state: SavedState) -> None:
    line = saved_state.to_json()
    assert "\n" not in line
    assert SavedState.from_json(line) == saved_state


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "7", '"x"', '{"phase": "moving"}', '{"phase": "?", "aliases": []}'],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a saved rollout"):
        SavedState.from_json(text)


def test_a_field_more_or_less_is_refused() -> None:
    good = json.loads(SavedState(Phase.MOVING, "r", "", False, ()).to_json())
    for fields in ({**good, "more": 1}, {k: v for k, v in good.items() if k != "region"}):
        with pytest.raises(ValueError, match="not a saved rollout"):
            SavedState.from_json(json.dumps(fields))


def test_it_knows_every_routing_that_main_may_have_written() -> None:
    saved = SavedAlias("checkout", "live", "7", "8", "", attempted_percents=("10", "33.33", "100"))
    assert saved.routings == (
        Routing.all_on("7"),
        Routing("7", {"8": 0.1}),
        Routing("7", {"8": 0.3333}),
        Routing.all_on("8"),
    )
