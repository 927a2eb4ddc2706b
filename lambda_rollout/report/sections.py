"""The sections that summary and comment share: what is wrong, how it ended, what to do, who ran it."""

from __future__ import annotations

from collections.abc import Iterator

from lambda_rollout.report.console import version_url
from lambda_rollout.report.markdown import alert, code, code_block, link, prose, unbroken
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.verdict import (
    CONDITION,
    advice_to_copy,
    happenings,
    left_against,
    left_as,
    other_runs,
)
from lambda_rollout.report.wording import count, sentence
from lambda_rollout.rollout.events import AliasLeft, Run

REASON_LIMIT = 600  # characters

_MOST_RUNS = 3
"""Links to other runs."""


def left_box(left: AliasLeft, limit: int = REASON_LIMIT) -> str:
    """Say in capitals what an alias still sends where, and how to fix it by hand."""
    return alert("CAUTION", _left(left, limit))


def _left(left: AliasLeft, limit: int) -> Iterator[str]:
    yield f"**{prose(left_as(left))}**"
    yield ""
    yield f"**{prose(left_against(left))}**"
    yield ""
    yield f"Why: {prose(sentence(left.why), limit)}"
    if left.command:
        yield ""
        yield "Run this command to fix it:"
        yield ""
        yield code_block(left.command)


def warnings_box(story: RolloutState, most: int = 20, limit: int = REASON_LIMIT) -> str:
    """Show ``most`` of the warnings; empty if there are none."""
    if not story.warnings:
        return ""
    shown = [prose(text, limit) for text in story.warnings[:most]]
    if len(story.warnings) == 1:
        return alert("WARNING", shown)
    # An item that begins with nothing would be the underline of a heading.
    lines = [f"- {text or '*no text*'}" for text in shown]
    if hidden := len(story.warnings) - len(shown):
        lines.append(f"- and {count(hidden, 'more warning')}, in the log")
    return alert("WARNING", lines)


def what_happened(
    story: RolloutState, limit: int = REASON_LIMIT, most: int | None = None
) -> Iterator[str]:
    """Say why it ended so, and in ``most`` sentences what happened."""
    if story.reason:
        yield f"**Why:** {prose(sentence(story.reason), limit)}"
    if told := " ".join(prose(text) for text in list(happenings(story))[:most]):
        yield told
    # A page that is named in a sentence is no link there: whatever may be foreign is none.
    if pages := [link(prose(words), url) for url, words in other_runs(story).items()]:
        yield f"**Look at:** {', '.join(pages[:_MOST_RUNS])}"


def what_to_do(story: RolloutState) -> Iterator[str]:
    """Say what to do next, with the command to copy; nothing if there is nothing to do."""
    words, copied = advice_to_copy(story)
    if words:
        yield f"**What to do:** {prose(words, REASON_LIMIT)}"
    if copied:
        yield code_block(copied, "json" if copied.startswith(CONDITION) else "sh")


def version_link(now: TargetNow, version: str) -> str:
    """Name a version, with a link into the console."""
    words = unbroken(prose(f"version {version}"))
    return link(words, version_url(now.arn, now.target.name, version))


def who_ran_it(run: Run) -> Iterator[str]:
    """Name the run, with a link, the user who started it, and the commit."""
    if run.run_id:
        attempt = f", attempt {run.attempt}" if run.attempt not in {"", "1"} else ""
        yield link(unbroken(prose(f"run {run.run_id}{attempt}")), run.url)
    if run.actor:
        yield f"by {code(run.actor)}"
    if run.sha:
        yield f"commit {code(run.sha[:7])}"
