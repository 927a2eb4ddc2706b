"""What main leaves for the post stage survives the trip through GITHUB_STATE."""

from __future__ import annotations

import base64
import json
import random
import string
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.finish import MOST_GUARDIANS
from lambda_rollout.rollout.saved_state import (
    KEY,
    LARGEST,
    LARGEST_PLAIN,
    LARGEST_UNPACKED,
    PACKED,
    Phase,
    SavedAlias,
    SavedState,
)

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


MANY = 100
ARN = "arn:aws-us-gov:lambda:us-gov-east-1:123456789012:function:"
NAME = f"{string.ascii_letters}{string.digits}-_"
SCRIPTS: dict[str, Callable[[random.Random], int]] = {
    "Latin": lambda drawn: drawn.randrange(0x20, 0x7F),
    "Cyrillic": lambda drawn: drawn.randrange(0x400, 0x500),
    "Han": lambda drawn: drawn.randrange(0x4E00, 0xA000),
    "rare Han": lambda drawn: drawn.randrange(0x20000, 0x2A6E0),
    "emoji": lambda drawn: drawn.randrange(0x1F300, 0x1FB00),
    "line separators": lambda _: 0x2028,
    "anything": lambda drawn: drawn.randrange(0x10000, 0x110000),
}


@pytest.mark.parametrize("guardians", [(), (f"{ARN}lambda-rollout-guardian",)])
def test_it_knows_who_watches_what_is_held(guardians: tuple[str, ...]) -> None:
    saved = SavedState(Phase.MOVING, "r", "", False, (), guardians=guardians)
    assert SavedState.from_json(saved.to_json()) == saved


def largest(letter: Callable[[random.Random], int], count: int = MANY) -> SavedState:
    """Functions with ARNs as long as they can be, a hundred steps, and 256 letters each that repeat nothing."""
    drawn = random.Random(7)
    functions = [f"{ARN}{''.join(drawn.choices(NAME, k=64))}" for _ in range(count)]
    aliases = tuple(
        SavedAlias(
            function=function,
            alias="a" * 128,
            old=str(drawn.randrange(10**6)),
            new=str(drawn.randrange(10**6)),
            text="".join(chr(letter(drawn)) for _ in range(256)),
            attempted_percents=tuple(map(str, range(1, 101))),
            rollout_id="3fa94c7d",
            taken_over_from="0badcafe",
            arn=f"{function}:{'a' * 128}",
        )
        for function in functions
    )
    role = f"arn:aws:iam::123456789012:role/{'r' * 512}"
    guardians = tuple(f"{ARN}{''.join(drawn.choices(NAME, k=64))}" for _ in range(MOST_GUARDIANS))
    return SavedState(
        Phase.MOVING,
        "eu-central-1",
        role,
        hold_on_cancel=True,
        aliases=aliases,
        guardians=guardians,
    )


def seen_by_a_process(line: str) -> str:
    """What a process that is started with it, as the post stage is, finds."""
    shown = f"import os; print(os.environ['STATE_{KEY}'])"
    done = subprocess.run(
        [sys.executable, "-Sc", shown],
        env={f"STATE_{KEY}": line},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.removesuffix("\n")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_hundred_functions_fit_into_one_variable_of_a_process(script: str) -> None:
    saved_state = largest(SCRIPTS[script])
    line = saved_state.to_json()
    assert line.isascii()
    assert SavedState.from_json(seen_by_a_process(line)) == saved_state


def test_the_largest_is_what_a_process_can_be_started_with() -> None:
    assert seen_by_a_process("x" * LARGEST) == "x" * LARGEST
    with pytest.raises(OSError, match="Argument list too long"):
        seen_by_a_process("x" * (LARGEST + 1))


def test_more_than_fits_is_saved_without_the_descriptions() -> None:
    """The post stage must start, above all: a text that is missing is not a split alias."""
    saved_state = largest(SCRIPTS["anything"], 3 * MANY)
    found = SavedState.from_json(seen_by_a_process(saved_state.to_json()))
    assert {saved.text for saved in found.aliases} == {""}
    assert [saved.routings for saved in found.aliases] == [
        saved.routings for saved in saved_state.aliases
    ]


def test_half_a_letter_survives_being_packed() -> None:
    """A variable whose bytes are no UTF-8 is read so, see PEP 383."""
    odd = SavedAlias("checkout", "live", "7", "8", "\udcff" * LARGEST_PLAIN)
    saved_state = SavedState(Phase.MOVING, "r", "", hold_on_cancel=False, aliases=(odd,))
    line = saved_state.to_json()
    assert line.startswith(PACKED)
    assert SavedState.from_json(line) == saved_state


def packed(content: bytes) -> str:
    return PACKED + base64.b64encode(content).decode()


@pytest.mark.parametrize(
    "text",
    [
        PACKED,
        f"{PACKED}?",
        packed(b"no zlib"),
        packed(zlib.compress(b"no JSON")),
        packed(zlib.compress(b"\xff")),
        largest(SCRIPTS["Latin"]).to_json()[:-8],
        packed(zlib.compress(b" " * (LARGEST_UNPACKED + 1), 9)),
    ],
    ids=["empty", "no base64", "no zlib", "no JSON", "no UTF-8", "cut off", "a bomb"],
)
def test_what_is_packed_wrongly_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a saved rollout"):
        SavedState.from_json(text)
