"""Who split this alias, and is it still alive: the record in the alias's Description.

The record is written in the same UpdateAlias as the weight, so the two can never disagree, and no
second store is needed. Pure: every function here works on values.

Limits: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html (Description: 256 characters).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from lambda_rollout.alias.routing import Alias, Routing

LEASE = timedelta(minutes=10)
"""How long a record speaks for its writer without being renewed, on AWS's clock."""

LEASE_IN_DOUBT = timedelta(minutes=15)
"""The same, on the runner's clock, where AWS's is not believed: that one may be 5 minutes slow."""

RENEW_AFTER = timedelta(minutes=3)
"""How often a live rollout renews it."""

RENEW_IN_DOUBT = timedelta(minutes=1)
"""The same, where AWS's clock is not believed: should this machine's be slower than we can know, others see the
record as over too soon."""

PASSED = datetime(1970, 1, 1, tzinfo=UTC)
"""As ``until``: every step has passed, only the records are still to be cleared. No lease ends then, and whoever
finds it may finish at once what the writer began."""

DESCRIPTION_LIMIT = 256

_ONE_UNIT = 0xFFFF
"""The last code point that UTF-16 writes as one group."""

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
"""A moment in UTC, to the second, as a pattern."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"

_RECORD = re.compile(
    r"(?:(?<= )|^)\[lambda-rollout (?P<old>[1-9][0-9]*)>(?P<new>[1-9][0-9]*)"
    r" run (?:local|(?P<run>[0-9]+)/(?P<attempt>[0-9]+) of (?P<repository>[0-9a-f]{6}))"
    r" id (?P<id>[0-9a-f]{8})"
    rf"(?: since (?P<since>{TIME}))?"
    rf" (?:until (?P<until>{TIME})|held)(?P<request> promote)?\]\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Record:
    """Who is at work on an alias. ``until`` is None for a held rollout."""

    old: str
    new: str
    rollout_id: str
    """Eight random hex digits: two jobs of one run are two owners."""
    until: datetime | None
    run: str = ""
    attempt: str = ""
    repository: str = ""
    """Six hex digits of the repository's hash; with ``run`` and ``attempt`` empty outside GitHub."""
    since: datetime | None = None
    """When the present weight was first written, on AWS's clock; None in a record that does not say."""
    requested: bool = False
    """Whether somebody asks its run to go on early (``mode: promote``). It means nothing to anybody else."""

    @property
    def without_request(self) -> Record:
        """The same record, with nobody asking for anything."""
        return replace(self, requested=False)

    @property
    def passed(self) -> bool:
        """Whether every step of a rollout of several functions had passed: none of them goes back any more."""
        return self.until == PASSED

    @property
    def held(self) -> bool:
        """Whether it was left split on purpose."""
        return self.until is None

    def expired(self, now: datetime | None) -> bool:
        """Whether its time is over, at ``now`` on AWS's clock; never for a held one.

        None if that is not known: then it is over only where every step had passed, whatever the time.
        """
        if now is None:
            return self.passed
        return self.until is not None and now >= self.until

    def __str__(self) -> str:
        """Return the text that stands in the Description."""
        run = f"{self.run}/{self.attempt} of {self.repository}" if self.run else "local"
        since = f" since {self.since:{TIME_FORMAT}}" if self.since else ""
        until = f"until {self.until:{TIME_FORMAT}}" if self.until else "held"
        request = " promote" if self.requested else ""
        return f"[lambda-rollout {self.old}>{self.new} run {run} id {self.rollout_id}{since} {until}{request}]"


def repository_hash(repository: str) -> str:
    """Return the six hex digits that stand for ``owner/name`` in a record."""
    return hashlib.sha256(repository.encode()).hexdigest()[:6]


def parse(description: str) -> tuple[str, Record | None]:
    """Split a Description into its owner's text and the record at its end.

    Strict: what only looks alike, or stands anywhere but at the end, is the owner's text.
    """
    match = _RECORD.search(description)
    if match is None:
        return description, None
    try:
        since = read_moment(match["since"]) if match["since"] else None
        until = read_moment(match["until"]) if match["until"] else None
    except ValueError:
        return description, None
    if match["old"] == match["new"]:
        return description, None
    record = Record(
        old=match["old"],
        new=match["new"],
        rollout_id=match["id"],
        until=until,
        run=match["run"] or "",
        attempt=match["attempt"] or "",
        repository=match["repository"] or "",
        since=since,
        requested=bool(match["request"]),
    )
    return description[: match.start()].removesuffix(" "), record


def read_moment(text: str) -> datetime:
    """Read a moment as `TIME` has it. Raises ValueError if there is no such day or hour."""
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)


def owners_text(description: str) -> str:
    """Return the Description without any record at its end, however many there are.

    A record left behind by somebody who reset the routing alone must not be carried along as text: once the
    alias is 100% on the version that it names, it would read as an unfinished rollout.
    """
    text, record = parse(description)
    while record is not None:
        text, record = parse(text)
    return text


def compose(text: str, record: Record | None) -> str:
    """Join the owner's text and the record; the text is cut to make room, the record never.

    Without a record it is the text as it was: AWS has had it before, whatever it counts.
    """
    return text if record is None else join(text, str(record))


def join(text: str, mark: str) -> str:
    """Put a mark of ours at the end of the owner's text, which is cut to make room."""
    room = DESCRIPTION_LIMIT - len(mark) - 1
    kept = _cut(text, room)
    return f"{kept} {mark}" if kept else mark


def with_request(description: str) -> str:
    """Return a Description that has a record with the word that asks its run to go on early; others as they are.

    The text may lose a few more characters to it.
    """
    text, record = parse(description)
    return description if record is None else compose(text, replace(record, requested=True))


def is_cut_of(description: str, text: str) -> bool:
    """Whether a Description with a record holds this text, whole or cut to make room for that record.

    A request may have stood there as well, and was taken off without the characters that it had cost.
    """
    kept, record = parse(description)
    if record is None:
        return False
    forms = (record, replace(record, requested=True))
    return any(kept == parse(compose(text, each))[0] for each in forms)


def was_cut(description: str) -> bool:
    """Whether the owner's text in a Description with a record may have lost its end to the record.

    A cut leaves no room, or room for half of an emoji. A text that just fits looks the same.
    """
    text, record = parse(description)
    return bool(text and record) and _units(description) >= DESCRIPTION_LIMIT - 1


def _cut(text: str, units: int) -> str:
    """Cut to ``units`` UTF-16 code units: AWS counts as Java does, where an emoji is two (unconfirmed).

    Should it count characters instead, that is never too long either.
    """
    used = 0
    for index, character in enumerate(text):
        used += _units(character)
        if used > units:
            return text[:index]
    return text


def _units(text: str) -> int:
    return sum(2 if ord(character) > _ONE_UNIT else 1 for character in text)


class RunStatus(Enum):
    """What GitHub says about the run that wrote a record."""

    OVER = auto()
    IN_PROGRESS = auto()
    UNKNOWN = auto()
    """No token, 403, 404, another repository, no answer."""


class Ownership(Enum):
    """Whose doing an alias's present state is."""

    NOBODYS = auto()
    """Whole, and no rollout is under way: free to be moved."""
    ALIVE = auto()
    """Another run of this action is at work."""
    DEAD = auto()
    """A run of this action died: split, or 100% on its new version and never confirmed."""
    HELD = auto()
    """Left where it is on purpose."""
    AWS = auto()
    """AWS's own temporary weights while provisioned concurrency moves to another version."""
    STRANGERS = auto()
    """Split by somebody who left no record."""


def agrees(record: Record, routing: Routing) -> bool:
    """Whether a record can have been written together with this routing.

    Either the split of its two versions, or 100% on the new one. (The weight for the old one that AWS adds while
    provisioned concurrency moves is no part of a routing: `Alias.moving`.)
    """
    if routing.version == record.old:
        return set(routing.weights) == {record.new}
    return routing == Routing.all_on(record.new)


def weight_since(alias: Alias, routing: Routing, now: datetime) -> datetime:
    """Return since when an alias has a routing, by the record under which it was written.

    That is ``now``, on AWS's clock, if the routing is another, or if no record tells.
    """
    _, record = parse(alias.description)
    if record is None or record.since is None or alias.routing != routing:
        return now
    return record.since if agrees(record, routing) else now


def ownership_of(alias: Alias, now: datetime | None, status: RunStatus) -> Ownership:
    """Decide whose doing the state of an alias is.

    ``now`` is AWS's clock, never the runner's, and None if it is not believed: then only ``word`` ends a lease. It
    can end one early but never prolong it: other jobs keep a run in progress long after the one that wrote the
    record is dead.
    """
    _, record = parse(alias.description)
    if record is None or not agrees(record, alias.routing):
        if alias.moving is not None:
            # One that failed stays as it is until somebody does something about it.
            return Ownership.STRANGERS if alias.moving.failed else Ownership.AWS
        return Ownership.NOBODYS if alias.routing.is_unsplit else Ownership.STRANGERS
    if alias.moving is not None and set(alias.moving.weights) != {record.old}:
        return Ownership.STRANGERS
    if record.held:
        return Ownership.HELD
    if status is RunStatus.OVER or record.expired(now):
        return Ownership.DEAD
    return Ownership.ALIVE
