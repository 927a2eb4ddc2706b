"""Start-up: from the start of a process to its first request at AWS, on this machine, and its peak memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.processes import (
    Ran,
    action,
    aws_cli,
    bash,
    interleaved,
    least,
    middle,
    python,
    scene,
)
from benchmarks.startup_parts import LEAST, parts
from benchmarks.table import Row

TURNS = 15

PLAIN = """
import boto3, github
github.Github()
boto3.client("cloudwatch")
boto3.client("lambda").get_alias(FunctionName="checkout", Name="live")
"""

OURS = "this action, `mode: plan`"
SCRIPT = "a plain script: `import boto3, github`, three clients, `get_alias`"

FLOOR = "the least: `import botocore.session`, one client, `get_alias`"


def run() -> list[Row]:
    aws_cli()
    with scene() as aws:
        used = parts(aws, PLAIN, (OURS, SCRIPT, FLOOR))
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
