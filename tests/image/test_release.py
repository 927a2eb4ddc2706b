"""A release in small: a registry and an origin of our own, and the action at the tag pulled and run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.image.container import ContainerRunner
from tests.image.engine import ROOT, Engine, NoEngine, need
from tests.repository.test_supply_chain import git
from tests.support.live import Live
from tests.support.servers import _running, free_port

pytestmark = pytest.mark.image

VERSION = "v1.0.0"
TOOLS = ROOT / "build" / "tools" / "bin"


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Host and port of an empty registry on 127.0.0.1."""
    need("/usr/bin/docker-registry", "docker-registry")
    port = free_port()
    address = f"127.0.0.1:{port}"
    config = folder / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(folder / "registry")}}
    config.write_text(json.dumps({"version": 0.1, "storage": storage, "http": {"addr": address}}))
    command = ["/usr/bin/docker-registry", "serve", str(config)]
    with _running(command, port, "/v2/", {}):
        yield address


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    try:
        with registry(tmp_path) as found:
            yield found
    except NoEngine as why:
        pytest.skip(f"no registry can be started here, a release is not tried:\n{why}")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of what is committed, with a changelog for the version and an origin of its own."""
    here, origin = tmp_path / "checkout", tmp_path / "origin.git"
    git(tmp_path, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(here))
    git(tmp_path, "init", "--quiet", "--bare", str(origin))
    git(here, "remote", "set-url", "origin", str(origin))
    git(here, "config", "user.name", "a")
    git(here, "config", "user.email", "a@example.com")
    changelog = here / "CHANGELOG.md"
    changelog.write_text(changelog.read_text("utf-8") + f"\n## [{VERSION[1:]}]\n\n- All of it.\n")
    dockerfile = here / "Dockerfile"
    # The release is of what is here now, and on the engine that is here.
    dockerfile.write_text((ROOT / "Dockerfile").read_text("utf-8"))
    git(here, "commit", "--quiet", "--all", "--message", "Prepare")
    return here


def pushed_for(docker: Engine, architecture: str, name: str, folder: Path) -> str:
    """Digest of an image with nothing in it, pushed as ``name``.

    It is loaded, not imported: Docker 20.10 ignores `docker import --platform` and notes its own platform.
    """
    layer, archive = folder / "layer.tar", folder / f"{architecture}.tar"
    tarfile.open(layer, "w").close()
    content = hashlib.sha256(layer.read_bytes()).hexdigest()
    config = folder / "config.json"
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{content}"]}
    config.write_text(json.dumps({"architecture": architecture, "os": "linux", "rootfs": rootfs}))
    manifest = folder / "manifest.json"
    manifest.write_text(
        json.dumps([{"Config": config.name, "RepoTags": [name], "Layers": [layer.name]}])
    )
    with tarfile.open(archive, "w") as tar:
        for file in (manifest, config, layer):
            tar.add(file, file.name)
    docker.run("load", "--input", str(archive))
    return str(re.findall(r"sha256:[0-9a-f]{64}", docker.run("push", name).stdout)[-1])


def test_a_release_is_pulled_by_digest_and_works(
    docker: Engine, image: str, scene: Live, runner: ContainerRunner, checkout: Path, address: str
) -> None:
    name = f"{address}/octo/lambda-rollout"
    release = [sys.executable, str(ROOT / "scripts" / "release.py")]

    # The engine's own client, where there are several.
    path = f"{Path(docker.docker).parent}:{os.environ['PATH']}"

    def run(*words: str) -> str:
        done = subprocess.run(
            [*release, *words],
            cwd=checkout,
            env={**docker.environment(), "PATH": path, "GITHUB_REF": "refs/heads/main"},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    if not docker.pulls:
        # The stand-in for the base has another digest than the one that is pinned.
        unpinned = ["sed", "-i", "s/@sha256:[0-9a-f]*//", str(checkout / "Dockerfile")]
        subprocess.run(unpinned, check=True)
        git(checkout, "commit", "--quiet", "--all", "--message", "Build on the stand-in")
    git(checkout, "push", "--quiet", "origin", "HEAD:main")
    built = run("image", VERSION, name)
    ours = docker.run("version", "--format", "{{.Server.Arch}}").stdout.strip()
    other = {"amd64": "arm64", "arm64": "amd64"}[ours]
    # One that this machine could not start.
    foreign = pushed_for(docker, other, f"{name}:{VERSION}-{other}", checkout.parent)
    twin = pushed_for(docker, ours, f"{name}:{VERSION}-twin", checkout.parent)
    with pytest.raises(AssertionError, match=rf"linux/{ours} twice"):
        run("join", VERSION, name, built, twin)
    digest = run("join", VERSION, name, built, foreign)
    assert digest not in {built, foreign}
    run("tag", VERSION, f"{name}@{digest}")
    assert run("notes", VERSION) == "- All of it."

    origin = checkout.parent / "origin.git"
    action = yaml.safe_load(git(origin, "show", "v1:action.yml"))
    pinned = action["runs"]["image"].removeprefix("docker://")
    assert pinned == f"{name}@{digest}"
    # By their names: what is pushed is the same image as the one that the other tests use.
    names = docker.run("images", "--format", "{{.Repository}}:{{.Tag}}", name).stdout.split()
    docker.run("rmi", *names)
    docker.run("pull", pinned)
    runner.image = pinned
    assert scene.run().outputs["result"] == "promoted"

    sbom = checkout.parent / "sbom.spdx.json"
    listed = [str(TOOLS / "syft"), "scan", "--quiet", f"registry:{pinned}"]
    subprocess.run([*listed, "--output", f"spdx-json={sbom}"], check=True)
    packages = {package["name"].lower() for package in json.loads(sbom.read_text())["packages"]}
    assert {"boto3", "botocore", "pygithub", "tenacity"} <= packages
    docker.run("rmi", "--force", pinned, check=False)


def test_bytecode_comes_out_the_same_when_it_is_made_again(docker: Engine, image: str) -> None:
    """The rest of our layers are files copied as they are, or unpacked from archives that have hashes."""
    again = """
import compileall, hashlib, pathlib, py_compile
def seen():
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for top in ("/opt/lambda-rollout", "/opt/venv/lib")
        for path in sorted(pathlib.Path(top).rglob("*.pyc"))
    }
before = seen()
for top in {path.parent.parent for path in before}:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(top, maxlevels=0, quiet=1, force=True, invalidation_mode=mode)
after = seen()
print(len(before), *(path for path in before if before[path] != after.get(path)))
"""
    shown = docker.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python"),
        *("-e", "PYTHONHASHSEED=0", image, "-Bc", again),
    )
    many, *others = shown.stdout.split()
    assert int(many) > 300
    assert others == []
