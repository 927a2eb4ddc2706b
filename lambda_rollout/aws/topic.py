"""Telling people: Amazon SNS.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: a subject has up to 100 ASCII characters in one line.
"""

from __future__ import annotations

from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients

_SUBJECT_LIMIT = 100


def publish_to_topic(clients: Clients, topic: str, subject: str, text: str) -> None:
    """Send one message to a topic, an ARN; one try. Raises `CallFailed`."""
    # arn:PARTITION:sns:REGION:ACCOUNT:NAME
    sns = clients.sns(topic.split(":")[3])
    ask(
        "Publish",
        lambda: sns.publish(TopicArn=topic, Subject=_one_line(subject), Message=text),
        lambda _: None,
    )


def _one_line(subject: str) -> str:
    plain = "".join(c if c.isascii() and c.isprintable() else "?" for c in subject.strip())
    return plain if len(plain) <= _SUBJECT_LIMIT else plain[: _SUBJECT_LIMIT - 3] + "..."
