"""One comment on GitHub: found again, posted once, edited, and its doubles folded into it.

A post may be carried out long after its answer was given up, and two runs may post in the same moment. So after
a post, and for as long as one of ours may still be on its way, the comments are looked through again; the
oldest one of ours stays, with a line for each rollout that the others told of, and the others go. Of ours is
what was written by the account that the token speaks for *and* has our marker as its first line, with the very same
key and the comment's own id. That one is known once the comment is there, so what is posted is edited at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from lambda_rollout.github.comment.errors import Lasts, Trouble
from lambda_rollout.github.comment.pull_request import Lead, PullRequests, find
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key, all_own, read_record
from lambda_rollout.rollout.events import Run


class CommentApi(PullRequests, Protocol):
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

    def delete(self, comment: int) -> None:
        """Delete a comment."""
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
    write: Callable[[Key, CommentRecord], str]


@dataclass(frozen=True, slots=True)
class Told:
    """Where the rollout is told; what a later stage of the same job needs to go on with it."""

    number: int
    comment: int
    key: Key
    id: str


class CommentSync:
    """What the comment's thread knows of GitHub; nothing of it is known before it is needed."""

    def __init__(self, connect: Callable[[], CommentApi], lead: Lead, id_: str) -> None:
        """``id_`` tells this rollout from every other."""
        self._connect = connect
        self._lead = lead
        self._id = id_
        self._board: CommentApi | None = None
        self._number: int | None = None
        self._login = ""
        self._key: Key | None = None
        self._comment: int | None = None
        self._record: CommentRecord | None = None
        self._doubles: Sequence[int] = ()
        self._on_its_way = False
        """Whether a post of ours was not answered: it may land at any time."""
        self._in_doubt = False
        """Whether there may be another comment of ours."""
        self._posted: Page | None = None
        """The newest page if it was posted, and not looked after since."""

    def say(self, page: Page) -> Told | None:
        """Edit or post the comment; None if there is no pull request. Raises `Trouble`."""
        api = self._board = self._board or self._connect()
        if self._number is None:
            self._number = find(self._lead, api)
        if self._number is None:
            return None
        key = self._key = self._key or page.key()
        if self._comment is None or self._in_doubt:
            # Also after a post whose answer was lost: it may be there.
            self._look(api, self._number, key)
        if self._comment is None:
            comment = self._post(api, self._number, key, page)
        else:
            comment = self._edit(api, self._comment, key, page)
        return Told(self._number, comment, key, self._id)

    def _look(self, api: CommentApi, number: int, key: Key) -> None:
        self._login = self._login or api.login()
        # As long as nobody has answered a post, only its content tells which is ours.
        posting = self._id if self._on_its_way or self._comment is None else ""
        own = all_own(api.of_author(number, self._login), key, self._comment, posting)
        self._doubles = ()
        if not own:
            return
        self._comment, body = own[0]
        self._record = read_record(body)
        doubles = []
        for comment, other in own[1:]:
            told = read_record(other)
            if told is not None:
                doubles.append(comment)
                self._record = self._record.joined_by(told) if self._record else told
        self._doubles = doubles
        self._in_doubt = self._on_its_way or bool(doubles)

    def _record_of(self, page: Page, comment: int) -> CommentRecord:
        now = Entry.of(self._id, page.mark, page.headline, page.at, page.run, over=page.over)
        record = self._record.followed_by(now) if self._record else CommentRecord(now)
        return replace(record, comment=comment)

    def _post(self, api: CommentApi, number: int, key: Key, page: Page) -> int:
        self._in_doubt = True
        record = self._record_of(page, 0)
        try:
            posted = api.create(number, page.write(key, record))
        except Trouble as trouble:
            refused = trouble.pause or trouble.lasts is not Lasts.NOW
            self._on_its_way = self._on_its_way or not refused
            raise
        self._comment, self._record, self._posted = posted, record, page
        return posted

    def _edit(self, api: CommentApi, comment: int, key: Key, page: Page) -> int:
        record = self._record_of(page, comment)
        try:
            api.edit(comment, page.write(key, record))
        except Trouble as trouble:
            if trouble.lasts is Lasts.THIS_COMMENT:
                self._comment = None
            raise
        self._record = record
        return comment

    @property
    def names_itself(self) -> bool:
        """Whether the comment holds its own id by now, so that later runs know it."""
        return self._record is not None and self._record.comment == self._comment

    def tidy(self) -> bool:
        """See to it that there is one comment, after a page was said. Raises `Trouble`, to be tried again later.

        Returns:
            Whether the page is to be said again, because another comment of ours stays.
        """
        api, number, key = self._board, self._number, self._key
        if api is None or number is None or key is None:
            return False
        if self._posted is not None and self._comment is not None:
            posted, page, self._posted = self._comment, self._posted, None
            # First of all: by its id others know it, too.
            self._edit(api, posted, key, page)
            # Another run may have looked, and posted, in the same moment.
            self._look(api, number, key)
            return self._comment != posted
        self._drop_doubles(api)
        return False

    def _drop_doubles(self, api: CommentApi) -> None:
        """Delete what the comment now tells as well."""
        while self._doubles:
            api.delete(self._doubles[0])
            self._doubles = self._doubles[1:]
        self._in_doubt = self._on_its_way
