"""Which module may import which: one table, read from every module of every package.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "lambda_rollout"

TABLE: Mapping[str, set[str]] = {
    "runtime": set(),
    "alias": {"runtime"},
    "inputs": {"runtime", "alias"},
    "analysis": {"alias", "inputs"},
    "preflight": {"runtime", "alias", "inputs", "analysis"},
    "rollout": {"runtime", "alias", "inputs", "analysis", "preflight"},
    "report": {"runtime", "alias", "inputs", "analysis", "preflight", "rollout.events"},
    "aws": {
        "runtime",
        "alias",
        "inputs",
        "analysis",
        "preflight",
        "rollout.codedeploy",
        "rollout.ports",
        "rollout.saved_state",
    },
    "github": {
        "runtime",
        "alias",
        "inputs",
        "analysis",
        "preflight",
        "rollout.events",
        "report",
        "aws",
    },
    "parts": {
        "runtime",
        "alias",
        "inputs",
        "analysis",
        "preflight",
        "rollout",
        "report",
        "aws",
        "github",
    },
    "app": {
        "runtime",
        "alias",
        "inputs",
        "analysis",
        "preflight",
        "rollout",
        "report",
        "aws",
        "github",
        "parts",
    },
    "guardian": {
        "runtime",
        "alias",
        "inputs",
        "analysis",
        "preflight",
        "rollout",
        "report",
        "aws",
    },
}
"""What each entry of the package may import of the others, besides itself."""

OUTSIDE: Mapping[str, set[str]] = {
    "runtime": {"tenacity"},
    "alias": {"tenacity"},
    "rollout": {"tenacity"},
    "aws": {"boto3", "botocore", "tenacity", "urllib3"},
    "github": {"github", "requests", "urllib3"},
    "app": {"tenacity"},
}
"""What each may import that is neither ours nor the standard library's."""

PURE = {"analysis", "preflight", "report"}
IMPURE = {
    "asyncio",
    "concurrent",
    "http",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "lambda_rollout.alias.restore",
    "lambda_rollout.alias.writer",
    "lambda_rollout.runtime.background",
    "lambda_rollout.runtime.clock",
    "lambda_rollout.runtime.parallel",
    "lambda_rollout.runtime.retry",
}
"""What has a clock, a thread, a file or a network: a pure package cannot be told by it, nor wait for it."""

MAY_WAIT = {"lambda_rollout.preflight.patience", "lambda_rollout.preflight.reader"}
"""The two modules of a pure package that are not: they gather the facts."""


def modules_of(*folders: str, root: Path = ROOT) -> dict[str, Path]:
    """Every module below these folders, by its dotted name."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in folders
        for path in sorted((root / folder).rglob("*.py"))
    }


OURS = modules_of(PACKAGE)
SANDBOX = modules_of("sandbox")


def imports(module: str, source: str, known: Iterable[str]) -> set[str]:
    """Modules that a source imports. Of a package only the one that is meant: its ``__init__`` imports none of ours."""
    known = set(known)
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            assert not node.level, f"{module}: a relative import"
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                found.add(whole if whole in known else base)
    return found - {"__future__"}


def entry_of(module: str) -> str:
    """``lambda_rollout.rollout.events`` -> ``rollout``; the package itself, its version, has none."""
    return ".".join(module.split(".")[1:2])


def may(allowed: Iterable[str], module: str) -> bool:
    return any(f"{module}.".startswith(f"{PACKAGE}.{each}.") for each in allowed)


def forbidden(module: str, imported: Iterable[str]) -> Iterator[str]:
    """Say what of it the tables do not allow."""
    entry = entry_of(module)
    for other in sorted(imported):
        # Types of boto3's clients come from a package for each service.
        top = re.sub(r"^mypy_(boto3)_.*", r"\1", other.partition(".")[0])
        if top == PACKAGE:
            if other != PACKAGE and not may({entry, *TABLE[entry]}, other):
                yield f"{module} imports {other}"
        elif top not in sys.stdlib_module_names and top not in OUTSIDE.get(entry, ()):
            yield f"{module} imports {other}"


def impure(module: str, imported: Iterable[str]) -> Iterator[str]:
    if entry_of(module) in PURE and module not in MAY_WAIT:
        for other in sorted(imported):
            parts = other.split(".")
            wholes = {".".join(parts[: size + 1]) for size in range(len(parts))}
            if wholes & IMPURE:
                yield f"{module} imports {other}"


def cycle(arrows: Mapping[str, set[str]]) -> list[str]:
    """One circle of imports, empty if there is none."""
    over: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for other in sorted(arrows[path[-1]]):
            if other in path:
                return [*path[path.index(other) :], other]
            if other not in over and (found := search([*path, other])):
                return found
        over.add(path[-1])
        return []

    for module in sorted(arrows):
        if module not in over and (found := search([module])):
            return found
    return []


def arrows_of(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    return {
        module: (imports(module, path.read_text(), modules) & set(modules)) - {module}
        for module, path in modules.items()
    }


@cache
def imported_by(module: str) -> set[str]:
    return imports(module, OURS[module].read_text(), OURS)


def test_the_package_has_these_entries_and_no_other() -> None:
    entries = {
        path.stem
        for path in (ROOT / PACKAGE).iterdir()
        if path.name not in {"__init__.py", "__pycache__"}
    }
    assert entries == set(TABLE)


@pytest.mark.parametrize("module", [module for module in OURS if module != PACKAGE])
def test_imports_only_what_the_table_allows(module: str) -> None:
    assert list(forbidden(module, imported_by(module))) == []


@pytest.mark.parametrize("module", [module for module in OURS if entry_of(module) in PURE])
def test_a_pure_package_imports_no_clock_no_thread_and_no_network(module: str) -> None:
    assert list(impure(module, imported_by(module))) == []


@pytest.mark.parametrize("modules", [OURS, SANDBOX], ids=["package", "sandbox"])
def test_no_two_files_import_each_other_in_a_circle(modules: Mapping[str, Path]) -> None:
    assert cycle(arrows_of(modules)) == []


def test_a_package_of_ours_is_no_module_of_its_own() -> None:
    # Else an import of one module would run others, which no table shows.
    inits = [module for module, path in OURS.items() if path.name == "__init__.py"]
    assert {module: imported_by(module) for module in inits if imported_by(module)} == {}


def test_the_action_does_not_know_its_sandbox() -> None:
    scripts = [ROOT / "entrypoint.py", ROOT / "post-entrypoint", *OURS.values()]
    known = {
        name
        for path in scripts
        for name in imports(path.name, path.read_text(), OURS)
        if name.partition(".")[0] in {"sandbox", "tests", "benchmarks", "scripts"}
    }
    assert known == set()


# The rules themselves: each must be able to say no ------------------------------------------------


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("runtime.retry", "from lambda_rollout.alias.routing import Target"),
        ("alias.writer", "def late():\n    from lambda_rollout.inputs import model"),
        ("inputs.read", "from lambda_rollout.analysis.alarms import AlarmState"),
        ("analysis.step", "from lambda_rollout.runtime.errors import RolloutError"),
        ("preflight.reader", "from lambda_rollout.rollout import ports"),
        ("rollout.rollout", "from lambda_rollout.aws.aliases import LambdaAliases"),
        ("report.lines", "from lambda_rollout.rollout.ports import Alarms"),
        ("report.lines", "if TYPE_CHECKING:\n    from lambda_rollout.rollout import spec"),
        ("aws.aliases", "from lambda_rollout.rollout.rollout import Rollout"),
        ("aws.aliases", "from lambda_rollout.report import lines"),
        ("github.log", "from lambda_rollout.rollout import saved_state"),
        ("github.runs", "from lambda_rollout import app"),
        ("rollout.rollout", "import boto3"),
        ("github.runs", "from botocore.exceptions import ClientError"),
        ("aws.aliases", "from github import Github"),
    ],
)
def test_the_table_forbids(module: str, source: str) -> None:
    module = f"{PACKAGE}.{module}"
    assert list(forbidden(module, imports(module, source, OURS)))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("analysis.step", "import time"),
        ("report.lines", "def late():\n    from os import environ"),
        ("report.lines", "from urllib import request\nimport urllib.request"),
        ("preflight.checks", "from lambda_rollout.runtime.clock import Clock"),
    ],
)
def test_a_pure_package_is_told_from_others(module: str, source: str) -> None:
    module = f"{PACKAGE}.{module}"
    assert list(impure(module, imports(module, source, OURS)))


def test_a_circle_is_found_and_a_chain_is_none() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


# Names ---------------------------------------------------------------------------------------------------------

LIMITS_OF_THEIR_MODULE = (
    "a figure of its own module, read there and nowhere else: its docstring says what it bounds"
)
MAY_STAND_TWICE = {
    **dict.fromkeys(
        ("LEAST", "LIMIT", "PAGE", "PATIENCE", "PAUSE", "TIMEOUT"), LIMITS_OF_THEIR_MODULE
    ),
    **dict.fromkeys(("LOOK_EVERY", "REASON_LIMIT", "RETRY_EVERY"), LIMITS_OF_THEIR_MODULE),
    "RUNNING": "CodeDeploy's statuses there, the comment's words for a running step here",
}
"""Names that two modules define at their top, each with the reason."""


def test_one_name_means_one_thing() -> None:
    defined: dict[str, set[str]] = {}
    for module, path in OURS.items():
        for name in _top_level(ast.parse(path.read_text(encoding="utf-8"))):
            defined.setdefault(name, set()).add(module)
    twice = {name for name, by in defined.items() if len(by) > 1}
    assert twice <= set(MAY_STAND_TWICE), {
        name: defined[name] for name in twice - set(MAY_STAND_TWICE)
    }
    assert set(MAY_STAND_TWICE) <= twice, "a reason that nobody needs any more"


def _top_level(tree: ast.Module) -> Iterator[str]:
    """Name what a module defines at its top for others to see."""
    for node in tree.body:
        names: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        yield from (name for name in names if not name.startswith("_"))
