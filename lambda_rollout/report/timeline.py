"""When the new version had which share and when each alarm was in which state, as a Mermaid chart.

https://mermaid.js.org/syntax/gantt.html. Times are written and read as if they were local, so that every
reader sees UTC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.report.alike import FEW_ROWS, FLAPS, named
from lambda_rollout.report.reduce import after
from lambda_rollout.report.state import HookSaid, RolloutState, TargetNow
from lambda_rollout.report.wording import share
from lambda_rollout.rollout import events as e

MOST_TARGETS = 3
MOST_ALARMS = 6
MOST_HOOKS = 12
MOST_SPANS = 12
"""States of one alarm that are drawn; a flapping one would bury the rest."""

_UNSAFE = re.compile(r"[^\w .%-]+")
_NAME_LIMIT = 24
_LAYOUT = {"gantt": {"leftPadding": 130, "rightPadding": 24}}
_PHONE = 145
"""Pixels that the bars have together at 390 px, the left padding and GitHub's own taken off."""
_LETTER = 6.3
"""Pixels that a character of a label takes, at the 11 of Mermaid."""
_TICKS = (
    ("second", timedelta(seconds=1), (5, 10, 15, 30)),
    ("minute", timedelta(minutes=1), (1, 2, 5, 10, 15, 30)),
    ("hour", timedelta(hours=1), (1, 2, 3, 6, 12)),
)
_STYLE = {AlarmState.ALARM: "crit, ", AlarmState.INSUFFICIENT_DATA: "", AlarmState.OK: "done, "}
_BACK = "rolled back"
_LABEL = {AlarmState.INSUFFICIENT_DATA: "no data"}


@dataclass(frozen=True, slots=True)
class Span:
    """From when on an alarm was in a state."""

    since: datetime
    state: AlarmState


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that a comment shows: what stands, and what each alarm did."""

    story: RolloutState = field(default_factory=RolloutState)
    spans: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """By the alarm's ARN; of a flapping alarm only the newest."""

    def after(self, event: e.Event) -> Timeline:
        """Take one more event into account."""
        seen = replace(self, story=after(self.story, event))
        match event:
            case e.AlarmsFound() | e.StepPassed():
                for reading in event.readings:
                    seen = seen.with_state(reading, event.at)
                return seen
            case e.AlarmChanged():
                if event.fired and event.reading.state is not AlarmState.ALARM:
                    fired = replace(event.reading, state=AlarmState.ALARM)
                    seen = seen.with_state(fired, event.at - timedelta(seconds=1))
                return seen.with_state(event.reading, event.at)
            case _:
                return seen

    def with_state(self, reading: AlarmReading, at: datetime) -> Timeline:
        """Note an alarm's state, if it is another one than before."""
        known = self.spans.get(reading.arn, ())
        if known and known[-1].state is reading.state:
            return self
        newest = (*known, Span(at, reading.state))[-MOST_SPANS:]
        return replace(self, spans={**self.spans, reading.arn: newest})


def chart(seen: Timeline) -> str:
    """Draw it as a Mermaid block; empty before any traffic was shifted."""
    exposed = [now for now in seen.story.targets.values() if now.exposures]
    end = seen.story.latest
    if not exposed or end is None:
        return ""
    begin = min(now.exposures[0].since for now in exposed)
    if end - begin < timedelta(seconds=2):
        return ""
    held_from = _held_from(seen.story)
    rows = [_traffic(now, held_from, begin, end, name) for name, now in _exposed_alike(exposed)]
    rows += [_hooks(seen.story, begin, end)]
    rows += [_states(seen, arn, begin, end) for arn in _alarms_to_draw(seen)]
    if all(len(row) <= 2 for row in rows):
        return ""  # one bar a line: the tables say as much
    lines = [
        "```mermaid",
        f"%%{{init: {json.dumps(_LAYOUT)}}}%%",
        "gantt",
        "  accTitle: Traffic and alarms over time",
        "  accDescr: The same as in the tables, as bars along the time in UTC",
        "  dateFormat YYYY-MM-DD HH:mm:ss",
        f"  axisFormat {'%H:%M:%S' if end - begin < timedelta(minutes=5) else '%H:%M'}",
        f"  tickInterval {_tick(end - begin)}",
        "  todayMarker off",
    ]
    lines += [line for row in rows if len(row) > 1 for line in row]
    return "\n".join([*lines, "```"])


def _exposed_alike(exposed: Sequence[TargetNow]) -> Sequence[tuple[str, TargetNow]]:
    """Choose whose traffic is drawn, each with its name: many that had the same shares are one."""
    if len(exposed) == 1:
        return [(f"version {exposed[0].version}", exposed[0])]
    if len(exposed) <= MOST_TARGETS:
        return [(str(now.target), now) for now in exposed]
    alike: dict[tuple[Decimal, ...], list[TargetNow]] = {}
    for now in exposed:
        alike.setdefault(tuple(each.percent for each in now.exposures), []).append(now)
    drawn = sorted(alike.values(), key=len, reverse=True)[:MOST_TARGETS]
    return [(named(them), them[0]) for them in drawn]


def _tick(span: timedelta) -> str:
    """Choose marks on the axis that do not run into each other, even on a phone."""
    for unit, length, steps in _TICKS:
        for step in steps:
            if span <= 4 * step * length:
                return f"{step}{unit}"
    return "1day"


def _held_from(story: RolloutState) -> datetime | None:
    """Return since when a hold waits, or waited."""
    return next((step.watched_from for step in story.steps if step.holds), None)


def _with_hold(
    changes: list[tuple[datetime, str]], held_from: datetime | None
) -> list[tuple[datetime, str]]:
    """Cut the bar of the weight that was held where the hold began."""
    before = [said for since, said in changes if held_from is not None and since <= held_from]
    if held_from is None or not before:
        return changes
    return sorted([*changes, (held_from, f"{before[-1]} held")], key=lambda change: change[0])


def _traffic(
    now: TargetNow, held_from: datetime | None, begin: datetime, end: datetime, section: str
) -> list[str]:
    lines = [f"  section {plain(section)}"]
    changes = [
        (each.since, share(each.percent) if each.percent else _BACK) for each in now.exposures
    ]
    for (since, said), (until, _) in pairwise([*_with_hold(changes, held_from), (end, "")]):
        style = "done, " if said == _BACK else "active, "
        if until - since >= timedelta(seconds=1):
            fits = _fits(said, until - since, end - begin)
            lines.append(_bar(said, style if fits else "", since, until))
    return lines


def _fits(said: str, span: timedelta, whole: timedelta) -> bool:
    """Whether the label fits into its bar, even on a phone.

    Mermaid writes it beside the bar otherwise: of a bar with a style in a colour that the dark theme swallows.
    """
    return len(said) * _LETTER <= _PHONE * (span / whole)


def _hooks(story: RolloutState, begin: datetime, end: datetime) -> list[str]:
    """Draw how long hooks were asked while there was traffic; those that said no, even in no time."""
    lines = ["  section hooks"]
    for hook in story.hooks[-MOST_HOOKS:]:
        since, until = max(hook.began, begin), hook.ended or end
        failed = hook.said is HookSaid.FAILED
        if failed:
            until = max(until, since + max(timedelta(seconds=1), (end - begin) / 50))
        if hook.began >= begin and until - since >= timedelta(seconds=1):
            style = "crit, " if failed else "done, " if hook.ended else "active, "
            fits = _fits(plain(hook.hook.name), until - since, end - begin)
            lines.append(_bar(plain(hook.hook.name), style if fits or failed else "", since, until))
    return lines


def _alarms_to_draw(seen: Timeline) -> list[str]:
    """Choose those that fired, then those that changed most; of many alarms none that never changed, or flaps."""
    few = len(seen.spans) <= FEW_ROWS

    def weight(arn: str) -> tuple[bool, int]:
        alarm = seen.story.alarms.get(arn)
        return (alarm is not None and alarm.fired is not None, len(seen.spans[arn]))

    drawn = (
        arn for arn, spans in seen.spans.items() if few or weight(arn)[0] or 1 < len(spans) < FLAPS
    )
    return sorted(drawn, key=weight, reverse=True)[:MOST_ALARMS]


def _states(seen: Timeline, arn: str, begin: datetime, end: datetime) -> list[str]:
    name = seen.story.alarms[arn].newest.name if arn in seen.story.alarms else "alarm"
    lines = [f"  section {plain(name)}"]
    spans = seen.spans[arn]
    for span, following in pairwise([*spans, Span(end, spans[-1].state)]):
        since, until = max(span.since, begin), following.since
        if span.state is AlarmState.ALARM:
            # It may have been seen at the very end; it is what the chart is looked at for.
            until = max(until, since + max(timedelta(seconds=1), (end - begin) / 50))
        if until - since >= timedelta(seconds=1):
            said = _LABEL.get(span.state, span.state.value)
            lines.append(_bar(said, _STYLE[span.state], since, until))
    return lines


def _bar(said: str, style: str, since: datetime, until: datetime) -> str:
    return f"  {said} :{style}{_moment(since)}, {_moment(until)}"


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def plain(name: str) -> str:
    """Return a name with nothing in it that Mermaid reads as more than a letter."""
    words = _UNSAFE.sub(" ", name).replace("%%", "%").strip()
    short = words if len(words) <= _NAME_LIMIT else f"{words[: _NAME_LIMIT - 2].strip()}.."
    return short or "unnamed"
