"""Start-up: from the start of a process to its first request at AWS, on this machine, and its peak memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.processes import (
    ENTRYPOINT,
    Ran,
    action,
    aws_cli,
    bash,
    interleaved,
    least,
    middle,
    python,
    scene,
    variables,
)
from benchmarks.table import Row
from tests.support.live import MAIN, Live

TURNS = 15

PLAIN = """
import boto3, github
github.Github()
boto3.client("cloudwatch")
boto3.client("lambda").get_alias(FunctionName="checkout", Name="live")
"""

LEAST = """
import botocore.session
botocore.session.Session().create_client("lambda").get_alias(FunctionName="checkout", Name="live")
"""
"""What no program that calls AWS by botocore can do without."""

OURS = "this action, `mode: plan`"
SCRIPT = "a plain script: `import boto3, github`, three clients, `get_alias`"

FLOOR = "the least: `import botocore.session`, one client, `get_alias`"

TO_CONNECT = """
import os, runpy, sys, time
seen_at, program = sys.argv[1:]
def look(event, _):
    if event == "socket.connect":
        used = time.process_time()
        with open(seen_at, "w") as file:
            file.write(str(used))
        os._exit(0)
sys.addaudithook(look)
sys.path.insert(0, os.path.dirname(program))
runpy.run_path(program, run_name="__main__")
"""
"""Runs a program until it connects."""


def run() -> list[Row]:
    aws_cli()
    with scene() as aws:
        used = _used_to_connect(aws)
        cases = {
            OURS: lambda: action(aws, mode="plan"),
            SCRIPT: lambda: python(aws, PLAIN),
            FLOOR: lambda: python(aws, LEAST),
            "`aws lambda get-alias`": lambda: bash(
                aws, "exec aws lambda get-alias --function-name checkout --name live"
            ),
            "`python -c pass`": lambda: python(aws, "pass"),
        }
        results = interleaved(cases, TURNS)
    return [*used, *_table(results), *_memory(results)]


def _used_to_connect(aws: Live) -> list[Row]:
    """Seconds of the processor: what others do on the machine adds little to them."""
    folder = Path(tempfile.mkdtemp(dir=aws.runner.folder))
    programs = {OURS: ENTRYPOINT}
    for number, (case, code) in enumerate({SCRIPT: PLAIN, FLOOR: LEAST}.items()):
        programs[case] = folder / f"{number}.py"
        programs[case].write_text(code)
    seen: dict[str, list[float]] = {case: [] for case in programs}
    for _ in range(TURNS):
        for case, program in programs.items():
            environ = variables(aws, mode="plan") if case == OURS else aws.as_caller(MAIN)
            seen_at = folder / "seen"
            command = [sys.executable, "-EsuB", "-c", TO_CONNECT, str(seen_at), str(program)]
            subprocess.run(command, env=environ, capture_output=True, check=True)
            seen[case].append(float(seen_at.read_text()))
    name = f"Processor's time to the first connection, the best of {TURNS}; the plain script is 1"
    best = {case: min(seconds) for case, seconds in seen.items()}
    return [
        Row(
            name,
            case,
            {"ratio": f"{seconds / best[SCRIPT]:.2f}", "ms": round(seconds * 1000)},
        )
        for case, seconds in best.items()
    ]


def _table(results: Mapping[str, Sequence[Ran]]) -> list[Row]:
    name = f"Start to first request, the best of {TURNS}; the plain script is 1"
    unit = least(results[SCRIPT], "first")
    return [
        Row(
            name,
            case,
            {
                "ratio": f"{(least(ran, 'first') or least(ran, 'wall')) / unit:.2f}",
                "seconds": f"{least(ran, 'first') or least(ran, 'wall'):.2f}",
            },
        )
        for case, ran in results.items()
    ]


def _memory(results: Mapping[str, Sequence[Ran]]) -> list[Row]:
    name = "Peak resident memory; ours is 1"
    unit = middle(results[OURS], "peak")
    return [
        Row(
            name,
            case,
            {"ratio": f"{middle(ran, 'peak') / unit:.2f}", "MB": round(middle(ran, "peak"))},
        )
        for case, ran in results.items()
    ]
