"""Keeps the comment current, from a thread of its own, so that GitHub can delay nothing.

The story's thread only replaces the newest page and goes on; what GitHub has not taken by the time of the
next page is never sent. Lines for the log wait until the story's thread writes them.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lambda_rollout.github.comment.errors import Lasts, Trouble, UntilReset
from lambda_rollout.github.comment.pull_request import Lead, why_none
from lambda_rollout.github.comment.sync import CommentApi, CommentSync, Page, Told
from lambda_rollout.runtime.background import Background, BackgroundThread
from lambda_rollout.runtime.clock import Clock

_LONGEST_REST = 86_400.0
"""Seconds at a time: a thread cannot wait for as long as a header can ask."""


@dataclass(frozen=True, slots=True)
class EditPace:
    """Seconds. GitHub allows 80 content writes a minute and 500 an hour to all jobs of a token together."""

    every: float = 10.0
    """Between two edits."""
    first_retry: float = 10.0
    longest_retry: float = 120.0
    last_retry: float = 1.0
    """Between two tries to send the last page."""


@dataclass(frozen=True, slots=True)
class _Earliest:
    """When the next page may be sent, by the monotonic clock."""

    usual: float
    last: float = 0.0
    """For the last page, which need not wait for a pace."""


class LiveComment:
    """One comment. `show`, `notes` and `finish` are for the story's thread, and never wait but in `finish`."""

    def __init__(
        self,
        lead: Lead,
        connect: Callable[[], CommentApi],
        clock: Clock,
        remember: Callable[[Told], None],
        pace: EditPace | None = None,
        id_: str = "",
        background: Background | None = None,
    ) -> None:
        """``connect`` and ``remember`` are called in the comment's own thread: they may take their time.

        ``aside`` is that thread; if none is given, one of the machine's.
        """
        self.lead = lead
        self.told: Told | None = None
        """Set once GitHub has it."""
        self.why_not = ""
        """Why there is no comment and will be none; half a sentence."""
        self._id = id_ or secrets.token_hex(4)
        self._connect = connect
        self._remember = remember
        self._clock = clock
        self._pace = pace or EditPace()
        self._page: Page | None = None
        self._taken: Page | None = None
        self._ending = False
        self._notes: deque[str] = deque()
        self._said: set[str] = set()
        self._background = background or BackgroundThread("comment")
        self._begun = False

    def show(self, page: Page) -> None:
        """Say this from now on; returns at once."""
        self._page = page
        self._background.wake()
        if not self._begun:
            self._begun = True
            self._background.start(self._run)

    def finish(self, seconds: float) -> None:
        """Give the newest page at most ``seconds`` to reach GitHub."""
        self._ending = True
        self._background.wake()
        if not self._background.join(seconds) and self._taken is not self._page:
            self._note("GitHub did not accept the last update in time")

    def notes(self) -> Iterator[str]:
        """Yield what is to be said in the log, each line once."""
        while self._notes:
            yield self._notes.popleft()

    def _note(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._notes.append(f"Pull request comment: {text}.")

    def _run(self) -> None:
        try:
            self._keep_current()
        except Exception as error:  # noqa: BLE001 - no comment may fail a rollout
            self.why_not = f"{type(error).__name__}: {error}"
            self._note(self.why_not)

    def _keep_current(self) -> None:
        sync = CommentSync(self._connect, self.lead, self._id)
        sent: Page | None = None
        fails, earliest = 0, _Earliest(self._clock.monotonic())
        while True:
            page = self._next_page(sent, earliest)
            if page is None or page is sent:
                return
            try:
                told = sync.say(page)
            except Trouble as trouble:
                self._note(trouble.what)
                if trouble.lasts is Lasts.FOR_GOOD:
                    self.why_not = trouble.what
                    return
                if trouble.lasts is Lasts.THIS_TEXT:
                    sent = page
                fails += 1
                earliest = self._after(self._own_pause(fails), self._pace.last_retry, trouble)
                continue
            if told is None:
                self.why_not = why_none(self.lead)
                self._note(f"none, because {self.why_not}; set `pr-number` to name one")
                return
            self._taken, fails = page, 0
            if told != self.told:
                # At once: the process may be killed before its next event.
                self._remember(told)
                self.told = told
            again, met = self._tidied(sync)
            sent = None if again else page
            earliest = self._after(self._pace.every, self._pace.last_retry if again else 0.0, met)

    def _tidied(self, sync: CommentSync) -> tuple[bool, Trouble | None]:
        """Let there be one comment; whether the page is to be sent again, and what stood in the way."""
        try:
            again = sync.tidy()
        except Trouble as trouble:
            self._note(trouble.what)
            return not sync.names_itself, trouble
        if again:
            self._note("another run commented at the same moment, and its comment is kept")
        return again, None

    def _next_page(self, sent: Page | None, earliest: _Earliest) -> Page | None:
        """Wait for a page that was not sent yet, and for its time."""
        while True:
            # In this order: no page comes after the end.
            ending, page = self._ending, self._page
            left = (earliest.last if ending else earliest.usual) - self._clock.monotonic()
            if ending if page is sent else left <= 0:
                return page
            self._background.rest(None if page is sent else min(left, _LONGEST_REST))

    def _after(self, usual: float, last: float, trouble: Trouble | None) -> _Earliest:
        """Say when it may go on: what GitHub asks for counts to the very end, our own pace does not."""
        now, asked = self._clock.monotonic(), self._asked_pause(trouble) if trouble else 0.0
        return _Earliest(now + max(usual, asked), now + max(last, asked))

    def _asked_pause(self, trouble: Trouble) -> float:
        if isinstance(trouble, UntilReset):
            now = trouble.said_at or self._clock.now().timestamp()
            return 1.0 + max(0.0, trouble.reset - now)
        return trouble.pause

    def _own_pause(self, fails: int) -> float:
        doubled = self._pace.first_retry * float(1 << min(fails - 1, 20))
        return min(doubled, self._pace.longest_retry)
