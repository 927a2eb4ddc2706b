"""The values that a function's log is read into. All texts are the function's own: hostile until escaped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Source(StrEnum):
    """Who told of an error; of two about one invocation the one that stands first here is nearer to the cause."""

    EXCEPTION = "exception"
    """The function or its runtime: an exception with its type."""
    LIMIT = "limit"
    """Lambda: no time left, no memory left."""
    EXIT = "exit"
    """Lambda: the process ended. Often what follows from one of the above."""
    STATUS = "status"
    """Lambda, in the line that ends an invocation: it failed, and not why."""
    LOGGED = "logged"
    """The function: a line at the level of an error, without an exception. Whether it failed by it is not known."""

    @property
    def distance(self) -> int:
        """How far it is from the cause."""
        return list(Source).index(self)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event of CloudWatch Logs."""

    at: datetime
    stream: str
    """The log stream, one for each execution environment."""
    message: str


@dataclass(frozen=True, slots=True)
class LoggedError:
    """One error, as an entry tells it."""

    kind: str
    """The exception's type, or AWS's word such as ``Runtime.ExitError``; empty for a line at the level of an error."""
    message: str
    """The first line of what it says, cut."""
    where: str = ""
    """File and line in the function's own code, ``app.py:5``; empty where the entry does not tell."""
    request_id: str = ""
    """The invocation, a UUID; empty where the entry does not tell."""
    source: Source = Source.EXCEPTION


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Errors that are alike but for numbers, ids and the like."""

    kind: str
    """As in `LoggedError`."""
    message: str
    """What the first of them says; empty where messages are not to be shown."""
    where: str
    """Where the first of them came from; empty where messages are not to be shown."""
    count: int
    """How many invocations told of it (entries, where those do not name their invocation)."""
    first: datetime
    last: datetime
    request_id: str
    """One of the invocations, or empty."""
    stream: str
    """The log stream of the first of them."""
