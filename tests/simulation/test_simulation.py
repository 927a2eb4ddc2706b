"""Thousands of seeds, and not one in which a promise is broken."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from lambda_rollout.inputs.choices import HookStage
from tests.simulation import between
from tests.simulation.between import Between
from tests.simulation.compared import compared
from tests.simulation.github_scenario import FOR_GOOD, KINDS
from tests.simulation.scenario import EVALUATIONS, Scenario, draw
from tests.simulation.simulate import Door, command, simulate

SEEDS = 5_000
SEEDS_THROUGH_BOTOCORE = 500
CHUNK = 100
CHUNK_THROUGH_BOTOCORE = 25
SEEDS_COMPARED = 500

MUST_OCCUR = {
    *(f"foreign {kind}" for kind in ("description", "same", "whole-old", "whole-new", "weight")),
    *("foreign delete-alias", "foreign delete-function", "foreign split"),
    *(f"killed {role}" for role in ("main", "post", "next", "twin")),
    *("SIGINT main", "SIGTERM main", "SIGINT next", "frozen", "lost"),
    *("alarm ALARM", "alarm OK", "alarm INSUFFICIENT_DATA", "alarm deleted"),
    *(f"evaluation {state}" for state in (*EVALUATIONS, None)),
    *(f"fault {kind}" for kind in ("throttle", "error", "error-after", "refuse", "unreachable")),
    *(f"fault {kind}" for kind in ("reset", "drop", "hang", "hang-after", "slow", "stale")),
    *("fault hang-late", "fault reset-late", "fault denied", "fault expired"),
    *("answer PreconditionFailedException", "answer ResourceNotFoundException"),
    *(f"main {result}" for result in ("promoted", "rolled-back", "held", "failed")),
    *(f"post {phase}" for phase in ("moving", "clearing", "holding", "rolling-back")),
    *(f"post {result}" for result in ("rolled-back", "held", "promoted", "failed")),
    *(f"next {result}" for result in ("promoted", "rolled-back", "failed", "unchanged")),
    *("next rollback rolled-back", "next promote promoted"),
    *("main promote promoted", "main promote rolled-back", "main promote held"),
    *("word OVER", "word IN_PROGRESS", "word UNKNOWN", "post with nothing to do"),
    *(f"github {fault}" for fault in (*KINDS, *FOR_GOOD)),
    *("github comment posted", "github comment edited", "github comment was deleted"),
    *("github double folded", "github verdict shown", "github killed before its last word"),
    *("github no pull request", "github given up for good", "post with a comment"),
    *("github hung at SIGINT", "github hung at rollback"),
    *(f"fault {kind}" for kind in (*between.KINDS, between.GONE)),
    *(f"answer page {status}" for status in (200, *between.STATUSES)),
    *("answer cut", "answer dripping", "answer ResourceConflictException"),
    *("renewals fail", "renewed again", "credentials at 0%: failed"),
    *(f"credentials at a split: {result}" for result in ("rolled-back", "held")),
    *(f"credentials at 100%: {result}" for result in ("rolled-back", "held")),
    *(f"hook {stage} {word}" for stage in HookStage for word in ("yes", "no", "again", "lost")),
    *(f"{what} while a hook is asked" for what in ("killed", "SIGINT", "alarm ALARM")),
    *(f"main with guards {result}" for result in ("promoted", "rolled-back")),
    *("numbers told late", "a guard is broken", "a step ends early"),
    *("split by hand at 100%", "a Date that is missing", "a Date that is wrong"),
}
"""What the seeds are about: each of these really happens in them."""


def _play(seeds: range, door: Door) -> None:
    for seed in seeds:
        outcome = simulate(seed, door)
        if outcome.violations:
            story = "\n".join([*outcome.story[-40:], "", *outcome.violations])
            pytest.fail(f"{story}\n\n{command(seed, door)}", pytrace=False)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_promise_is_kept(first: int) -> None:
    _play(range(first, first + CHUNK), "direct")


@pytest.mark.parametrize("first", range(0, SEEDS_THROUGH_BOTOCORE, CHUNK_THROUGH_BOTOCORE))
def test_every_promise_is_kept_through_botocore(first: int) -> None:
    _play(range(first, first + CHUNK_THROUGH_BOTOCORE), "botocore")


@pytest.mark.parametrize("first", range(0, SEEDS_COMPARED, CHUNK_THROUGH_BOTOCORE))
def test_aws_sees_the_same_whatever_becomes_of_github(first: int) -> None:
    """Whether and when an alias is shifted or rolled back does not depend on GitHub at all."""
    for seed in range(first, first + CHUNK_THROUGH_BOTOCORE):
        outcome = compared(seed)
        if outcome.violations:
            again = f"{command(seed)} ARGS=--compared"
            pytest.fail("\n".join([*outcome.violations, "", again]), pytrace=False)


def test_everything_that_can_go_wrong_does() -> None:
    missing = set(MUST_OCCUR)
    for seed in range(SEEDS):
        missing -= set(simulate(seed).seen)
        if not missing:
            return
    pytest.fail(f"in {SEEDS} seeds none had {sorted(missing)}")


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
