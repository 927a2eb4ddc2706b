"""What README and examples may say in a workflow: steps of this action, linted and read as the action reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.read import DEFAULTS, read_inputs, variable

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

Step = Mapping[str, Any]


def steps_of(workflow: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Step]]:
    """Every step of a workflow that uses this action, with its job."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if str(step.get("uses", "")).startswith("OWNER/lambda-rollout@"):
                yield job, step


def read(step: Step, job: Mapping[str, Any], workflow: Mapping[str, Any]) -> Inputs:
    """Read the step's inputs as the action would. Raises InputErrors for what it would refuse."""
    assert set(step["with"]) <= set(DEFAULTS)
    environ = {
        str(name): str(value)
        for scope in (workflow, job, step)
        for name, value in (scope.get("env") or {}).items()
    }
    given = {
        name: "" if "${{" in str(value) else str(value) for name, value in step["with"].items()
    }
    return read_inputs({**environ, **{variable(name): value for name, value in given.items()}})


def permissions_of(job: Mapping[str, Any], workflow: Mapping[str, Any]) -> Mapping[str, str]:
    """The permissions of a job, its workflow's if it names none."""
    found: Mapping[str, str] = job.get("permissions", workflow.get("permissions", {}))
    return found


def load(text: str) -> Any:
    """YAML; `on` stays a text."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def lint(paths: list[Path]) -> None:
    """Run the linters on workflow files; raises AssertionError with what they say."""
    for command in (
        ["actionlint"],
        ["zizmor", "--offline", "--quiet", "--no-progress"],
        ["check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows"],
    ):
        program = shutil.which(command[0], path=str(BIN))
        assert program, f"{command[0]} is not installed next to {sys.executable}"
        done = subprocess.run(
            [program, *command[1:], *map(str, paths)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, f"{command[0]}:\n{done.stdout}{done.stderr}"
