"""The comment on the pull request: Markdown that is current while the rollout goes on.

The verdict comes first. What does not fit under GitHub's limit is left out from what matters least, and
the comment says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alike import named
from lambda_rollout.report.comment.progress import if_cancelled, progress
from lambda_rollout.report.comment.record import CommentRecord, Key, hidden_line
from lambda_rollout.report.comment.tables import (
    FULL,
    ROOMS,
    Room,
    findings,
    version_numbers,
)
from lambda_rollout.report.errors import ErrorRoom, errors_section
from lambda_rollout.report.findings import counted
from lambda_rollout.report.hooks import hooks_table, planned_hooks
from lambda_rollout.report.markdown import code, link, prose
from lambda_rollout.report.sections import (
    left_box,
    smoke_tests,
    warnings_box,
    what_happened,
    what_to_do,
    who_ran_it,
)
from lambda_rollout.report.state import RolloutState, Status
from lambda_rollout.report.summary.summary import summary_of_input_problems
from lambda_rollout.report.tables import alarms, is_going_back, plan, schedule
from lambda_rollout.report.timeline import Timeline, chart
from lambda_rollout.report.verdict import (
    MARKS,
    headline,
)
from lambda_rollout.report.wording import (
    clock_time,
    count,
    date_and_time,
    listing,
    share,
)
from lambda_rollout.rollout.events import Run, SmokeTestStarted

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors

LIMIT = 65_000
"""Characters; GitHub states 65,536 (https://github.com/orgs/community/discussions/41331)."""

RUNNING = "⏳"

_VERSION = re.compile(r"\bversion (?=\d)")


@dataclass(frozen=True, slots=True)
class Context:
    """What the events do not tell."""

    key: Key
    run: Run
    holds_on_cancel: bool = False
    environment: str = ""
    """The GitHub environment of the job, empty if it has none or it is not known."""


def comment(seen: Timeline, context: Context, record: CommentRecord) -> str:
    """Write the whole comment, in as much detail as fits."""
    text = ""
    for room in ROOMS:
        text = "\n\n".join(
            [hidden_line(context.key, record), *_sections(seen, context, record, room)]
        )
        if len(text) <= LIMIT:
            return text + "\n"
    return _cut(text)


def comment_of_input_problems(
    errors: InputErrors, run: Run, key: Key, record: CommentRecord
) -> str:
    """Write a comment about inputs that are wrong."""
    parts = [hidden_line(key, record), "#" + summary_of_input_problems(errors).rstrip("\n")]
    if run.url:
        parts.append(f"<sub>{link(f'run {run.run_id}', run.url)}</sub>")
    text = "\n\n".join([*parts, *_history(record, run)])
    return text + "\n" if len(text) < LIMIT else _cut(text)


def _cut(text: str) -> str:
    kept = text[: LIMIT - 200].rpartition("\n")[0]
    return f"{kept}\n\n*Cut here. The run's log, summary and JSON report have all of it.*\n"


def title(story: RolloutState) -> tuple[str, str]:
    """Return the mark and the words that the comment begins with; plain text, not escaped."""
    if story.finished is not None:
        return MARKS[story.result], headline(story)
    names = named(tuple(story.targets.values())) or "Rollout"
    if is_going_back(story):
        fired = [alarm.fired.name for alarm in story.alarms.values() if alarm.fired is not None]
        why = f", because {listing(fired)} fired" if fired else ""
        return RUNNING, f"{names}: rolling back{why}"
    if story.asked is not None:
        return RUNNING, f"{names}: asking the {story.asked.hook}"
    step = story.going_on
    if step is None and any(
        isinstance(now.smoke_test, SmokeTestStarted) for now in story.targets.values()
    ):
        return RUNNING, f"{names}: smoke test of the new version"
    if step is None:
        return RUNNING, f"{names}: {_DOING.get(story.mode, 'preparing the rollout')}"
    versions = {now.version for now in story.targets.values() if now.version}
    which = f"version {versions.pop()}" if len(versions) == 1 else "the new versions"
    if step.holds and not step.told_to_go_on:
        return "⏸️", f"{names}: waiting for a yes or no at {share(step.percent)} on {which}"
    verb = "shifting to" if step.status is Status.SHIFTING else "rolling out,"
    return RUNNING, f"{names}: {verb} {share(step.percent)} on {which}"


_DOING = {
    "plan": "planning",
    "publish": "publishing",
    "promote": "preparing the promotion",
    "rollback": "rolling back",
}


def _sections(seen: Timeline, context: Context, record: CommentRecord, room: Room) -> Iterator[str]:
    story = seen.story
    mark, words = title(story)
    yield f"### {mark} {_VERSION.sub('version&nbsp;', prose(words))}{_in(context)}"
    yield from (left_box(left, room.reason) for left in story.left[: room.targets])
    if story.finished is None and not is_going_back(story):
        yield from progress(story)
        yield from if_cancelled(story, context.run, holds=context.holds_on_cancel)
    elif story.finished is not None:
        yield from what_happened(story, 2 * room.reason, room.targets + 1)
        yield from what_to_do(story)
    if warnings := warnings_box(story, room.warnings, room.reason):
        yield warnings
    errors_room = ErrorRoom(room.targets, room.reason, room.chart)
    if errors := errors_section(story, errors_room):
        yield f"#### Errors of the new version\n\n{errors}"
    if compared := version_numbers(story, room):
        yield compared
    if tests := smoke_tests(story, room.targets, room.log, room.reason):
        yield f"#### Smoke test\n\n{tests}"
    yield from _details(seen, room)
    yield _footer(story, context.run)
    yield from _history(record, context.run)
    if room is not FULL:
        yield "<sub>Shortened to fit. The run's log, summary and JSON report have all of it.</sub>"


def _in(context: Context) -> str:
    return f" in {code(context.environment)}" if context.environment else ""


def _details(seen: Timeline, room: Room) -> Iterator[str]:
    story = seen.story
    found = findings(story, room)
    if story.mode == "plan":
        if found:
            yield f"#### Preflight\n\n{found}"
            found = ""
        yield f"#### Schedule\n\n{plan(story)}"
    elif steps := schedule(story, room.steps, live=story.finished is None):
        yield f"#### Schedule\n\n{steps}"
    planned = planned_hooks(story, room.alarms) if story.mode == "plan" else ""
    if hooks := planned or hooks_table(story, room.alarms, room.reason):
        yield f"#### Hooks\n\n{hooks}"
    if story.alarms:
        yield f"#### Alarms\n\n{alarms(story, room.alarms, room.reason)}"
    if room.chart and (drawn := chart(seen)):
        yield f"#### Timeline\n\n{drawn}"
    if found:
        told = f"Preflight: {counted(story.findings or ())}"
        yield f"<details><summary>{told}</summary>\n\n{found}\n\n</details>"


def _footer(story: RolloutState, run: Run) -> str:
    parts = []
    if story.started is not None:
        began = date_and_time(story.started.at)
        if story.finished is None and story.latest is not None:
            parts += [f"as of {clock_time(story.latest)}", f"began {began}"]
        else:
            parts += [f"{began}, {readable_duration(story.lasted)}"]
        parts += [prose(story.started.region)]
    parts += who_ran_it(run)
    return f"<sub>{' · '.join([*parts, 'all times are UTC'])}</sub>"


def _history(record: CommentRecord, run: Run) -> Iterator[str]:
    if not record.earlier:
        return
    lines = [f"<details><summary>{_runs_before(record)}</summary>", ""]
    for each in record.earlier:
        url = ""
        if each.run:
            of = Run(run.server_url, run.repository, each.run, each.attempt)
            url = of.url
        when = link(prose(each.at), url)
        unfinished = "" if each.over else " (last known state)"
        lines.append(f"- {prose(each.mark)} {prose(each.headline)}{unfinished} · {when}")
    if record.forgotten:
        lines.append(f"- and {count(record.forgotten, 'earlier run')}")
    yield "\n".join([*lines, "", "</details>"])


def _runs_before(record: CommentRecord) -> str:
    return count(len(record.earlier) + record.forgotten, "earlier run")
