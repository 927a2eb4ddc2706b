"""What became of the alias that keeps the way back, and of the promotions that it tells of, as AWS has seen it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from lambda_rollout.alias import promotion
from lambda_rollout.alias.promotion import Promotion
from lambda_rollout.alias.routing import Alias, Routing


@dataclass(frozen=True)
class Kept:
    """It at one moment."""

    routing: Routing
    description: str
    revision_id: str
    author: str
    """Who wrote that."""
    number: int
    """Of the writes that it has seen."""

    @property
    def mark(self) -> Promotion | None:
        """The promotion that it tells of."""
        return promotion.promotion_of(Alias("", self.routing, self.description, self.revision_id))


@dataclass
class Promoted:
    """A rollout that was promoted: the records of its aliases began to be removed."""

    number: int
    rollout_id: str
    live_before: dict[str, frozenset[str]]
    """Function -> the versions that had all of its traffic, with no rollout under way, before that."""
    moved: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Function -> from which version to which."""
    by: set[str] = field(default_factory=set)
    """The processes that removed a record of it."""


@dataclass
class KeptHistory:
    """Everything that is known of it, by function."""

    promotions: list[Promoted] = field(default_factory=list)
    """In the order in which their first record was removed."""
    live: dict[str, set[str]] = field(default_factory=lambda: defaultdict(lambda: {"1"}))
    """The versions that a function's alias was whole on without a record."""
    states: dict[str, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    """What it has been, write by write."""
    writers: dict[str, Promoted | None] = field(default_factory=dict)
    """The promotion for which ours wrote it last; None since somebody else did."""
    read: dict[tuple[str, str], Kept | None] = field(default_factory=dict)
    """(Process, function) -> what it last read of it."""
    read_before: dict[tuple[str, str], int] = field(default_factory=dict)
    """(Process, function) -> how many writes it had seen when the process read it before it removed a record."""
    back_to: dict[tuple[str, str], Kept] = field(default_factory=dict)
    """(Process, function) -> what told ``mode: rollback`` where to."""
    requests: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Process -> how many requests about it it has made."""

    def was_promoted(
        self, rollout_id: str, function: str, versions: tuple[str, str], by: str
    ) -> None:
        """Take note that a record was removed for good."""
        known = next((p for p in self.promotions if p.rollout_id == rollout_id), None)
        if known is None:
            before = {each: frozenset(live) for each, live in self.live.items()}
            known = Promoted(len(self.promotions), rollout_id, before)
            self.promotions.append(known)
        known.moved[function] = versions
        known.by.add(by)

    def written(self, function: str, kept: Kept) -> None:
        """Take note of a new state."""
        self.states[function].append(kept)

    def promotion_behind(
        self, function: str, mark: Promotion, who: str, rollout_ids: set[str], *, finished: bool
    ) -> Promoted | None:
        """Return the newest promotion of a process's own, or that it finished, of which a mark tells the truth.

        ``finished``: it took one for its own doing, which shows just what it set out to write.
        """
        for each in reversed(self.promotions):
            moved = each.moved.get(function)
            tells = moved == (mark.old, mark.new) if moved else mark.old == mark.new
            is_its_own = each.rollout_id in rollout_ids or who in each.by
            if tells and (is_its_own or finished):
                return each
        return None
