"""The tables of the comment, as long as there is room for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lambda_rollout.analysis.metrics import Comparison
from lambda_rollout.report.alike import parted, what_they_share
from lambda_rollout.report.console import alias_url
from lambda_rollout.report.exposure import exposure_of
from lambda_rollout.report.findings import findings_table, rate, typical
from lambda_rollout.report.markdown import code, folded, link, prose, table
from lambda_rollout.report.sections import version_link
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.wording import count, share
from lambda_rollout.rollout.events import Result


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows of each table, and how many characters of each reason, there is room for."""

    targets: int
    alarms: int
    steps: int
    reason: int
    warnings: int
    chart: bool
    log: int = 0
    """Lines of the log of a smoke test that was not passed."""


FULL = Room(targets=50, alarms=25, steps=50, reason=300, warnings=20, chart=True, log=8)

ROOMS = (
    FULL,
    Room(targets=50, alarms=25, steps=50, reason=200, warnings=10, chart=False, log=4),
    Room(targets=25, alarms=15, steps=50, reason=150, warnings=5, chart=False),
    Room(targets=10, alarms=10, steps=25, reason=100, warnings=3, chart=False),
    Room(targets=4, alarms=4, steps=10, reason=60, warnings=1, chart=False),
)
"""From the most detailed on; the first that fits is taken."""


def version_numbers(story: RolloutState, room: Room) -> str:
    """Show the new version beside the old one; several functions get a line each."""
    targets = tuple(story.targets.values())
    if len(targets) == 1:
        return _one(targets[0], story)
    them = parted(story)
    parts = [_several(them.differ, story, room.targets)] if them.differ else []
    if them.alike:
        rest = max(1, room.targets - len(them.differ))
        parts.append(folded(what_they_share(them), _several(them.alike, story, rest)))
    return "\n\n".join(parts)


def _several(targets: Sequence[TargetNow], story: RolloutState, most: int) -> str:
    shown = targets[:most]
    rows = [(_from_to(now), _on_the_new(now, story)) for now in shown]
    hidden = len(targets) - len(shown)
    more = f"\n\nAnd {count(hidden, 'more function')}, in the summary." if hidden else ""
    return table(("alias, old → new version", "on the new version"), rows) + more


def _from_to(now: TargetNow) -> str:
    name = link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias))
    return f"{name}<br>{_version(now, now.previous)} → {_new(now)}"


def _on_the_new(now: TargetNow, story: RolloutState) -> str:
    parts = ["*not known*" if now.weight is None else f"**{share(now.weight)}** now"]
    exposure = "" if story.finished else exposure_of(now, story)  # the verdict tells it
    if exposure:
        parts.append(f"it {'has had' if now.weight else 'had'} {prose(exposure)}")
    if errors := _errors(story.numbers.get(now.target)):
        parts.append(f"errors: {errors}")
    return "<br>".join(parts)


def _errors(compared: Comparison | None) -> str:
    if compared is None:
        return ""
    return f"{rate(compared.canary)} (old: {rate(compared.baseline)})"


def _one(now: TargetNow, story: RolloutState) -> str:
    if story.finished and (now.routing, now.previous, now.version) == (None, None, None):
        return ""
    alias = link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias))
    if now.version is not None and now.version == now.previous:
        whole = (alias, _version(now, now.version))
        return table(whole, [("traffic now", _share_of(now, now.version))])
    planned = story.result is Result.PLANNED and story.finished is not None
    new = "*a new version*" if planned and now.version is None else _new(now)
    shares = [_share_of(now, each) for each in (now.previous, now.version)]
    header = (alias, f"old: {_version(now, now.previous)}", f"new: {new}")
    rows = [("traffic now", *shares)]
    # What somebody else, or another run, put there: a column more would leave a phone no room.
    others = [each for each in _versions(now) if each not in {now.previous, now.version}]
    rows += [(f"**{_share_of(now, each)}** on {_version(now, each)}", "", "") for each in others]
    if (compared := story.numbers.get(now.target)) is not None:
        rows += _side_by_side(compared)
    return table(header, rows)


def _versions(now: TargetNow) -> tuple[str, ...]:
    return () if now.routing is None else (now.routing.version, *now.routing.weights)


def _side_by_side(compared: Comparison) -> Iterator[tuple[str, str, str]]:
    old, new = compared.baseline, compared.canary
    yield "invocations", str(old.invocations), str(new.invocations)
    yield "errors", f"{old.errors} ({rate(old)})", f"{new.errors} ({rate(new)})"
    for percentile in ("p50", "p99"):
        before, after = typical(old, percentile), typical(new, percentile)
        if before or after:
            yield percentile, before or "–", after or "–"
    if compared.throttles:
        yield "throttled, of both", str(compared.throttles), str(compared.throttles)


def _share_of(now: TargetNow, version: str | None) -> str:
    if now.routing is None:
        return "*not known*"
    return share(now.routing.percent_of(version)) if version else ""


def _new(now: TargetNow) -> str:
    return "*none yet*" if now.version is None else _version(now, now.version)


def _version(now: TargetNow, version: str | None) -> str:
    if version is None:
        return "*none*" if now.missing else "*not known*"
    return version_link(now, version)


def findings(story: RolloutState, room: Room) -> str:
    """Show what the preflight found; empty if that is nothing."""
    found = story.findings or ()
    return findings_table(found, room.alarms) if found else ""
