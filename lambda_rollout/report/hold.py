"""What a watched hold waits for, until when, and how to say yes or no. Plain text, not escaped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lambda_rollout.report.state import GOING_ON, RolloutState, StepNow
from lambda_rollout.report.wording import date_and_time

_MOST_FUNCTIONS = 10
"""More are not listed again: they are those of this run."""


def held_now(story: RolloutState) -> StepNow | None:
    """Return the hold that goes on, if one does."""
    return next((step for step in story.steps if step.holds and step.status in GOING_ON), None)


def hold_ends(step: StepNow) -> datetime | None:
    """Return until when a hold waits; None before it began."""
    return None if step.watched_from is None else step.watched_from + step.watch


def waits_for(step: StepNow) -> str:
    """Say what a hold waits for, and what happens if nobody says anything; no full stop."""
    until = hold_ends(step)
    if until is None:
        return "waiting for somebody to say yes or no"
    return (
        f"waiting until {date_and_time(until)} for somebody to say yes or no, then it is rolled back; alarms and guards "
        "roll it back at any time"
    )


def inputs_to_say(mode: str, story: RolloutState) -> Iterator[tuple[str, str]]:
    """Yield the inputs, by name, with which another job ends the hold: mode ``promote`` or ``rollback``."""
    yield "mode", mode
    targets = tuple(story.targets)
    if len(targets) <= _MOST_FUNCTIONS:
        yield "function-name", ", ".join(target.function for target in targets)
    else:
        yield "function-name", f"the {len(targets)} functions of this run"
    if targets:
        yield "alias", targets[0].alias
    if story.started is not None:
        yield "aws-region", story.started.region


def ways_to_say(story: RolloutState) -> Iterator[str]:
    """Say how to end the hold, one line each."""
    for what, mode in (("go on", "promote"), ("go back", "rollback")):
        given = ", ".join(f"{name}: {value}" for name, value in inputs_to_say(mode, story))
        yield f"to {what}, run this action in another job with {given}"
