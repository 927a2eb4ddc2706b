"""The comment on the pull request: Markdown that is current while the rollout goes on.

The verdict comes first. What does not fit under GitHub's limit is left out from what matters least, and
the comment says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lambda_rollout.events import AliasLeft, Run
from lambda_rollout.report.chronicle import Chronicle, Status, StepNow
from lambda_rollout.report.comment_record import Key, Record, hidden_line
from lambda_rollout.report.comment_tables import (
    FULL,
    ROOMS,
    Room,
    alarms,
    findings,
    is_going_back,
    numbers,
    schedule,
)
from lambda_rollout.report.evidence import counted
from lambda_rollout.report.lines import bar
from lambda_rollout.report.markdown import alert, code, code_block, link, prose, together
from lambda_rollout.report.summary import summary_of_input_problems
from lambda_rollout.report.summary_tables import plan
from lambda_rollout.report.timeline import Seen, chart
from lambda_rollout.report.verdict import MARKS, advice, happenings, headline, left_against, left_as
from lambda_rollout.report.wording import (
    clock_time,
    count,
    date_and_time,
    duration,
    listing,
    sentence,
    share,
)

if TYPE_CHECKING:
    from lambda_rollout.inputs import InputErrors

LIMIT = 65_000
"""Characters; GitHub states 65,536 (https://github.com/orgs/community/discussions/41331)."""

RUNNING = "⏳"

_COMMAND = "aws lambda "
_VERSION = re.compile(r"\bversion (?=\d)")
_RUNNING = frozenset({Status.SHIFTING, Status.WATCHING, Status.EXTENDED})


@dataclass(frozen=True, slots=True)
class Context:
    """What the events do not tell."""

    key: Key
    run: Run
    holds_on_cancel: bool = False
    environment: str = ""
    """The GitHub environment of the job, empty if it has none or it is not known."""


def comment(seen: Seen, context: Context, record: Record) -> str:
    """Write the whole comment, in as much detail as fits."""
    text = ""
    for room in ROOMS:
        text = "\n\n".join(
            [hidden_line(context.key, record), *_sections(seen, context, record, room)]
        )
        if len(text) <= LIMIT:
            return text + "\n"
    return _cut(text)


def comment_of_input_problems(errors: InputErrors, run: Run, key: Key, record: Record) -> str:
    """Write a comment about inputs that are wrong."""
    parts = [hidden_line(key, record), "#" + summary_of_input_problems(errors).rstrip("\n")]
    if run.url:
        parts.append(f"<sub>{link(f'run {run.run_id}', run.url)}</sub>")
    text = "\n\n".join([*parts, *_history(record, run)])
    return text + "\n" if len(text) < LIMIT else _cut(text)


def _cut(text: str) -> str:
    kept = text[: LIMIT - 200].rpartition("\n")[0]
    return f"{kept}\n\n*Cut here: the whole is in the run's log, summary and JSON report.*\n"


def title(story: Chronicle) -> tuple[str, str]:
    """Return the mark and the words that the comment begins with; plain text, not escaped."""
    if story.finished is not None:
        return MARKS[story.result], headline(story)
    names = listing([str(now.target) for now in story.targets.values()]) or "Rollout"
    if is_going_back(story):
        fired = [alarm.fired.name for alarm in story.alarms.values() if alarm.fired is not None]
        why = f", because {listing(fired)} fired" if fired else ""
        return RUNNING, f"{names}: rolling back{why}"
    step = running_step(story)
    if step is None:
        return RUNNING, f"{names}: {_DOING.get(_mode(story), 'getting ready to roll out')}"
    versions = {now.version for now in story.targets.values() if now.version}
    which = f"version {versions.pop()}" if len(versions) == 1 else "the new versions"
    verb = "shifting to" if step.status is Status.SHIFTING else "rolling out,"
    return RUNNING, f"{names}: {verb} {share(step.percent)} on {which}"


_DOING = {"plan": "making the plan", "promote": "about to be promoted", "rollback": "rolling back"}


def _mode(story: Chronicle) -> str:
    return story.started.mode if story.started else ""


def running_step(story: Chronicle) -> StepNow | None:
    """Return the step that is going on, if one is."""
    return next((step for step in story.steps if step.status in _RUNNING), None)


def _sections(seen: Seen, context: Context, record: Record, room: Room) -> Iterator[str]:
    story = seen.story
    mark, words = title(story)
    yield f"### {mark} {_VERSION.sub('version&nbsp;', prose(words))}{_in(context)}"
    yield from (alert("CAUTION", _left(left, room)) for left in story.left[: room.targets])
    if story.finished is None and not is_going_back(story):
        yield from _progress(story)
        yield from _if_cancelled(story, context)
    elif story.finished is not None:
        yield from _ending(story, room)
    yield from _warnings(story, room)
    if compared := numbers(story, room):
        yield compared
    yield from _details(seen, room)
    yield _footer(story, context.run)
    yield from _history(record, context.run)
    if room is not FULL:
        yield "<sub>Shortened to fit; the run's log, summary and JSON report have it all.</sub>"


def _in(context: Context) -> str:
    return f" in {code(context.environment)}" if context.environment else ""


def _progress(story: Chronicle) -> Iterator[str]:
    """Say how far it is: by the clock, because a comment is read later than it was written."""
    if not story.steps or _mode(story) in ("plan", "rollback"):
        return
    yield _picture(story)
    step = running_step(story)
    if step is None or story.latest is None or step.watched_from is None:
        return
    ends = step.extended_until or step.watched_from + step.watch
    left = max(timedelta(), ends - story.latest)
    after = sum((each.watch for each in story.steps if each.number > step.number), timedelta())
    said = f"**{share(step.percent)}** since {clock_time(step.watched_from)}"
    if step.extended_until is not None:
        why = prose(step.lacked, 200)
        yield f"{said}. The step is extended, to {clock_time(ends)} at most, because of {why}."
        return
    end = "" if not after else f"; all steps by about {clock_time(ends + after)}"
    yield f"{said}, **{duration(left)} left** until {clock_time(ends)}{end} (UTC)."


_STEP_MARKS = {
    Status.PASSED: "✅",
    Status.SKIPPED: "✅",
    Status.FAILED: "❌",
    Status.WAITING: "⬜",
    Status.NOT_REACHED: "⬜",
}


def _picture(story: Chronicle) -> str:
    """Draw the schedule as a row. The bar is hidden from screen readers: the words say the same."""
    shown = story.steps if len(story.steps) <= 12 else ()
    steps = " → ".join(
        f"**👀 {share(step.percent)}**"
        if step.status in _RUNNING
        else f"{_STEP_MARKS[step.status]} {share(step.percent)}"
        for step in shown
    )
    total = sum((step.watch for step in story.steps), timedelta())
    left = sum((_left_of(step, story.latest) for step in story.steps), timedelta())
    drawn = f'<span aria-hidden="true">`{bar(total, left)}`</span>'
    return f"{drawn}<br>{steps}" if steps else drawn


def _left_of(step: StepNow, now: datetime | None) -> timedelta:
    if step.status in _RUNNING and step.watched_from and now:
        return max(timedelta(), step.watched_from + step.watch - now)
    over = step.status in (Status.PASSED, Status.SKIPPED)
    return timedelta() if over else step.watch


def _ending(story: Chronicle, room: Room) -> Iterator[str]:
    if story.reason:
        yield f"**Why:** {prose(sentence(story.reason), 2 * room.reason)}"
    if told := " ".join(prose(text) for text in list(happenings(story))[: room.targets + 1]):
        yield told
    words, aws, arguments = advice(story).partition(_COMMAND)
    if words:
        yield f"**What to do:** {prose(words, 600)}"
    if aws:
        yield code_block(aws + arguments)


def _left(left: AliasLeft, room: Room) -> Iterator[str]:
    yield f"**{prose(left_as(left))}**"
    yield ""
    yield f"**{prose(left_against(left))}**"
    yield ""
    yield f"Why: {prose(sentence(left.why), room.reason)}"
    if left.command:
        yield ""
        yield "Mend it with this command:"
        yield ""
        yield code_block(left.command)


def _warnings(story: Chronicle, room: Room) -> Iterator[str]:
    if not story.warnings:
        return
    shown = [prose(text, room.reason) for text in story.warnings[: room.warnings]]
    lines = shown if len(story.warnings) == 1 else [f"- {text}" for text in shown]
    if len(story.warnings) > len(shown):
        lines.append(f"- and {len(story.warnings) - len(shown)} more, told in the log")
    yield alert("WARNING", lines)


def _details(seen: Seen, room: Room) -> Iterator[str]:
    story = seen.story
    found = findings(story, room)
    if _mode(story) == "plan":
        if found:
            yield f"#### Preflight\n\n{found}"
            found = ""
        yield f"#### Schedule\n\n{plan(story)}"
    elif steps := schedule(story, room):
        yield f"#### Schedule\n\n{steps}"
    if story.alarms:
        yield f"#### Alarms\n\n{alarms(story, room)}"
    if room.chart and (drawn := chart(seen)):
        yield f"#### Timeline\n\n{drawn}"
    if found:
        told = f"Preflight: {counted(story.findings or ())}"
        yield f"<details><summary>{told}</summary>\n\n{found}\n\n</details>"


def _if_cancelled(story: Chronicle, context: Context) -> Iterator[str]:
    if _mode(story) not in ("rollout", "promote") or not story.shifted:
        return
    names = listing([code(str(now.target)) for now in story.targets.values()])
    one = len(story.targets) == 1
    if context.holds_on_cancel:
        stays = "stays split as it is then" if one else "stay split as they are then"
        yield f"If this run is cancelled, {names} {stays}, and nothing watches."
        return
    previous = {now.previous for now in story.targets.values() if now.previous}
    back = f"version {previous.pop()}" if len(previous) == 1 else "the old versions"
    goes = "goes" if one else "go"
    run = link("Cancel the run", context.run.url)
    yield f"{run} to stop this: {names} {goes} back to {prose(back)} at once."


def _footer(story: Chronicle, run: Run) -> str:
    parts = []
    if story.started is not None:
        began = date_and_time(story.started.at)
        if story.finished is None and story.latest is not None:
            parts += [f"as of {clock_time(story.latest)}", f"began {began}"]
        else:
            parts += [f"{began}, {duration(story.lasted)}"]
        parts += [prose(story.started.region)]
    if run.run_id:
        words = f"run {run.run_id}" + (f", attempt {run.attempt}" if run.attempt > "1" else "")
        parts.append(link(together(prose(words)), run.url))
    if run.actor:
        parts.append(f"by {code(run.actor)}")
    if run.sha:
        parts.append(f"commit {code(run.sha[:7])}")
    return f"<sub>{' · '.join([*parts, 'all times are UTC'])}</sub>"


def _history(record: Record, run: Run) -> Iterator[str]:
    if not record.earlier:
        return
    lines = [f"<details><summary>{_runs_before(record)}</summary>", ""]
    for each in record.earlier:
        url = ""
        if each.run:
            of = Run(run.server_url, run.repository, each.run, each.attempt)
            url = of.url
        when = link(prose(each.at), url)
        unfinished = "" if each.over else " (when last heard of)"
        lines.append(f"- {prose(each.mark)} {prose(each.headline)}{unfinished} · {when}")
    if record.forgotten:
        lines.append(f"- and {count(record.forgotten, 'run')} before")
    yield "\n".join([*lines, "", "</details>"])


def _runs_before(record: Record) -> str:
    return f"Before this: {count(len(record.earlier) + record.forgotten, 'run')}"
