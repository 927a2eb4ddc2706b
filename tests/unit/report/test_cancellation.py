"""A group that is too large for the ten seconds of a cancelled job: said when the rollout starts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.report.cancellation import MOST_AT_ONCE, on_cancelling, seconds_for
from lambda_rollout.report.lines import told
from lambda_rollout.report.state import RolloutState
from lambda_rollout.rollout import events as e
from tests.support.stories import STORIES


def starting(functions: int, mode: str) -> str:
    started = next(event for event in STORIES["promoted"]() if isinstance(event, e.Started))
    targets = tuple(Target(f"f{number}", "live") for number in range(functions))
    return "\n".join(told(replace(started, targets=targets, mode=mode), RolloutState()))


@pytest.mark.parametrize("mode", ["rollout", "plan", "promote"])
def test_a_large_group_is_told_what_happens_on_cancelling_and_what_to_do(mode: str) -> None:
    said = starting(MOST_AT_ONCE + 60, mode)
    assert "large group: if this job is cancelled" in said
    assert "about 120 of the 180 aliases" in said
    assert (
        "The post stage of this action does the rest, in about 4s. Nothing has to be done" in said
    )
    assert "groups of at most 120 functions" in said


@pytest.mark.parametrize(
    ("functions", "mode"), [(1, "rollout"), (MOST_AT_ONCE, "plan"), (500, "publish")]
)
def test_others_are_not_bothered(functions: int, mode: str) -> None:
    assert "cancelled" not in starting(functions, mode)


def test_a_hundred_are_rolled_back_by_the_job_itself() -> None:
    assert on_cancelling(100) == ""
    assert seconds_for(100) == 7
