"""The way back without a number: what the alias that keeps it says (`previous_alias` sets it)."""

from __future__ import annotations

from lambda_rollout.alias import promotion
from lambda_rollout.alias.reader import AliasReader
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.rollout.events import PreviousAliasFound
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.previous_alias import why_not
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.retry import retrying


def version_left(target: Target, alias: Alias, spec: RolloutSpec, ports: Ports) -> str | None:
    """Return the version that an alias is to go back to without a number; None if no ``previous-alias`` is named.

    What the last promotion left, if the alias is still on what that promoted, or back already: a second ``mode:
    rollback`` never goes forward. An alias without our mark is somebody's own: where it points.

    Raises:
        RolloutError: there is none, it does not say one version, or the alias is on neither version of the promotion.
    """
    name = spec.inputs.previous_alias
    if name is None:
        return None
    previous = Target(target.function, name)
    by_number = "Set `version` to the version to go back to."
    reader = AliasReader(previous, ports.aliases, ports.clock, written=False)
    found = retrying(ports.clock, ports.stop)(reader.read_or_gone)
    if found is None:
        raise RolloutError(f"there is no alias {previous} to say where to go back to.", by_number)
    if why := why_not(found):
        raise RolloutError(f"{previous} does not say where to go back to: {why}.", by_number)
    left, live = promotion.promotion_of(found), alias.routing.version
    if left is None:
        return _published(found, previous, by_number)
    if live not in {left.old, left.new}:
        command = spec.identity.command(target, Routing.all_on(left.old))
        raise RolloutError(
            f"{target} is on version {live}, but {previous} keeps the way back from version {left.new} to version "
            f"{left.old}.",
            f"{by_number} To go to version {left.old} by hand: {command}",
        )
    if live != left.old:
        ports.emit(
            PreviousAliasFound(
                target=target,
                alias=name,
                version=left.old,
                from_version=left.new,
                promoted=left.at,
            )
        )
    return left.old


def _published(found: Alias, previous: Target, remedy: str) -> str:
    version = found.routing.version
    if not version.isdecimal():
        raise RolloutError(
            f"{previous} points at {version}, which is no published version.", remedy
        )
    return version
