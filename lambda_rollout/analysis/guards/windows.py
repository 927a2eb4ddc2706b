"""A rollout so far as the guards see it: one target's minutes, cut where the steps began."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.analysis.guards.known import DataKnown
from lambda_rollout.analysis.metrics import MINUTE, Comparison, Minute, StepStart

SPLIT_ONCE = Decimal(0)
"""As a share: the alias may have been split then, nobody knows at which weight. Minutes in which only one version
ran tell nothing beside a baseline anyway."""

WARM_UP = MINUTE
"""After each change of the weight, for durations: the first invocations of fresh environments are slower, and there
are more of them on the version that gets more traffic than before."""

Both = tuple[Minute, Minute]
"""The new version's minute and the old one's, of the same time."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Minutes that lie wholly inside a step, in order.

    A minute in which the weight changed is left out: one version ran more in its one half, the other in its
    other half, and what hit both alike could look like a difference.
    """

    split: tuple[Both, ...]
    """Those of all steps below 100% that can break a guard."""
    last_split: tuple[Both, ...]
    """Of these, those of the last step below 100%: the only baseline that there is at 100%."""
    whole: tuple[Minute, ...]
    """The new version's at 100% that can break a guard."""
    step: tuple[Both, ...]
    """Those of the present step that a guard can hold on; at 100% the old version's are empty."""
    at_whole: bool
    """Whether the present step is the one at 100%."""

    @property
    def new_in_step(self) -> tuple[Minute, ...]:
        """The new version's in the present step."""
        return tuple(new for new, _ in self.step)

    @property
    def canary(self) -> tuple[Minute, ...]:
        """The new version's in all steps that can break a guard."""
        return (*(new for new, _ in self.split), *self.whole)


def windows_of(
    comparison: Comparison,
    steps: Sequence[StepStart],
    known: DataKnown | None = None,
    warm_up: timedelta = timedelta(),
) -> Windows:
    """Cut a target's minutes by ``steps``, which are all steps so far, in order, at least one.

    Without ``known`` every minute that is there can be judged. What begins within ``warm_up`` of a step's begin is
    left out.
    """
    spans = _spans(comparison, steps, warm_up)
    breakable = [[both for both in span if _can_break(both, known)] for span in spans]
    split = [span for step, span in zip(steps, breakable, strict=True) if step.percent < HUNDRED]
    whole = [span for step, span in zip(steps, breakable, strict=True) if step.percent >= HUNDRED]
    return Windows(
        split=tuple(both for span in split for both in span),
        last_split=tuple(split[-1]) if split else (),
        whole=tuple(new for span in whole for new, _ in span),
        step=tuple(both for both in spans[-1] if known is None or _ends(both) <= known.complete),
        at_whole=steps[-1].percent >= HUNDRED,
    )


def _spans(
    comparison: Comparison, steps: Sequence[StepStart], warm_up: timedelta
) -> list[list[Both]]:
    old = {minute.start: minute for minute in comparison.baseline.minutes}
    spans: list[list[Both]] = [[] for _ in steps]
    ends = [after.at for _, after in pairwise(steps)]
    for new in _in_order(comparison.canary.minutes):
        for number, step in enumerate(steps):
            ended = number < len(ends) and new.start + MINUTE > ends[number]
            if new.start >= step.at + warm_up and not ended:
                spans[number].append((new, old.get(new.start) or Minute(new.start, 0, 0)))
    return spans


def _in_order(minutes: Iterable[Minute]) -> Sequence[Minute]:
    return sorted(minutes, key=lambda minute: minute.start)


def _can_break(both: Both, known: DataKnown | None) -> bool:
    if known is None:
        return True
    return _ends(both) <= known.settled and both[0].start not in known.changing


def _ends(both: Both) -> datetime:
    return both[0].start + MINUTE
