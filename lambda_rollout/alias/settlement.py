"""How a try to leave an alias as wished has ended."""

from __future__ import annotations

from dataclasses import dataclass

from lambda_rollout.alias.routing import Alias
from lambda_rollout.runtime.errors import CallFailed


@dataclass(frozen=True, slots=True)
class Settled:
    """Confirmed: the alias is as wished."""

    alias: Alias


@dataclass(frozen=True, slots=True)
class ChangedByOther:
    """The routing is somebody else's; it was left as it is."""

    alias: Alias


@dataclass(frozen=True, slots=True)
class Deleted:
    """The alias or its function was deleted."""


@dataclass(frozen=True, slots=True)
class VersionGone:
    """AWS has the alias and has not the ``version`` that it was to be put on, so no trying helps."""

    version: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Not confirmed yet; ``why`` is AWS's last word."""

    why: CallFailed


Settlement = Settled | ChangedByOther | Deleted | VersionGone | Unsettled
