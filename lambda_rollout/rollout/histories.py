"""Whose history is asked for next, and how fast: what an alarm did between two reads, only its history tells.

CloudWatch takes three DescribeAlarmHistory a second for an account and Region, and that cannot be raised
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html). A function that stops being
called lets all its alarms lose their data together. So a few are asked for by their names, and of more the whole
account's history is read, in pages, for the short time that it is about. Moments are monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from lambda_rollout.analysis.alarms import AlarmWatch, HistoryPage, Transition, with_history
from lambda_rollout.rollout.ports import Ports
from lambda_rollout.runtime.errors import AccessDenied, Busy, CallFailed, InvalidRequest
from lambda_rollout.runtime.retry import raise_if_stopped

CALL_EVERY = 0.35
"""Seconds between two calls to a Region: a little slower than its quota."""

AT_ONCE = 3
"""Calls that may be made at once after a rest. So many alarms are asked for by name, too: that takes no longer."""

BACK_OFF = 1.0
"""Seconds without a call after one too many: others use the quota, too."""

WINDOW_MARGIN = timedelta(minutes=1)
"""How much further back than needed the account's history is read, as what DescribeAlarms says may be that late."""

MARGIN_OF_ONE = timedelta(seconds=5)

FUTILE_FOR = 60.0
"""Seconds until the account's history is read again after it was too crowded, or could not be read."""

PATIENCE = 2
"""Failures in a row until the account's history is not read any more for now, and readings of it that left an alarm
without its history until that one is asked for by name as well."""

Watches = Mapping[str, AlarmWatch]
"""Alarms by their ARNs."""


@dataclass(slots=True)
class _Asked:
    """What was asked about one alarm."""

    known_at: float = -math.inf
    """When the newest read was sent up to which every change is known."""
    newest_at: float = -math.inf
    since: datetime | None = None
    """A moment on AWS's clock before the read at ``known_at``; None if that is not known, or nothing is open."""
    tried_at: float = -math.inf
    """When it was last asked for by its name."""
    misses: int = 0
    """How often the account's history did not have it."""


@dataclass(slots=True)
class _Window:
    """The account's history of some time, as far as its pages were read."""

    since: datetime
    arns: tuple[str, ...]
    changes: dict[str, list[Transition]] = field(default_factory=dict)
    """By the alarm's name."""
    token: str = ""
    others: int = 0

    @property
    def is_crowded(self) -> bool:
        """Whether others fill over a few pages; with many alarms of ours, over a page for each ten."""
        return self.others > max(300, 10 * len(self.arns))

    def add(self, page: HistoryPage) -> None:
        """Take one more page."""
        for name, changes in page.changes.items():
            self.changes.setdefault(name, []).extend(changes)
        self.token = page.next_token
        self.others += page.others


@dataclass(slots=True)
class _Region:
    """How fast a Region may be asked, and how."""

    calls: float = AT_ONCE
    """How many may be made at once."""
    filled_at: float = -math.inf
    not_before: float = -math.inf
    window: _Window | None = None
    window_at: float = -math.inf
    """From when on the account's history may be read again."""
    failures: int = 0
    """Of readings of the account's history, in a row."""
    is_denied: bool = False
    """Whether the account's history may not be read."""
    futile_until: float = -math.inf
    """Until when it is not worth while, as long as anything is open."""

    def turn_at(self, now: float) -> float:
        """Return when the next call may be made: now, or later."""
        passed = 0.0 if self.filled_at == -math.inf else now - self.filled_at
        self.calls = min(AT_ONCE, self.calls + passed / CALL_EVERY)
        self.filled_at = now
        return max(self.not_before, now + max(0.0, 1.0 - self.calls) * CALL_EVERY)


class Histories:
    """Asks for the histories of alarms, those first that waited longest, and no faster than AWS answers."""

    def __init__(self, ports: Ports, again: float, began_at: datetime) -> None:
        """``again``: seconds until what was not there yet is asked for once more.

        ``began_at`` is when the watch began, on AWS's clock: an alarm without a timestamp had never changed before.
        """
        self._alarms, self._clock, self._stop = ports.alarms, ports.clock, ports.stop
        self._again, self._began_at = again, began_at
        self._asked: dict[str, _Asked] = {}
        self._regions: dict[str, _Region] = {}

    def seen(self, watch: AlarmWatch, sent: float) -> None:
        """Take note of what a read that was ``sent`` then has made of an alarm."""
        of = self._of(watch)
        of.newest_at = sent
        if not watch.needs_history:
            self._asked[watch.newest.arn] = _Asked(known_at=sent, newest_at=sent)
        elif of.since is None and of.known_at > -math.inf and watch.newest.transitioned_at:
            # The change is past, and so long ago, at most, is the read before it: the runner's clock has no say.
            passed = timedelta(seconds=self._clock.monotonic() - of.known_at)
            of.since = watch.newest.transitioned_at - passed - WINDOW_MARGIN

    def next_at(self, watches: Watches) -> float:
        """Return when something is to be asked, which may be now; infinity if nothing is open."""
        now = self._clock.monotonic()
        turns = (
            max(self._regions[region].turn_at(now), self._next(region, gaps)[0])
            for region, gaps in self._open(watches).items()
        )
        return min(turns, default=math.inf)

    def ask(self, watches: Watches) -> Watches:
        """Make one call, if it is time, and return the alarms of which more is known by it.

        There may be none, as history lags and calls fail. Raises `Cancelled` on stop.
        """
        now = self._clock.monotonic()
        for region, gaps in self._open(watches).items():
            due_at, ask = self._next(region, gaps)
            if now >= max(due_at, self._regions[region].turn_at(now)):
                raise_if_stopped(self._stop)
                return ask(watches)
        return {}

    def _of(self, watch: AlarmWatch) -> _Asked:
        return self._asked.setdefault(watch.newest.arn, _Asked())

    def _open(self, watches: Watches) -> Mapping[str, Sequence[AlarmWatch]]:
        """Return the alarms that need their history, by Region."""
        gaps: dict[str, list[AlarmWatch]] = {}
        for watch in watches.values():
            if watch.needs_history:
                gaps.setdefault(watch.newest.region, []).append(watch)
        for name, region in self._regions.items():
            if name not in gaps:
                region.window, region.futile_until = None, -math.inf
        for name in gaps:
            self._regions.setdefault(name, _Region())
        return gaps

    def _next(
        self, name: str, gaps: Sequence[AlarmWatch]
    ) -> tuple[float, Callable[[Watches], Watches]]:
        """Return what to ask a Region next, and from when on."""
        region = self._regions[name]
        dated = [watch for watch in gaps if self._of(watch).since is not None]
        futile = region.is_denied or self._clock.monotonic() < region.futile_until
        together = len(dated) > AT_ONCE and not futile
        ask_all = partial(self._ask_for_all, region, dated)
        if region.window is not None:
            return -math.inf, ask_all
        by_name = gaps
        if together:
            by_name = [
                watch
                for watch in gaps
                if self._of(watch).since is None or self._of(watch).misses >= PATIENCE
            ]
        at = min((self._of(watch).tried_at + self._again for watch in by_name), default=math.inf)
        if together and region.window_at <= max(at, self._clock.monotonic()):
            return region.window_at, ask_all
        first = min(by_name, key=lambda watch: self._of(watch).tried_at)
        return at, partial(self._ask_by_name, region, first)

    # One by its name -----------------------------------------------------------------------------

    def _ask_by_name(self, region: _Region, watch: AlarmWatch, _: Watches) -> Watches:
        of = self._of(watch)
        before, of.tried_at = of.tried_at, self._clock.monotonic()
        if watch.asked_at is None:
            watch = replace(watch, asked_at=of.tried_at)
        try:
            changes = self._all_pages(region, watch)
        except Busy:
            of.tried_at = before
            self._back_off(region)
            return {}
        except CallFailed:
            # Asked again a little later; what is not known by the step's end counts as fired.
            return {watch.newest.arn: watch}
        return self._noted([with_history(watch, changes)])

    def _all_pages(self, region: _Region, watch: AlarmWatch) -> Sequence[Transition]:
        since = (watch.history_known.transitioned_at or self._began_at) - MARGIN_OF_ONE
        changes: list[Transition] = []
        token = ""
        while True:
            region.calls -= 1.0
            page = self._alarms.history((watch.newest,), since, token)
            changes += page.changes.get(watch.newest.name, ())
            token = page.next_token
            if not token:
                return changes
            raise_if_stopped(self._stop)

    # All of a Region -----------------------------------------------------------------------------

    def _ask_for_all(
        self, region: _Region, gaps: Sequence[AlarmWatch], watches: Watches
    ) -> Watches:
        window = region.window = region.window or self._window(gaps)
        named = [watches[arn].newest for arn in window.arns if arn in watches]
        region.calls -= 1.0
        try:
            page = self._alarms.history(named, window.since, window.token)
        except Busy:
            self._back_off(region)
            return {}
        except CallFailed as error:
            self._give_up(region, error)
            return {}
        window.add(page)
        after = [
            with_history(watch, window.changes.get(watch.newest.name, ()), chained=True)
            for watch in gaps
            if watch.newest.arn in window.arns
        ]
        self._go_on(region, window, [watch for watch in after if watch.needs_history])
        return self._noted(after)

    def _window(self, gaps: Sequence[AlarmWatch]) -> _Window:
        since = min(since for watch in gaps if (since := self._of(watch).since) is not None)
        return _Window(since, tuple(watch.newest.arn for watch in gaps))

    def _go_on(self, region: _Region, window: _Window, left: Sequence[AlarmWatch]) -> None:
        """End the window if all is known, it is read, or it is full of others."""
        region.failures = 0
        if not left or not window.token:
            region.window, region.window_at = None, self._clock.monotonic() + self._again
            for watch in left:
                self._of(watch).misses += 1
        elif window.is_crowded:
            region.window, region.futile_until = None, self._clock.monotonic() + FUTILE_FOR

    def _give_up(self, region: _Region, error: CallFailed) -> None:
        first = region.window is None or not region.window.token
        region.window = None
        region.failures += 1
        if first and isinstance(error, AccessDenied | InvalidRequest):
            region.is_denied = True
        elif region.failures >= PATIENCE:
            region.futile_until = self._clock.monotonic() + FUTILE_FOR

    def _back_off(self, region: _Region) -> None:
        region.not_before = self._clock.monotonic() + BACK_OFF

    def _noted(self, after: Iterable[AlarmWatch]) -> Watches:
        """Take note of those of which all is known now: up to their newest read."""
        known = {watch.newest.arn: watch for watch in after}
        for arn, watch in known.items():
            if not watch.needs_history:
                read_at = self._of(watch).newest_at
                self._asked[arn] = _Asked(known_at=read_at, newest_at=read_at)
        return known
