"""When a metric alarm is looked at, and what it then sees.

An alarm is looked at every `step` seconds, at whole multiples of it, for as long as there is data
in its evaluation range. Once the range is empty nothing can change until a datapoint comes or
somebody sets its state, so it is not looked at before: an idle hour costs nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sandbox.aws.cloudwatch.alarm import Alarm, Criteria
from sandbox.aws.cloudwatch.evaluation import EXTRA_PERIODS, decide
from sandbox.aws.cloudwatch.metrics import MetricKey, MetricStore
from sandbox.aws.cloudwatch.reason import Window, state_reason, state_reason_data

Schedule = Callable[[datetime, Callable[[], None]], None]
SetState = Callable[[Alarm, str, str, str | None], None]


class Clock(Protocol):
    """What is needed of a clock."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""


class Watch:
    """The metric alarms of one Region on the world's timeline.

    `delay` is how long after its timestamp a datapoint can be seen: an alarm sees the world as it
    was that long ago, so a whole period at a time.
    """

    def __init__(
        self, clock: Clock, schedule: Schedule, store: MetricStore, set_state: SetState
    ) -> None:
        self.delay = timedelta(0)
        self._clock = clock
        self._schedule = schedule
        self._store = store
        self._set_state = set_state
        self._watchers: dict[MetricKey, list[Alarm]] = {}

    def add(self, alarm: Alarm) -> None:
        for key in _criteria(alarm).query.keys:
            self._watchers.setdefault(key, []).append(alarm)
        self.wake(alarm)

    def remove(self, alarm: Alarm) -> None:
        alarm.next_look = None
        for key in _criteria(alarm).query.keys:
            self._watchers[key] = [each for each in self._watchers[key] if each is not alarm]

    def new_data(self, key: MetricKey) -> None:
        for alarm in self._watchers.get(key, ()):
            self.wake(alarm)

    def wake(self, alarm: Alarm) -> None:
        """Look at `alarm` at the next multiple of its step, and on from there."""
        if alarm.next_look is None:
            step = _criteria(alarm).step
            seen = (self._clock.now() - self.delay).timestamp()
            self._look_at(alarm, seen // step * step + step)

    def _look_at(self, alarm: Alarm, end: float) -> None:
        alarm.next_look = end
        at = datetime.fromtimestamp(end, UTC) + self.delay
        self._schedule(at, lambda: self._look(alarm, end))

    def _look(self, alarm: Alarm, end: float) -> None:
        if alarm.next_look != end:
            return  # Deleted or put anew since this was planned.
        criteria = _criteria(alarm)
        periods = criteria.n + EXTRA_PERIODS
        if alarm.evaluation_state in (None, "PARTIAL_DATA"):
            self._evaluate(alarm, criteria, _windows(criteria, self._store, end, periods))
        stamps = [self._store.latest(key) for key in criteria.query.keys]
        latest = max((at for at in stamps if at is not None), default=None)
        if latest is None or latest < end - periods * criteria.period:
            alarm.next_look = None
        else:
            self._look_at(alarm, end + criteria.step)

    def _evaluate(self, alarm: Alarm, criteria: Criteria, windows: list[Window]) -> None:
        points = [
            None if window.value is None else criteria.breaching(window.value) for window in windows
        ]
        decision = decide(points, criteria.n, criteria.m, criteria.treat_missing_data)
        if decision.state is None or decision.state == alarm.value:
            return
        reason = state_reason(decision.state, criteria, windows, decision)
        now = self._clock.now()
        data = state_reason_data(criteria, windows, decision, now, self._store)
        self._set_state(alarm, decision.state, reason, data)


def _windows(criteria: Criteria, store: MetricStore, end: float, periods: int) -> list[Window]:
    """The evaluation range, oldest first.

    Periods that cannot count any more, beyond the newest N that have data, are not read.
    """
    windows: list[Window] = []
    unread = criteria.n
    for back in range(1, periods + 1):
        start = end - back * criteria.period
        value = criteria.query.value(store, start, start + criteria.period) if unread else None
        unread -= value is not None
        windows.append(Window(start, value))
    windows.reverse()
    return windows


def _criteria(alarm: Alarm) -> Criteria:
    if not isinstance(alarm.watches, Criteria):
        raise TypeError(alarm.type)
    return alarm.watches
