"""The pull request's comment as its readers saw it: every state it was in, one after the other.

GitHub draws the comment's chart with Mermaid. The page is one file without scripts, so the same bars are
drawn here as plain boxes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sandbox.github import Comment

_CHART = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
_BAR = re.compile(r"  (?P<label>.+?) :(?P<style>[a-z, ]*?)(?P<since>[\d-]+ [\d:]+), (?P<until>.+)")
_SECTION = "  section "
_CLASSES = {"crit": "bad", "active": "busy", "done": "quiet"}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: whose it is, and what it says from when to when."""

    section: str
    label: str
    style: str
    since: datetime
    until: datetime


def history(comment: Comment, rendered: Callable[[str], str]) -> str:
    """Return the comment's states as HTML, the newest open and first."""
    states = list(enumerate(comment.bodies, start=1))[::-1]
    shown = "\n".join(
        f'<details class="state"{" open" if number == len(states) else ""}>'
        f"<summary>{at:%H:%M:%S} UTC, {_said(number, len(states))}</summary>"
        f"<article>{with_charts(body, rendered)}</article></details>"
        for number, (at, body) in states
    )
    return (
        f"<section><header>{html.escape(comment.login)} "
        f"<span>commented on pull request {comment.number}, edited {len(states) - 1} times</span>"
        f"</header>{shown}</section>"
    )


def _said(number: int, last: int) -> str:
    return "posted" if number == 1 else f"edit {number - 1}" + (" (now)" if number == last else "")


def with_charts(markdown: str, rendered: Callable[[str], str]) -> str:
    """Render Markdown, its charts as boxes."""
    charts = _CHART.findall(markdown)
    page = rendered(_CHART.sub("CHART-GOES-HERE", markdown))
    for chart in charts:
        page = page.replace("<p>CHART-GOES-HERE</p>", drawn(list(bars(chart))), 1)
    return page


def bars(chart: str) -> Iterator[Bar]:
    """Read a chart as our own report writes it."""
    section = ""
    for line in chart.splitlines():
        if line.startswith(_SECTION):
            section = line.removeprefix(_SECTION)
        elif found := _BAR.fullmatch(line):
            since, until = (datetime.fromisoformat(found[each]) for each in ("since", "until"))
            style = _CLASSES.get(found["style"].partition(",")[0], "busy")
            yield Bar(section, found["label"], style, since, until)


def drawn(found: list[Bar]) -> str:
    """Draw bars along their common time."""
    if not found:
        return ""
    begin, end = min(bar.since for bar in found), max(bar.until for bar in found)
    whole = (end - begin).total_seconds() or 1.0
    rows = "".join(_row(bar, begin, whole) for bar in found)
    return f'<div class="chart">{rows}<p>{begin:%H:%M:%S} to {end:%H:%M:%S}</p></div>'


def _row(bar: Bar, begin: datetime, whole: float) -> str:
    left = 100 * (bar.since - begin).total_seconds() / whole
    width = 100 * (bar.until - bar.since).total_seconds() / whole
    return (
        f"<div><b>{html.escape(bar.section)}</b><span><i class={bar.style} "
        f'style="margin-left:{left:.1f}%;width:{width:.1f}%">{html.escape(bar.label)}</i></span></div>'
    )
