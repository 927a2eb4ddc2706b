"""Processes that take turns on one simulated clock.

Each process is a real thread, but only one of them ever runs: the others wait for their baton. A process
gives way only where it waits for time to pass, that is, in a wait of its own or on the way to AWS and
back. Who runs next follows from the simulated times alone, so a run repeats to the letter. What runs aside (a
thread that talks to GitHub) takes its turns between the others' and draws from a chance of its own: whether there
is any of it changes nothing for the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import TypeVar

from sandbox.clock import START, ManualClock

_T = TypeVar("_T")
_R = TypeVar("_R")

FOREVER = 10.0 * 365 * 86_400


class Killed(BaseException):
    """SIGKILL: nothing of this process runs any more. No `except Exception` sees it."""


class Process:
    """One process of the simulation, and what has become of it."""

    def __init__(
        self,
        name: str,
        body: Callable[[], object],
        parent: Process | None = None,
        *,
        aside: bool = False,
    ) -> None:
        self.name = name
        self.aside = aside
        self.threads: list[Process] = []
        """Further threads of this process, which live and die with it."""
        if parent is not None:
            parent.threads.append(self)
        self.body = body
        self.baton = threading.Lock()
        self.baton.acquire()
        self.ready = True
        self.until: Callable[[], bool] | None = None
        self.naps = 0
        self.frozen = False
        self.killed = False
        self.dead = False
        self.crash: BaseException | None = None


class Scheduler:
    """Who runs, and who runs next."""

    def __init__(self, random: Random, chance_aside: Random) -> None:
        self.clock = TurnClock(self)
        self._random = random
        self._chance_aside = chance_aside
        self._driver = Process("driver", lambda: None)
        self.current = self._driver
        self._processes = [self._driver]

    # What the driver does ----------------------------------------------------------------------

    def start(
        self,
        name: str,
        body: Callable[[], object],
        parent: Process | None = None,
        *,
        aside: bool = False,
    ) -> Process:
        """Let a process, or a thread of ``parent``, begin; it runs when whoever runs now gives way."""
        process = Process(name, body, parent, aside=aside)
        threading.Thread(target=self._run, args=(process,), daemon=True, name=name).start()
        self._processes.append(process)
        return process

    def join(self, process: Process, seconds: float) -> bool:
        """Wait for a process to end, at most so long; whether it has."""
        self.clock.advance(seconds, lambda: process.dead)
        return process.dead

    def kill(self, process: Process) -> None:
        """Kill a process where it stands; if it is the one that runs, the caller raises `Killed`."""
        for each in (process, *process.threads):
            each.killed = each.ready = True
            each.frozen = False

    def freeze(self, process: Process, seconds: float) -> None:
        """Let a process stand still for so long, whatever it is doing or waiting for."""
        family = [process, *process.threads]

        def set_frozen(*, frozen: bool) -> None:
            for each in family:
                each.frozen = frozen

        set_frozen(frozen=True)
        self.clock.schedule(
            self.clock.now() + timedelta(seconds=seconds), lambda: set_frozen(frozen=False)
        )

    def together(self, process: Process, act: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """Do it to all items at once, each in a thread of ``process`` (see `lambda_rollout.runtime.parallel`)."""
        answers: dict[int, _R] = {}

        def body(index: int) -> None:
            answers[index] = act(items[index])

        threads = [
            self.start(f"{process.name}.{index}", partial(body, index), process)
            for index in range(len(items))
        ]
        self.clock.advance(FOREVER, lambda: all(thread.dead for thread in threads))
        for thread in threads:
            process.threads.remove(thread)
            self._processes.remove(thread)
        for thread in threads:
            if thread.crash is not None:
                raise thread.crash
        return [answers[index] for index in range(len(items))]

    def close(self) -> None:
        """End every thread."""
        for process in self._processes:
            if process is not self._driver and not process.dead:
                self.kill(process)
        while any(not p.dead for p in self._processes if p is not self._driver):
            self.clock.advance(0.001)

    # Taking turns ------------------------------------------------------------------------------

    def give_way(self) -> None:
        """Let others run until it is the present process's turn again."""
        me = self.current
        following = self._following()
        if following is not me:
            self.current = following
            following.baton.release()
            me.baton.acquire()
        me.until = None
        if me.killed:
            raise Killed

    def _run(self, process: Process) -> None:
        process.baton.acquire()
        try:
            if not process.killed:
                process.body()
        except Killed:
            pass
        except BaseException as crash:  # noqa: BLE001 - told by the driver
            process.crash = crash
        process.dead = True
        self.current = following = self._following()
        following.baton.release()

    def _following(self) -> Process:
        ready = self._ready()
        if not ready:
            self.clock.run_until(lambda: bool(self._ready()))
            ready = self._ready()
        if not ready:
            raise RuntimeError("everybody waits, and nothing will ever happen")
        aside = [process for process in ready if process.aside]
        if aside and (len(aside) == len(ready) or self._chance_aside.random() < 0.5):
            return self._chance_aside.choice(aside)
        ready = [process for process in ready if not process.aside]
        return ready[0] if len(ready) == 1 else self._random.choice(ready)

    def _ready(self) -> list[Process]:
        for process in self._processes:
            if process.until is not None and not process.ready and process.until():
                process.ready = True
        return [p for p in self._processes if p.ready and not p.dead and not p.frozen]


class TurnClock(ManualClock):
    """A manual clock on which to advance is to let the others run meanwhile."""

    def __init__(self, scheduler: Scheduler, start: datetime = START) -> None:
        super().__init__(start)
        self._turns = scheduler

    def advance(self, seconds: float, until: Callable[[], bool] | None = None) -> None:
        """Wait, as the process whose turn it is."""
        if seconds <= 0:
            return
        me = self._turns.current
        me.ready, me.until = False, until
        me.naps += 1
        self.schedule(self.now() + timedelta(seconds=seconds), partial(self._wake, me, me.naps))
        self._turns.give_way()

    def run_due(self) -> None:
        """Run what is due now; nobody gives way."""
        super().advance(0)

    def run_until(self, until: Callable[[], bool]) -> None:
        """Let time pass until something has happened."""
        super().advance(FOREVER, until)

    def _wake(self, process: Process, nap: int) -> None:
        if process.naps == nap:
            process.ready = True


class Turns:
    """`lambda_rollout.runtime.background.Background`: a thread of a process, which takes turns with all others."""

    def __init__(self, scheduler: Scheduler, name: str, parent: Process | None) -> None:
        self._scheduler = scheduler
        self._name = name
        self._parent = parent
        self.process: Process | None = None

    def start(self, body: Callable[[], None]) -> None:
        """See `Background.start`."""
        self.process = self._scheduler.start(self._name, body, self._parent)

    def rest(self, seconds: float | None) -> None:
        """See `Background.rest`; what makes one call does not rest."""
        raise NotImplementedError

    def wake(self) -> None:
        """See `Background.wake`."""

    def join(self, seconds: float) -> bool:
        """See `Background.join`."""
        return self.process is None or self._scheduler.join(self.process, seconds)
