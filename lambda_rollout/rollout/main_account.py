"""Whose credentials the post stage has: they may be another account's than main's.

A later step of the job may have exported them. Each alias is named by its ARN, so no namesake can be reached; what is
left is that "not found" and "access denied" may speak of the credentials alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.inputs.names import account_of
from lambda_rollout.rollout.ports import Caller, Ports
from lambda_rollout.rollout.saved_state import SavedAlias
from lambda_rollout.runtime.errors import (
    AccessDenied,
    CallFailed,
    NotFound,
    OtherAccount,
    RolloutError,
    Unanswered,
)


def naming_by_arn(ports: Ports, saved_aliases: Sequence[SavedAlias]) -> Ports:
    """Return the ports for a post stage: its aliases are named by the ARNs that main saved, and reads are checked."""
    for saved in saved_aliases:
        ports.aliases.know(saved.target, saved.arn)
    if ports.caller is None:
        return ports
    accounts = {saved.function: account_of(saved.arn) for saved in saved_aliases}
    return replace(ports, aliases=CheckedAliases(ports.aliases, accounts, ports.caller))


@dataclass
class CheckedAliases:
    """`lambda_rollout.alias.calls.Aliases` that believes no "not found" of another account's credentials.

    ``accounts``: function -> the account that its alias is in, empty where that is not known.
    """

    aliases: Aliases
    accounts: Mapping[str, str]
    caller: Callable[[], Caller]
    _known: Caller | None = None

    def know(self, target: Target, arn: str) -> None:
        """See `Aliases.know`."""
        self.aliases.know(target, arn)

    def read(self, target: Target) -> Alias:
        """See `Aliases.read`. Raises `OtherAccount` for what the credentials cannot see, `Unanswered` if in doubt."""
        try:
            return self.aliases.read(target)
        except (NotFound, AccessDenied) as error:
            self._check(target, error)
            raise

    def write(self, target: Target, routing: Routing, description: str, revision_id: str) -> Alias:
        """See `Aliases.write`."""
        return self.aliases.write(target, routing, description, revision_id)

    def create(self, target: Target, version: str, description: str) -> Alias:
        """See `Aliases.create`."""
        return self.aliases.create(target, version, description)

    def _check(self, target: Target, said: CallFailed) -> None:
        account = self.accounts.get(target.function, "")
        if not account:
            return
        try:
            self._known = self._known or self.caller()
        except RolloutError as why:
            if isinstance(said, NotFound):
                what = f"AWS does not find {target}, and it is not known to whom it says so: {why.what}"
                raise Unanswered(said.operation, "InDoubt", what) from said
            return
        if self._known.account != account:
            raise OtherAccount(
                said.operation, self._known.arn, self._known.account, account
            ) from said
