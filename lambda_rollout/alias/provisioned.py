"""Whose is a weight that holds all of the traffic? Pure: AWS's own, while provisioned concurrency moves, or somebody's.

When an alias with provisioned concurrency gets another version, AWS itself keeps the traffic where it was by
``{old: 1}`` until the new one has its share; if the new one cannot start, the weight stays. AWS's clear word on that
is GetProvisionedConcurrencyConfig: https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html
(Status: IN_PROGRESS, READY, FAILED). Whatever it does not say of such a weight, somebody has written it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lambda_rollout.alias.routing import NO_WEIGHTS, Alias, Moving, Routing

ALL = 1.0
"""The weight of an additional version that gets all of the traffic. No rollout of ours writes it."""

MOVING = frozenset({"IN_PROGRESS", "FAILED"})


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What AWS says of an alias's provisioned concurrency. ``reason``: why it failed, in AWS's words, or empty."""

    status: str
    reason: str = ""

    @property
    def moves(self) -> bool:
        """Whether AWS's own weight may be there."""
        return self.status in MOVING


def may_be_from_aws(routing: Routing) -> bool:
    """Whether AWS may have written this weight: it is exactly 1, never a part."""
    return list(routing.weights.values()) == [ALL]


def moved_by_aws(alias: Alias, said: Provisioning | None = None) -> Alias:
    """Return the alias with AWS's own weight taken apart from the routing that was written.

    ``said``: without it, it is known from elsewhere that AWS moves.
    """
    moving = Moving(
        alias.routing.weights,
        failed=said is not None and said.status == "FAILED",
        reason=said.reason if said else "",
    )
    return replace(alias, routing=Routing(alias.routing.version, NO_WEIGHTS), moving=moving)


def as_written(answer: Alias, sent: Routing) -> Alias:
    """Return the answer to our own write of ``sent``: what it shows beyond that is AWS's, nobody was in between."""
    asked_for_one = sent.is_unsplit or may_be_from_aws(sent)
    if asked_for_one and answer.routing.version == sent.version and may_be_from_aws(answer.routing):
        return moved_by_aws(answer)
    return answer


def could_not_start(alias: Alias) -> str:
    """Say that the alias's version could not start, and why if AWS told."""
    why = f" ({alias.moving.reason})" if alias.moving and alias.moving.reason else ""
    return f"provisioned concurrency could not start on version {alias.routing.version}{why}"
