"""The job summary: Markdown for GITHUB_STEP_SUMMARY, the verdict first.

GitHub keeps 1 MiB of it for a step, and shows it only after the step's end.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alarm_lines import guardians
from lambda_rollout.report.alike import parted, what_they_share
from lambda_rollout.report.console import alias_url
from lambda_rollout.report.errors import errors_section
from lambda_rollout.report.findings import both_versions, findings_table
from lambda_rollout.report.hooks import hooks_table, planned_hooks
from lambda_rollout.report.markdown import code, folded, link, prose, table
from lambda_rollout.report.sections import (
    REASON_LIMIT,
    left_box,
    smoke_tests,
    version_link,
    warnings_box,
    what_happened,
    what_to_do,
    who_ran_it,
)
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.report.tables import MOST_ROWS, alarms, plan, schedule
from lambda_rollout.report.verdict import MARKS, headline
from lambda_rollout.report.wording import date_and_time, traffic
from lambda_rollout.rollout.events import Result

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors

MOST_ALIASES = 200
"""Rows of aliases; with their links some 100 kB."""

LIMIT = 900_000
"""Bytes; under GitHub's 1 MiB, which a summary that is over it loses as a whole."""


def summary(story: RolloutState) -> str:
    """Tell a run from its verdict down to its details."""
    if story.started is None:
        return fit(_broken_off(story))
    return fit("\n\n".join(_sections(story)))


def summary_of_input_problems(errors: InputErrors) -> str:
    """Tell what is wrong with the inputs."""
    rows = [
        (f"{code(problem.input)}<br>{code(problem.given) or '*nothing*'}", prose(problem.remedy))
        for problem in errors.told
    ]
    heading = f"## {MARKS[Result.FAILED]} The inputs are wrong, nothing was changed"
    return fit("\n\n".join([heading, table(("input and its value", "what to write"), rows)]))


def fit(markdown: str, limit: int = LIMIT) -> str:
    """Cut ``markdown`` at a line's end so that it has at most ``limit`` bytes, and say so."""
    text = markdown.rstrip("\n") + "\n"
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return text
    note = "\n\n*Cut here. The log and the JSON report have all of it.*\n"
    kept = raw[: limit - len(note)].decode("utf-8", "ignore")
    return kept.rpartition("\n")[0] + note


def _broken_off(story: RolloutState) -> str:
    why = [f"**Why:** {prose(story.reason, REASON_LIMIT)}"] if story.reason else []
    return "\n\n".join(
        [
            f"## {MARKS[Result.FAILED]} {prose(headline(story))}",
            *why,
            *what_to_do(story),
            *_permissions(story),
        ]
    )


def _sections(story: RolloutState) -> Iterator[str]:
    yield f"## {MARKS[story.result]} {prose(headline(story))}"
    yield from map(left_box, story.left)
    yield from what_happened(story)
    yield from what_to_do(story)
    if warnings := warnings_box(story):
        yield warnings
    if errors := errors_section(story):
        yield f"### Errors of the new version\n\n{errors}"
    if aliases := _targets(story):
        yield aliases
    if tests := smoke_tests(story, MOST_ROWS):
        yield f"### Smoke test\n\n{tests}"
    steps = plan(story) if story.result is Result.PLANNED else schedule(story)
    if steps:
        yield f"### Schedule\n\n{steps}"
    if hooks := planned_hooks(story) if story.result is Result.PLANNED else hooks_table(story):
        yield f"### Hooks\n\n{hooks}"
    if story.numbers:
        yield f"### Requests\n\n{both_versions(story.numbers)}"
    if story.findings:
        yield f"### Preflight\n\n{findings_table(story.findings)}"
    yield from _alarms(story)
    yield from _permissions(story)
    yield _footer(story)


def _alarms(story: RolloutState) -> Iterator[str]:
    if story.alarms:
        yield f"### Alarms\n\n{alarms(story)}"
    if story.guardians is not None and story.result is Result.PLANNED:
        said = guardians(story.guardians)
        yield prose(f"{said[0].upper()}{said[1:]}.")


def _permissions(story: RolloutState) -> Iterator[str]:
    if story.permissions is not None:
        from lambda_rollout.report.permissions import permissions_section

        yield f"### Permissions\n\n{permissions_section(story.permissions)}"


def _targets(story: RolloutState) -> str:
    planned = story.result is Result.PLANNED
    found = story.targets.values()
    if all((now.routing, now.previous, now.version) == (None, None, None) for now in found):
        return ""
    them = parted(story)
    parts = [_aliases(them.differ, planned=planned)] if them.differ else []
    if them.alike:
        parts.append(folded(what_they_share(them), _aliases(them.alike, planned=planned)))
    return "\n\n".join(parts)


def _aliases(targets: Sequence[TargetNow], *, planned: bool) -> str:
    shown = targets[:MOST_ALIASES]
    rows = [
        (
            link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias)),
            _from_to(now, planned=planned),
            _traffic_now(now),
        )
        for now in shown
    ]
    cut = len(targets) - len(shown)
    more = f"\n\nAnd {cut} more, in the JSON report." if cut else ""
    return table(("alias", "old → new", "traffic now"), rows) + more


def _from_to(now: TargetNow, *, planned: bool) -> str:
    old = "*no alias*" if now.missing else "*not known*"
    new = "*a new version*" if planned else "*none yet*"
    if now.previous is not None:
        old = version_link(now, now.previous)
    if now.version is not None:
        new = version_link(now, now.version)
    return new if now.version and now.version == now.previous else f"{old} → {new}"


def _traffic_now(now: TargetNow) -> str:
    if now.routing is not None:
        return prose(traffic(now.routing))
    return "*no alias*" if now.missing and now.left is None else "*not known*"


def _footer(story: RolloutState) -> str:
    started = story.started
    if started is None:
        return ""
    parts = [
        f"{date_and_time(started.at)}, {readable_duration(story.lasted)}",
        prose(started.region),
    ]
    parts += who_ran_it(started.run)
    return f"<sub>{' · '.join(parts)} · all times are UTC</sub>"
