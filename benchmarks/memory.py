"""How much memory and how many bytes a rollout of six hours takes, of one function and of a hundred.

Each is a process of its own that imports all that the action does, makes its clients, and lets the story's numbers and
every report take what six hours bring: two alarms a function, each of which changes its state every minute. The figure
of memory is the kernel's (the largest resident set), so that libraries and all count.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.table import Row

HOURS = 6.0
TABLE = f"A rollout of {HOURS:.0f} hours in which every alarm changes its state each minute"
CASES = ((1, 2), (100, 200))


def run() -> list[Row]:
    found = [_measured(functions, alarms) for functions, alarms in CASES]
    least = found[0]["memory"]
    return [
        Row(
            TABLE,
            f"{functions} function{'s' * (functions > 1)}, {alarms} alarms",
            {
                "peak memory, MB": f"{one['memory'] / 1e6:.0f}",
                "of that of one": f"{one['memory'] / least:.2f}",
                "events": one["events"],
                "events kept": one["kept"],
                "log, kB": f"{one['log'] / 1e3:.0f}",
                "JSON report, kB": f"{one['report'] / 1e3:.0f}",
                "summary, kB": f"{one['summary'] / 1e3:.0f}",
                "comment, characters": one["comment"],
                "edits": one["edits"],
            },
        )
        for (functions, alarms), one in zip(CASES, found, strict=True)
    ]


def _measured(functions: int, alarms: int) -> dict[str, int]:
    words = [sys.executable, "-m", "benchmarks.memory", str(functions), str(alarms)]
    answer = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(answer.stdout)
    return found


def measure(functions: int, alarms: int, hours: float = HOURS) -> dict[str, int]:
    """Play it in this process, and return the figures; of memory in bytes."""
    from benchmarks.long_reports import Reports

    with tempfile.TemporaryDirectory() as folder:
        figures = Reports(Path(folder)).play(functions, alarms, hours)
    return {"memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, **figures}


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
