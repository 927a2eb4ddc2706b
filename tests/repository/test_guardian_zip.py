"""The guardian's zip file: the same bytes from the same tree, small, and without what it must not see.

That it works with boto3 and nothing else is shown by `tests/e2e/test_guardian.py`, which runs nothing but it.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import pytest

from scripts import guardian
from tests.support.workflows import ROOT


def tree(folder: Path, age: int) -> Path:
    """A copy of what it is built from, with other times, other rights, and what running it leaves."""
    package = folder / guardian.PACKAGE
    shutil.copytree(ROOT / guardian.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for path in package.rglob("*.py"):
        os.utime(path, (age, age))
        path.chmod(0o600 if age % 2 else 0o755)
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / f"left.cpython-{age}.pyc").write_bytes(b"\0")
    return folder


def test_two_copies_of_the_tree_give_the_same_bytes(tmp_path: Path) -> None:
    digests = {
        guardian.build(tmp_path / f"{age}.zip", tree(tmp_path / str(age), age))
        for age in (1_000_000_001, 1_500_000_000)
    }
    assert digests == {guardian.build(tmp_path / "ours.zip")}


def test_a_changed_line_gives_others(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", 1_000_000_000)
    with (root / guardian.PACKAGE / "guardian.py").open("a") as file:
        file.write("# other\n")
    assert guardian.build(tmp_path / "a.zip", root) != guardian.build(tmp_path / "b.zip")


def test_it_is_small_and_has_nothing_of_githubs(tmp_path: Path) -> None:
    target = tmp_path / "guardian.zip"
    guardian.build(target)
    assert target.stat().st_size < guardian.LARGEST
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {guardian.EPOCH}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o644}
    assert "lambda_rollout/guardian.py" in names
    assert "tenacity/__init__.py" in names
    assert {name.split("/")[0] for name in names} == {"lambda_rollout", "tenacity"}
    assert not [name for name in names if "github" in name or name.endswith(("app.py", ".pyc"))]


def test_one_that_has_grown_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardian, "LARGEST", 1000)
    with pytest.raises(ValueError, match="more than 1000"):
        guardian.build(tmp_path / "guardian.zip")


def test_the_command_prints_what_sha256sum_would(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "guardian.zip"
    assert guardian.main([str(target)]) == 0
    assert capsys.readouterr().out == f"{guardian.build(target)}  {target}\n"
