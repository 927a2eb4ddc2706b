"""The guardian's message, as a person reads it at night."""

from __future__ import annotations

from lambda_rollout.report.message import subject, text
from lambda_rollout.report.reduce import rollout_state
from tests.support.stories import STORIES


def test_what_went_back_says_why_and_where_to_look() -> None:
    story = rollout_state(STORIES["rolled-back-in-step-1"]())
    assert subject(story) == "checkout:live rolled back to version 7"
    lines = text(story).splitlines()
    assert lines[0] == "checkout:live rolled back to version 7."
    assert lines[1].startswith("Why: alarm checkout-errors fired")
    assert "checkout:live now: 100% to version 7" in lines
    assert any(
        line.startswith("  https://eu-central-1.console.aws.amazon.com/lambda/") for line in lines
    )
    assert any("alarmsV2:alarm/checkout-errors" in line for line in lines)


def test_what_could_not_be_put_back_says_so_first_and_how_to_do_it() -> None:
    story = rollout_state(STORIES["rollback-not-confirmed"]())
    assert subject(story) == "FAILED: checkout:live MUST BE FIXED BY HAND"
    said = text(story)
    assert "NOT AS IT SHOULD BE" in said
    assert "By hand: aws lambda update-alias " in said
