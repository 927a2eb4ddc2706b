"""From events to pages of the comment, and from the comment to log, summary and output."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lambda_rollout.github.comment import STATE
from lambda_rollout.github.comment.sync import Page, Told
from lambda_rollout.github.comment.thread import LiveComment
from lambda_rollout.github.runner import Runner
from lambda_rollout.report.comment.comment import Context, comment, comment_of_input_problems, title
from lambda_rollout.report.comment.record import CommentRecord, Key, key_of
from lambda_rollout.report.kept import repeats
from lambda_rollout.report.markdown import link, prose
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.timeline import Timeline
from lambda_rollout.report.verdict import MARKS
from lambda_rollout.rollout import events as e
from lambda_rollout.runtime.clock import Clock

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputErrors

OFTEN_ENOUGH = 60.0
SELDOM_ENOUGH = 600.0
BEATS_IN_ALL = 20
"""Between two edits that only let time pass: a twentieth of the schedule, from one to ten minutes. What repeats itself,
such as the changes of an alarm that flaps, is shown within one to two."""


@dataclass(frozen=True, slots=True)
class CommentOwner:
    """What the key of a comment is made of beside the events; the names as the input has them."""

    functions: tuple[str, ...]
    alias: str
    environment: Callable[[], str]
    """Asked once, in the comment's thread."""
    region: str = ""
    """For a run whose inputs are so wrong that no event tells it."""
    key: Key | None = None
    """Set by a later stage, to go on with what an earlier one told."""


class CommentFeed:
    """Shows a rollout on its pull request. Everything but `finish` returns at once."""

    def __init__(
        self,
        live: LiveComment,
        owner: CommentOwner,
        runner: Runner,
        clock: Clock,
        *,
        holds_on_cancel: bool = False,
    ) -> None:
        """Begin with nothing to show."""
        self._live = live
        self._owner = owner
        self._runner = runner
        self._clock = clock
        self._holds_on_cancel = holds_on_cancel
        self._seen = Timeline()
        self._shown_at = clock.monotonic()
        self._is_behind = False
        """Whether something happened that is not shown yet."""
        self._said_where = False
        self._environment = functools.cache(owner.environment)

    def emit(self, event: e.Event) -> None:
        """Take one more event into account."""
        self._seen = self._seen.after(event)
        if self._is_news(event):
            self._shown_at, self._is_behind = self._clock.monotonic(), False
            self._live.show(self._page())
        self._catch_up()

    def input_problems(self, errors: InputErrors) -> None:
        """Show what is wrong with the inputs."""
        names = (function.rpartition(":")[2] for function in self._owner.functions)
        key = functools.partial(self._key, sorted(names), self._owner.region, "")
        run = self._runner.run
        words = "The inputs are wrong, nothing was changed"
        page = Page(
            mark=MARKS[e.Result.FAILED],
            headline=words,
            at=self._clock.now(),
            run=run,
            over=True,
            key=key,
            write=functools.partial(comment_of_input_problems, errors, run),
        )
        self._live.show(page)

    def finish(self, seconds: float) -> None:
        """Let the end be shown, waiting at most so long; then say where, in log, summary and output."""
        try:
            self._finish(seconds)
        except Exception as error:  # noqa: BLE001 - no comment may fail a rollout
            self._runner.note(f"The comment failed: {type(error).__name__}: {error}")

    def _finish(self, seconds: float) -> None:
        self._live.finish(seconds)
        self._catch_up()
        told, run = self._live.told, self._runner.run
        if told is not None:
            self._runner.write_outputs({"pr-number": str(told.number)})
            url = (
                f"{run.server_url}/{run.repository}/pull/{told.number}#issuecomment-{told.comment}"
            )
            said = link(f"pull request {told.number}", url if run.server_url else "")
            self._runner.append_summary(f"\n<sub>Also posted on {said}.</sub>\n")
        elif self._live.why_not:
            why = prose(self._runner.masks.text(self._live.why_not))
            self._runner.append_summary(f"\n<sub>No pull request comment: {why}.</sub>\n")

    def _catch_up(self) -> None:
        """Write down what the thread found out, in the story's thread."""
        for text in self._live.notes():
            self._runner.note(text)
        told = self._live.told
        if told is not None and not self._said_where:
            self._said_where = True
            self._runner.note(f"This is also posted on pull request {told.number}.")

    def _is_news(self, event: e.Event) -> bool:
        story = self._seen.story
        if story.asks_another_run:
            # That one tells of it, maybe in this very comment.
            return False
        if isinstance(event, e.Finished):
            return True
        # Only the alias's ARN tells the account, which is part of whose comment it is.
        if not any(now.arn or now.missing for now in story.targets.values()):
            return False
        ago = self._clock.monotonic() - self._shown_at
        if isinstance(event, e.Heartbeat | e.MetricsRead):
            return ago >= (OFTEN_ENOUGH - 1.0 if self._is_behind else self._beat(story))
        if repeats(event) is None:
            return True
        # An alarm that flaps, or two hundred of them: the next heartbeat shows what this does not.
        self._is_behind = True
        return ago >= OFTEN_ENOUGH - 1.0

    def _beat(self, story: RolloutState) -> float:
        total = story.started.plan.total_watch.total_seconds() if story.started else 0.0
        return min(max(OFTEN_ENOUGH, total / BEATS_IN_ALL), SELDOM_ENOUGH) - 1.0

    def _page(self) -> Page:
        seen, story = self._seen, self._seen.story
        mark, headline = title(story)
        run = self._runner.run
        names = sorted(now.target.name for now in story.targets.values())
        arn = next((now.arn for now in story.targets.values() if now.arn), "")
        account = arn.split(":")[4] if arn.count(":") > 4 else ""
        region = story.started.region if story.started else ""
        return Page(
            mark=mark,
            headline=headline,
            at=story.latest or self._clock.now(),
            run=run,
            over=story.finished is not None,
            key=functools.partial(self._key, names, region, account),
            write=functools.partial(self._write, seen),
        )

    def _key(self, names: list[str], region: str, account: str) -> Key:
        if self._owner.key is not None:
            return self._owner.key
        return key_of(names, self._owner.alias, region, account, self._environment())

    def _write(self, seen: Timeline, key: Key, record: CommentRecord) -> str:
        run = self._runner.run
        context = Context(key, run, self._holds_on_cancel, self._environment())
        return comment(seen, context, record)


def state_of(told: Told) -> dict[str, str]:
    """Return what a later stage is to find."""
    return {STATE: json.dumps(asdict(told))}


def told_before(state: str | None) -> Told | None:
    """Read what an earlier stage saved; None if it told nowhere, or nothing readable."""
    try:
        saved = json.loads(state or "")
        key = Key(str(saved["key"]["exact"]), str(saved["key"]["loose"]))
        return Told(int(saved["number"]), int(saved["comment"]), key, str(saved["id"]))
    except (ValueError, KeyError, TypeError):
        return None
