"""Keeps the comment current, from a thread of its own, so that GitHub can delay nothing.

The story's thread only replaces the newest page and goes on; what GitHub has not taken by the time of the
next page is never sent. Lines for the log wait until the story's thread writes them.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from lambda_rollout.events import Run
from lambda_rollout.github.pull_request import Lead, PullRequests, find, why_none
from lambda_rollout.github.trouble import Lasts, Trouble, UntilReset
from lambda_rollout.report.comment_record import (
    Entry,
    Key,
    Record,
    choose_own,
    read_record,
)
from lambda_rollout.stop import Clock


class Board(PullRequests, Protocol):
    """GitHub, one try for each call. Every method raises `Trouble`."""

    def login(self) -> str:
        """Return whom our comments are by."""
        ...

    def of_author(self, number: int, login: str) -> Iterable[tuple[int, str]]:
        """List id and body of that author's comments, oldest first."""
        ...

    def create(self, number: int, body: str) -> int:
        """Post a comment and return its id."""
        ...

    def edit(self, comment: int, body: str) -> None:
        """Replace a comment's text."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """What the comment is to say."""

    mark: str
    headline: str
    at: datetime
    run: Run
    over: bool
    key: Callable[[], Key]
    """Asked in the comment's own thread, because it may ask the runner."""
    write: Callable[[Key, Record], str]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. GitHub allows 80 content writes a minute and 500 an hour to all jobs of a token together."""

    every: float = 10.0
    """Between two edits."""
    first_retry: float = 10.0
    longest_retry: float = 120.0
    last_retry: float = 1.0
    """Between two tries to send the last page."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where the rollout is told; what a later stage of the same job needs to go on with it."""

    number: int
    comment: int
    key: Key
    id: str


class LiveComment:
    """One comment. `show`, `notes` and `finish` are for the story's thread, and never wait but in `finish`."""

    def __init__(
        self,
        lead: Lead,
        connect: Callable[[], Board],
        clock: Clock,
        remember: Callable[[Told], None],
        pace: Pace | None = None,
        id_: str = "",
    ) -> None:
        """``connect`` and ``remember`` are called in the comment's own thread: they may take their time."""
        self.lead = lead
        self.told: Told | None = None
        """Set once GitHub has it."""
        self.why_not = ""
        """Why there is no comment and will be none; half a sentence."""
        self._id = id_ or secrets.token_hex(4)
        self._connect = connect
        self._remember = remember
        self._clock = clock
        self._pace = pace or Pace()
        self._page: Page | None = None
        self._ending = False
        self._news = threading.Event()
        self._notes: deque[str] = deque()
        self._said: set[str] = set()
        self._thread: threading.Thread | None = None

    def show(self, page: Page) -> None:
        """Say this from now on; returns at once."""
        self._page = page
        self._news.set()
        if self._thread is None:
            # A daemon, so that a hanging GitHub cannot keep the process from ending.
            self._thread = threading.Thread(target=self._run, name="comment", daemon=True)
            self._thread.start()

    def finish(self, seconds: float) -> None:
        """Give the newest page at most ``seconds`` to reach GitHub."""
        self._ending = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                self._note("GitHub did not take the last state in time")

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
        voice = _Voice(self._connect, self.lead, self._id)
        sent: Page | None = None
        fails, not_before = 0, self._clock.monotonic()
        while True:
            page = self._next_page(sent, not_before)
            if page is None or page is sent:
                return
            try:
                told = voice.say(page)
            except Trouble as trouble:
                self._note(trouble.what)
                if trouble.lasts is Lasts.FOR_GOOD:
                    self.why_not = trouble.what
                    return
                if trouble.lasts is Lasts.THIS_TEXT:
                    sent = page
                fails += 1
                pause = max(self._asked_pause(trouble), self._own_pause(fails))
                not_before = self._clock.monotonic() + pause
                if self._ending:
                    self._pause(pause)
                continue
            if told is None:
                self.why_not = why_none(self.lead)
                self._note(f"none, because {self.why_not}; `pr-number` can name one")
                return
            sent, fails = page, 0
            not_before = self._clock.monotonic() + self._pace.every
            if told != self.told:
                # At once: the process may be killed before its next event.
                self._remember(told)
                self.told = told

    def _next_page(self, sent: Page | None, not_before: float) -> Page | None:
        """Wait for a page that was not sent yet, and for its time. The last one need not wait."""
        while not self._ending:
            left = not_before - self._clock.monotonic()
            if self._page is not sent and left <= 0:
                break
            self._news.wait(None if self._page is sent else left)
            self._news.clear()
        return self._page

    def _pause(self, seconds: float) -> None:
        """Wait out a pause at the very end, when no news can come any more."""
        self._news.clear()
        self._news.wait(seconds)

    def _asked_pause(self, trouble: Trouble) -> float:
        if isinstance(trouble, UntilReset):
            return 1.0 + max(0.0, trouble.reset - self._clock.now().timestamp())
        return trouble.pause

    def _own_pause(self, fails: int) -> float:
        if self._ending:
            return self._pace.last_retry
        doubled = self._pace.first_retry * float(1 << min(fails - 1, 20))
        return min(doubled, self._pace.longest_retry)


class _Voice:
    """What the thread knows of GitHub; nothing of it is known before it is needed."""

    def __init__(self, connect: Callable[[], Board], lead: Lead, id_: str) -> None:
        self._connect = connect
        self._lead = lead
        self._id = id_
        self._board: Board | None = None
        self._number: int | None = None
        self._login = ""
        self._key: Key | None = None
        self._comment: int | None = None
        self._record: Record | None = None

    def say(self, page: Page) -> Told | None:
        """Edit or post the comment; None if there is no pull request. Raises `Trouble`."""
        board = self._board = self._board or self._connect()
        if self._number is None:
            self._number = find(self._lead, board)
        if self._number is None:
            return None
        if self._comment is None:
            # Also after a post whose answer was lost: it may be there.
            self._look(board, self._number, page)
        key = self._key or page.key()
        record = self._record_of(page)
        body = page.write(key, record)
        if self._comment is None:
            self._comment = board.create(self._number, body)
        else:
            self._edit(board, self._comment, body)
        self._key, self._record = key, record
        return Told(self._number, self._comment, key, self._id)

    def _look(self, board: Board, number: int, page: Page) -> None:
        self._key = self._key or page.key()
        self._login = self._login or board.login()
        own = choose_own(board.of_author(number, self._login), self._key)
        if own is not None:
            self._comment = own[0]
            self._record = read_record(own[1])

    def _record_of(self, page: Page) -> Record:
        now = Entry.of(self._id, page.mark, page.headline, page.at, page.run, over=page.over)
        return self._record.followed_by(now) if self._record else Record(now)

    def _edit(self, board: Board, comment: int, body: str) -> None:
        try:
            board.edit(comment, body)
        except Trouble as trouble:
            if trouble.lasts is Lasts.THIS_COMMENT:
                self._comment = None
            raise
