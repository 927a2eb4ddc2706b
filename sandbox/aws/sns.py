"""Amazon SNS: topics that take messages.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html.
"""

from __future__ import annotations

import random as random_module
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.errors import AwsError

SUBJECT_LIMIT = 100
TEXT_LIMIT = 262_144
"""Bytes."""


@dataclass(frozen=True)
class Message:
    """What a topic's subscribers got."""

    topic: str
    subject: str
    text: str


class Sns:
    """One Region's topics. topics: ARNs of those that exist. messages: all that were taken, in order."""

    def __init__(self, random: random_module.Random) -> None:
        self.topics: set[str] = set()
        self.messages: list[Message] = []
        self._random = random

    def publish(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """A subject "must be ASCII text that begins with a letter, number or punctuation mark; must not include line
        breaks or control characters; and must be less than 100 characters long" (100 are taken).
        """
        topic, subject = params.get("TopicArn", ""), params.get("Subject", "-")
        if topic not in self.topics:
            raise AwsError("NotFound", "Topic does not exist", 404)
        plain = subject.isascii() and subject.isprintable() and not subject[:1].isspace()
        if not plain or not 0 < len(subject) <= SUBJECT_LIMIT:
            raise AwsError("InvalidParameter", "Invalid parameter: Subject", 400)
        if len(params["Message"].encode()) > TEXT_LIMIT:
            raise AwsError("InvalidParameter", "Invalid parameter: Message too long", 400)
        self.messages.append(
            Message(topic, subject if "Subject" in params else "", params["Message"])
        )
        return {"MessageId": str(uuid.UUID(int=self._random.getrandbits(128), version=4))}
