"""Work beside the story, in a thread of its own: how it begins, how it rests, and how its end is waited for.

As with the clock, there is one real one, and a simulation brings its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from lambda_rollout.runtime.clock import Clock, Stop

_T = TypeVar("_T")


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


class Inline:
    """What runs in the story's own thread, as a whole, when it is begun: for a clock that no other thread may move."""

    def start(self, body: Callable[[], None]) -> None:
        """See `Background.start`; this one returns at the end."""
        body()

    def rest(self, seconds: float | None) -> None:
        """See `Background.rest`."""

    def wake(self) -> None:
        """See `Background.wake`."""

    def join(self, seconds: float) -> bool:  # noqa: ARG002
        """See `Background.join`."""
        return True


class Pending(Generic[_T]):
    """A call under way beside the story, which waits for its answer in pieces and may go on without it.

    The call itself cannot be ended: whoever goes on without it ignores what it says later.
    """

    def __init__(self, answered: Stop) -> None:
        """See `pending`, which makes them."""
        self._answered = answered
        self._answer: _T | None = None
        self._error: BaseException | None = None
        self._done = False

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._done

    def wait(self, clock: Clock, seconds: float) -> bool:
        """Wait until it is over, at most so long, and no longer than until stop. Whether it is over."""
        if not self._done:
            clock.wait(seconds, self._answered)
        return self._done

    def result(self) -> _T:
        """Return what it answered, or raise what it raised; only once it is `done`."""
        if self._error is not None:
            raise self._error
        return self._answer  # type: ignore[return-value]  # None only if that is the answer

    def run(self, call: Callable[[], _T]) -> None:
        """Make the call, as what runs in the background."""
        try:
            self._answer = call()
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            self._error = error
        self._done = True
        # It ends the wait just as a stop does, and no poll is needed.
        self._answered.request("answered")


@contextmanager
def pending(background: Background, stop: Stop, call: Callable[[], _T]) -> Iterator[Pending[_T]]:
    """Begin ``call`` in the background; whoever leaves the block before its end has gone on without it."""
    with stop.inner() as answered:
        made: Pending[_T] = Pending(answered)
        background.start(lambda: made.run(call))
        yield made
