"""``make gallery``: show every golden comment as GitHub would, in pictures for docs/gallery.md.

``python -m tests.gallery NAME …`` takes those pictures only, and keeps the others.

Needs Chromium and npm, which nothing else here does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.gallery.document import document
from tests.gallery.page import COLOURS, page
from tests.github.pages import pages

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "gallery"
PICTURES = ROOT / "docs" / "gallery"
WIDTHS = {"wide": 920, "phone": 390}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

KEPT = {("light", "wide"), ("dark", "phone")}
"""What docs/gallery.md shows; the others stay in build/ to be looked at."""


def main(names: Sequence[str]) -> int:
    """Make the pages, take the pictures of these or of all, write docs/gallery.md."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    npm = shutil.which("npm")
    if browser is None or npm is None:
        print("make gallery needs npm and Chromium (Debian: apt-get install npm chromium).")
        return 1
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("package.json"), WORK)
    shutil.copy(Path(__file__).with_name("shoot.mjs"), WORK)
    subprocess.run([npm, "install", "--no-audit", "--no-fund", "--silent"], cwd=WORK, check=True)
    everything = [name for name, _ in pages()]
    wanted = [name for name in everything if not names or name in names]
    shots = [
        {
            "page": f"{name}-{theme}.html",
            "picture": f"{name}-{theme}-{size}",
            "width": width,
            "kept": (theme, size) in KEPT,
        }
        for name in wanted
        for theme in COLOURS
        for size, width in WIDTHS.items()
    ]
    for name, markdown in pages():
        if name not in wanted:
            continue
        for theme in COLOURS:
            (WORK / f"{name}-{theme}.html").write_text(
                page(name, markdown, theme, "node_modules"), encoding="utf-8"
            )
    (WORK / "shots.json").write_text(json.dumps({"browser": browser, "shots": shots}))
    subprocess.run(["node", "shoot.mjs"], cwd=WORK, check=True)
    _publish(wanted, everything)
    return 0


def _publish(wanted: list[str], everything: list[str]) -> None:
    PICTURES.mkdir(exist_ok=True)
    kept = {
        f"{name}-{theme}-{size}.webp"
        for name in everything
        if name not in wanted
        for theme, size in KEPT
    }
    for old in PICTURES.glob("*.*"):
        if old.name not in kept:
            old.unlink()
    for name in wanted:
        for theme, size in KEPT:
            shutil.copy(WORK / f"{name}-{theme}-{size}.webp", PICTURES)
    (ROOT / "docs" / "gallery.md").write_text(document(everything), encoding="utf-8")
    print(f"{len(wanted)} comments shown in {PICTURES}, all sizes in {WORK}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
