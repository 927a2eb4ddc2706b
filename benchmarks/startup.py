"""Start-up: from the start of a process to its first request at AWS, on this machine, and its peak memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.processes import Ran, action, aws_cli, bash, interleaved, middle, python, scene
from benchmarks.table import Row

TURNS = 5

PLAIN = """
import boto3, github
github.Github()
boto3.client("cloudwatch")
boto3.client("lambda").get_alias(FunctionName="checkout", Name="live")
"""

OURS = "this action, `mode: plan`"


def run() -> list[Row]:
    aws_cli()
    with scene() as aws:
        cases = {
            OURS: lambda: action(aws, mode="plan"),
            "`import boto3, github`, three clients, `get_alias`": lambda: python(aws, PLAIN),
            "`aws lambda get-alias`": lambda: bash(
                aws, "exec aws lambda get-alias --function-name checkout --name live"
            ),
            "`python -c pass`": lambda: python(aws, "pass"),
        }
        results = interleaved(cases, TURNS)
    return [*_table(results), *_memory(results)]


def _table(results: Mapping[str, Sequence[Ran]]) -> list[Row]:
    name = f"Start to first request, medians of {TURNS}; ours is 1"
    unit = middle(results[OURS], "first")
    return [
        Row(
            name,
            case,
            {
                "ratio": f"{(middle(ran, 'first') or middle(ran, 'wall')) / unit:.2f}",
                "seconds": f"{middle(ran, 'first') or middle(ran, 'wall'):.2f}",
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
