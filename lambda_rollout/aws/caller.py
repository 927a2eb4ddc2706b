"""Whose credentials they are: GetCallerIdentity, which needs no permission.

https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html.
"""

from __future__ import annotations

from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.rollout.ports import Caller


def caller_of(clients: Clients) -> Caller:
    """Ask STS once. Raises `CallFailed`, `RolloutError` if no call can be made."""
    return ask(
        "GetCallerIdentity",
        lambda: clients.sts.get_caller_identity(),  # noqa: PLW0108 - the client is made inside
        lambda answer: Caller(str(answer["Account"]), str(answer["Arn"])),
    )
