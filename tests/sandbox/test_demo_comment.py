"""The demo shows a comment in every state it was in, and its chart without scripts."""

from datetime import UTC, datetime, timedelta

from sandbox.demo.comment import bars, history, with_charts
from sandbox.demo.page import rendered
from sandbox.github import Comment
from tests.github.pages import page_of
from tests.support.stories import STORIES

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_every_state_is_there_the_newest_open() -> None:
    bodies = [(AT + timedelta(seconds=n), f"state *{n}*") for n in range(3)]
    page = history(Comment(1, 12, "bot", "Bot", AT, bodies), rendered)
    assert page.count('<details class="state" open>') == 1
    assert page.index("<em>2</em>") < page.index("<em>1</em>") < page.index("<em>0</em>")
    assert "edited 2 times" in page


def test_our_own_chart_is_drawn_bar_by_bar() -> None:
    markdown = page_of(STORIES["rolled-back-in-step-1"]())
    chart = markdown.partition("```mermaid\n")[2].partition("```")[0]
    drawn = list(bars(chart))
    assert [(bar.section, bar.label, bar.style) for bar in drawn] == [
        ("version 8", "10%", "busy"),
        ("checkout-errors", "OK", "quiet"),
        ("checkout-errors", "ALARM", "bad"),
        ("checkout-latency-p99", "no data", "busy"),
    ]
    assert all(bar.since < bar.until for bar in drawn)
    page = with_charts(markdown, rendered)
    assert page.count('class="chart"') == 1
    assert "CHART-GOES-HERE" not in page
    assert "mermaid" not in page
