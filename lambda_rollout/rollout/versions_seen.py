"""What was read of versions before anything is changed: who publishes and waits does not ask again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.version import VersionState
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.preflight.facts import LATEST, TargetFacts
from lambda_rollout.rollout.ports import Ports

FRESH = 60.0
"""Seconds for which what the preflight has read of a version is good enough to publish by. What changes its code
meanwhile is found out by the code's hash, and what changes its configuration by what the published version has."""


@dataclass(frozen=True, slots=True)
class VersionsSeen:
    """What the preflight has read of versions, for those who publish and wait: nobody asks twice."""

    at: float = 0.0
    """When it began to read, on the monotonic clock."""
    states: Mapping[tuple[Target, str], VersionState] = field(default_factory=dict)
    storages: Mapping[Target, CodeStorage] = field(default_factory=dict)
    """How the code of ``$LATEST`` is kept, where that was read."""

    @classmethod
    def of(cls, targets: Iterable[TargetFacts], at: float) -> VersionsSeen:
        """Take it from the preflight's facts."""
        reads = [(each.target, read) for each in targets for read in each.reads]
        states = {(target, read.configuration.version): read.state for target, read in reads}
        kept = {
            target: read.storage
            for target, read in reads
            if read.storage is not None and read.configuration.version == LATEST
        }
        return cls(at, states, kept)

    def state(self, target: Target, version: str, ports: Ports) -> VersionState | None:
        """Return what was read of a version, None if nothing was or it is not fresh any more."""
        is_fresh = ports.clock.monotonic() - self.at <= FRESH
        return self.states.get((target, version)) if is_fresh else None


NOTHING_SEEN = VersionsSeen()


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What was found before the first write that matters later."""

    versions: VersionsSeen = NOTHING_SEEN
    alarms_need: timedelta | None = None
    """How long the slowest alarm needs to fire; None if that is not known of one."""
    guardians: tuple[str, ...] = ()
    """ARNs of the guardians that the alarms invoke."""
