"""What users are asked to trust: pinned parts, releases that name their image by digest, narrow permissions."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.support.workflows import ROOT, load

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
IMAGE = "ghcr.io/octo/lambda-rollout@sha256:" + "0a" * 32
CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-01

### Added

- A thing.

## [1.1.0] - 2026-11-01

- Another.

[1.1.0]: https://example.com
"""


def _release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / "scripts" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = _release()


def used() -> Iterator[tuple[str, str]]:
    for path in WORKFLOWS:
        for line in path.read_text("utf-8").splitlines():
            if found := re.search(r"uses: (.*)", line):
                yield path.name, found[1]


def jobs() -> Iterator[tuple[str, Any]]:
    for path in WORKFLOWS:
        workflow = load(path.read_text("utf-8"))
        assert workflow["permissions"] == {}, f"{path.name}: jobs ask for their own"
        for name, job in workflow["jobs"].items():
            yield f"{path.name} {name}", job


@pytest.mark.parametrize(("workflow", "action"), sorted(set(used())))
def test_every_action_is_pinned_by_commit_with_its_version_beside(
    workflow: str, action: str
) -> None:
    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), workflow


def test_one_action_one_pin() -> None:
    names = {action.split("@")[0] for _, action in used()}
    assert len({action for _, action in used()}) == len(names)


def test_no_job_may_write_but_the_release() -> None:
    for name, job in jobs():
        writes = {scope for scope, may in job["permissions"].items() if may == "write"}
        expected = {"contents", "packages", "id-token", "attestations"}
        assert writes == (expected if name == "release.yml release" else set()), name


def test_every_job_ends_by_itself() -> None:
    for name, job in jobs():
        assert 0 < int(job["timeout-minutes"]) <= 90, name


def test_nothing_is_released_that_was_not_tested_and_tagged_only_after_its_attestations() -> None:
    job = load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]["release"]
    assert job["needs"] == "test"
    steps = [step.get("run") or step["uses"] for step in job["steps"]]
    order = ["release.py check", "release.py image", "make sbom", "actions/attest@"]
    order += ["release.py tag", "release.py notes"]
    places = [next(i for i, step in enumerate(steps) if what in step) for what in order]
    assert places == sorted(places)
    attested = [step["with"] for step in job["steps"] if "attest@" in step.get("uses", "")]
    assert [("sbom-path" in given) for given in attested] == [False, True]
    assert all("${{ inputs" not in step for step in steps), "no input stands in a script"


def test_updates_are_looked_for_where_something_is_pinned() -> None:
    config = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))
    watched = {
        (entry["package-ecosystem"], folder)
        for entry in config["updates"]
        for folder in entry.get("directories", [entry.get("directory")])
    }
    locks = {path.parent.relative_to(ROOT) for path in ROOT.glob("requirements*.txt")}
    locks |= {p.parent.relative_to(ROOT) for p in ROOT.glob("[tb]*/**/requirements.txt")}
    folders = {f"/{folder}".removesuffix("/.").rstrip(".") or "/" for folder in locks}
    assert watched == {("github-actions", "/"), ("docker", "/"), *(("pip", f) for f in folders)}


@pytest.mark.parametrize("lock", ["tests/image/requirements.txt", "benchmarks/requirements.txt"])
def test_tools_of_single_targets_are_locked_too(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    lines = [
        line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    assert lines
    assert all(re.match(r"[a-z0-9-]+==\S+.* --hash=sha256:[0-9a-f]{64}", line) for line in lines)


def test_a_release_names_its_image_by_digest_and_changes_nothing_else() -> None:
    action = (ROOT / "action.yml").read_text("utf-8")
    before, after = yaml.safe_load(action), yaml.safe_load(release.pinned(action, IMAGE))
    assert after["runs"].pop("image") == f"docker://{IMAGE}"
    assert before["runs"].pop("image") == "Dockerfile"
    assert before == after


@pytest.mark.parametrize(
    "image", ["ghcr.io/octo/x:v1", "x", f"{IMAGE}\n  evil: 1", IMAGE.upper(), IMAGE[:-1]]
)
def test_what_is_no_digest_is_refused(image: str) -> None:
    with pytest.raises(release.Refused):
        release.pinned((ROOT / "action.yml").read_text("utf-8"), image)


@pytest.mark.parametrize(
    "version", ["1.2.3", "v1.2", "v1.2.3-rc1", "v01.2.3", "v0.1.0", "v1.2.3\n"]
)
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(release.Refused):
        release.major(version)


def test_notes_are_the_changelogs() -> None:
    assert release.major("v12.0.1") == "v12"
    assert release.notes("v1.2.0", CHANGELOG) == "### Added\n\n- A thing.\n"
    assert release.notes("v1.1.0", CHANGELOG) == "- Another.\n"
    for missing in ("v1.0.0", "v1.2", "vUnreleased"):
        with pytest.raises(release.Refused):
            release.notes(missing, CHANGELOG)


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with an origin, ready to be released as v1.2.0."""
    origin, here = tmp_path / "origin.git", tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(here))
    git(here, "config", "user.name", "a")
    git(here, "config", "user.email", "a@example.com")
    (here / "CHANGELOG.md").write_text(CHANGELOG)
    (here / "action.yml").write_text((ROOT / "action.yml").read_text("utf-8"))
    git(here, "add", ".")
    git(here, "commit", "--quiet", "--message", "Begin")
    git(here, "push", "--quiet", "origin", "HEAD:main")
    return here


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "release.py"), *words]
    return subprocess.run(command, cwd=checkout, check=False, capture_output=True, text=True)


def test_both_tags_lead_to_the_pinned_action_and_main_does_not(checkout: Path) -> None:
    main = git(checkout, "rev-parse", "origin/main")
    done = run(checkout, "tag", "v1.2.0", IMAGE)
    assert done.returncode == 0, done.stderr
    origin = checkout.parent / "origin.git"
    assert git(origin, "rev-parse", "main") == main
    commit = git(origin, "rev-parse", "v1.2.0^{commit}")
    assert git(origin, "rev-parse", "v1^{commit}") == commit
    assert git(origin, "rev-parse", f"{commit}^") == main
    assert f"image: docker://{IMAGE}" in git(origin, "show", "v1.2.0:action.yml")
    assert git(origin, "diff", "--name-only", main, commit) == "action.yml"


def test_a_release_is_never_made_anew(checkout: Path) -> None:
    assert run(checkout, "tag", "v1.1.0", IMAGE).returncode == 0
    git(checkout, "switch", "--quiet", "main")
    again = run(checkout, "check", "v1.1.0")
    assert again.returncode == 1
    assert "there already" in again.stderr
    assert run(checkout, "tag", "v1.2.0", IMAGE).returncode == 0
    origin = checkout.parent / "origin.git"
    assert git(origin, "rev-parse", "v1^{commit}") == git(origin, "rev-parse", "v1.2.0^{commit}")


def test_a_dirty_checkout_is_not_released(checkout: Path) -> None:
    (checkout / "more").write_text("")
    done = run(checkout, "check", "v1.2.0")
    assert done.returncode == 1
    assert "not clean" in done.stderr
