"""Work beside the story, in a thread of its own: how it begins, how it rests, and how its end is waited for.

As with the clock, there is one real one, and a simulation brings its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Background(Protocol):
    """One piece of work beside the story."""

    def start(self, body: Callable[[], None]) -> None:
        """Begin it; called at most once, and returns at once."""
        ...

    def rest(self, seconds: float | None) -> None:
        """From within: rest until woken, at most so long; None waits for a wake alone.

        A wake that came before is not lost: it ends the next rest at once.
        """
        ...

    def wake(self) -> None:
        """End its rest; returns at once."""
        ...

    def join(self, seconds: float) -> bool:
        """Wait for its end, at most so long; whether it has ended, or never began."""
        ...


class BackgroundThread:
    """A thread of the machine. A daemon: what it waits for cannot keep the process from ending."""

    def __init__(self, name: str) -> None:
        """Begin nothing yet."""
        self._name = name
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, body: Callable[[], None]) -> None:
        """See `Background.start`."""
        self._thread = threading.Thread(target=body, name=self._name, daemon=True)
        self._thread.start()

    def rest(self, seconds: float | None) -> None:
        """See `Background.rest`."""
        self._woken.wait(seconds)
        self._woken.clear()

    def wake(self) -> None:
        """See `Background.wake`."""
        self._woken.set()

    def join(self, seconds: float) -> bool:
        """See `Background.join`."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()
