"""The comment at moments worth looking at: every ending, and some on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.guards.verdict import judge_guards, what_failed
from lambda_rollout.analysis.metrics import Comparison, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.preflight.finding import Level
from lambda_rollout.report.comment.comment import Context, comment, comment_of_input_problems, title
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.timeline import Timeline
from lambda_rollout.rollout import events as e
from tests.golden.render import PROBLEMS
from tests.support.stories import (
    CHECKOUT,
    ERRORS,
    ERRORS_OK,
    RUN,
    START,
    STORIES,
    Telling,
    alarm,
)

FOLDER = Path(__file__).parent.parent / "golden" / "comment"
KEY = Key("1f0c6a2be9d85374", "8d1e4b7730aa52c6")


def earlier(mark: str, headline: str, hours: float, run: str) -> Entry:
    at = START - timedelta(hours=hours)
    return Entry.of(f"id-of-{run}", mark, headline, at, replace(RUN, run_id=run), over=True)


EARLIER = CommentRecord(
    earlier("↩️", "checkout:live rolled back to version 7", 26, "1234500000"),
    (
        replace(
            earlier("⏳", "checkout:live: rolling out, 10% on version 8", 27, "1234495000"),
            over=False,
        ),
        earlier("📋", "Plan for checkout:live", 28, "1234490000"),
    ),
)


def seen_of(events: Iterable[e.Event]) -> Timeline:
    seen = Timeline()
    for event in events:
        seen = seen.after(event)
    return seen


def page_of(
    events: Sequence[e.Event],
    before: CommentRecord | None = None,
    *,
    environment: str = "",
    holds: bool = False,
) -> str:
    seen = seen_of(events)
    mark, words = title(seen.story)
    over = seen.story.finished is not None
    now = Entry.of("3fa94c7d", mark, words, events[-1].at, RUN, over=over)
    record = before.followed_by(now) if before else CommentRecord(now)
    return comment(seen, Context(KEY, RUN, holds, environment), record)


def until(story: str, stop: Callable[[e.Event], bool], nth: int = 1) -> Sequence[e.Event]:
    """The story's events up to the ``nth`` that ``stop`` is true of."""
    events = STORIES[story]()
    found = [index for index, event in enumerate(events) if stop(event)]
    return events[: found[nth - 1] + 1]


def _is(kind: type[e.Event]) -> Callable[[e.Event], bool]:
    return lambda event: isinstance(event, kind)


def rolled_back_by_guard() -> Sequence[e.Event]:
    """A guard fails in step 1, and the reason is what the guard really says of these minutes."""
    tell = Telling("10% 5m, 100% 2m")
    tell.begins(ERRORS_OK)
    [found] = [
        each for each in STORIES["plan-wired-the-wrong-way"]() if _is(e.PreflightFound)(each)
    ]
    assert isinstance(found, e.PreflightFound)
    warned = tuple(each for each in found.findings if each.level is not Level.ERROR)
    tell.say(e.PreflightFound, findings=warned)
    tell.shifts(1)
    tell.pass_time(120)  # a minute's data are there three minutes later
    comparison = None
    for minute, (served, failed) in enumerate([(118, 7), (131, 9)], start=1):
        start = START + timedelta(minutes=minute)
        new = VersionMetrics(
            CHECKOUT, "8", (Minute(start, served, failed, {"p50": 34.0, "p99": 412.0}),)
        )
        old = VersionMetrics(CHECKOUT, "7", (Minute(start, 1102, 1, {"p50": 30.0, "p99": 80.0}),))
        tell.pass_time(60)
        more = Comparison(new, old, 0, start + timedelta(minutes=1))
        tell.say(e.MetricsRead, number=1, comparisons=(more,))
        comparison = comparison.joined(more) if comparison else more
    assert comparison is not None
    verdicts = judge_guards(
        parse_guards("error-rate < 1%"), [comparison], [StepStart(START, Decimal(10))]
    )
    tell.rolls_back("10")
    tell.ends(e.Result.ROLLED_BACK, what_failed(verdicts))
    return tell.events


def a_hundred_functions() -> Sequence[e.Event]:
    """Two alarms each; four of them flap, one fires, and one alias was changed by somebody else."""
    targets = tuple(Target(f"service-{number:02}", "live") for number in range(100))
    tell = Telling("10% 30m, 100% 10m", *targets)
    names = [f"{target.name}-{what}" for target in targets for what in ("errors", "latency")]
    tell.begins(*(alarm(name, AlarmState.OK) for name in names))
    tell.shifts(1)
    for name in names[46:50]:
        for state in (AlarmState.INSUFFICIENT_DATA, AlarmState.OK) * 6:
            tell.pass_time(20)
            tell.say(e.AlarmChanged, reading=alarm(name, state), before=state, fired=False)
    fired = alarm("service-42-errors", AlarmState.ALARM, ERRORS)
    tell.say(e.AlarmChanged, reading=fired, before=AlarmState.OK, fired=True)
    tell.targets = tuple(target for target in targets if target != targets[17])
    tell.rolls_back("10")
    tell.say(
        e.AliasLeft,
        target=targets[17],
        routing=Routing.all_on("6"),
        expected=Routing.all_on("7"),
        why="somebody else changed where it sends its traffic",
        command="",
    )
    why = f"alarm {fired.name} fired: {ERRORS}"
    tell.ends(e.Result.FAILED, why, failed_alarms=(fired,))
    return tell.events


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page's name and Markdown."""
    for name, story in STORIES.items():
        if not rollout_state(story()).asks_another_run:
            # The run that it asks has a comment; it has none.
            yield name, page_of(story())
    yield "rolled-back-by-guard", page_of(rolled_back_by_guard())
    yield "a-hundred-functions", page_of(a_hundred_functions())
    yield "now-getting-ready", page_of(until("promoted", _is(e.VersionWaited)))
    yield "now-at-10", page_of(until("promoted", _is(e.Heartbeat), 2), environment="production")
    yield "now-at-50", page_of(until("promoted", _is(e.Heartbeat), 6), EARLIER)
    yield "now-at-100", page_of(until("promoted", _is(e.Heartbeat), 16))
    yield "now-extended", page_of(until("step-extended", _is(e.Unreadable)), holds=True)
    yield "now-waiting-for-approval", page_of(until("rolled-back-in-a-hold", _is(e.Heartbeat), 12))
    yield "now-told-to-go-on", page_of(until("told-to-go-on", _is(e.RequestSeen)))
    yield "now-going-on-as-planned", page_of(until("request-refused", _is(e.RequestRefused)))
    yield "now-alarm-fired", page_of(until("rolled-back-in-step-1", _is(e.AlarmChanged)))
    yield "now-asking-a-hook", page_of(until("hooks-said-yes", _is(e.HookInProgress)))
    yield "now-rolling-back", page_of(until("several-functions", _is(e.RolledBack)))
    yield "with-history", page_of(STORIES["promoted"](), EARLIER)
    now = Entry.of("3fa94c7d", "❌", "The inputs are wrong", START, RUN, over=True)
    yield "bad-inputs", comment_of_input_problems(PROBLEMS, RUN, KEY, CommentRecord(now))
