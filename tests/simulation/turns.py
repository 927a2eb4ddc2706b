"""Processes that take turns on one simulated clock.

Each process is a real thread, but only one of them ever runs: the others wait for their baton. A process
gives way only where it waits for time to pass, that is, in a wait of its own or on the way to AWS and
back. Who runs next follows from the simulated times alone, so a run repeats to the letter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random

from sandbox.clock import START, ManualClock

FOREVER = 10.0 * 365 * 86_400


class Killed(BaseException):
    """SIGKILL: nothing of this process runs any more. No `except Exception` sees it."""


class Process:
    """One process of the simulation, and what has become of it."""

    def __init__(self, name: str, body: Callable[[], object]) -> None:
        self.name = name
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


class Turns:
    """Who runs, and who runs next."""

    def __init__(self, random: Random) -> None:
        self.clock = TurnClock(self)
        self._random = random
        self._driver = Process("driver", lambda: None)
        self.current = self._driver
        self._processes = [self._driver]

    # What the driver does ----------------------------------------------------------------------

    def start(self, name: str, body: Callable[[], object]) -> Process:
        """Let a process begin; it runs when whoever runs now gives way."""
        process = Process(name, body)
        threading.Thread(target=self._run, args=(process,), daemon=True, name=name).start()
        self._processes.append(process)
        return process

    def join(self, process: Process, seconds: float) -> bool:
        """Wait for a process to end, at most so long; whether it has."""
        self.clock.advance(seconds, lambda: process.dead)
        return process.dead

    def kill(self, process: Process) -> None:
        """Kill a process where it stands."""
        process.killed = process.ready = True
        process.frozen = False
        if process is self.current:
            raise Killed

    def freeze(self, process: Process, seconds: float) -> None:
        """Let a process stand still for so long, whatever it is doing or waiting for."""
        process.frozen = True
        self.clock.schedule(
            self.clock.now() + timedelta(seconds=seconds),
            lambda: setattr(process, "frozen", False),
        )

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
        return ready[0] if len(ready) == 1 else self._random.choice(ready)

    def _ready(self) -> list[Process]:
        for process in self._processes:
            if process.until is not None and not process.ready and process.until():
                process.ready = True
        return [p for p in self._processes if p.ready and not p.dead and not p.frozen]


class TurnClock(ManualClock):
    """A manual clock on which to advance is to let the others run meanwhile."""

    def __init__(self, turns: Turns, start: datetime = START) -> None:
        super().__init__(start)
        self._turns = turns

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
