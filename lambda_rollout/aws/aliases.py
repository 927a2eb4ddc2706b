"""Lambda's alias calls.

https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html, API_UpdateAlias.html, API_CreateAlias.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambda_rollout.aws.calls import ask, date_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.errors import AccessDenied, NotFound
from lambda_rollout.routing import Alias, Routing, Target

WHOLE = 1.0
"""The weight of an additional version that gets all of the traffic."""


class LambdaAliases:
    """`lambda_rollout.traffic.Aliases` over boto3."""

    def __init__(self, clients: Clients) -> None:
        """Make no call yet."""
        self._clients = clients

    def read(self, target: Target) -> Alias:
        """See `Aliases.read`."""
        return ask(
            "GetAlias",
            lambda: self._clients.lambda_.get_alias(
                FunctionName=target.function, Name=target.alias
            ),
            _alias,
        )

    def write(self, target: Target, routing: Routing, description: str, revision_id: str) -> Alias:
        """See `Aliases.write`. An omitted RoutingConfig would be kept, so an empty one clears the weights.

        A weight of 1 is AWS's own, while provisioned concurrency moves. Whether AWS takes it back as input is
        unconfirmed, so there it is left out on purpose.
        """
        weights: dict[str, Any] = {
            "RoutingConfig": {"AdditionalVersionWeights": dict(routing.weights)}
        }
        kept = WHOLE in routing.weights.values()
        return ask(
            "UpdateAlias",
            lambda: self._clients.lambda_.update_alias(
                FunctionName=target.function,
                Name=target.alias,
                FunctionVersion=routing.version,
                Description=description,
                RevisionId=revision_id,
                **({} if kept else weights),
            ),
            _alias,
        )

    def create(self, target: Target, version: str, description: str) -> Alias:
        """See `Aliases.create`."""
        return ask(
            "CreateAlias",
            lambda: self._clients.lambda_.create_alias(
                FunctionName=target.function,
                Name=target.alias,
                FunctionVersion=version,
                Description=description,
            ),
            _alias,
        )

    def provisioning(self, target: Target) -> bool:
        """See `Aliases.provisioning`.

        Not allowed to ask counts as no: the alias is then a stranger's, and left untouched.
        https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html
        """
        try:
            status = ask(
                "GetProvisionedConcurrencyConfig",
                lambda: self._clients.lambda_.get_provisioned_concurrency_config(
                    FunctionName=target.function, Qualifier=target.alias
                ),
                lambda answer: str(answer["Status"]),
            )
        except (AccessDenied, NotFound):
            return False
        return status == "IN_PROGRESS"


def _alias(answer: Mapping[str, Any]) -> Alias:
    """Read an answer that says where the traffic goes and which state that is (`lambda_rollout.aws.members`)."""
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(
        arn=answer["AliasArn"],
        routing=Routing(answer["FunctionVersion"], dict(weights)),
        description=answer.get("Description", ""),
        revision_id=answer["RevisionId"],
        as_of=date_of(answer),
    )
