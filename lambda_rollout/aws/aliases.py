"""Lambda's alias calls.

https://docs.aws.amazon.com/lambda/latest/api/API_GetAlias.html, API_UpdateAlias.html, API_CreateAlias.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.provisioned import Provisioning, as_written, may_be_from_aws, moved_by_aws
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.aws.calls import NOT_AWS, ask
from lambda_rollout.aws.clients import Clients
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import AccessDenied, ForeignAnswer, NotFound, Unanswered

NO_WEIGHT = 0.00005
"""Half of the least weight that a step can have: weights that are nearer are one."""


class LambdaAliases:
    """`lambda_rollout.alias.writer.Aliases` over boto3."""

    def __init__(self, clients: Clients, stop: Stop | None = None) -> None:
        """Make no call yet. ``stop`` ends a read between two of its calls; one that begins after it goes on."""
        self._clients = clients
        self._stop = stop
        self._ahead: dict[Target, Future[Alias]] = {}
        """What was asked before anybody waited for the answer."""

    def ask_ahead(self, target: Target) -> None:
        """Begin to read it, in a thread of its own: the next `read` takes that answer, or raises that error.

        For a program that has more to prepare before it can read. The answer is as old as that takes.
        """
        thread = ThreadPoolExecutor(1)
        self._ahead[target] = thread.submit(self._get, target)
        thread.shutdown(wait=False)

    def read(self, target: Target) -> Alias:
        """See `Aliases.read`. One call, unless the answer shows a weight that may be AWS's own.

        Then AWS's word on the provisioned concurrency decides, in a second call. If that is ready, AWS may have
        been done between the two: a third call shows whether its weight is gone.
        """
        stopped = self._is_stopped
        ahead = self._ahead.pop(target, None)
        seen = ahead.result() if ahead else self._get(target)
        if not may_be_from_aws(seen.routing):
            return seen
        self._end_if_stopped(stopped)
        said = self._provisioning(target)
        if said is None:
            return seen
        if said.moves:
            return moved_by_aws(seen, said)
        self._end_if_stopped(stopped)
        return self._get(target)

    @property
    def _is_stopped(self) -> bool:
        return self._stop is not None and self._stop.requested

    def _end_if_stopped(self, before: bool) -> None:
        """Leave a read undecided if a stop came in between: three calls that hang would use up its seconds."""
        if self._is_stopped and not before:
            raise Unanswered("GetProvisionedConcurrencyConfig", "Stopped", "not asked any more")

    def know(self, target: Target, arn: str) -> None:
        """See `Aliases.know`."""
        self._clients.names.learn(target, arn)

    def _name(self, target: Target) -> str:
        return self._clients.names.of(target.function)

    def _get(self, target: Target) -> Alias:
        alias = ask(
            "GetAlias",
            lambda: self._clients.lambda_.get_alias(
                FunctionName=self._name(target), Name=target.alias
            ),
            _alias,
        )
        self.know(target, alias.arn)
        return alias

    def write(self, target: Target, routing: Routing, description: str, revision_id: str) -> Alias:
        """See `Aliases.write`. An omitted RoutingConfig would be kept, so an empty one clears the weights.

        A weight of 1 is AWS's own, while provisioned concurrency moves. Whether AWS takes it back as input is
        unconfirmed, so there it is left out on purpose.
        """
        weights: dict[str, Any] = {
            "RoutingConfig": {"AdditionalVersionWeights": dict(routing.weights)}
        }
        kept = may_be_from_aws(routing)
        return ask(
            "UpdateAlias",
            lambda: self._clients.lambda_.update_alias(
                FunctionName=self._name(target),
                Name=target.alias,
                FunctionVersion=routing.version,
                Description=description,
                RevisionId=revision_id,
                **({} if kept else weights),
            ),
            lambda answer: _answer_to(routing, description, as_written(_alias(answer), routing)),
        )

    def create(self, target: Target, version: str, description: str) -> Alias:
        """See `Aliases.create`."""
        alias = ask(
            "CreateAlias",
            lambda: self._clients.lambda_.create_alias(
                FunctionName=self._name(target),
                Name=target.alias,
                FunctionVersion=version,
                Description=description,
            ),
            _alias,
        )
        self.know(target, alias.arn)
        return alias

    def _provisioning(self, target: Target) -> Provisioning | None:
        """Return what AWS says; None if there is nothing to say, or it may not be asked: the weight is somebody's then.

        https://docs.aws.amazon.com/lambda/latest/api/API_GetProvisionedConcurrencyConfig.html
        """
        try:
            return ask(
                "GetProvisionedConcurrencyConfig",
                lambda: self._clients.lambda_.get_provisioned_concurrency_config(
                    FunctionName=self._name(target), Qualifier=target.alias
                ),
                lambda answer: Provisioning(
                    str(answer["Status"]), str(answer.get("StatusReason", ""))
                ),
            )
        except (AccessDenied, NotFound):
            return None


def _answer_to(routing: Routing, description: str, answer: Alias) -> Alias:
    """Return the answer to a write if it shows what was written.

    A good answer of AWS's may be another call's: a cache that goes by the path alone has that of GetAlias for it, and
    the write may not even have been sent on. Raises `ForeignAnswer`.
    """
    written = Routing.all_on(routing.version) if may_be_from_aws(routing) else routing
    if _is_routing(answer.routing, written) and _bears_what_was_sent(answer, description):
        return answer
    shown = f"{answer.routing}, {lease.parse(answer.description)[1] or 'no record'}"
    raise ForeignAnswer(
        "UpdateAlias",
        "OtherAnswer",
        f"this is not AWS's answer to what was sent, but to another call: it shows {shown}",
        NOT_AWS,
    )


def _is_routing(shown: Routing, sent: Routing) -> bool:
    """Whether one is the other, as near as a weight of two decimals can be told."""
    same = (shown.version, shown.weights.keys()) == (sent.version, sent.weights.keys())
    return same and all(
        abs(weight - sent.weights[version]) < NO_WEIGHT for version, weight in shown.weights.items()
    )


def _bears_what_was_sent(answer: Alias, description: str) -> bool:
    """Whether the record is the one that was sent; AWS may take an empty description for "leave it" (unconfirmed)."""
    return not description or lease.parse(answer.description)[1] == lease.parse(description)[1]


def _alias(answer: Mapping[str, Any]) -> Alias:
    """Read an answer that says where the traffic goes and which state that is (`lambda_rollout.aws.members`)."""
    weights = (answer.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return Alias(
        arn=answer["AliasArn"],
        routing=Routing(answer["FunctionVersion"], dict(weights)),
        description=answer.get("Description", ""),
        revision_id=answer["RevisionId"],
    )
