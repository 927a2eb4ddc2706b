"""A missing alias is made, once, however often the call is repeated."""

from __future__ import annotations

import contextlib

from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.alias.writer import Conflict
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import CallFailed, NotFound
from lambda_rollout.runtime.retry import retrying


def create_alias(target: Target, version: str, ports: Ports) -> Alias:
    """Create ``target`` with all of its traffic on ``version``; return it as AWS shows it.

    Raises `Conflict` if somebody else was faster and it is on another version, `CallFailed` after a minute of failures,
    `Cancelled` on stop.
    """
    alias = retrying(ports.clock, ports.stop)(_create_once, target, version, ports)
    if alias.routing != Routing.all_on(version):
        raise Conflict(target, Routing.all_on(version), alias)
    return alias


def _create_once(target: Target, version: str, ports: Ports) -> Alias:
    try:
        return ports.aliases.create(target, version, "")
    except CallFailed as error:
        if not error.may_have_effect:
            raise
        # Either it was done all the same, or somebody was faster: the alias itself tells.
        with contextlib.suppress(NotFound):
            return ports.aliases.read(target)
        raise
