"""The job summary: Markdown for GITHUB_STEP_SUMMARY, the verdict first.

GitHub keeps 1 MiB of it for a step, and shows it only after the step's end.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.console import alias_url, version_url
from lambda_rollout.report.findings import findings_table, numbers_table
from lambda_rollout.report.markdown import alert, code, code_block, link, prose, table, unbroken
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.summary.tables import alarms, plan, schedule
from lambda_rollout.report.verdict import (
    MARKS,
    advice,
    happenings,
    headline,
    left_against,
    left_as,
    other_runs,
)
from lambda_rollout.report.wording import date_and_time, sentence, traffic
from lambda_rollout.rollout.events import AliasLeft, Result

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors

LIMIT = 900_000
"""Bytes; under GitHub's 1 MiB, which a summary that is over it loses as a whole."""

_COMMAND = "aws lambda "
"""How the command begins that a remedy may end with; it is to be copied, so it is never escaped."""

_MOST_ROWS = 50
_MOST_WARNINGS = 20
MOST_RUNS = 3
"""Links to other runs."""
_REASON_LIMIT = 600  # characters


def summary(story: RolloutState) -> str:
    """Tell a run from its verdict down to its details."""
    if story.started is None:
        return fit(_broken_off(story))
    return fit("\n\n".join(_sections(story)))


def summary_of_input_problems(errors: InputErrors) -> str:
    """Tell what is wrong with the inputs."""
    rows = [
        (f"{code(problem.input)}<br>{code(problem.given) or '*nothing*'}", prose(problem.remedy))
        for problem in errors.told[:_MOST_ROWS]
    ]
    parts = [
        f"## {MARKS[Result.FAILED]} The inputs are wrong, nothing was changed",
        table(("input and what was given", "what would be right"), rows),
    ]
    if len(errors.told) > _MOST_ROWS:
        parts.append(f"And {len(errors.told) - _MOST_ROWS} more, told in the log.")
    return fit("\n\n".join(parts))


def fit(markdown: str, limit: int = LIMIT) -> str:
    """Cut ``markdown`` at a line's end so that it has at most ``limit`` bytes, and say so."""
    text = markdown.rstrip("\n") + "\n"
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    note = "\n\n*Cut here: the whole is in the log and in the JSON report.*\n"
    kept = raw[: limit - len(note)].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + note


def _broken_off(story: RolloutState) -> str:
    why = [f"**Why:** {prose(story.reason, _REASON_LIMIT)}"] if story.reason else []
    return "\n\n".join(
        [f"## {MARKS[Result.FAILED]} {prose(headline(story))}", *why, *_remedy(story)]
    )


def _sections(story: RolloutState) -> Iterator[str]:
    yield f"## {MARKS[story.result]} {prose(headline(story))}"
    for left in story.left:
        yield alert("CAUTION", _left(left))
    yield from _what_happened(story)
    yield from _remedy(story)
    if story.warnings:
        yield alert("WARNING", _warnings(story))
    if aliases := _targets(story):
        yield aliases
    steps = plan(story) if story.result is Result.PLANNED else schedule(story)
    if steps:
        yield f"### Schedule\n\n{steps}"
    if story.numbers:
        yield f"### Requests\n\n{numbers_table(story.numbers.values())}"
    if story.findings:
        yield f"### Preflight\n\n{findings_table(story.findings)}"
    if story.alarms:
        yield f"### Alarms\n\n{alarms(story)}"
    yield _footer(story)


def _left(left: AliasLeft) -> Iterator[str]:
    yield f"**{prose(left_as(left))}**"
    yield ""
    yield f"**{prose(left_against(left))}**"
    yield ""
    yield f"Why: {prose(sentence(left.why), _REASON_LIMIT)}"
    if left.command:
        yield ""
        yield "Mend it with this command:"
        yield ""
        yield code_block(left.command)


def _what_happened(story: RolloutState) -> Iterator[str]:
    if story.reason:
        yield f"**Why:** {prose(sentence(story.reason), _REASON_LIMIT)}"
    if told := " ".join(prose(text) for text in happenings(story)):
        yield told
    # A page that is named in a sentence is no link there: whatever may be foreign is none.
    if pages := [link(prose(words), url) for url, words in other_runs(story).items()]:
        yield f"**Look at:** {', '.join(pages[:MOST_RUNS])}"


def _remedy(story: RolloutState) -> Iterator[str]:
    words, aws, arguments = advice(story).partition(_COMMAND)
    if words:
        yield f"**What to do:** {prose(words, _REASON_LIMIT)}"
    if aws:
        yield code_block(aws + arguments)


def _warnings(story: RolloutState) -> Iterator[str]:
    shown = story.warnings[:_MOST_WARNINGS]
    # An item that begins with nothing would be the underline of a heading.
    if len(shown) == 1:
        yield prose(shown[0], _REASON_LIMIT)
        return
    for text in shown:
        yield f"- {prose(text, _REASON_LIMIT) or '*nothing said*'}"
    if len(story.warnings) > len(shown):
        yield f"- and {len(story.warnings) - len(shown)} more, told in the log"


def _targets(story: RolloutState) -> str:
    planned = story.result is Result.PLANNED
    header = ("alias", "old → new", "traffic now")
    found = story.targets.values()
    if all((now.routing, now.previous, now.version) == (None, None, None) for now in found):
        return ""
    shown = tuple(found)[:_MOST_ROWS]
    rows = [
        (
            link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias)),
            _from_to(now, planned=planned),
            _traffic_now(now),
        )
        for now in shown
    ]
    cut = len(story.targets) - len(shown)
    return table(header, rows) + (f"\n\nAnd {cut} more." if cut else "")


def _from_to(now: TargetNow, *, planned: bool) -> str:
    old = _version(now, now.previous) or ("*no alias*" if now.missing else "*not known*")
    new = _version(now, now.version) or ("*a new version*" if planned else "*none yet*")
    return new if now.version and now.version == now.previous else f"{old} → {new}"


def _traffic_now(now: TargetNow) -> str:
    if now.routing is not None:
        return prose(traffic(now.routing))
    return "*no alias*" if now.missing and now.left is None else "*not known*"


def _version(now: TargetNow, version: str | None) -> str:
    if version is None:
        return ""
    return link(
        unbroken(prose(f"version {version}")), version_url(now.arn, now.target.name, version)
    )


def _footer(story: RolloutState) -> str:
    started = story.started
    if started is None:
        return ""
    parts = [
        f"{date_and_time(started.at)}, {readable_duration(story.lasted)}",
        prose(started.region),
    ]
    run = started.run
    if run.run_id:
        words = f"run {run.run_id}" + (
            f", attempt {run.attempt}" if run.attempt not in {"", "1"} else ""
        )
        parts.append(link(unbroken(prose(words)), run.url))
    if run.actor:
        parts.append(f"by {code(run.actor)}")
    if run.sha:
        parts.append(f"commit {code(run.sha[:7])}")
    return f"<sub>{' · '.join(parts)} · all times are UTC</sub>"
