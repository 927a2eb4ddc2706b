"""What GitHub's refusals mean for a comment: over for good, or later again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto

from lambda_rollout.inputs.durations import readable_duration

SECONDARY_PAUSE = 60.0
"""Seconds to wait after a secondary rate limit that names no time.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""


class Lasts(Enum):
    """How long a trouble lasts."""

    NOW = auto()
    """It may be over at the next try."""
    THIS_TEXT = auto()
    """For this text; another one may be taken."""
    THIS_COMMENT = auto()
    """The comment is gone; another one may be posted."""
    FOR_GOOD = auto()
    """Nothing that this job does can end it."""


class Trouble(Exception):
    """GitHub did not do it, or did not say so. ``what`` is one line for people."""

    def __init__(self, what: str, lasts: Lasts = Lasts.NOW, pause: float = 0.0) -> None:
        """``pause``: seconds that GitHub asked to be left alone."""
        super().__init__(what)
        self.what = what
        self.lasts = lasts
        self.pause = pause


class NotThere(Trouble):
    """A 404: it does not exist, or the token may not know that it does."""

    def __init__(self) -> None:
        """Say both."""
        super().__init__("it was not found, or the token may not see it (404)", Lasts.FOR_GOOD)


class UntilReset(Trouble):
    """The rate limit is used up; ``reset`` is when it is renewed, in seconds since 1970."""

    def __init__(self, what: str, reset: float, said_at: float | None = None) -> None:
        """``said_at``: when GitHub said so, by its own clock; None if it did not tell."""
        super().__init__(what, Lasts.NOW, SECONDARY_PAUSE)
        self.reset = reset
        self.said_at = said_at


def trouble_of_status(status: int, message: str, headers: Mapping[str, str]) -> Trouble:
    """Tell what an HTTP status of GitHub means. Header names may be in any case.

    https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
    """
    named = {name.lower(): value for name, value in headers.items()}
    # GraphQL says it with a 200, of which PyGithub makes a 400.
    if status in (400, 403, 429):
        limited = _limited(status, message, named)
        if limited is not None:
            return limited
    match status:
        case 401:
            return Trouble("the token is not valid, or no longer valid (401)", Lasts.FOR_GOOD)
        case 403 if "locked" in message.lower():
            return Trouble("the conversation is locked (403)", Lasts.FOR_GOOD)
        case 403:
            return Trouble(
                "the token may not write comments (403): give the job `pull-requests: write`; "
                "a run for a fork or for Dependabot never may",
                Lasts.FOR_GOOD,
            )
        case 404:
            return NotThere()
        case 410:
            return Trouble("comments are disabled there (410)", Lasts.FOR_GOOD)
        case 400 | 413 | 422:
            return Trouble(f"GitHub did not accept the text ({status})", Lasts.THIS_TEXT)
        case _:
            return Trouble(f"GitHub answered {status}")


def _limited(status: int, message: str, headers: Mapping[str, str]) -> Trouble | None:
    after = _number(headers.get("retry-after", ""))
    if after is not None:
        return Trouble(
            f"GitHub asked to wait {readable_duration(timedelta(seconds=after))} ({status})",
            pause=after,
        )
    reset = _number(headers.get("x-ratelimit-reset", ""))
    if headers.get("x-ratelimit-remaining") == "0" and reset is not None:
        said_at = _moment(headers.get("date", ""))
        return UntilReset(f"the token's rate limit is used up ({status})", reset, said_at)
    if status == 429 or "rate limit" in message.lower():
        return Trouble(f"GitHub asked to slow down ({status})", pause=SECONDARY_PAUSE)
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e12 else None


def _moment(text: str) -> float | None:
    """Read a ``Date`` header: the runner's clock may be minutes off."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
