"""docs/threats.md names tests that there are: each can be run by what stands there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.pages import page
from tests.support.workflows import ROOT

PAGE = "docs/threats.md"
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page(PAGE))


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED)))
def test_each_named_test_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert name.startswith("test_")


def test_every_threat_has_one() -> None:
    rows = [line for line in page(PAGE).splitlines() if line.startswith("| ")]
    threats = [row for row in rows if not row.startswith("| threat |")]
    assert len(threats) > 20
    assert [row for row in threats if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []
    assert all(len(row.split(" | ")) == 3 for row in threats)


def test_what_looks_like_a_test_is_named_in_full() -> None:
    assert len(re.findall(r"\btest_\w+", page(PAGE).partition("## Text")[2])) == 2 * len(NAMED)


def test_security_leads_to_it() -> None:
    assert f"({PAGE})" in page("SECURITY.md")
