"""The comment while a rollout goes on: how far it is, and what happens if it is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.alike import FEW_ROWS
from lambda_rollout.report.cancellation import on_cancelling
from lambda_rollout.report.hold import inputs_to_say, waits_for
from lambda_rollout.report.hooks import hooks_asked
from lambda_rollout.report.lines import bar
from lambda_rollout.report.markdown import code, link, prose, text_block
from lambda_rollout.report.state import GOING_ON, RolloutState, Status, StepNow
from lambda_rollout.report.wording import clock_time, listing, share
from lambda_rollout.rollout.events import Run


def progress(story: RolloutState) -> Iterator[str]:
    """Say how far it is: by the clock, because a comment is read later than it was written."""
    if not story.steps or story.mode in ("plan", "publish", "rollback"):
        return
    yield _picture(story)
    if story.asked is not None:
        yield from hooks_asked(story)
        return
    step = story.going_on
    if step is None or story.latest is None or step.watched_from is None:
        return
    if step.told_to_go_on:
        yield (
            f"**{share(step.percent)}** since {clock_time(step.watched_from)}. Told to go on to 100%: alarms and alias are "
            "read once more."
        )
        return
    if step.holds:
        yield from _how_to_end_it(step, story)
        yield from _refused(step)
        return
    ends = step.extended_until or step.watched_from + step.watch
    left = max(timedelta(), ends - story.latest)
    after = sum((each.watch for each in story.steps if each.number > step.number), timedelta())
    said = f"**{share(step.percent)}** since {clock_time(step.watched_from)}"
    if step.extended_until is not None:
        why = prose(step.lacked, 200)
        yield f"{said}. The step is extended until {clock_time(ends)} at the latest: {why}."
        return
    end = "" if not after else f"; all steps by about {clock_time(ends + after)}"
    yield f"{said}, **{readable_duration(left)} left** until {clock_time(ends)}{end} (UTC)."
    yield from _refused(step)


def _refused(step: StepNow) -> Iterator[str]:
    if step.refused:
        yield f"A request to go on was refused: {prose(step.refused, 200)}."


def _how_to_end_it(step: StepNow, story: RolloutState) -> Iterator[str]:
    said = waits_for(step)
    yield f"**{share(step.percent)}**, {prose(said)}."
    for what, mode in (("go on", "promote"), ("go back", "rollback")):
        given = (f"{name}: {value}" for name, value in inputs_to_say(mode, story))
        yield f"To {what}, run this action in another job with:"
        yield text_block(given, "yaml")


_STEP_MARKS = {
    Status.PASSED: "✅",
    Status.SKIPPED: "✅",
    Status.LEFT_OUT: "⏩",
    Status.FAILED: "❌",
    Status.WAITING: "⬜",
    Status.NOT_REACHED: "⬜",
}


def _picture(story: RolloutState) -> str:
    """Draw the schedule as a row. The bar is hidden from screen readers: the words say the same."""
    shown = story.steps if len(story.steps) <= 12 else ()
    steps = " → ".join(
        f"**{'⏸️' if step.holds else '👀'} {_name(step)}**"
        if step.status in GOING_ON
        else f"{_STEP_MARKS[step.status]} {_name(step)}"
        for step in shown
    )
    total = sum((step.watch for step in story.steps), timedelta())
    left = sum((_left_of(step, story.latest) for step in story.steps), timedelta())
    drawn = f'<span aria-hidden="true">`{bar(total, left)}`</span>'
    return f"{drawn}<br>{steps}" if steps else drawn


def _name(step: StepNow) -> str:
    return "hold" if step.holds else share(step.percent)


def _left_of(step: StepNow, now: datetime | None) -> timedelta:
    if step.status in GOING_ON and step.watched_from and now:
        return max(timedelta(), step.watched_from + step.watch - now)
    over = step.status in (Status.PASSED, Status.SKIPPED, Status.LEFT_OUT)
    return timedelta() if over else step.watch


def if_cancelled(story: RolloutState, run: Run, *, holds: bool) -> Iterator[str]:
    """Say what a cancelled run leaves behind, once there is something to leave."""
    if story.mode not in ("rollout", "promote") or not story.shifted:
        return
    names = listing([code(str(now.target)) for now in story.targets.values()])
    if len(story.targets) > FEW_ROWS:
        names = f"all {len(story.targets)} functions"
    one = len(story.targets) == 1
    if holds:
        # At 100% nothing is split any more.
        stays = "stays as it is" if one else "stay as they are"
        it = "it" if one else "them"
        yield f"If this run is cancelled, {names} {stays}, and nothing watches {it}."
        return
    previous = {now.previous for now in story.targets.values() if now.previous}
    back = f"version {previous.pop()}" if len(previous) == 1 else "the old versions"
    goes = "goes" if one else "go"
    cancel = link("Cancel the run", run.url)
    # Of a large group the post stage writes the rest, after the job was killed.
    when = "within a minute or two" if on_cancelling(len(story.targets)) else "at once"
    yield f"{cancel} to stop this: {names} {goes} back to {prose(back)} {when}."
