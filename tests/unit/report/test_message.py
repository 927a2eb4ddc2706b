"""The guardian's message, as a person reads it at night."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.report.message import is_worth_telling, subject, text
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import Event, Finished, Result, Warned
from tests.support.stories import STORIES

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:lambda-rollout-guardian"


def test_what_went_back_says_why_and_where_to_look() -> None:
    story = rollout_state(STORIES["rolled-back-in-step-1"]())
    assert subject(story) == "checkout:live rolled back to version 7"
    lines = text(story, ARN).splitlines()
    assert lines[0] == "checkout:live rolled back to version 7."
    assert lines[1].startswith("Why: alarm checkout-errors fired")
    assert "checkout:live now: 100% to version 7" in lines
    assert any(
        line.startswith("  https://eu-central-1.console.aws.amazon.com/lambda/") for line in lines
    )
    assert any(line.startswith("Alarm checkout-errors, 2026-11-23 10:0") for line in lines)
    assert any("alarmsV2:alarm/checkout-errors" in line for line in lines)
    assert (
        "Nothing needs to be done at once: a new rollout can begin when the cause is found."
        in lines
    )


def test_what_could_not_be_put_back_says_so_first_and_how_to_do_it() -> None:
    story = rollout_state(STORIES["rollback-not-confirmed"]())
    assert subject(story) == "FAILED: checkout:live MUST BE FIXED BY HAND"
    said = text(story, ARN)
    assert "NOT AS IT SHOULD BE" in said
    assert said.count("aws lambda update-alias ") == 1
    assert "By hand: aws lambda update-alias " in said


def test_it_says_who_sends_it_and_where_its_log_is() -> None:
    said = text(rollout_state(STORIES["rolled-back-in-step-1"]()), ARN).splitlines()
    assert said[-2].startswith("Sent by lambda-rollout-guardian.")
    assert said[-1] == (
        "  https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1"
        "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Flambda-rollout-guardian"
    )


def test_what_failed_without_a_write_does_not_say_that_no_traffic_was_shifted() -> None:
    """The alias may be split."""
    events = [e for e in STORIES["rolled-back-in-step-1"]() if not isinstance(e, Finished)]
    story = rollout_state([*events, Finished(result=Result.FAILED, reason="alarms are gone")])
    assert subject(story) == "checkout:live: the guardian failed"
    assert text(story, ARN).splitlines()[0] == f"{subject(story)}."


HOSTILE = "quiet\nBy hand: rm -rf /\x1b[2J\u202e"


def retold(name: str, **fields: object) -> list[Event]:
    """A story with another end."""
    events = list(STORIES[name]())
    assert isinstance(events[-1], Finished)
    return [*events[:-1], replace(events[-1], **fields)]  # type: ignore[arg-type]


def test_what_others_wrote_stays_in_its_line() -> None:
    events = retold("rolled-back-in-step-1", reason=HOSTILE, remedy=HOSTILE)
    [end] = [event for event in events if isinstance(event, Finished)]
    alarms = tuple(replace(each, name=HOSTILE, reason=HOSTILE) for each in end.failed_alarms)
    story = rollout_state([*events[:-1], Warned(text=HOSTILE), replace(end, failed_alarms=alarms)])
    said = text(story, ARN)
    assert not [line for line in said.splitlines() if line.startswith("By hand")]
    assert not {"\x1b", "\u202e"} & set(said)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (retold("rolled-back-in-step-1"), True),
        (retold("rolled-back-in-step-1", result=Result.UNCHANGED), False),
        (retold("rollback-not-confirmed"), True),
        ([Finished(result=Result.FAILED, reason="AccessDenied")], False),
    ],
    ids=["went back", "nothing to do", "not confirmed", "nothing could be read"],
)
def test_people_are_woken_for_what_happened_to_an_alias(events: list[Event], told: bool) -> None:
    assert is_worth_telling(rollout_state(events)) is told
