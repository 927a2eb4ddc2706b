"""A rollout so far as the guards see it: one target's minutes, cut where the steps began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from lambda_rollout.alias.routing import HUNDRED
from lambda_rollout.analysis.metrics import MINUTE, Comparison, Minute, StepStart

SPLIT_ONCE = Decimal(0)
"""As a share: the alias may have been split then, nobody knows at which weight. Minutes in which only one version
ran tell nothing beside a baseline anyway."""

Both = tuple[Minute, Minute]
"""The new version's minute and the old one's, of the same time."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Minutes that lie wholly inside a step, in order.

    A minute in which the weight changed is left out: one version ran more in its one half, the other in its
    other half, and what hit both alike could look like a difference.
    """

    split: tuple[Both, ...]
    """Those of all steps below 100%."""
    last_split: tuple[Both, ...]
    """Those of the last step below 100%: the only baseline that there is at 100%."""
    whole: tuple[Minute, ...]
    """The new version's at 100%."""
    at_whole: bool
    """Whether the present step is the one at 100%."""

    @property
    def step(self) -> tuple[Minute, ...]:
        """The new version's in the present step."""
        return self.whole if self.at_whole else tuple(new for new, _ in self.last_split)

    @property
    def canary(self) -> tuple[Minute, ...]:
        """The new version's in all steps."""
        return (*(new for new, _ in self.split), *self.whole)


def windows_of(comparison: Comparison, steps: Sequence[StepStart]) -> Windows:
    """Cut a target's minutes by ``steps``, which are all steps so far, in order, at least one."""
    old = {minute.start: minute for minute in comparison.baseline.minutes}
    spans: list[list[Both]] = [[] for _ in steps]
    ends = [after.at for _, after in pairwise(steps)]
    for new in sorted(comparison.canary.minutes, key=lambda minute: minute.start):
        for number, step in enumerate(steps):
            ended = number < len(ends) and new.start + MINUTE > ends[number]
            if new.start >= step.at and not ended:
                spans[number].append((new, old.get(new.start) or Minute(new.start, 0, 0)))
    split = [span for step, span in zip(steps, spans, strict=True) if step.percent < HUNDRED]
    whole = [
        new
        for step, span in zip(steps, spans, strict=True)
        if step.percent >= HUNDRED
        for new, _ in span
    ]
    return Windows(
        split=tuple(both for span in split for both in span),
        last_split=tuple(split[-1]) if split else (),
        whole=tuple(whole),
        at_whole=steps[-1].percent >= HUNDRED,
    )
