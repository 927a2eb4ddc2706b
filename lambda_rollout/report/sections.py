"""The sections that summary and comment share: what is wrong, how it ended, what to do, who ran it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lambda_rollout.report.console import version_url
from lambda_rollout.report.errors import in_short
from lambda_rollout.report.markdown import (
    alert,
    code,
    code_block,
    link,
    prose,
    text_block,
    unbroken,
)
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
from lambda_rollout.rollout.events import AliasLeft, Run, SmokeTested

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
    told = len(story.warnings) + story.more_warnings
    if told == 1:
        return alert("WARNING", shown)
    # An item that begins with nothing would be the underline of a heading.
    lines = [f"- {text or '*no text*'}" for text in shown]
    if hidden := told - len(shown):
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


def smoke_tests(
    story: RolloutState, most: int, lines: int | None = None, width: int = REASON_LIMIT
) -> str:
    """Show ``most`` of the smoke tests that were not passed, each with the end of its log; empty if there are none.

    ``lines``: so many of those that the function wrote itself; None: all that there is. Each is cut at ``width``.
    """
    failed = story.failed_smoke_tests
    parts: list[str] = []
    for test in failed[:most]:
        version = prose(f"version {test.version}")
        parts.append(f"{code(test.target.name)}, {version}: {prose(sentence(test.why), width)}")
        if test.error is not None:
            parts.append(f"Its log tells of {prose(in_short(test.error), width)}.")
        if kept := _end_of_log(test, lines):
            parts += ["The end of its log:", text_block(line[:width] for line in kept)]
    if hidden := len(failed) - len(failed[:most]):
        parts.append(f"And {count(hidden, 'more function')}, in the log.")
    return "\n\n".join(parts)


def _end_of_log(test: SmokeTested, lines: int | None) -> Sequence[str]:
    if lines is None:
        return test.log
    own = [line for line in test.log if line.strip() and not line.startswith(_PLATFORM)]
    return own[max(0, len(own) - lines) :]


_PLATFORM = ("START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
"""How the lines begin that Lambda writes around an invocation's own."""


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
