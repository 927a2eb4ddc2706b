"""What main leaves for the post stage survives the trip through GITHUB_STATE."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.saved_state import Charge, Handover, Phase

charges = st.builds(
    Charge,
    function=st.text(min_size=1),
    alias=st.text(min_size=1),
    old=st.integers(1, 999).map(str),
    new=st.integers(1, 999).map(str),
    text=st.text(),
    tried=st.lists(st.sampled_from(["0.5", "10", "33.33", "100"])).map(tuple),
)
handovers = st.builds(
    Handover,
    phase=st.sampled_from(Phase),
    region=st.text(),
    role_to_assume=st.text(),
    hold_on_cancel=st.booleans(),
    charges=st.lists(charges, max_size=3).map(tuple),
)


@given(handovers)
def test_what_is_saved_is_read_back(handover: Handover) -> None:
    line = handover.to_json()
    assert "\n" not in line
    assert Handover.from_json(line) == handover


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", "7", '"x"', '{"phase": "moving"}', '{"phase": "?", "charges": []}'],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a saved rollout"):
        Handover.from_json(text)


def test_a_field_more_or_less_is_refused() -> None:
    good = json.loads(Handover(Phase.MOVING, "r", "", False, ()).to_json())
    for fields in ({**good, "more": 1}, {k: v for k, v in good.items() if k != "region"}):
        with pytest.raises(ValueError, match="not a saved rollout"):
            Handover.from_json(json.dumps(fields))


def test_it_knows_every_routing_that_main_may_have_written() -> None:
    charge = Charge("checkout", "live", "7", "8", "", tried=("10", "33.33", "100"))
    assert charge.routings == (
        Routing.whole("7"),
        Routing("7", {"8": 0.1}),
        Routing("7", {"8": 0.3333}),
        Routing.whole("8"),
    )
