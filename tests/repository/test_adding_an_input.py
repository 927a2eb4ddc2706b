"""Another input takes five places, and a word in two tests: it is added to a copy of the repository, by script.

With all of them the copy's own tests accept it and the story sees it; without any one of them they do not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lambda_rollout.inputs.read import DEFAULTS

ROOT = Path(__file__).parents[2]
LAST = list(DEFAULTS)[-1]

COPIED = ("lambda_rollout", "sandbox", "tests", "README.md", "action.yml", "pyproject.toml")
"""What the checks below read."""

DECLARED = "tests/repository/test_action_yml.py"
DOCUMENTED = "tests/repository/test_readme.py::test_inputs_and_defaults_are_the_codes"
READ = "tests/unit/inputs/test_read.py"
TRIED = "tests/property/test_inputs_text.py::test_every_input_that_can_be_wrong_is_tried"
SEEN = "tests/test_it.py"
IN_CELLS = "tests/repository/test_readme.py::test_every_input_row_has_three_cells"
CHECKS = (DECLARED, DOCUMENTED, IN_CELLS, READ, TRIED, SEEN)

IT_IS_SEEN = """
from pathlib import Path

import lambda_rollout
from lambda_rollout.rollout.events import Result
from tests.support.scene import Scene, rollout_spec

def test_the_story_sees_it():
    assert Path(lambda_rollout.__file__).parents[1] == Path(__file__).parents[1]
    spec = rollout_spec("100% 0s", dry=True)
    assert spec.inputs.dry
    assert not rollout_spec().inputs.dry
    assert Scene.ready().roll_out(spec).result is Result.PROMOTED
"""


def after(anchor: str, text: str) -> Callable[[str], str]:
    """Put a text behind the first place of another one."""

    def edit(before: str) -> str:
        head, found, tail = before.partition(anchor)
        assert found, f"no {anchor!r} any more: this test adds the input where it stood"
        return head + found + text + tail

    return edit


def after_row(before: str) -> str:
    """Put a row under the last input's of README's table."""
    lines = before.splitlines(keepends=True)
    [at] = [
        n for n, line in enumerate(lines) if line.startswith(f"| `{LAST}` |") and "empty" in line
    ][:1]
    return "".join([*lines[: at + 1], "| `dry` | `false` | an input |\n", *lines[at + 1 :]])


@dataclass(frozen=True)
class Place:
    """One place to change, and the check that misses it."""

    name: str
    check: str
    file: str
    edit: Callable[[str], str]


PLACES = (
    Place(
        "declared",
        DECLARED,
        "action.yml",
        lambda text: text.replace(
            "\noutputs:\n",
            "  dry:\n    description: An input.\n    default: 'false'\n\noutputs:\n",
            1,
        ),
    ),
    Place(
        "default",
        SEEN,
        "lambda_rollout/inputs/read.py",
        after(f'    "{LAST}": "",\n', '    "dry": "false",\n'),
    ),
    Place(
        "parser",
        SEEN,
        "lambda_rollout/inputs/read.py",
        after("    return Inputs(\n", '        dry=reader.read("dry", parse_boolean),\n'),
    ),
    Place(
        "field",
        SEEN,
        "lambda_rollout/inputs/model.py",
        after("    alias: str\n", "    dry: bool\n"),
    ),
    Place("documented", DOCUMENTED, "README.md", after_row),
)
ITS_TESTS = (
    Place(
        "default tested",
        READ,
        "tests/unit/inputs/test_read.py",
        after("    assert inputs == Inputs(\n", "        dry=False,\n"),
    ),
    Place(
        "mistake tested",
        TRIED,
        "tests/property/test_inputs_text.py",
        after("WRONG = {\n", '    "dry": "maybe",\n'),
    ),
)
ALL = (*PLACES, *ITS_TESTS)


def copied(to: Path) -> Path:
    ignore = shutil.ignore_patterns("gallery", ".*")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, to / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, to / name)
    (to / "Dockerfile").touch()
    (to / "docs").mkdir()
    (to / "tests" / "test_it.py").write_text(IT_IS_SEEN, encoding="utf-8")
    return to


def accepted(root: Path, places: Iterable[Place], *checks: str) -> subprocess.CompletedProcess[str]:
    """Change these places of a copy, and run some of its tests on it."""
    for place in places:
        path = root / place.file
        path.write_text(place.edit(path.read_text("utf-8")), encoding="utf-8")
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environ = {name: value for name, value in environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", "-p", "no:xdist"]
    return subprocess.run(
        [*command, *checks], cwd=root, env=environ, capture_output=True, text=True, check=False
    )


def test_five_places_and_its_tests_are_enough(tmp_path: Path) -> None:
    ran = accepted(copied(tmp_path), ALL, *CHECKS)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("missing", ALL, ids=lambda place: place.name)
def test_each_of_them_is_needed(tmp_path: Path, missing: Place) -> None:
    """So none of them can be forgotten."""
    others = [place for place in ALL if place is not missing]
    ran = accepted(copied(tmp_path), others, missing.check)
    assert ran.returncode in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}, ran.stdout
