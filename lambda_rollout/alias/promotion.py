"""What an alias that keeps the way back says: which promotion left the version that it points at, and when.

It stands at the end of the Description, as the record of a rollout does (`lambda_rollout.alias.record`), and no
reading of one takes it for the other. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Alias, Routing

_MARK = re.compile(
    r"(?:(?<= )|^)\[lambda-rollout (?P<old>[1-9][0-9]*)>(?P<new>[1-9][0-9]*)"
    rf" promoted (?P<at>{lease.TIME})\]\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Promotion:
    """The promotion that left a version."""

    old: str
    """The version that was left; the same as ``new`` for a function that a rollout of several left where it was."""
    new: str
    at: datetime
    """On AWS's clock, to the second."""

    def __str__(self) -> str:
        """Return the text that stands in the Description."""
        return f"[lambda-rollout {self.old}>{self.new} promoted {self.at:{lease.TIME_FORMAT}}]"


def promotion_of(alias: Alias) -> Promotion | None:
    """Return which promotion an alias tells of; None if it tells of none, or has been moved since."""
    match = _MARK.search(alias.description)
    if match is None or alias.shown != Routing.all_on(match["old"]):
        return None
    try:
        return Promotion(match["old"], match["new"], lease.read_moment(match["at"]))
    except ValueError:
        return None


def with_promotion(text: str, promotion: Promotion) -> str:
    """Join the owner's text and the mark; the text is cut to make room, the mark never."""
    return lease.join(_without_marks(text), str(promotion))


def _without_marks(description: str) -> str:
    """Return the Description without any mark or record at its end."""
    text = lease.owners_text(description)
    while match := _MARK.search(text):
        text = lease.owners_text(text[: match.start()].removesuffix(" "))
    return text
