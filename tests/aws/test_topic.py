"""The guardian's message on its way to Amazon SNS, through botocore."""

from __future__ import annotations

import pytest

from lambda_rollout.aws.topic import publish_to_topic
from lambda_rollout.runtime.errors import NotFound
from sandbox.aws import World
from sandbox.aws.sns import SUBJECT_LIMIT, TEXT_LIMIT, Message
from tests.support.seam import through_botocore

TOPIC = "arn:aws:sns:eu-central-1:123456789012:on-call"


@pytest.fixture
def world() -> World:
    made = World()
    made.sns.topics.add(TOPIC)
    return made


def test_a_message_arrives(world: World) -> None:
    publish_to_topic(through_botocore(world), TOPIC, "checkout:live went back", "Why: \u2026\n")
    assert world.sns.messages == [Message(TOPIC, "checkout:live went back", "Why: \u2026\n")]


@pytest.mark.parametrize(
    "subject", ["x" * 300, "two\nlines", "\u21a9\ufe0f back", "\x1b[31mred", " begins with a blank"]
)
def test_a_subject_that_sns_would_refuse_is_mended(world: World, subject: str) -> None:
    publish_to_topic(through_botocore(world), TOPIC, subject, "text")
    [message] = world.sns.messages
    assert 0 < len(message.subject) < SUBJECT_LIMIT


def test_a_text_that_sns_would_refuse_is_cut(world: World) -> None:
    publish_to_topic(through_botocore(world), TOPIC, "subject", "\u2026" * 100_000)
    [message] = world.sns.messages
    assert len(message.text.encode()) < TEXT_LIMIT
    assert message.text.endswith("\u2026\n(too long for a message: the guardian's log has all)\n")


def test_a_topic_that_is_not_there_is_told(world: World) -> None:
    with pytest.raises(NotFound):
        publish_to_topic(through_botocore(world), f"{TOPIC}2", "subject", "text")
