"""Processes under measurement, and the small AWS that they call."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from sandbox.aws.world import REGION
from sandbox.runner.files import Files
from sandbox.runner.runner import INTERPRETER
from tests.support.live import MAIN, NEW, OLD, OWNERS_TEXT, Live, live

__all__ = [
    "NEW",
    "OLD",
    "Ran",
    "action",
    "aws_cli",
    "interleaved",
    "least",
    "middle",
    "ran",
    "scene",
]

ROOT = Path(__file__).resolve().parent.parent
AWS_CLI = ROOT / "build" / "awscli"
ENTRYPOINT = ROOT / "entrypoint.py"


@dataclass(frozen=True, slots=True)
class Ran:
    """What one process took, with all that it started."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds, user and system."""
    peak: float
    """Resident memory of the largest process, in MB of 10^6 bytes."""
    first: float
    """Seconds from its start to the first request; 0 if there was none."""


# A small process in between: a child's peak counts from before its exec, when it still was as large as we are.
LAUNCH = """
import json, resource, subprocess, sys, time
began = time.time()
done = subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL)
wall = time.time() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seen = [began, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6]
open(sys.argv[1], "w").write(json.dumps(seen))
sys.exit(done.returncode)
"""


def ran(command: Sequence[str], environ: Mapping[str, str], aws: Live | None = None) -> Ran:
    """Run it to its end. Raises RuntimeError if it fails."""
    seen = len(aws.requests()) if aws else 0
    with tempfile.NamedTemporaryFile("r") as measured:
        launch = [sys.executable, "-ISs", "-c", LAUNCH, measured.name, *command]
        done = subprocess.run(
            launch, env=dict(environ), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        began, wall, cpu, peak = json.load(measured)
    requests = aws.requests()[seen:] if aws else []
    return Ran(wall, cpu, peak, requests[0].at.timestamp() - began if requests else 0.0)


def interleaved(cases: Mapping[str, Callable[[], Ran]], turns: int) -> dict[str, list[Ran]]:
    """Run every case in turn, so many times: what else the machine does meets all of them alike.

    Each turn begins with the next case: the one that goes first meets what the last one has left.
    """
    results: dict[str, list[Ran]] = {name: [] for name in cases}
    for turn in range(turns):
        first = turn % len(cases)
        order = [*cases][first:] + [*cases][:first]
        for name in order:
            results[name].append(cases[name]())
    return results


def least(results: Sequence[Ran], field: str) -> float:
    """Return the smallest of a field: where nobody is waited for, what else the machine does can only add to it."""
    return float(min(getattr(result, field) for result in results))


def middle(results: Sequence[Ran], field: str) -> float:
    """Return the median of a field."""
    return float(median(getattr(result, field) for result in results))


@contextmanager
def scene() -> Iterator[Live]:
    """One account, over HTTP on 127.0.0.1."""
    with tempfile.TemporaryDirectory() as folder, live(Path(folder)) as made:
        made.world.lambda_().activation_delay = made.world.lambda_().update_delay = 0.0
        made.environ |= {"PATH": os.environ["PATH"], "HOME": folder, "AWS_DEFAULT_REGION": REGION}
        # As in the image: nothing of ours is compiled at start.
        compileall.compile_dir(str(ROOT / "lambda_rollout"), quiet=1)
        ahead = [sys.executable, "-EsB", "-m", "lambda_rollout.runtime.precompiled"]
        subprocess.run(ahead, cwd=ROOT, check=True)
        yield made


def again(aws: Live) -> None:
    """Put the alias back on the old version, and new code into ``$LATEST``."""
    routing = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {}}}
    text = {"Description": OWNERS_TEXT}
    aws.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **routing, **text)
    aws.build(f"def handler(event, context): return {len(aws.requests())}")


def action(aws: Live, **inputs: str) -> Ran:
    """Run the action, as the runner would, on this machine."""
    return ran([*INTERPRETER, str(ENTRYPOINT)], variables(aws, **inputs), aws)


def variables(aws: Live, **inputs: str) -> dict[str, str]:
    """The environment in which the runner starts the action."""
    folder = Path(tempfile.mkdtemp(dir=aws.runner.folder))
    return {
        **aws.runner._variables(),  # noqa: SLF001
        **Files(folder / "files").make(),
        **aws.as_caller(MAIN),
        **aws.runner._inputs({**aws.inputs, **inputs}),  # noqa: SLF001
    }


def python(aws: Live, code: str) -> Ran:
    """Run a script with the same Python and the same libraries."""
    return ran([sys.executable, "-EsuB", "-c", code], aws.as_caller(MAIN), aws)


def aws_cli() -> Path:
    """The folder of an `aws` of its own, from PyPI; made on first use."""
    subprocess.run(["make", "-C", str(ROOT), "-s", "build/awscli/.installed"], check=True)
    return AWS_CLI / "bin"


def bash(aws: Live, script: str) -> Ran:
    """Run a bash script that has `aws` on its PATH."""
    environ = aws.as_caller(MAIN)
    environ["PATH"] = f"{aws_cli()}:{environ['PATH']}"
    return ran(["bash", "-euc", script], environ, aws)
