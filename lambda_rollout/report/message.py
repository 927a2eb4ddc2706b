"""The guardian's message to people: what happened to which alias, why, and where to look. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from lambda_rollout.report.alike import named
from lambda_rollout.report.console import alarm_url, alias_url, function_log_url
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.verdict import headline
from lambda_rollout.report.wording import clean, date_and_time, sentence, traffic, visible
from lambda_rollout.rollout.events import Result


def is_worth_telling(story: RolloutState) -> bool:
    """Whether people are woken: not while all is left as it is, nor where nothing is known of any alias.

    That is for the failures' queue, and its alarm, which tells once: else each try would send a message.
    """
    if story.result is Result.FAILED:
        return any(each.routing is not None for each in story.targets.values())
    return story.result is Result.ROLLED_BACK


def subject(story: RolloutState) -> str:
    """Return the message's subject: how it ended, in a few words."""
    if story.result is Result.FAILED and not story.left:
        # It shifted nothing because it shifts nothing: who reads it asks what the alias does now.
        return f"{named(tuple(story.targets.values()))}: the guardian failed"
    return headline(story)


def text(story: RolloutState, guardian: str) -> str:
    """Return the message, as plain text for a person who was asleep; ``guardian`` is the ARN of who sends it."""
    return "\n".join([*_lines(story), "", *_sender(guardian)]) + "\n"


def _sender(arn: str) -> Iterator[str]:
    # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME, and perhaps a qualifier
    name = arn.split(":")[6]
    yield f"Sent by {name}. All that it did and saw is in its log:"
    yield f"  {function_log_url(arn, name) or f'/aws/lambda/{name}'}"


def _lines(story: RolloutState) -> Iterator[str]:
    yield f"{subject(story)}."
    if story.reason:
        yield f"Why: {sentence(clean(story.reason))}"
    yield ""
    for now in story.targets.values():
        yield from _target(now)
    for reading in story.failed_alarms:
        at = f", {date_and_time(reading.transitioned_at)}" if reading.transitioned_at else ""
        yield f"Alarm {clean(reading.name)}{at}: {clean(reading.reason) or 'no reason given'}"
        if url := alarm_url(reading):
            yield f"  {url}"
    commands = [left.command for left in story.left if left.command]
    for warning in story.warnings:
        # What was said while it was tried is said above, as it is now.
        if not any(command in warning for command in commands):
            yield f"Note: {clean(warning)}"
    if story.remedy:
        yield f"What to do: {clean(story.remedy)}"
    elif story.result is Result.ROLLED_BACK:
        yield "Nothing needs to be done at once: a new rollout can begin when the cause is found."


def _target(now: TargetNow) -> Iterator[str]:
    if now.routing is not None:
        yield f"{now.target} now: {traffic(now.routing)}"
    if url := alias_url(now.arn, now.target.function, now.target.alias):
        yield f"  {url}"
    if now.left is not None:
        yield f"  NOT AS IT SHOULD BE: {clean(now.left.why)}"
        if now.left.command:
            yield f"  By hand: {visible(now.left.command)}"
