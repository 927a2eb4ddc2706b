"""Make a release: image, action.yml that names it by digest at a tag, moving major tag, notes from the changelog.

    python scripts/release.py check v1.2.3
    python scripts/release.py image v1.2.3 ghcr.io/OWNER/lambda-rollout     prints the digest
    python scripts/release.py tag v1.2.3 ghcr.io/OWNER/lambda-rollout@sha256:…
    python scripts/release.py notes v1.2.3

Run by .github/workflows/release.yml, one command a step. On main, action.yml builds the Dockerfile; only the commit
under a release's tag names an image, so users pull what was built, tested and attested once.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

VERSION = re.compile(r"v(?P<major>[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)")
IMAGE = re.compile(r"[a-z0-9.:-]+(?:/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
PLATFORMS = "linux/amd64,linux/arm64"
BUILT_HERE = "  image: Dockerfile\n"


class Refused(Exception):
    """It cannot be released like this. The text is for the one who releases."""


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="release.py")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("check", "image", "tag", "notes"):
        command = commands.add_parser(name)
        command.add_argument("version")
        if name in {"image", "tag"}:
            command.add_argument("image", help="without digest for `image`, with it for `tag`")
        if name == "image":
            command.add_argument(
                "--plain", action="store_true", help="this machine's platform only, without buildx"
            )
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
            check(given.version)
            return push_image(given.version, given.image, plain=given.plain) + "\n"
        case "tag":
            check(given.version)
            tag(given.version, given.image)
            return ""
        case "notes":
            return notes(given.version, Path("CHANGELOG.md").read_text("utf-8"))
        case _:
            check(given.version)
            return ""


def major(version: str) -> str:
    """Return the moving tag of a version. Raises `Refused` if it is none."""
    found = VERSION.fullmatch(version)
    if not found:
        raise Refused(f"{version!r} is no version like v1.2.3")
    return f"v{found['major']}"


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
    major(version)
    notes(version, Path("CHANGELOG.md").read_text("utf-8"))
    if _git("status", "--porcelain"):
        raise Refused("the checkout is not clean")
    if _git("ls-remote", "--tags", "origin", f"refs/tags/{version}"):
        raise Refused(f"{version} is there already; a release is never made anew")


def push_image(version: str, image: str, *, plain: bool) -> str:
    """Build and push the image; return its digest.

    ``plain``: without buildx, as a dry run on a registry of one's own, and without attestations.
    """
    tagged = f"{image}:{version}"
    if plain:
        _run("docker", "build", "--network", "host", "--tag", tagged, ".")
        pushed = _run("docker", "push", tagged)
        found = re.search(r"digest: (sha256:[0-9a-f]{64})", pushed)
        if not found:
            raise Refused(f"the engine named no digest:\n{pushed}")
        return found[1]
    with tempfile.NamedTemporaryFile("r") as metadata:
        options = ["--platform", PLATFORMS, "--provenance", "mode=max", "--sbom", "true", "--push"]
        files = ["--metadata-file", metadata.name, "--tag", tagged]
        _run("docker", "buildx", "build", *options, *files, ".")
        digest: str = json.load(metadata)["containerimage.digest"]
    return digest


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


def _run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Refused(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
