"""The way back of a group that had passed when its run died, and that the next run finishes forward."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from lambda_rollout.alias.promotion import promotion_of
from lambda_rollout.rollout.alias_rollout import writer_of
from lambda_rollout.rollout.alias_status import AliasStatus
from lambda_rollout.rollout.events import Warned
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.rollout.previous_alias import (
    PreviousAlias,
    VersionLeft,
    read_previous,
    set_previous,
)
from lambda_rollout.rollout.spec import RunIdentity

POST_STAGE = timedelta(minutes=15)
"""How long after main set one its post stage may have written the records that were found."""


class PreviousOfDead:
    """Does what the dead run would have done once its records were removed."""

    def __init__(self, seen: Sequence[AliasStatus], identity: RunIdentity, ports: Ports) -> None:
        """Read them, before the first record is removed. ``seen``: the whole group as it was found."""
        self._ports = ports
        left = [_version_left(status) for status in seen]
        self._previous = read_previous(left, identity, ports)
        records = [status.dead for status in seen if status.dead is not None]
        self._dead = {status.target for status in seen if status.dead is not None}
        self._began = min((record.since for record in records if record.since), default=None)

    def set(self, seen: Sequence[AliasStatus], identity: RunIdentity) -> None:
        """Set them, now that all records are removed. ``seen``: the group as it is. Never raises."""
        writers = {
            status.target: writer_of(
                status.target,
                status.alias,
                identity.rollout_id,
                self._ports,
                overtaken=status.overtaken,
            )
            for status in seen
        }
        known = [each for each in self._previous if each.promoted in self._dead]
        for each in self._previous:
            if each.promoted not in self._dead and not self._was_set(each):
                if self._stayed(each):
                    known.append(each)
                else:
                    self._tell_of_unknown(each)
        set_previous(known, writers, identity, self._ports)

    def _was_set(self, previous: PreviousAlias) -> bool:
        """Whether a stage of the dead run has set it already."""
        told = promotion_of(previous.found) if previous.found else None
        return told is not None and self._began is not None and told.at >= self._began

    def _stayed(self, previous: PreviousAlias) -> bool:
        """Whether what bears no record stayed on its version, and was not cleared already.

        Only what the alias tells of the promotion before can say that: it is where it was promoted to then. A
        promotion just before may be the dead run's own, whose post stage made the records anew.
        """
        told = promotion_of(previous.found) if previous.found else None
        if told is None or (self._began is not None and told.at > self._began - POST_STAGE):
            return False
        return told.new == previous.promotion.new

    def _tell_of_unknown(self, previous: PreviousAlias) -> None:
        text = (
            f"{previous.target} was left as it is: the record of the run that died is off {previous.promoted} already, "
            "so it is not known which version that left."
        )
        self._ports.emit(Warned(text=text))


def _version_left(status: AliasStatus) -> VersionLeft:
    if status.dead is not None:
        return VersionLeft(status.target, status.dead.old, status.dead.new)
    return VersionLeft(status.target, status.alias.routing.version, status.alias.routing.version)
