"""What a comment knows about itself: a hidden first line by which the next edit finds it.

It holds whose comment it is (`key_of`), which run it tells of, and one line for each earlier run. It is Base64
inside an HTML comment, so nothing in it can end the comment or act as Markdown; and whatever is read
back is escaped again when it is shown, because people with write access can edit any comment.

All workflows of a repository comment as the same bot, and some post what others wrote. So the line also holds the id of
the comment that it stands in: nobody knows that before it is posted, and a copy of the line elsewhere is not ours.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from lambda_rollout.report.wording import clean
from lambda_rollout.rollout.events import Run

MOST_EARLIER = 10
"""Earlier runs that are kept, newest first; older ones are only counted."""

_HEADLINE_LIMIT = 160
_RECORD = re.compile(
    r"\A<!-- lambda-rollout 1 ([0-9a-f]{16}) ([0-9a-f]{16}) ([A-Za-z0-9+/=]{0,20000}) -->"
)
_NUMBER = re.compile(r"[0-9]{0,20}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in one line."""

    id: str
    """Tells this rollout from every other, also from others of the same run."""
    mark: str
    headline: str
    at: str
    """``2026-11-23 10:05:09 UTC``: when this was said."""
    run: str = ""
    attempt: str = ""
    over: bool = False
    """False if it had not ended when it was last heard of."""

    @classmethod
    def of(cls, id_: str, mark: str, headline: str, at: datetime, run: Run, *, over: bool) -> Entry:
        """Make the line of a rollout as it stands at ``at``; the headline is any text."""
        stamp = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        told = clean(headline, _HEADLINE_LIMIT)
        return cls(id_, mark, told, stamp, run.run_id, run.attempt, over)


@dataclass(frozen=True, slots=True)
class CommentRecord:
    """The run that a comment tells of, and those before it."""

    now: Entry
    earlier: tuple[Entry, ...] = ()
    forgotten: int = 0
    """How many still earlier runs are no longer listed."""
    comment: int = 0
    """The id of the comment that it stands in; 0 in one that is just posted, until its first edit."""

    def followed_by(self, entry: Entry) -> CommentRecord:
        """Tell of ``entry`` from now on: the same rollout goes on, or another one becomes history."""
        if entry.id == self.now.id:
            return replace(self, now=entry)
        # Two runs may take turns on one comment.
        earlier = [each for each in (self.now, *self.earlier) if each.id != entry.id]
        return self._telling(entry, earlier)

    def joined_by(self, other: CommentRecord) -> CommentRecord:
        """Tell of what another comment of the same key tells, too; the newest runs first."""
        known = {each.id for each in (self.now, *self.earlier)}
        more = [each for each in (other.now, *other.earlier) if each.id not in known]
        # The time is written so that it sorts.
        earlier = sorted([*self.earlier, *more], key=lambda each: each.at, reverse=True)
        return self._telling(self.now, earlier)

    def _telling(self, now: Entry, earlier: Sequence[Entry]) -> CommentRecord:
        kept = tuple(earlier[:MOST_EARLIER])
        return replace(
            self, now=now, earlier=kept, forgotten=self.forgotten + len(earlier) - len(kept)
        )


@dataclass(frozen=True, slots=True)
class Key:
    """Whose comment it is: what is rolled out where, as 16 hex digits.

    ``loose`` leaves the AWS account out, which a run that failed early does not know.
    """

    exact: str
    loose: str

    @property
    def is_loose(self) -> bool:
        """Whether the account is not known."""
        return self.exact == self.loose


def key_of(
    functions: Iterable[str], alias: str, region: str, account: str, environment: str
) -> Key:
    """Make the key; ``account`` may be empty."""
    known = [sorted(functions), alias, region, environment]
    loose = _hash(known)
    return Key(_hash([*known, account]) if account else loose, loose)


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def hidden_line(key: Key, record: CommentRecord) -> str:
    """Write the record down as the first line of a comment."""
    known = asdict(record)
    if not record.comment:
        del known["comment"]
    told = json.dumps(known, ensure_ascii=False).encode("utf-8", "replace")
    packed = base64.b64encode(told).decode("ascii")
    return f"<!-- lambda-rollout 1 {key.exact} {key.loose} {packed} -->"


def all_own(
    comments: Iterable[tuple[int, str]], key: Key, posted: int | None = None, posting: str = ""
) -> list[tuple[int, str]]:
    """Return id and body of the comments of this key, in the order given; more than one are doubles.

    Ours is one whose record names it, the one that we ``posted``, and one that names none and tells first of the
    rollout that is ``posting``: the answer to that may be lost. Where one of two does not know its account, it may be
    the other's, if only one comment can be.
    """
    own, akin = [], []
    for id_, body in comments:
        theirs = _key_in(body)
        if theirs is None or not (id_ == posted or _names_itself(id_, body, posting)):
            continue
        if theirs.exact == key.exact:
            own.append((id_, body))
        elif theirs.loose == key.loose and (key.is_loose or theirs.is_loose):
            akin.append((id_, body))
    return own or (akin if len(akin) == 1 else [])


def _names_itself(id_: int, body: str, posting: str) -> bool:
    record = read_record(body)
    if record is None:
        return False
    return record.comment == id_ or (not record.comment and record.now.id == posting)


def _key_in(body: str) -> Key | None:
    found = _RECORD.match(body)
    return None if found is None else Key(found[1], found[2])


def read_record(body: str) -> CommentRecord | None:
    """Read a comment's record back; None if there is none, or somebody made it unreadable."""
    found = _RECORD.match(body)
    if found is None:
        return None
    try:
        told = json.loads(base64.b64decode(found[3], validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(told, Mapping):
        return None
    now = _entry(told.get("now"))
    if now is None:
        return None
    listed = told.get("earlier")
    earlier = [_entry(each) for each in listed] if isinstance(listed, list) else []
    known = tuple(each for each in earlier if each is not None)[:MOST_EARLIER]
    forgotten = _number(told.get("forgotten"), 1_000_000)
    return CommentRecord(now, known, forgotten, _number(told.get("comment"), 1 << 63))


def _number(told: object, end: int) -> int:
    return told if type(told) is int and 0 <= told < end else 0


def _entry(told: object) -> Entry | None:
    if not isinstance(told, Mapping):
        return None
    words = [told.get(name, "") for name in ("id", "mark", "headline", "at", "run", "attempt")]
    id_, mark, headline, at, run, attempt = (
        clean(word, _HEADLINE_LIMIT) if isinstance(word, str) else "" for word in words
    )
    return Entry(
        id_,
        mark[:4],
        headline,
        at[:30],
        run if _NUMBER.fullmatch(run) else "",
        attempt if _NUMBER.fullmatch(attempt) else "",
        told.get("over") is True,
    )
