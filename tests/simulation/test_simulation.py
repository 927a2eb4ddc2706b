"""Thousands of seeds, and not one in which a promise is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation import between
from tests.simulation.between import Between
from tests.simulation.compared import compared
from tests.simulation.occurrences import SEEDS_KNOWN, missing_in
from tests.simulation.scenario import Scenario, draw
from tests.simulation.simulate import Door, command, simulate

SEEDS = 5_000
COMPARED = range(500)
THROUGH_BOTOCORE = range(500, 750)
DIRECT = range(750, SEEDS)
"""Each seed is played one way: a comparison asks for every promise as well, and both doors tell the same story."""
OFTEN = 3_000
"""Seeds that are played whenever tests run, the others with `make test-long`. All but one of the mutations that need
no scenario of their own are caught by a seed under 1,000."""


FOUND = {
    1_129_451: "a stale read while settling, and a write that lands late",
    1_304_895: "a refused request, and looks from before it",
}
"""Seeds that showed a bug which none of the others shows, and what that was."""


def chunks(seeds: range, size: int) -> list[Any]:
    """The first of every ``size`` seeds, for a test each; those from `OFTEN` on take the mark `long`."""
    return [
        pytest.param(first, marks=pytest.mark.long if first >= OFTEN else ())
        for first in seeds[::size]
    ]


def _play(seeds: range, door: Door) -> None:
    for seed in seeds:
        outcome = simulate(seed, door)
        if outcome.violations:
            story = "\n".join([*outcome.story[-40:], "", *outcome.violations])
            pytest.fail(f"{story}\n\n{command(seed, door)}", pytrace=False)


@pytest.mark.parametrize("first", chunks(DIRECT, 50))
def test_every_promise_is_kept(first: int) -> None:
    _play(range(first, first + 50), "direct")


@pytest.mark.parametrize("seed", FOUND, ids=FOUND.values())
def test_what_once_broke_a_promise_breaks_none_any_more(seed: int) -> None:
    _play(range(seed, seed + 1), "direct")


@pytest.mark.parametrize("first", chunks(THROUGH_BOTOCORE, 25))
def test_every_promise_is_kept_through_botocore(first: int) -> None:
    _play(range(first, first + 25), "botocore")


@pytest.mark.parametrize("first", chunks(COMPARED, 25))
def test_aws_sees_the_same_whatever_becomes_of_github(first: int) -> None:
    """Whether and when an alias is shifted or rolled back does not depend on GitHub at all; and promises are kept."""
    for seed in range(first, first + 25):
        outcome = compared(seed)
        if outcome.violations:
            again = f"{command(seed)} ARGS=--compared"
            pytest.fail("\n".join([*outcome.violations, "", again]), pytrace=False)


def test_everything_that_can_go_wrong_does() -> None:
    missing = missing_in(SEEDS_KNOWN)
    if missing:
        # What happens in these has changed since they were found; the search is slow, so note what it finds.
        missing = missing_in(range(SEEDS), missing)
    assert missing == set()


@pytest.mark.parametrize("seed", range(8))
def test_a_seed_tells_the_same_story_again(seed: int) -> None:
    assert simulate(seed).story == simulate(seed).story


def _with_much_between(seed: int) -> Scenario:
    kinds = dict.fromkeys((*between.KINDS, between.GONE), 0.02)
    return replace(draw(seed), between=Between(kinds, late=30.0))


@pytest.mark.parametrize("drawn", [draw, _with_much_between])
@pytest.mark.parametrize("seed", range(8))
def test_both_doors_tell_the_same_story(seed: int, drawn: Callable[[int], Scenario]) -> None:
    """So what the many seeds find at the seam is found as it would be through botocore."""

    def told(door: Door) -> list[str]:
        story = simulate(seed, door, drawn).story
        return [re.sub(r"https://\S+", "URL", line) for line in story]

    assert told("direct") == told("botocore")
