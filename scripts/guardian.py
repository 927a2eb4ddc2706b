"""Build the guardian: a zip file for Lambda's Python runtime, the same bytes from the same tree.

It holds the package without what is GitHub's, and tenacity as it is installed here; boto3 comes with the runtime
(https://docs.aws.amazon.com/lambda/latest/dg/python-package.html). Nothing is compressed: what zlib makes of the
same bytes depends on its release.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import tenacity

ROOT = Path(__file__).parents[1]
PACKAGE = "lambda_rollout"
LEFT_OUT = frozenset({"github", "app.py"})
"""What the guardian must not see (docs/architecture.md)."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in it: the first that a zip file can say."""

LARGEST = 2_000_000
"""Bytes."""


def sources(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Yield what goes into the zip file of the tree at ``root``: the name there, and the file."""
    for name, folder in ((PACKAGE, root / PACKAGE), ("tenacity", Path(tenacity.__file__).parent)):
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if name == "tenacity" or inside.parts[0] not in LEFT_OUT:
                yield f"{name}/{inside.as_posix()}", path


def build(target: Path, root: Path = ROOT) -> str:
    """Write the zip file of the tree at ``root``; return its SHA-256 in hex.

    Raises ValueError if it has grown too large.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, path in sorted(sources(root)):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())
    data = target.read_bytes()
    if len(data) > LARGEST:
        raise ValueError(f"{target} has {len(data)} bytes, more than {LARGEST}")
    return hashlib.sha256(data).hexdigest()


def main(arguments: list[str]) -> int:
    """Build it where the first argument says; print its digest as ``sha256sum`` does."""
    target = Path(arguments[0] if arguments else "build/guardian.zip")
    sys.stdout.write(f"{build(target)}  {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
