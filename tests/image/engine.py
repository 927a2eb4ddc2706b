"""A container engine to build and run the image on: the machine's own, or one started here."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASE = "python:3.14-slim"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PLENTY = 4 * 1024**3
"""Bytes."""
STAND_IN = ROOT / "build" / "image" / "stand-in.tar"


class NoEngine(Exception):
    """No engine could be started. The text is the engine's own."""


@dataclass(frozen=True)
class Engine:
    """A running engine, spoken to through its `docker` client.

    `pulls` tells whether it can reach a registry; one started here cannot.
    """

    docker: str = "docker"
    env: Mapping[str, str] = field(default_factory=dict)
    pulls: bool = True

    def command(self, *arguments: str) -> list[str]:
        return [self.docker, *arguments]

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env, "DOCKER_BUILDKIT": "1"}

    def run(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; a failure shows what the engine printed."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done

    def inspect(self, name: str) -> Any:
        """What the engine knows of a container or an image."""
        return json.loads(self.run("inspect", name).stdout)[0]


@contextmanager
def engine() -> Iterator[Engine]:
    """The machine's engine if it answers, otherwise one of our own, ended afterwards."""
    try:
        answers = not subprocess.run(
            ["docker", "version"], check=False, capture_output=True, timeout=30
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        answers = False
    if answers:
        yield Engine()
        return
    with own_engine() as own:
        own.run("import", "--change", f"ENV PATH={PATH}", str(stand_in_base()), BASE)
        yield own


@contextmanager
def own_engine() -> Iterator[Engine]:
    """A private dockerd without a bridge, so that it touches none of the host's firewall rules."""
    need("/usr/sbin/dockerd", "docker.io")
    home = Path(tempfile.mkdtemp(prefix="engine-", dir=_quick_place()))
    host = f"unix://{home}/docker.sock"
    log = home / "dockerd.log"
    flags = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--host", host]
    places = [
        "--data-root",
        f"{home}/data",
        "--exec-root",
        f"{home}/exec",
        "--pidfile",
        f"{home}/pid",
    ]
    with log.open("wb") as out:
        daemon = subprocess.Popen(["/usr/sbin/dockerd", *flags, *places], stdout=out, stderr=out)
    try:
        # Debian's client knows BuildKit; another one earlier on PATH may not.
        own = Engine("/usr/bin/docker", {"DOCKER_HOST": host}, pulls=False)
        for _ in range(300):
            if not own.run("version", check=False).returncode:
                break
            if daemon.poll() is not None:
                raise NoEngine(log.read_text())
            time.sleep(0.1)
        else:
            raise NoEngine(log.read_text())
        yield own
    finally:
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
        daemon.wait(timeout=60)
        subprocess.run(["umount", f"{home}/exec/netns/default"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def _quick_place() -> str | None:
    """Memory if there is plenty: an engine's thousands of small files take a disk minutes to write and remove."""
    with suppress(OSError):
        memory = os.statvfs("/dev/shm")
        if memory.f_bavail * memory.f_frsize > PLENTY:
            return "/dev/shm"
    return None


def need(executable: str, package: str) -> None:
    if Path(executable).exists():
        return
    if os.geteuid() or not shutil.which("apt-get"):
        raise NoEngine(f"no engine answers, and {package} can be installed only by root, on Debian")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install(["apt-get", "update", "-qq"], env)
    install(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], env)


def install(command: Sequence[str], env: Mapping[str, str]) -> None:
    done = subprocess.run(command, check=False, env=env, capture_output=True, text=True)
    if done.returncode:
        raise NoEngine(done.stdout + done.stderr)


def stand_in_base() -> Path:
    """What the base image holds, as far as we use it, made from Debian's packages.

    It is kept in build/ for the next run. The mirror is the one that this machine uses. Debian's release has Python
    3.13, the base one more: what differs between the two is tested where the base can be pulled.
    """
    if STAND_IN.exists():
        return STAND_IN
    need("/usr/bin/mmdebstrap", "mmdebstrap")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    mirrors = [uri for uri in listed if re.search(r"/debian/?$", uri)]
    if not mirrors:
        raise NoEngine(f"no mirror of Debian among this machine's package sources: {listed}")
    packages = "ca-certificates,netbase,tzdata,python3.13,python3-pip,python3-venv"
    hooks = [
        'ln -s /usr/bin/python3.13 "$1/usr/local/bin/python"',
        'ln -s /usr/bin/python3.13 "$1/usr/local/bin/python3"',
        'cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"',
        'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        'find "$1/usr/lib" -name __pycache__ -type d -prune -exec rm -rf {} +',
    ]
    unneeded = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
    unfinished = STAND_IN.with_suffix(".unfinished.tar")
    STAND_IN.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            "mmdebstrap",
            "--quiet",
            "--variant=essential",
            f"--include={packages}",
            *(f"--customize-hook={hook}" for hook in hooks),
            *(f"--dpkgopt=path-exclude={path}" for path in unneeded),
            "trixie",
            str(unfinished),
            mirrors[0],
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NoEngine(done.stdout + done.stderr)
    unfinished.rename(STAND_IN)
    return STAND_IN


def pinned_base() -> str:
    """The base image by its digest, as the Dockerfile names it."""
    found = re.search(r"^FROM (\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert found
    return found[1]


def build(engine: Engine, tag: str, changed: Callable[[str], str] = str) -> None:
    """Build the image from the work tree, as the runner does from a checkout."""
    dockerfile = changed((ROOT / "Dockerfile").read_text())
    if not engine.pulls:
        # A stand-in has another digest than the one that is pinned.
        dockerfile = re.sub(r"@sha256:[0-9a-f]{64}", "", dockerfile)
    engine.run(
        "build", "--network", "host", "--tag", tag, "--file", "-", str(ROOT), stdin=dockerfile
    )
