"""Reading one alias, and when to believe that it is gone."""

from __future__ import annotations

from lambda_rollout.alias.calls import Aliases
from lambda_rollout.alias.routing import Alias, Target
from lambda_rollout.runtime.clock import Clock
from lambda_rollout.runtime.errors import NotFound, Unanswered, UnmarkedNotFound

MISSING_TWICE = 2.0
"""Seconds between two answers that there is no such alias, before it is believed: while we may have split it, one
word is not enough to give it up."""


class AliasReader:
    """Reads one alias, and believes that it is gone only when that is said twice in a row."""

    def __init__(
        self, target: Target, aliases: Aliases, clock: Clock, *, written: bool = True
    ) -> None:
        """Nothing is read yet. ``written`` says that the alias may have been written by this rollout.

        Before that the word of an endpoint of somebody's own counts, too, though it bears no marks of AWS's.
        """
        self._target = target
        self._aliases = aliases
        self._clock = clock
        self._believed = (NotFound,) if written else (NotFound, UnmarkedNotFound)
        self._missing_since: float | None = None

    def read(self) -> Alias:
        """GetAlias, one try. Raises `NotFound` if it said so `MISSING_TWICE` seconds before, too."""
        try:
            alias = self._aliases.read(self._target)
        except self._believed as error:
            now = self._clock.monotonic()
            if self._missing_since is None:
                self._missing_since = now
            kind = Unanswered if now - self._missing_since < MISSING_TWICE else NotFound
            raise kind(error.operation, error.code, error.message) from error
        self.is_there()
        return alias

    def is_there(self) -> None:
        """Take note that AWS has shown it, in answer to a read or a write: what was said before counts no more."""
        self._missing_since = None

    def read_or_gone(self) -> Alias | None:
        """GetAlias, one try; None if it is gone."""
        try:
            return self.read()
        except NotFound:
            return None
