"""Where the processor's time goes from a process's start until it first connects, part by part.

It proves the floor of the start: what a program needs that calls AWS by boto3 and does nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import ENTRYPOINT, variables
from benchmarks.table import Row
from tests.support.live import MAIN, Live

TURNS = 21

TO_CONNECT = """
import sys, time
marks = [time.process_time()]
import json, os
seen_at, path = sys.argv[1:]
def look(event, _):
    if event == "socket.connect":
        marks.append(time.process_time())
        ours = sum(name.startswith("lambda_rollout") for name in sys.modules)
        with open(seen_at, "w") as file:
            json.dump({"marks": marks, "ours": ours}, file)
        os._exit(0)
sys.addaudithook(look)
sys.path.insert(0, os.path.dirname(path))
with open(path) as file:
    code = compile(file.read(), path, "exec")
def mark():
    marks.append(time.process_time())
exec(code, {"__name__": "__main__", "__file__": path, "mark": mark})
"""
"""Runs a program until it connects; the program may mark where a part of it ends. Adds 1 ms to each."""

LEAST = """
import botocore.session
botocore.session.Session().create_client("lambda").get_alias(FunctionName="checkout", Name="live")
"""
"""What no program that calls AWS by botocore can do without, as one would write it."""

BOTOCORE = """
import gc
gc.disable()
import botocore.session
from botocore.loaders import Loader
mark()
class OnlyLambda(Loader):
    def list_available_services(self, type_name):
        return ["lambda"]
session = botocore.session.Session()
session.register_component("data_loader", OnlyLambda([Loader.BUILTIN_DATA_PATH], None, None, False))
mark()
session.get_data("endpoints")
mark()
session.get_service_model("lambda")
mark()
client = session.create_client("lambda")
mark()
client.get_alias(FunctionName="checkout", Name="live")
"""
"""The same in parts, as fast as can be: without a look for garbage, and without one for 400 other services."""

BOTOCORE_PARTS = (
    "Python itself, until the first line",
    "`import botocore.session`, with urllib3 and what both take of the standard library",
    "a session: its handlers",
    "the table of endpoints",
    "Lambda's service model",
    "a client: its methods, its endpoint rules",
    "one request, made and signed, until it connects",
)

BOTO3 = """
import gc
gc.disable()
import botocore.session
mark()
import boto3
mark()
import socket
socket.socket().connect(("127.0.0.1", 9))
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process had used of the processor at each mark, in seconds since its start; the last is its connection."""

    marks: tuple[float, ...]
    ours: int
    """Modules of this package that were imported by then."""


def until_connected(program: Path, environ: Mapping[str, str]) -> Seen:
    """Run it until it first connects. Raises CalledProcessError if it ends before that."""
    with tempfile.NamedTemporaryFile("r") as seen:
        command = [sys.executable, "-EsuB", "-c", TO_CONNECT, seen.name, str(program)]
        subprocess.run(command, env=dict(environ), capture_output=True, check=True)
        found = json.load(seen)
    return Seen(tuple(found["marks"]), found["ours"])


def parts(aws: Live, plain: str, names: tuple[str, str, str]) -> list[Row]:
    """Measure the action, the script ``plain`` and `LEAST` (``names``, in this order), and where their time goes."""
    folder = Path(tempfile.mkdtemp(dir=aws.runner.folder))
    ours, script, least = names
    scripts = {script: plain, least: LEAST, "botocore": BOTOCORE, "boto3": BOTO3}
    cases = {ours: _action(aws)} | {
        name: _script(aws, folder / f"{number}.py", code)
        for number, (name, code) in enumerate(scripts.items())
    }
    seen: dict[str, list[Seen]] = {name: [] for name in cases}
    for _ in range(TURNS):
        for name, run in cases.items():
            seen[name].append(run())
    unit = _best(seen[script])
    return [
        *_totals({name: _best(seen[name]) for name in names}, unit),
        *_profile(seen["botocore"], seen["boto3"], seen[ours], unit),
    ]


def _action(aws: Live) -> Callable[[], Seen]:
    return lambda: until_connected(ENTRYPOINT, variables(aws, mode="plan"))


def _script(aws: Live, path: Path, code: str) -> Callable[[], Seen]:
    path.write_text(code)
    return lambda: until_connected(path, aws.as_caller(MAIN))


def _best(turns: Sequence[Seen], mark: int = -1) -> float:
    """Return the least that was used by a mark: whatever else the machine does can only add to it."""
    return min(seen.marks[mark] for seen in turns)


def _totals(best: Mapping[str, float], unit: float) -> list[Row]:
    name = f"Processor's time to the first connection, the best of {TURNS}; the plain script is 1"
    return [_row(name, case, seconds, unit) for case, seconds in best.items()]


def _profile(
    botocore: Sequence[Seen], boto3: Sequence[Seen], action: Sequence[Seen], unit: float
) -> list[Row]:
    name = f"Where that time goes, each part the best of {TURNS}; the plain script is 1"
    taken = [_least_between(botocore, part) for part in range(len(BOTOCORE_PARTS))]
    floor = sum(taken)
    of_boto3 = _least_between(boto3, 2)
    whole = _best(action)
    ours = min(seen.ours for seen in action)
    shares = {
        **dict(zip(BOTOCORE_PARTS, taken, strict=True)),
        "_what no program with botocore can do without_": floor,
        "`import boto3` besides, with s3transfer": of_boto3,
        "_the floor: what no program with boto3 can do without_": floor + of_boto3,
        f"our own {ours} modules, tenacity, what only they take of the standard library, and what they do": whole
        - floor
        - of_boto3,
        "_this action_": whole,
    }
    return [_row(name, case, seconds, unit) for case, seconds in shares.items()]


def _least_between(turns: Sequence[Seen], mark: int) -> float:
    """Return the least that was used between the mark before and this one."""
    return min(seen.marks[mark] - (seen.marks[mark - 1] if mark else 0.0) for seen in turns)


def _row(table: str, case: str, seconds: float, unit: float) -> Row:
    return Row(table, case, {"ratio": f"{seconds / unit:.2f}", "ms": round(seconds * 1000)})
