"""Make a release: image, action.yml that names it by digest at a tag, moving major tag, notes from the changelog.

    python scripts/release.py check v1.2.3
    python scripts/release.py image v1.2.3 ghcr.io/OWNER/lambda-rollout                       prints its digest
    python scripts/release.py join v1.2.3 ghcr.io/OWNER/lambda-rollout sha256:… sha256:…      prints the digest
    python scripts/release.py tag v1.2.3 ghcr.io/OWNER/lambda-rollout@sha256:…
    python scripts/release.py notes v1.2.3

Run by .github/workflows/release.yml, one command a job. On main, action.yml builds the Dockerfile; only the commit
under a release's tag names an image, so users pull what was built, tested and attested once.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

VERSION = re.compile(r"v([1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
IMAGE = re.compile(r"[a-z0-9.:-]+(?:/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MAIN = "refs/heads/main"
BUILT_HERE = "  image: Dockerfile\n"


class Refused(Exception):
    """It cannot be released like this. The text is for the one who releases."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="release.py")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "image", "join", "tag", "notes"):
        command = commands.add_parser(name)
        command.add_argument("version")
        if name in {"image", "join", "tag"}:
            command.add_argument("image", help="with its digest for `tag`, otherwise without")
        if name == "join":
            command.add_argument("digests", nargs="+", help="of one platform each")
    given = parser.parse_args(words)
    try:
        print(_done(given), end="")
    except Refused as why:
        print(f"release: {why}", file=sys.stderr)
        return 1
    return 0


def _done(given: argparse.Namespace) -> str:
    match given.command:
        case "image":
            return push_image(given.version, given.image) + "\n"
        case "join":
            return join(given.version, given.image, given.digests) + "\n"
        case "tag":
            check(given.version)
            tag(given.version, given.image)
            return ""
        case "notes":
            return notes(given.version, Path("CHANGELOG.md").read_text("utf-8"))
        case _:
            check(given.version)
            return ""


def numbers(version: str) -> tuple[int, int, int]:
    """Return the version's three numbers. Raises `Refused` if it is none."""
    found = VERSION.fullmatch(version)
    if not found:
        raise Refused(f"{version!r} is no version like v1.2.3")
    major_, minor, patch = map(int, found.groups())
    return major_, minor, patch


def major(version: str) -> str:
    """Return the moving tag of a version. Raises `Refused` if it is none."""
    return f"v{numbers(version)[0]}"


def must_be_next(version: str, released: Iterable[str]) -> None:
    """Raises `Refused` if ``released``, the tags of its major, has this version or a greater one."""
    found = {numbers(tag): tag for tag in released if VERSION.fullmatch(tag)}
    if numbers(version) in found:
        raise Refused(f"{version} is there already; a release is never made anew")
    greatest = max(found, default=numbers(version))
    if greatest > numbers(version):
        raise Refused(f"{found[greatest]} is there: {version} would move {major(version)} back")


def notes(version: str, changelog: str) -> str:
    """Return the changelog's section of a version. Raises `Refused` if there is none, or an empty one."""
    name = re.escape(version.removeprefix("v"))
    section = re.search(
        rf"^## \[{name}\][^\n]*\n(.*?)(?=^## |^\[|\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if not section or not section[1].strip():
        raise Refused(f"CHANGELOG.md says nothing under [{version.removeprefix('v')}]")
    return section[1].strip() + "\n"


def pinned(action: str, image: str) -> str:
    """Return action.yml with the image by digest in place of the Dockerfile. Raises `Refused`."""
    if not IMAGE.fullmatch(image):
        raise Refused(f"{image!r} names no image by its digest")
    if action.count(BUILT_HERE) != 1:
        raise Refused(f"action.yml does not say {BUILT_HERE.strip()!r} once")
    return action.replace(BUILT_HERE, f"  image: docker://{image}\n")


def check(version: str) -> None:
    """Raises `Refused` if this checkout cannot become that version."""
    notes(version, Path("CHANGELOG.md").read_text("utf-8"))
    # The attestations name it, and who verifies them asks for main.
    if os.environ.get("GITHUB_REF", MAIN) != MAIN:
        raise Refused(f"started on {os.environ['GITHUB_REF']}: start it on main")
    if _git("status", "--porcelain"):
        raise Refused("the checkout is not clean")
    must_be_next(version, _tags(f"{major(version)}.*"))
    # What the origin has now, whatever this checkout remembers of it.
    _git("fetch", "--quiet", "--no-tags", "origin", MAIN)
    ours = subprocess.run(["git", "merge-base", "--is-ancestor", "HEAD", "FETCH_HEAD"], check=False)
    if ours.returncode:
        raise Refused("this is no commit of main at the origin: merge it first")


def _tags(pattern: str) -> list[str]:
    """The origin's tags of that form, without those that are only what another one points at."""
    lines = _git("ls-remote", "--refs", "--tags", "origin", f"refs/tags/{pattern}").splitlines()
    return [line.partition("\trefs/tags/")[2] for line in lines]


def push_image(version: str, image: str) -> str:
    """Build the image for this machine's platform, and push it; return its digest.

    By the engine itself: no builder image, no emulation.
    """
    architecture = _run("docker", "version", "--format", "{{.Server.Arch}}").strip()
    tagged = f"{image.lower()}:{version}-{architecture}"
    # With its own attestations it would be an index already, and could not be joined. Ours are made afterwards.
    environ = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    _run("docker", "build", "--network", "host", "--tag", tagged, ".", environ=environ)
    return _digest(_run("docker", "push", tagged))


def join(version: str, image: str, digests: Sequence[str]) -> str:
    """Push one image of several, each of its own platform; return its digest.

    Raises `Refused` if two are of one platform: which of them a runner would get is then chance.
    """
    tagged = f"{image.lower()}:{version}"
    parts = [f"{image.lower()}@{_digest(digest)}" for digest in digests]
    # A registry on this machine, to try a release on, has no certificate.
    plain = ["--insecure"] if image.startswith("127.0.0.1:") else []
    _run("docker", "manifest", "create", *plain, tagged, *parts)
    try:
        _refuse_twins(json.loads(_run("docker", "manifest", "inspect", *plain, tagged)))
    except Refused:
        _run("docker", "manifest", "rm", tagged)
        raise
    return _digest(_run("docker", "manifest", "push", *plain, "--purge", tagged))


def _refuse_twins(listed: dict[str, Any]) -> None:
    platforms = [
        "/".join(part["platform"][name] for name in ("os", "architecture"))
        for part in listed["manifests"]
    ]
    for platform in platforms:
        if platforms.count(platform) > 1:
            raise Refused(f"{platform} twice: each image is to be of a platform of its own")


def _digest(text: str) -> str:
    """The last digest that is named in a text. Raises `Refused` if there is none."""
    found = DIGEST.findall(text)
    if not found:
        raise Refused(f"no digest is named here:\n{text}")
    last: str = found[-1]
    return last


def tag(version: str, image: str) -> None:
    """Commit action.yml with the image, beside main; put both tags on it and push them together."""
    action = Path("action.yml")
    action.write_text(pinned(action.read_text("utf-8"), image), "utf-8")
    try:
        _git("switch", "--detach")
        _git("commit", "--quiet", "--message", f"Release {version} as {image}", "--", "action.yml")
        _git("tag", "--annotate", version, "--message", version)
        _git("tag", "--force", "--annotate", major(version), "--message", version)
        moving = f"+refs/tags/{major(version)}"
        _git("push", "--atomic", "--quiet", "origin", f"refs/tags/{version}", moving)
    finally:
        _git("checkout", "--", "action.yml")


def _git(*words: str) -> str:
    return _run("git", *words).strip()


def _run(*command: str, environ: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise Refused(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
