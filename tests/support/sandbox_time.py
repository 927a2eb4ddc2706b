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
from datetime import datetime, timedelta  # noqa: E402
from http.client import HTTPConnection  # noqa: E402
from typing import Any  # noqa: E402
from urllib.parse import urlsplit  # noqa: E402

from lambda_rollout.runtime.clock import Stop, SystemClock  # noqa: E402

PATIENCE = 30.0
"""Seconds of the machine's own time that an answer from beside the story may take before the sandbox's goes on."""

INSTANT = 1e-5
"""Seconds that a wait for no time takes: whoever waits in a circle must get older by it."""


def on_sandbox_time(url: str) -> tuple[str, ...]:
    """Return the command through which a stage is begun; ``url``: of a `Server` whose world has a `ManualClock`."""
    return (sys.executable, "-EsuB", str(Path(__file__)), url)


class SandboxTime:
    """Time as this process waits for it, beginning with the world's."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc)
        self._lock = threading.Lock()
        self._began = datetime.fromisoformat(self._ask("GET", "clock")["now"])
        self._waited = 0.0
        self._stops: list[Stop] = []

    def made(self, stop: Stop) -> None:
        """Take note of a stop: the first is the job's own, any other is what an answer ends."""
        self._stops.append(stop)

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._waited)

    def monotonic(self) -> float:
        return self._waited

    def wait(self, seconds: float, stop: Stop | None) -> None:
        if stop is not None and stop is not self._stops[0]:
            select.select([stop], [], [], PATIENCE)
        if stop is not None and stop.requested:
            return
        with self._lock:
            self._ask("POST", "advance", {"seconds": max(seconds, INSTANT)})
            self._waited += max(seconds, INSTANT)

    def _ask(self, method: str, route: str, body: Any = None) -> Any:
        self._connection.request(method, f"/_sandbox/{route}", json.dumps(body))
        return json.loads(self._connection.getresponse().read())


def main(url: str, program: str) -> None:
    """Run a stage's ``program`` as if it had been begun by itself."""
    time = SandboxTime(url)
    for name in ("now", "monotonic", "wait"):
        method = getattr(time, name)
        setattr(SystemClock, name, lambda _, *given, do=method: do(*given))
    make = Stop.__init__

    def made(stop: Stop) -> None:
        make(stop)
        time.made(stop)

    setattr(Stop, "__init__", made)  # noqa: B010 - a method, as those above
    sys.argv[:] = [program]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[-1])
