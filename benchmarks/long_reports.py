"""The reports of a long rollout, all of them made as the action makes them, and what they come to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import github  # noqa: F401 - the comment needs it, and it takes memory

import lambda_rollout.app  # noqa: F401 - as the action does
from lambda_rollout.aws.clients import Clients
from lambda_rollout.github.comment.feed import CommentFeed, CommentOwner
from lambda_rollout.github.comment.thread import EditPace
from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key
from lambda_rollout.runtime.clock import Stop
from tests.support.job import Job
from tests.support.long_rollout import LongRollout

KEY = Key("1" * 16, "2" * 16)


@dataclass
class ToldClock:
    """The time of the rollout that is told."""

    story: LongRollout

    def now(self) -> datetime:
        return self.story.now

    def monotonic(self) -> float:
        return self.story.now.timestamp()

    def wait(self, _seconds: float, _stop: Stop | None) -> None:
        raise AssertionError("no report waits")


class Counting(io.TextIOBase):
    """A log of which only the length is kept."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, text: str, /) -> int:
        self.size += len(text.encode())
        return len(text)


class Shown:
    """Stands for the comment's thread: writes what that would send, as often as it would."""

    def __init__(self) -> None:
        self.pages = self.edits = 0
        self._next_at = datetime.min.replace(tzinfo=UTC)
        self.longest = 0
        self.newest = ""
        self.told = None
        self.why_not = ""

    def show(self, page: object) -> None:
        self.pages += 1
        if page.at < self._next_at and not page.over:  # type: ignore[attr-defined]
            return
        self._next_at = page.at + timedelta(seconds=EditPace().every)  # type: ignore[attr-defined]
        self.edits += 1
        now = Entry.of("1" * 8, page.mark, page.headline, page.at, page.run, over=page.over)  # type: ignore[attr-defined]
        self.newest = page.write(KEY, CommentRecord(now, comment=1))  # type: ignore[attr-defined]
        self.longest = max(self.longest, len(self.newest))

    def finish(self, seconds: float) -> None:
        """All is shown already."""

    def notes(self) -> tuple[str, ...]:
        return ()


class Reports:
    """A job in a folder, whose reports are made of a long rollout."""

    def __init__(self, folder: Path) -> None:
        self._job = Job(folder)
        self.shown = Shown()
        self.log = Counting()

    def play(self, functions: int, alarms: int, hours: float) -> Mapping[str, int]:
        """Tell it all, and return the figures."""
        session = boto3.Session("AKIDEXAMPLE", "example", region_name="eu-central-1")
        clients = Clients(session, "eu-central-1")
        made = (clients.lambda_, clients.cloudwatch("eu-central-1"), clients.sts)
        story = LongRollout(functions, alarms, hours)
        clock = ToldClock(story)
        runner = Runner(self._job.environ, Lines(self.log))
        journal = Journal(runner, clock)
        names = tuple(target.function for target in story.targets)
        owner = CommentOwner(names, "live", str, key=KEY)
        feed = CommentFeed(self.shown, owner, runner, clock)  # type: ignore[arg-type]
        journal.also_tell("comment", feed.emit)
        events = 0
        for event in story.events():
            journal.emit(event)
            events += 1
        journal.finish()
        assert len(made) == 3
        return {
            "events": events,
            "kept": len(journal.events),
            "log": self.log.size,
            "report": Path(self._job.outputs["report"]).stat().st_size,
            "summary": len(self._job.summary.encode()),
            "comment": self.shown.longest,
            "edits": self.shown.edits,
        }
