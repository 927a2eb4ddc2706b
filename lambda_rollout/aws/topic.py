"""Telling people: Amazon SNS.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: a subject has less than 100 ASCII characters in one line,
and begins with no blank; a message has up to 256 KB of UTF-8.
"""

from __future__ import annotations

from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients

_SUBJECT_LIMIT = 99
_TEXT_LIMIT = 200_000
"""Bytes; a topic may add some of its own for a subscriber."""


def publish_to_topic(clients: Clients, topic: str, subject: str, text: str) -> None:
    """Send one message to a topic, an ARN; one try. Raises `CallFailed`."""
    # arn:PARTITION:sns:REGION:ACCOUNT:NAME
    sns = clients.sns(topic.split(":")[3])
    ask(
        "Publish",
        lambda: sns.publish(TopicArn=topic, Subject=_one_line(subject), Message=_cut(text)),
        lambda _: None,
    )


def _one_line(subject: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in subject.strip())
    return plain if len(plain) <= _SUBJECT_LIMIT else plain[: _SUBJECT_LIMIT - 3] + "..."


def _cut(text: str) -> str:
    """Leave out the end of what is too long, and say so."""
    data = text.encode()
    if len(data) <= _TEXT_LIMIT:
        return text
    return f"{data[:_TEXT_LIMIT].decode(errors='ignore')}\n(too long for a message: the guardian's log has all)\n"
