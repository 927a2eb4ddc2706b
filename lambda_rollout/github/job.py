"""One job, as every stage of the action meets it: the runner's side, the record, the clock and the stop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lambda_rollout.github.comment.feed import CommentFeed
    from lambda_rollout.github.journal import Journal
    from lambda_rollout.github.runner import Runner
    from lambda_rollout.runtime.clock import Clock, Stop


class JobContext:
    """What every stage works at.

    The record brings all events and reports along, and the comment GitHub's side: they are made when there is first
    something to tell, which is after AWS was asked the first question. May be used from several threads.
    """

    def __init__(
        self, environ: Mapping[str, str], runner: Runner, clock: Clock, stop: Stop
    ) -> None:
        """Nothing is told yet."""
        self.environ = environ
        self.runner = runner
        self.clock = clock
        self.stop = stop
        self.make_feed: Callable[[], CommentFeed | None] = lambda: None
        """Makes what shows the record in a comment as well; None where there is none."""
        self.feed: CommentFeed | None = None
        """What `make_feed` made."""
        self._journal: Journal | None = None
        self._making = threading.RLock()

    @property
    def journal(self) -> Journal:
        """The record of this run. Raises what `make_feed` raises, once: the record goes on without a comment."""
        with self._making:
            if self._journal is None:
                from lambda_rollout.github.journal import Journal

                self._journal = Journal(self.runner, self.clock)
                self.feed = self.make_feed()
                if self.feed is not None:
                    self._journal.also_tell("comment", self.feed.emit)
            return self._journal
