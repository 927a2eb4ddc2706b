"""What an alias says to who has asked its rollout to go on early (`lambda_rollout.alias.record`). Pure."""

from __future__ import annotations

from enum import Enum, auto

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.record import Record
from lambda_rollout.alias.routing import Alias, Routing


class RequestAnswer(Enum):
    """What has come of a request."""

    NOT_ASKED = auto()
    """The rollout goes on, and nobody asks it for anything: not yet, or not any more."""
    WAITING = auto()
    """The request stands there."""
    TAKEN = auto()
    """All of the traffic is on the new version, in the rollout's hands."""
    UNKNOWN = auto()
    """All of it is there, and no record says who sent it: the rollout, which is over, or somebody after it."""
    WENT_BACK = auto()
    """All of it is on the old version again."""
    HELD = auto()
    """It was left as it is on purpose."""
    CHANGED = auto()
    """It is another rollout's, or somebody else's."""


def answer_of(asked: Record, alias: Alias) -> RequestAnswer:
    """Read what an alias says of the rollout whose record was ``asked``."""
    _, record = lease.parse(alias.description)
    if record is not None and not lease.agrees(record, alias.routing):
        record = None
    is_its = record is not None and record.rollout_id == asked.rollout_id
    if record is not None and not is_its:
        return RequestAnswer.CHANGED
    if alias.routing == Routing.all_on(asked.new):
        return RequestAnswer.TAKEN if is_its else RequestAnswer.UNKNOWN
    if record is None:
        back = alias.routing == Routing.all_on(asked.old)
        return RequestAnswer.WENT_BACK if back else RequestAnswer.CHANGED
    if record.held:
        return RequestAnswer.HELD
    return RequestAnswer.WAITING if record.requested else RequestAnswer.NOT_ASKED
