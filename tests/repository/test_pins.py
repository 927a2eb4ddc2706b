"""Checks on the repository itself: locks and pins."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")

# In parts, so that this file does not name what no file may name.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    )
]
INDEX_OPTION = re.compile(
    r"(?<![\w-])(?:--(?:extra-)?index-url|--default-index|--find-links|--trusted-host)\b"
    r"|\b(?:PIP|UV)_(?:EXTRA_)?INDEX_URL\b|\b(?:extra-)?index-url\s*="
)


def tracked_texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file that git tracks or would, given `git add`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file():
            yield name, path.read_bytes().decode("utf-8", "replace")


def locked(lock: str) -> dict[str, str]:
    """Name to version and marker, of every requirement in a lock file."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            match = re.match(
                r"([a-z0-9-]+)==([^ ]+)( ;.*?)?( +--hash=sha256:[0-9a-f]{64})+ *$", line
            )
            assert match, f"{lock}: not pinned by version and hash: {line[:80]}"
            found[match[1] + (match[3] or "")] = match[2]
    return found


def asked_for(inputs: str) -> set[str]:
    lines = (line.split("#")[0].strip() for line in (ROOT / inputs).read_text().splitlines())
    return {
        re.split(r"[\[<>=; ]", line)[0].lower()
        for line in lines
        if line and not line.startswith("-")
    }


def test_no_file_names_a_package_registry_or_an_index_option() -> None:
    found = [
        f"{name}: {what}"
        for name, text in tracked_texts()
        for what in [host for host in REGISTRY_HOSTS if host in text]
        + [
            match[0]
            for match in INDEX_OPTION.finditer(text)
            if name != "tests/repository/test_pins.py"
        ]
    ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_version_and_hash(lock: str) -> None:
    names = {name.split(" ;")[0] for name in locked(lock)}
    assert asked_for(lock.replace(".txt", ".in")) <= names


def test_tests_run_on_the_same_releases_as_the_image() -> None:
    versions = {
        name.split(" ;")[0]: version for name, version in locked("requirements-dev.txt").items()
    }
    for name, version in locked("requirements.txt").items():
        assert versions[name.split(" ;")[0]] == version, name


def test_the_image_is_without_what_is_excluded() -> None:
    """Whatever else renews the lock (Dependabot does) knows nothing of the excludes, and would bring them back."""
    excluded = asked_for("requirements-excludes.txt")
    assert excluded == {"cryptography", "pynacl"}
    names = {name.split(" ;")[0] for name in locked("requirements.txt")}
    assert names.isdisjoint({*excluded, "cffi", "pycparser"})


def test_the_project_needs_what_the_lock_is_made_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {name.lower() for name in project["dependencies"]} == asked_for("requirements.in")


def test_both_stages_of_the_image_stand_on_the_same_pinned_base() -> None:
    bases = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:\d\.\d+-slim@sha256:[0-9a-f]{64}", bases[0])


def test_both_programs_of_the_image_start_in_the_same_way() -> None:
    """The main stage as the ENTRYPOINT says, the post stage as the first line of its own file does."""
    (main,) = re.findall(r"^ENTRYPOINT (.+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    *interpreter, _ = json.loads(main)
    post = ROOT / "post-entrypoint"
    assert os.access(post, os.X_OK)
    assert post.read_text().splitlines()[0] == f"#!{' '.join(interpreter)}"
