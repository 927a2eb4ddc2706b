"""Of many functions or alarms, those to look at: what all the others are alike in is said once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import Comparison, VersionMetrics
from lambda_rollout.report.state import AlarmNow, RolloutState, TargetNow
from lambda_rollout.report.wording import listing, share

FEW_ROWS = 8
"""Rows that are always shown as they are."""

FLAPS = 5
"""Changes of an alarm's state from which on it is told how many there were."""

MOST_FAILING = 5
"""Functions that are looked at because more of their calls fail than before, the worst first."""


@dataclass(frozen=True, slots=True)
class Parted:
    """Functions that differ from most, and the others."""

    differ: tuple[TargetNow, ...]
    alike: tuple[TargetNow, ...]


def parted(story: RolloutState) -> Parted:
    """Put those first in which something is otherwise than in most, and those whose new version fails most."""
    targets = tuple(story.targets.values())
    if len(targets) <= FEW_ROWS:
        return Parted(targets, ())
    kinds = {now.target: _kind(now) for now in targets}
    most = Counter(kinds.values()).most_common(1)[0][0]
    differ = [now for now in targets if kinds[now.target] != most]
    worse = failing_more(story.numbers)
    differ += sorted(
        (now for now in targets if now.target in worse and now not in differ),
        key=lambda now: worse.index(now.target),
    )
    return Parted(tuple(differ), tuple(now for now in targets if now not in differ))


def what_they_share(them: Parted) -> str:
    """Say how many are alike, and in what: ``99 other aliases: rolled back``."""
    number = f"{len(them.alike)} other" if them.differ else f"All {len(them.alike)}"
    one = them.alike[0]
    if one.rolled_back_at is not None:
        return f"{number} aliases: rolled back"
    where = "" if one.weight is None else f": {share(one.weight)} on the new version"
    return f"{number} aliases{where}"


def is_large(story: RolloutState) -> bool:
    """Whether the functions are too many to name them all."""
    return len(story.targets) > FEW_ROWS


def named(targets: Sequence[TargetNow]) -> str:
    """Name a few aliases, and of a large group how many there are."""
    if len(targets) > FEW_ROWS:
        return f"{len(targets)} functions"
    return listing([str(now.target) for now in targets])


def _kind(now: TargetNow) -> Hashable:
    """Return what functions of a group usually have in common; each has versions of its own."""
    smoke = getattr(now.smoke_test, "passed", None)
    marks = (now.already_there, now.created, now.missing, now.restored, now.rolled_back_at is None)
    return (now.weight, now.version is None, now.previous is None, smoke, marks, now.left is None)


def failing_more(numbers: Mapping[Target, Comparison]) -> Sequence[Target]:
    """Return those whose new version has a higher error rate than the old one, the worst first, a few."""
    rates = {
        target: _rate(compared.canary) - _rate(compared.baseline)
        for target, compared in numbers.items()
        if compared.canary.errors
    }
    worst = sorted((each for each in rates if rates[each] > 0), key=lambda each: -rates[each])
    return worst[:MOST_FAILING]


def _rate(side: VersionMetrics) -> float:
    return side.errors / side.invocations if side.invocations else 0.0


def is_quiet(alarm: AlarmNow) -> bool:
    """Whether there is nothing to say of an alarm but that it was OK."""
    return alarm.fired is None and alarm.newest.is_ok and alarm.guarded and alarm.changes < FLAPS
