"""How long the new versions had which share of the traffic, in words. Pure; nothing is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alike import is_large, named
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.wording import listing, share, traffic

Spans = Sequence[tuple[Decimal, timedelta]]
"""Shares of the traffic, and for how long, in order."""


def exposure_of(now: TargetNow, story: RolloutState) -> str:
    """Say which share of the traffic the new version had for how long; empty if it had none.

    For example ``10% of the traffic for 5m, then 50% for 2m 5s``.
    """
    spans = _spans(now, story)
    return _together([spans]) if spans else ""


def exposures(story: RolloutState) -> Iterator[str]:
    """Say it of all functions: of those that are alike once, and of many from the shortest to the longest time."""
    if story.asks_another_run:
        # Whatever had traffic had it from another run.
        return
    exposed = {now.target: spans for now in story.targets.values() if (spans := _spans(now, story))}
    yield from _as_before(
        [
            now
            for now in story.targets.values()
            if now.target not in exposed and now.rolled_back_at is None and now.left is None
        ],
        story,
    )
    alike: dict[object, list[TargetNow]] = {}
    for target, spans in exposed.items():
        now = story.targets[target]
        shares = tuple(percent for percent, _ in spans) if is_large(story) else _together([spans])
        alike.setdefault((shares, bool(now.weight)), []).append(now)
    for targets in alike.values():
        still = ", and still has traffic" if targets[0].weight else ""
        had = f"had {_together([exposed[now.target] for now in targets])}{still}."
        if len(story.targets) == 1:
            yield f"Version {targets[0].version} {had}"
        elif is_large(story):
            yield f"{named(targets)}: the new versions {had.replace('still has', 'still have')}"
        else:
            yield f"{listing([str(now.target) for now in targets])}: the new version {had}"


def _spans(now: TargetNow, story: RolloutState) -> Spans:
    return () if story.latest is None else now.exposed(story.latest)


def _as_before(targets: Sequence[TargetNow], story: RolloutState) -> Iterator[str]:
    """Say where aliases send their traffic that were not touched; of many, versions differ."""
    alike: dict[str, list[TargetNow]] = {}
    for now in targets:
        if now.routing is not None:
            whole = is_large(story) and now.routing.is_unsplit
            alike.setdefault("" if whole else traffic(now.routing), []).append(now)
    for sent, several in alike.items():
        names = named(several) if is_large(story) else listing([str(now.target) for now in several])
        if len(several) > 1:
            yield f"{names} send {sent or 'all traffic to the versions that they had'}, as before."
        elif (routing := several[0].routing) is not None:
            yield f"{names} sends {traffic(routing)}, as before."


def _together(every: Sequence[Spans]) -> str:
    """Say what several with the same shares had: ``10% of the traffic for 4m 58s to 5m 3s, then 50% for 2m``."""
    parts: list[str] = []
    for number, (percent, _) in enumerate(every[0]):
        lasted = [spans[number][1] for spans in every]
        shortest, longest = readable_duration(min(lasted)), readable_duration(max(lasted))
        span = shortest if shortest == longest else f"{shortest} to {longest}"
        parts.append(f"{share(percent)}{'' if parts else ' of the traffic'} for {span}")
    return ", then ".join(parts)
