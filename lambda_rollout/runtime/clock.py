"""The one thing every wait listens to, and the one place that knows the time.

Signals only set a flag and wake the wait; they never raise. An exception thrown into the middle of
an ``UpdateAlias`` would lose the answer that tells whether the alias was moved.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol


class Stop:
    """Somebody asked the rollout to end. Asked once, never withdrawn."""

    def __init__(self) -> None:
        """Make a stop that nobody has asked for yet."""
        # A pipe and not a threading.Event: Event.set() takes a lock that the interrupted main thread
        # may hold, so it must not be called by a signal handler. os.write may.
        self._readable, self._writable = os.pipe()
        os.set_blocking(self._writable, False)
        self.reason = ""
        self._inner: tuple[Stop, ...] = ()
        self._changing = threading.Lock()
        """Held by those who add or remove an inner one, in several threads; never by a signal handler."""

    @contextlib.contextmanager
    def inner(self) -> Iterator[Stop]:
        """Make a stop for a part of the work: it may be asked for alone, and is when this one is."""
        stop = Stop()
        with self._changing:
            self._inner = (*self._inner, stop)
        if self.reason:
            stop.request(self.reason)
        try:
            yield stop
        finally:
            with self._changing:
                self._inner = tuple(other for other in self._inner if other is not stop)

    @property
    def requested(self) -> bool:
        """Whether somebody asked."""
        return bool(self.reason)

    def request(self, reason: str) -> None:
        """Ask to stop; safe to call from a signal handler. Only the first reason is kept."""
        if not self.reason:
            self.reason = reason
            with contextlib.suppress(OSError):
                os.write(self._writable, b".")
            for stop in self._inner:
                stop.request(reason)

    def fileno(self) -> int:
        """Return a file descriptor that is readable from the moment somebody asked."""
        return self._readable

    def __del__(self) -> None:
        """Close the pipe."""
        for descriptor in (self._readable, self._writable):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Clock(Protocol):
    """Time and waiting, as the rest of the code sees them."""

    def now(self) -> datetime:
        """Return the wall clock's time, with the UTC zone. For people, never for measuring."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back. For measuring."""
        ...

    def wait(self, seconds: float, stop: Stop | None) -> None:
        """Wait ``seconds``, or until ``stop`` is requested; None waits out its time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """See `Clock.now`."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def wait(self, seconds: float, stop: Stop | None) -> None:
        """See `Clock.wait`."""
        if stop is None:
            time.sleep(max(0.0, seconds))
            return
        # A signal during select() runs its handler and then waits on (PEP 475): the handler's write
        # to the pipe is what ends the wait.
        select.select([stop], [], [], max(0.0, seconds))
