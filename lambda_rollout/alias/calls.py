"""Lambda's alias calls, as the rest of the package sees them."""

from __future__ import annotations

from typing import Protocol

from lambda_rollout.alias.routing import Alias, Routing, Target


class Aliases(Protocol):
    """Lambda's alias calls, one try each. Errors are `CallFailed` and its kinds."""

    def know(self, target: Target, arn: str) -> None:
        """Take note of the alias's ARN as an earlier stage had it from AWS: by that it is asked for, and by no name."""
        ...

    def read(self, target: Target) -> Alias:
        """GetAlias; weights that AWS calls its own come apart from the routing (`Alias.moving`)."""
        ...

    def write(self, target: Target, routing: Routing, description: str, revision_id: str) -> Alias:
        """UpdateAlias, with version, weights, description and RevisionId; a weight of exactly 1 stays as AWS has it."""
        ...

    def create(self, target: Target, version: str, description: str) -> Alias:
        """CreateAlias, 100% on ``version``."""
        ...
