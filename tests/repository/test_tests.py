"""The tests mirror the package: who changed a module finds its tests by its name, or in tests/README.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PACKAGE = ROOT / "lambda_rollout"
README = (TESTS / "README.md").read_text("utf-8")

MODULES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
)
UNITS = sorted((TESTS / "unit").rglob("test_*.py"))

VALUES_ONLY = {
    "sandbox.clock",
    "tests.golden.render",
    "tests.support.code",
    "tests.support.job",
    "tests.support.log_payloads",
    "tests.support.long_rollout",
    "tests.support.preflight_facts",
    "tests.support.stories",
}
"""What a test of plain values may use: a clock that stands, golden files, a zip, the runner's files, facts, events,
entries of logs."""


def named_after(module: str) -> bool:
    folder, _, name = module.removesuffix(".py").rpartition("/")
    return (TESTS / "unit" / folder / f"test_{name}.py").exists()


def elsewhere() -> dict[str, list[str]]:
    """Module -> files, of the table in tests/README.md."""
    rows = re.findall(r"^\| `([\w/]+\.py)` \| (.+) \|$", README, re.MULTILINE)
    return {module: re.findall(r"`([\w/]+\.py)`", files) for module, files in rows}


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_test_that_is_found_by_its_name_or_is_listed(module: str) -> None:
    assert named_after(module) != (module in elsewhere()), (
        "a unit test, or a row in tests/README.md"
    )


def test_what_the_list_names_is_there() -> None:
    listed = elsewhere()
    assert set(listed) <= set(MODULES)
    files = [file for named in listed.values() for file in named]
    assert [file for file in files if not (TESTS / file).exists()] == []
    assert [module for module, named in listed.items() if not named] == []


def test_unit_tests_mirror_the_package() -> None:
    folders = {path.parent.relative_to(TESTS / "unit") for path in UNITS}
    assert [folder for folder in folders if not (PACKAGE / folder).is_dir()] == []


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: str(path.relative_to(TESTS)))
def test_unit_tests_use_plain_values_only(path: Path) -> None:
    ours = {name for name in imported(path) if name.startswith(("sandbox", "tests"))}
    assert ours <= VALUES_ONLY


def test_no_file_is_named_after_when_it_was_written() -> None:
    assert [path.name for path in TESTS.rglob("test_review*.py")] == []


def test_every_folder_has_its_row() -> None:
    folders = {
        path.parent.relative_to(TESTS).parts[0]
        for path in TESTS.rglob("*.py")
        if path.parent != TESTS
    }
    assert set(re.findall(r"^\| `([a-z0-9]+)/` \|", README, re.MULTILINE)) == folders
