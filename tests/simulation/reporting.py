"""What one process tells on its pull request: the real journal, feed and comment, on the simulated clock.

To AWS's side a process is over when its story is. What it still says to GitHub then goes on aside, so that
GitHub cannot even change when the next process begins; a post stage speaks only once main has really ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from lambda_rollout.github.comment import STATE
from lambda_rollout.github.comment.feed import CommentFeed
from lambda_rollout.github.comment.setup import feed_for, feed_of_post_stage, patience
from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.inputs.choices import Comment
from lambda_rollout.rollout.events import Event, Finished
from lambda_rollout.runtime.clock import Clock, Stop
from tests.simulation import rules_comment as commented
from tests.simulation.github import DOMAIN, NUMBER, SHA, TOKEN, SimGitHub
from tests.simulation.observer import Actor, Observer
from tests.simulation.rules_comment import Teller
from tests.simulation.scheduler import FOREVER, Process, Scheduler


@dataclass(frozen=True)
class SimRunner(Runner):
    """A runner whose files are not written."""

    saved: dict[str, str] = field(default_factory=dict)

    def save_state(self, values: Mapping[str, str]) -> str:
        """See `Runner.save_state`."""
        self.saved.update(values)
        return ""


class TurnAside:
    """`lambda_rollout.runtime.background.Background` that takes turns."""

    def __init__(self, scheduler: Scheduler, actor: Actor, gate: Callable[[], bool]) -> None:
        self.process: Process | None = None
        self._turns = scheduler
        self._actor = actor
        self._gate = gate
        self._woken = False

    def start(self, body: Callable[[], None]) -> None:
        """See `Background.start`."""

        def begin() -> None:
            self.pass_gate()
            body()

        name, parent = f"{self._actor.name}.comment", self._actor.process
        self.process = self._turns.start(name, begin, parent, aside=True)

    def pass_gate(self) -> None:
        """Wait until this process may speak at all."""
        if not self._gate():
            self._turns.clock.advance(FOREVER, self._gate)

    def rest(self, seconds: float | None) -> None:
        """See `Background.rest`."""
        if not self._woken:
            longest = FOREVER if seconds is None else max(0.0, seconds) + 1e-5
            self._turns.clock.advance(longest, lambda: self._woken)
        self._woken = False

    def wake(self) -> None:
        """See `Background.wake`."""
        self._woken = True

    def join(self, seconds: float) -> bool:
        """See `Background.join`."""
        process = self.process
        return process is None or self._turns.join(process, seconds)


class Telling:
    """One process's comment, from its first event to its exit."""

    def __init__(
        self, hub: SimGitHub, observer: Observer, actor: Actor, stop: Stop, clock: Clock
    ) -> None:
        self.teller = Teller(actor)
        self.end: Process | None = None
        """What goes on after the story."""
        self._hub = hub
        self._witness = observer
        self._stop = stop
        self._clock = clock
        self._feed: CommentFeed | None = None
        self.saved: dict[str, str] = {}

    def open(self, before: Telling | None, gate: Callable[[], bool]) -> None:
        """Build the feed, as `lambda_rollout.app` does.

        ``before``: main's, for a post stage; ``gate``: whether this process may speak already.
        """
        actor, drawn = self.teller.actor, self._hub.drawn
        run = actor.spec.run
        if drawn.pull == "off" or not run.repository:
            return
        environ = {
            "GITHUB_API_URL": f"http://{actor.name}{DOMAIN}",
            "GITHUB_SERVER_URL": run.server_url,
            "GITHUB_REPOSITORY": run.repository,
            "GITHUB_RUN_ID": run.run_id,
            "GITHUB_RUN_ATTEMPT": run.attempt,
            "GITHUB_SHA": SHA,
            "INPUT_GITHUB-TOKEN": TOKEN,
        }
        if before is not None and STATE in before.saved:
            environ[f"STATE_{STATE}"] = before.saved[STATE]
        runner = SimRunner(environ, Lines(cast("Any", _Nowhere())), saved=self.saved)
        self._aside = TurnAside(self._hub.scheduler, actor, gate)
        if before is not None:
            self._feed = feed_of_post_stage(runner, self._clock, self._aside)
            self._witness.seen["post with a comment"] += self._feed is not None
        else:
            inputs: Any = SimpleNamespace(
                comment=Comment.AUTO,
                pr_number=NUMBER if drawn.pull == "number" else None,
                github_token=TOKEN,
                targets=actor.spec.inputs.targets,
                alias="live",
                on_cancel=actor.spec.inputs.on_cancel,
            )
            self._feed = feed_for(inputs, runner, self._clock, self._aside)
        if self._feed is None:
            return
        self._journal = Journal(runner, self._clock)
        self._journal._log = cast("Any", _Nowhere())
        self._journal.also_tell("comment", self._feed.emit)

    def emit(self, event: Event) -> None:
        """Take an event, as the journal does."""
        self._witness.told(self.teller.actor, event)
        if self._feed is not None:
            self._journal.emit(event)

    def play(self, tell: Callable[[], Finished]) -> None:
        """Play the story; what follows it goes on aside."""
        tell()
        self.teller.over_at = self._hub.now
        if self._feed is not None:
            name = f"{self.teller.actor.name}.end"
            self.end = self._hub.scheduler.start(name, partial(self._end, self._feed), aside=True)
            if self._hub.drawn.killed_after is not None and self.teller.actor.role == "main":
                self._hub.scheduler.start(f"{name}.killed", self._killed, aside=True)

    def _end(self, feed: CommentFeed) -> None:
        self._aside.pass_gate()
        teller = self.teller
        teller.ending_at = self._hub.now
        feed.finish(patience(self._stop))
        thread = self._aside.process
        teller.exited_at = self._hub.now
        teller.in_time = thread is None or thread.dead
        teller.given_up = bool(feed._live.why_not)
        commented.exited(self._witness, self._hub, teller)
        if thread is not None:
            # A daemon.
            self._hub.scheduler.kill(thread)

    def _killed(self) -> None:
        self._hub.scheduler.clock.advance(self._hub.drawn.killed_after or 0.0)
        assert self.end is not None
        if not self.end.dead:
            self._witness.seen["github killed before its last word"] += 1
            for each in (self.end, self._aside.process):
                if each is not None:
                    self._hub.scheduler.kill(each)

    @property
    def silent(self) -> bool:
        """Whether nothing comes from this process any more."""
        actor = self.teller.actor
        over = actor.process is None or actor.process.dead or actor.process.killed
        return over and (self.end is None or self.end.dead)


class _Nowhere:
    def write(self, _text: str) -> None:
        """Nobody reads it."""

    def flush(self) -> None:
        """Nothing is kept."""

    def tell(self, _event: Event) -> None:
        """Nobody reads it."""
