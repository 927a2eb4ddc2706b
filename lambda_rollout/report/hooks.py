"""What hooks were asked and what they said: the table, and the sentence while one is asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.markdown import PROSE_LIMIT, breakable, code, prose, table, unbroken
from lambda_rollout.report.state import HookNow, HookSaid, RolloutState
from lambda_rollout.report.tables import MOST_ROWS
from lambda_rollout.report.wording import clean, clock_time, count

_MARKS = {
    HookSaid.NOTHING_YET: "⏳",
    HookSaid.IN_PROGRESS: "⏳",
    HookSaid.SUCCEEDED: "✅",
    HookSaid.FAILED: "❌",
    HookSaid.NOT_AWAITED: "⬜",
}


def hooks_table(story: RolloutState, most: int = MOST_ROWS, limit: int = PROSE_LIMIT) -> str:
    """Show ``most`` hooks, the newest, with what they said; empty if none was asked."""
    if not story.hooks:
        return ""
    shown = story.hooks[-most:]
    rows = [(_which(hook), _said(hook, story, limit)) for hook in shown]
    text = table(("hook", "what it said"), rows)
    hidden = len(story.hooks) - len(shown)
    return f"{text}\n\nAnd {count(hidden, 'earlier hook')}, in the log." if hidden else text


_WHEN = {
    HookStage.BEFORE_TRAFFIC: "before any traffic",
    HookStage.EACH_STEP: "at the end of each step",
    HookStage.AFTER_TRAFFIC: "after the watch at 100%",
    HookStage.ON_ROLLBACK: "after a rollback",
}


def planned_hooks(story: RolloutState, most: int = MOST_ROWS) -> str:
    """Show ``most`` of the hooks that a rollout would ask, and when; empty if there are none."""
    named = story.named_hooks
    if not named:
        return ""
    text = table(
        ("hook", "asked"), [(code(hook.function), _WHEN[hook.stage]) for hook in named[:most]]
    )
    hidden = len(named) - most
    return f"{text}\n\nAnd {count(hidden, 'more hook')}, in the log." if hidden > 0 else text


def _which(hook: HookNow) -> str:
    step = f", {unbroken(f'step {hook.step}')}" if hook.step is not None else ""
    return f"{unbroken(hook.hook.stage.value)}{step}<br>{code(hook.hook.function)}"


def _said(hook: HookNow, story: RolloutState, limit: int) -> str:
    lasted = readable_duration(hook.lasted) if hook.lasted is not None else ""
    took = f" after {unbroken(lasted)}" if hook.lasted and hook.lasted >= _WORTH_TELLING else ""
    words = f"{_MARKS[hook.said]} {hook.said.value}{took}"
    more = clean(hook.why or hook.details, limit)
    if more in clean(story.reason if story.finished else "", 2 * limit):
        more = ""  # the verdict has said it
    return f"{words}<br>{breakable(prose(more, limit))}" if more else words


_WORTH_TELLING = timedelta(seconds=1)


def hooks_asked(story: RolloutState) -> Iterator[str]:
    """Say which hook is waited for; nothing if none is."""
    hook = story.asked
    if hook is None:
        return
    said = " (IN_PROGRESS)" if hook.said is HookSaid.IN_PROGRESS else ""
    which = f"{hook.hook.stage.value} hook {code(hook.hook.function)}"
    yield f"Waiting for the {which} since {clock_time(hook.began)}{said}."
