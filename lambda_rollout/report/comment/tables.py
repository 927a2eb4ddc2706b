"""The tables of the comment, as long as there is room for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.metrics import Comparison
from lambda_rollout.report.console import alarm_url, alias_url, version_url
from lambda_rollout.report.findings import findings_table, rate, typical
from lambda_rollout.report.lines import mark_of
from lambda_rollout.report.markdown import breakable, code, link, prose, table, unbroken
from lambda_rollout.report.state import AlarmNow, RolloutState, Status, StepNow, TargetNow
from lambda_rollout.report.verdict import exposure_of
from lambda_rollout.report.wording import clean, clock_time, count, duration, share
from lambda_rollout.rollout.events import Result


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows of each table, and how many characters of each reason, there is room for."""

    targets: int
    alarms: int
    steps: int
    reason: int
    warnings: int
    chart: bool


FULL = Room(targets=50, alarms=25, steps=50, reason=300, warnings=20, chart=True)

ROOMS = (
    FULL,
    Room(targets=50, alarms=25, steps=50, reason=200, warnings=10, chart=False),
    Room(targets=25, alarms=15, steps=50, reason=150, warnings=5, chart=False),
    Room(targets=10, alarms=10, steps=25, reason=100, warnings=3, chart=False),
    Room(targets=4, alarms=4, steps=10, reason=60, warnings=1, chart=False),
)
"""From the most detailed on; the first that fits is taken."""

_RUNNING = {
    Status.SHIFTING: "👀 being shifted",
    Status.WATCHING: "👀 being watched",
    Status.EXTENDED: "👀 extended, being watched",
    Status.WAITING: "⬜ waiting",
}


def is_going_back(story: RolloutState) -> bool:
    """Whether something was decided that only a rollback can follow."""
    begun = any(now.rolled_back_at for now in story.targets.values())
    return begun or any(alarm.fired is not None for alarm in story.alarms.values())


def numbers(story: RolloutState, room: Room) -> str:
    """Show the new version beside the old one; several functions get a line each."""
    targets = tuple(story.targets.values())
    if len(targets) == 1:
        return _one(targets[0], story)
    shown = targets[: room.targets]
    rows = [(_from_to(now), _on_the_new(now, story)) for now in shown]
    hidden = len(targets) - len(shown)
    more = f"\n\nAnd {count(hidden, 'function')} more, in the summary." if hidden else ""
    return (table(("alias, old → new version", "on the new one"), rows) + more) if targets else ""


def _from_to(now: TargetNow) -> str:
    name = link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias))
    return f"{name}<br>{_version(now, now.previous)} → {_new(now)}"


def _on_the_new(now: TargetNow, story: RolloutState) -> str:
    parts = ["*not known*" if now.weight is None else f"**{share(now.weight)}** now"]
    exposure = "" if story.finished else exposure_of(now, story)  # the verdict tells it
    if exposure:
        parts.append(f"it {'has had' if now.weight else 'had'} {prose(exposure)}")
    if errors := _errors(story.numbers.get(now.target)):
        parts.append(f"errors: {errors}")
    return "<br>".join(parts)


def _errors(compared: Comparison | None) -> str:
    if compared is None:
        return ""
    return f"{rate(compared.canary)} (old: {rate(compared.baseline)})"


def _one(now: TargetNow, story: RolloutState) -> str:
    if story.finished and (now.routing, now.previous, now.version) == (None, None, None):
        return ""
    alias = link(code(str(now.target)), alias_url(now.arn, now.target.name, now.target.alias))
    if now.version is not None and now.version == now.previous:
        whole = (alias, _version(now, now.version))
        return table(whole, [("traffic now", _share_of(now, now.version))])
    planned = story.result is Result.PLANNED and story.finished is not None
    new = "*a new version*" if planned and now.version is None else _new(now)
    shares = [_share_of(now, each) for each in (now.previous, now.version)]
    header = (alias, f"old: {_version(now, now.previous)}", f"new: {new}")
    rows = [("traffic now", *shares)]
    # What somebody else, or another run, put there: a column more would leave a phone no room.
    others = [each for each in _versions(now) if each not in {now.previous, now.version}]
    rows += [(f"**{_share_of(now, each)}** on {_version(now, each)}", "", "") for each in others]
    if (compared := story.numbers.get(now.target)) is not None:
        rows += _side_by_side(compared)
    return table(header, rows)


def _versions(now: TargetNow) -> tuple[str, ...]:
    return () if now.routing is None else (now.routing.version, *now.routing.weights)


def _side_by_side(compared: Comparison) -> Iterator[tuple[str, str, str]]:
    old, new = compared.baseline, compared.canary
    yield "invocations", str(old.invocations), str(new.invocations)
    yield "errors", f"{old.errors} ({rate(old)})", f"{new.errors} ({rate(new)})"
    for percentile in ("p50", "p99"):
        before, after = typical(old, percentile), typical(new, percentile)
        if before or after:
            yield percentile, before or "–", after or "–"
    if compared.throttles:
        yield "throttled, of both", str(compared.throttles), str(compared.throttles)


def _share_of(now: TargetNow, version: str | None) -> str:
    if now.routing is None:
        return "*not known*"
    return share(now.routing.percent_of(version)) if version else ""


def _new(now: TargetNow) -> str:
    return "*none yet*" if now.version is None else _version(now, now.version)


def _version(now: TargetNow, version: str | None) -> str:
    if version is None:
        return "*none*" if now.missing else "*not known*"
    return link(
        unbroken(prose(f"version {version}")), version_url(now.arn, now.target.name, version)
    )


def schedule(story: RolloutState, room: Room) -> str:
    """Show every step and what has come of it; empty if none began."""
    if not story.watched:
        return ""
    steps = _around_the_running_one(story, room.steps)
    rows = [
        (
            f"{step.number}.&nbsp;{share(step.percent)}",
            unbroken(duration(step.watch)),
            _outcome(step, story),
        )
        for step in steps
    ]
    hidden = len(story.steps) - len(steps)
    more = f"\n\nAnd {count(hidden, 'step')} more, in the summary." if hidden else ""
    return table(("step", "planned", "what happened"), rows) + more


def _around_the_running_one(story: RolloutState, most: int) -> tuple[StepNow, ...]:
    begun = sum(step.began is not None for step in story.steps)
    first = max(0, min(begun - most // 2, len(story.steps) - most))
    return story.steps[first : first + most]


def _outcome(step: StepNow, story: RolloutState) -> str:
    if story.finished is None and step.status in _RUNNING:
        if is_going_back(story):
            return "⬜ not reached" if step.status is Status.WAITING else "↩️ going back"
        since = f" since {clock_time(step.watched_from)}" if step.watched_from else ""
        return f"{_RUNNING[step.status]}{since}"
    match step.status:
        case Status.PASSED:
            lasted = ", not watched"
            if (step.watch or step.extended_until) and step.lasted is not None:
                lasted = f" after {unbroken(duration(step.lasted))}"
            return f"✅ passed{lasted}{_extended(step)}"
        case Status.FAILED:
            words = "↩️ rolled back" if story.result is Result.ROLLED_BACK else "❌ ended"
            words += f" at {clock_time(step.ended)}" if step.ended else ""
            after = "" if step.lasted is None else f", after {unbroken(duration(step.lasted))}"
            return f"{words}{after}{_extended(step)}"
        case Status.SKIPPED:
            return "done by an earlier run"
        case _:
            return "⬜ not reached"


def _extended(step: StepNow) -> str:
    return f"; extended: {breakable(prose(step.lacked, 120))}" if step.extended_until else ""


def alarms(story: RolloutState, room: Room) -> str:
    """Show each alarm's state with AWS's reason for it, the ones that matter first."""
    ordered = sorted(story.alarms.values(), key=_urgency)
    shown = ordered[: room.alarms]
    rows = [(_state(alarm, story), _name_and_reason(alarm, story, room)) for alarm in shown]
    hidden = len(ordered) - len(shown)
    more = f"\n\nAnd {count(hidden, 'alarm')} more, in the log." if hidden else ""
    return table(("state", "alarm"), rows) + more


def _name_and_reason(alarm: AlarmNow, story: RolloutState, room: Room) -> str:
    """Put AWS's words below the name: a column of their own would leave a phone no room."""
    name = link(code(alarm.newest.name), alarm_url(alarm.newest))
    reason = _reason(alarm, story, room)
    return f"{name}<br>{reason}" if reason else name


def _reason(alarm: AlarmNow, story: RolloutState, room: Room) -> str:
    """Give AWS's words where they tell something: not why all is well, and not what the verdict said."""
    if alarm.fired is None and alarm.newest.is_ok:
        return ""
    reason = clean((alarm.fired or alarm.newest).reason, room.reason)
    verdict = clean(story.reason, 2 * room.reason) if story.finished else ""
    return "" if reason in verdict else prose(reason, room.reason)


def _urgency(alarm: AlarmNow) -> int:
    if alarm.fired is not None:
        return 0
    return 1 + list(AlarmState).index(alarm.newest.state)


def _state(alarm: AlarmNow, story: RolloutState) -> str:
    state = alarm.newest.state
    if alarm.fired is not None:
        since, began = alarm.fired.transitioned_at, story.started and story.started.at
        when = f" at {clock_time(since)}" if since and began and since >= began else ""
        now = "" if state is AlarmState.ALARM else f", {state} now"
        return f"🔴&nbsp;**fired**{when}{now}"
    # As in the chart; AWS's own word would leave a phone no room for the rest.
    known = "no data" if state is AlarmState.INSUFFICIENT_DATA else state
    said = unbroken(f"{mark_of(alarm.newest)} {known}")
    if not alarm.newest.is_evaluated:
        return f"{said}, not evaluated"
    # While it goes on, data may still come.
    over = story.finished is not None or state is AlarmState.ALARM
    idle = story.watched and over and not alarm.guarded
    return f"{said} all the time, did not guard" if idle else said


def findings(story: RolloutState, room: Room) -> str:
    """Show what the preflight found; empty if that is nothing."""
    found = story.findings or ()
    if not found:
        return ""
    shown = found[: room.alarms]
    hidden = len(found) - len(shown)
    more = f"\n\nAnd {count(hidden, 'finding')} more, in the log." if hidden else ""
    return findings_table(shown) + more
