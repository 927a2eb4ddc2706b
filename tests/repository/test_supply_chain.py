"""What users are asked to trust: pinned parts, releases that name their image by digest, narrow permissions."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from scripts import guardian
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
    assert re.fullmatch(r"[\w-]+/[\w-]+(?:/[\w-]+)?@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), (
        workflow
    )


def test_one_action_one_pin() -> None:
    pins = {(*action.split("/")[:2], action.partition("@")[2]) for _, action in used()}
    repositories = {(owner, name.partition("@")[0]) for owner, name, _ in pins}
    assert len({(owner, name.partition("@")[0], pin) for owner, name, pin in pins}) == len(
        repositories
    )


def test_lint_audits_every_workflow_and_every_example() -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "lint-workflows"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    [audit] = [line.split() for line in shown.splitlines() if "zizmor" in line]
    examples = {str(path.relative_to(ROOT)) for path in (ROOT / "examples").glob("*.yml")}
    assert len(examples) >= 3
    assert {".github", "action.yml"} | examples <= set(audit)


def release_jobs() -> dict[str, Any]:
    found: dict[str, Any] = load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))[
        "jobs"
    ]
    return found


SIGNING = {"packages", "id-token", "attestations"}
MAY_WRITE = {
    "release.yml build": SIGNING,
    "release.yml join": SIGNING,
    "release.yml guardian": SIGNING - {"packages"},
    "release.yml tag": {"contents"},
    "release.yml notes": {"contents"},
    "codeql.yml analyze": {"security-events"},
}


def test_no_job_may_write_but_those_that_have_to() -> None:
    for name, job in jobs():
        writes = {scope for scope, may in job["permissions"].items() if may == "write"}
        assert writes == MAY_WRITE.get(name, set()), name


def test_what_may_move_tags_may_nothing_else_and_runs_nothing_of_others() -> None:
    for name in ("tag", "notes"):
        job = release_jobs()[name]
        assert job["permissions"] == {"contents": "write"}
        used_there = {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}
        assert used_there == {"actions/checkout"}
    waits = {name for name, job in release_jobs().items() if job.get("environment") == "release"}
    assert waits == {"build", "tag"}, "an owner approves before anything is pushed, and tagged"


def test_every_job_ends_by_itself() -> None:
    for name, job in jobs():
        assert 0 < int(job["timeout-minutes"]) <= 90, name


def needed_by(name: str) -> set[str]:
    """Every job that must have succeeded before this one starts."""
    needs = release_jobs()[name].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(needed_by(each) for each in direct))


def runs_of(name: str) -> str:
    return "\n".join(step.get("run") or step["uses"] for step in release_jobs()[name]["steps"])


def test_nothing_is_built_that_was_not_tested_and_nothing_tagged_that_was_not_tried() -> None:
    assert "release.py check" in runs_of("check")
    assert {".ci/run", "make test-long"} <= set(runs_of("test").splitlines())
    assert needed_by("build") == {"check", "test"}
    assert needed_by("tag") == {"check", "test", "build", "join", "guardian", "try"}
    assert needed_by("notes") == needed_by("tag") | {"tag"}
    assert "release.py tag" in runs_of("tag")
    assert "release.py notes" in runs_of("notes")
    assert all("if" not in job for job in release_jobs().values()), "no job runs after a failure"


def test_what_is_tried_and_tagged_is_the_digest_that_was_pushed() -> None:
    pushed = "${{ needs.join.outputs.name }}@${{ needs.join.outputs.digest }}"
    for name, command in [
        ("try", 'make image-test IMAGE="$PUSHED"'),
        ("tag", 'release.py tag "$VERSION" "$PUSHED"'),
    ]:
        [step] = [step for step in release_jobs()[name]["steps"] if command in step.get("run", "")]
        assert step["env"]["PUSHED"] == pushed


def test_each_platform_is_built_and_tried_on_a_runner_of_its_own_kind() -> None:
    built = release_jobs()["build"]["strategy"]["matrix"]["include"]
    runners = {each["platform"]: each["runner"] for each in built}
    assert runners == {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
    assert set(release_jobs()["try"]["strategy"]["matrix"]["runner"]) == set(runners.values())
    assert set(release_jobs()["build"]["outputs"]) == set(runners)
    joined = next(step for step in release_jobs()["join"]["steps"] if step.get("id") == "image")
    asked = {f"${{{{ needs.build.outputs.{each} }}}}" for each in runners}
    assert set(joined["env"].values()) == asked
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "qemu" not in text.lower()


def test_each_platform_is_attested_with_what_is_in_it_and_the_list_with_where_it_is_from() -> None:
    for name, sboms in [("build", [False, True]), ("join", [False])]:
        steps = release_jobs()[name]["steps"]
        attested = [step["with"] for step in steps if "attest@" in step.get("uses", "")]
        assert [("sbom-path" in given) for given in attested] == sboms
        assert all(
            given["subject-digest"] == "${{ steps.image.outputs.digest }}" for given in attested
        )


def test_the_guardian_is_attested_as_make_builds_it() -> None:
    steps = release_jobs()["guardian"]["steps"]
    builds, attests = steps[-2:]
    assert builds["run"] == "make guardian"
    assert "attest@" in attests["uses"]
    assert attests["with"] == {"subject-path": "build/guardian.zip"}
    # A release differs from main in action.yml alone, which is not in it.
    assert not [name for name, _ in guardian.sources() if "action.yml" in name]


def test_no_input_stands_in_a_script() -> None:
    for name, job in jobs():
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), name


def test_workflows_start_nothing_from_an_image_that_is_not_ours() -> None:
    """No builder, no emulator, no service: there is no helper image, so none can move."""
    for name, job in jobs():
        assert not {"container", "services"} & set(job), name
        for step in job["steps"]:
            assert not step.get("uses", "").startswith(("docker://", "docker/")), name
            assert not re.search(r"\bdocker (?:run|pull|buildx)\b", step.get("run", "")), name


def test_the_python_that_ships_is_tested() -> None:
    base = re.search(
        r"^FROM python:(3\.\d+)-slim@", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert base
    ci = load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]["check"]
    versions = ci["strategy"]["matrix"]["python"]
    assert versions == ["3.11", base[1]], "the oldest that runs it, and the one in the image"
    for path in WORKFLOWS:
        named = re.findall(r'python-version: "(.*)"', path.read_text("utf-8"))
        assert set(named) <= {base[1]}, path.name


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


@pytest.mark.parametrize(
    "lock",
    [
        "tests/image/requirements.txt",
        "benchmarks/requirements.txt",
        "tests/e2e/oldest-boto3.txt",
    ],
)
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


def run(
    checkout: Path, *words: str, ref: str = "refs/heads/main"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / "release.py"), *words]
    environ = {**os.environ, "GITHUB_REF": ref}
    return subprocess.run(
        command, cwd=checkout, env=environ, check=False, capture_output=True, text=True
    )


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


def test_a_major_never_moves_back(checkout: Path) -> None:
    assert run(checkout, "tag", "v1.2.0", IMAGE).returncode == 0
    git(checkout, "switch", "--quiet", "main")
    origin = checkout.parent / "origin.git"
    before = git(origin, "for-each-ref")
    for command in (["check", "v1.1.0"], ["tag", "v1.1.0", IMAGE]):
        older = run(checkout, *command)
        assert older.returncode == 1
        assert "v1.2.0 is there: v1.1.0 would move v1 back" in older.stderr
    assert git(origin, "for-each-ref") == before


@pytest.mark.parametrize(
    ("version", "released"),
    [
        ("v1.10.0", ["v1.9.0", "v1.2.11"]),
        ("v1.0.0", []),
        ("v2.0.1", ["v2", "v2.0.0", "v2.9", "v2.1.0-rc1"]),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, released: list[str]) -> None:
    release.must_be_next(version, released)
    with pytest.raises(release.Refused):
        release.must_be_next(version, [*released, version])


def test_another_major_is_no_reason_to_refuse(checkout: Path) -> None:
    origin = checkout.parent / "origin.git"
    for other in ("v2.0.0", "v11.0.0", "v10.3.0"):
        git(origin, "tag", other, "main")
    done = run(checkout, "check", "v1.2.0")
    assert done.returncode == 0, done.stderr


def test_only_a_commit_of_main_at_the_origin_is_released(checkout: Path) -> None:
    origin = checkout.parent / "origin.git"
    git(checkout, "switch", "--quiet", "--create", "feature")
    (checkout / "more").write_text("")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "More")
    git(checkout, "push", "--quiet", "origin", "feature")
    # What this checkout calls main does not count, nor what it believes that the origin's is.
    git(checkout, "branch", "--force", "main", "feature")
    git(checkout, "update-ref", "refs/remotes/origin/main", "feature")
    for command in (["check", "v1.2.0"], ["tag", "v1.2.0", IMAGE]):
        refused = run(checkout, *command)
        assert refused.returncode == 1
        assert "no commit of main at the origin" in refused.stderr
    assert git(origin, "tag") == ""
    git(checkout, "push", "--quiet", "origin", "feature:main")
    assert run(checkout, "check", "v1.2.0").returncode == 0


@pytest.mark.parametrize("ref", ["refs/heads/feature", "refs/tags/main", "refs/pull/1/merge"])
def test_a_branch_that_is_where_main_is_is_not_main(ref: str, checkout: Path) -> None:
    """Its attestations would name the branch, and `gh attestation verify` as the docs have it refuse them."""
    refused = run(checkout, "check", "v1.2.0", ref=ref)
    assert refused.returncode == 1
    assert f"started on {ref}" in refused.stderr


def test_main_may_have_gone_on_while_the_tests_ran(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Later")
    git(checkout, "push", "--quiet", "origin", "HEAD:main")
    git(checkout, "switch", "--quiet", "--detach", "HEAD^")
    done = run(checkout, "tag", "v1.2.0", IMAGE)
    assert done.returncode == 0, done.stderr


def test_a_release_s_own_commit_is_not_released_again(checkout: Path) -> None:
    assert run(checkout, "tag", "v1.1.0", IMAGE).returncode == 0
    again = run(checkout, "check", "v1.2.0")
    assert "no commit of main at the origin" in again.stderr


def test_a_dirty_checkout_is_not_released(checkout: Path) -> None:
    (checkout / "more").write_text("")
    done = run(checkout, "check", "v1.2.0")
    assert done.returncode == 1
    assert "not clean" in done.stderr
