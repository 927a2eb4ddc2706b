"""Which events the report keeps: all that happens only so often, and of what repeats itself the first and the newest.

Six hours of two hundred alarms that flap are some seventy thousand events. A report of all of them is of no use to
anybody, and neither memory nor a disk has to hold it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import replace

from lambda_rollout.report.json_report import kebab
from lambda_rollout.rollout import events as e

MOST_REPEATED = 2000
"""Units of repeated events that are kept: an event is one, and one more for each four minutes of metrics in it. That is
some 2 MB of report; six hours of one function have half of it."""

MOST_READINGS = 4000
"""Readings of alarms at the ends of steps; of more, those of steps in between that were OK are left out."""

_MINUTES_A_UNIT = 4


class KeptEvents:
    """The events of one run, in order, as far as they are kept."""

    def __init__(self) -> None:
        """Begin with none."""
        self._events: dict[int, e.Event] = {}
        self._next = 0
        self._repeated: dict[Hashable, list[int]] = {}
        """By what they repeat: the numbers of the kept ones."""
        self._units: Counter[Hashable] = Counter()
        self._left_out: Counter[str] = Counter()
        self._passed: list[int] = []
        """The numbers of the steps' ends that have all their readings."""
        self._readings = 0

    def add(self, event: e.Event) -> None:
        """Keep one more event, and leave another out if there is no room: one of what was repeated most."""
        number, self._next = self._next, self._next + 1
        self._events[number] = event
        if isinstance(event, e.StepPassed):
            self._passed.append(number)
            self._readings += len(event.readings)
            while self._readings > MOST_READINGS and len(self._passed) > 2:
                self._shorten_one()
        what = repeats(event)
        if what is None:
            return
        self._repeated.setdefault(what, []).append(number)
        self._units[what] += _units(event)
        while self._units.total() > MOST_REPEATED and self._leave_one_out():
            pass

    @property
    def events(self) -> tuple[e.Event, ...]:
        """Those that are kept."""
        return tuple(self._events.values())

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many are not, by type as the report names it, and how many readings of alarms that were OK."""
        return {what: number for what, number in sorted(self._left_out.items()) if number}

    def _shorten_one(self) -> None:
        """Leave out what was OK at the end of a step in the middle."""
        number = self._passed.pop(len(self._passed) // 2)
        event = self._events[number]
        if isinstance(event, e.StepPassed):
            told = tuple(reading for reading in event.readings if not reading.is_ok)
            self._events[number] = replace(event, readings=told)
            self._readings -= len(event.readings)
            self._left_out["readings"] += len(event.readings) - len(told)

    def _leave_one_out(self) -> bool:
        """Leave out one from the middle of those that take most room; whether there was one."""
        what = max(self._repeated, key=lambda each: (self._room(each), self._units[each]))
        if not self._room(what):
            return False
        numbers = self._repeated[what]
        event = self._events.pop(numbers.pop(len(numbers) // 2))
        self._units[what] -= _units(event)
        self._left_out[kebab(type(event).__name__)] += 1
        return True

    def _room(self, what: Hashable) -> int:
        """Return what leaving some out would bring; the first and the newest always stay."""
        return self._units[what] if len(self._repeated[what]) > 2 else 0


def repeats(event: e.Event) -> Hashable:
    """Say what an event tells once more; None if it is of a kind that only happens so often."""
    match event:
        case e.AlarmChanged(fired=True):
            return None
        case e.AlarmChanged() | e.EvaluationChanged():
            return type(event), event.reading.arn
        case e.Unreadable():
            return type(event), event.what
        case e.HookInProgress() | e.HookUnanswered():
            return type(event), event.hook
        case e.GuardObserved():
            return type(event), event.guard, event.target
        case e.VersionWaited() | e.DeploymentChanged():
            return type(event), event.target
        case e.Heartbeat() | e.MetricsRead() | e.Warned() | e.StepExtended():
            return (type(event),)
        case _:
            return None


def _units(event: e.Event) -> int:
    if not isinstance(event, e.MetricsRead):
        return 1
    minutes = sum(
        len(side.minutes) for one in event.comparisons for side in (one.canary, one.baseline)
    )
    return 1 + minutes // _MINUTES_A_UNIT
