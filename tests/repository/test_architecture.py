"""docs/architecture.md maps the house as it is: rooms, imports, files, names and words."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.repository.test_import_table import OUTSIDE, TABLE
from tests.support.pages import page, table
from tests.support.workflows import ROOT


def test_the_rooms_of_the_house_are_there() -> None:
    [house] = re.findall(
        r"^```\n(.*?)^```$", page("docs/architecture.md"), re.MULTILINE | re.DOTALL
    )
    named = set(rooms(house))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    package = ROOT / "lambda_rollout"
    there = {path.parent for path in package.rglob("*.py")} | {package / "rollout/rollout.py"}
    assert {str(path.relative_to(ROOT)) for path in there} <= named


def test_the_files_that_the_architecture_names_are_there() -> None:
    named = re.findall(r"`([\w/.-]+/[\w.-]*|[\w/-]+\.(?:py|yml))`", page("docs/architecture.md"))
    places = [ROOT, ROOT / "lambda_rollout", ROOT / "tests"]
    assert len(named) > 30
    lost = {name for name in named if not any((place / name).exists() for place in places)}
    assert lost == set()


OF_OTHERS = {"ExpiredToken", "GITHUB_STATE", "Invoke", "UpdateAlias"}


def test_the_names_that_the_architecture_cites_are_the_codes() -> None:
    prose = re.sub(
        r"^```.*?^```$", "", page("docs/architecture.md"), flags=re.MULTILINE | re.DOTALL
    )
    cited = {name.split(".")[-1] for name in re.findall(r"`([A-Za-z_][\w.]*)`", prose)}
    known = {*names_in_the_package(), *TABLE, *OF_OTHERS, "py", "yml"}
    assert len(cited) > 60
    assert cited - known == set()


def test_the_import_table_is_the_tests() -> None:
    rows = table("## Who may import whom", "docs/architecture.md")
    told = {row[0].strip("`"): set(re.findall(r"`([\w.]+)`", row[1])) for row in rows}
    assert told["app"] == set()
    assert told | {"app": TABLE["app"]} == TABLE
    assert TABLE["app"] == set(TABLE) - {"app", "guardian"}
    outside = {row[0].strip("`"): set(re.findall(r"\w+", row[2])) for row in rows}
    assert {entry: names for entry, names in outside.items() if names} == OUTSIDE


def test_the_words_of_the_glossary_are_the_codes() -> None:
    words = table("## Words", "docs/architecture.md")
    assert len(words) > 20
    assert len({row[0] for row in words}) == len(words)
    known = names_in_the_package()
    assert [row[2] for row in words if not set(re.findall(r"`(\w+)`", row[2])) & known] == []
    assert {name for row in words for name in re.findall(r"`(\w+)`", row[2])} <= known


@cache
def names_in_the_package() -> frozenset[str]:
    """Classes, functions, constants and fields."""
    return frozenset(
        name
        for path in (ROOT / "lambda_rollout").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in names_of(node)
    )


def names_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
            yield name
        case ast.Assign(targets=[ast.Name(id=name)]):
            yield name
        case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
            yield name


def rooms(house: str) -> Iterator[str]:
    """Paths that the map names: a folder's contents are indented by two more than the folder."""
    folders: list[str] = []
    for line in house.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        del folders[depth:]
        for name in re.findall(r"(?<![\w/.])[a-z_]+(?:\.py|/(?= |$))", line):
            yield "/".join([*folders, name.removesuffix("/")])
            if name.endswith("/"):
                folders.append(name.removesuffix("/"))
