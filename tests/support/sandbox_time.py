"""The action as a real process on a machine whose time is the sandbox's: hours pass in seconds, and none on a slow one.

`Runner(through=on_sandbox_time(url))` begins each stage by this file, which sets the machine's clock: a wait of the
process lets the served world's manual clock advance by as much (``POST /_sandbox/advance``), and nothing else takes
time. All the rest is the process as it is: its files, its signals, its HTTP.

What is asked beside the story (credentials, hooks, the log of a version) has the machine's own time to answer.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    # As for a program at the root: the folder of this file has modules named as some of Python's own.
    sys.path[0] = str(ROOT)

import json  # noqa: E402
import runpy  # noqa: E402
import select  # noqa: E402
import threading  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from concurrent.futures import Future, ThreadPoolExecutor  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from datetime import datetime, timedelta  # noqa: E402
from http.client import HTTPConnection  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from lambda_rollout.runtime.clock import Stop, SystemClock  # noqa: E402

PATIENCE = 30.0
"""Seconds of the machine's own time that an answer from beside the story may take before the sandbox's goes on."""

FOR_ANSWERS = frozenset({"lambda_rollout.runtime.background", "lambda_rollout.aws.renewal"})
"""The modules that wait for what a thread beside the story is about to say."""

GLANCE = 0.05
"""Seconds of the machine's own time between two looks whether a wait has been ended by a stop."""

INSTANT = 1e-5
"""Seconds that a wait for no time takes: whoever waits in a circle must get older by it."""


def on_sandbox_time(url: str) -> tuple[str, ...]:
    """Return the command through which a stage is begun; ``url``: of a `Server` whose world has a `ManualClock`."""
    return (sys.executable, "-EsuB", str(Path(__file__)), url)


class Workers:
    """The threads that do the same to many targets: time goes on once all that have something to do wait for it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._left = self._most = 0
        self._ends: list[float] = []
        self._here = threading.local()

    def watched(self, submit: Callable[..., Future[Any]]) -> Callable[..., Future[Any]]:
        """Return an executor's ``submit`` that counts what is left to do."""

        def submit_counted(pool: Any, act: Callable[..., Any], *given: Any) -> Future[Any]:
            with self.changed:
                self._left, self._most = self._left + 1, pool._max_workers
            return submit(pool, self._counted, act, *given)

        return submit_counted

    def _counted(self, act: Callable[..., Any], *given: Any) -> Any:
        self._here.works = True
        try:
            return act(*given)
        finally:
            with self.changed:
                self._left -= 1
                self.changed.notify_all()

    @contextmanager
    def waiting(self, end: float, is_over: Callable[[], bool]) -> Iterator[None]:
        """Enter when ``end`` is the next moment that anybody waits for, or when it ``is_over``."""
        if not getattr(self._here, "works", False):
            yield
            return
        with self.changed:
            self._ends.append(end)
            self.changed.notify_all()
            while not is_over() and (len(self._ends) < self._busy or end > min(self._ends)):
                self.changed.wait(GLANCE)
            yield
            self._ends.remove(end)
            self.changed.notify_all()

    @property
    def _busy(self) -> int:
        return min(self._left, self._most)


class SandboxTime:
    """Time as this process waits for it, beginning with the world's.

    Threads that wait at the same time wait through the same time: each has the moment that it last saw.
    """

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)
        self._lock = threading.Lock()
        self._began = datetime.fromisoformat(self._ask("GET", "clock")["now"])
        self._waited = 0.0
        self._seen = threading.local()
        self.workers = Workers()

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._waited)

    def monotonic(self) -> float:
        self._seen.at = self._waited
        return self._waited

    def wait(self, seconds: float, stop: Stop | None) -> None:
        if stop is not None and sys._getframe(2).f_globals["__name__"] in FOR_ANSWERS:
            select.select([stop], [], [], PATIENCE)
        if stop is not None and stop.requested:
            return
        end = getattr(self._seen, "at", self._waited) + max(seconds, INSTANT)

        def is_over() -> bool:
            return self._waited >= end or (stop is not None and stop.requested)

        with self.workers.waiting(end, is_over), self._lock:
            if not is_over():
                self._ask("POST", "advance", {"seconds": end - self._waited})
                self._waited = end

    def _ask(self, method: str, route: str, body: Any = None) -> Any:
        self._connection.request(method, f"/_sandbox/{route}", json.dumps(body))
        return json.loads(self._connection.getresponse().read())


def main(url: str, program: str) -> None:
    """Run a stage's ``program`` as if it had been begun by itself."""
    time = SandboxTime(url)
    for name in ("now", "monotonic", "wait"):
        method = getattr(time, name)
        setattr(SystemClock, name, lambda _, *given, do=method: do(*given))
    submit = time.workers.watched(ThreadPoolExecutor.submit)
    setattr(ThreadPoolExecutor, "submit", submit)  # noqa: B010 - a method, as those above
    sys.argv[:] = [program]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[-1])
