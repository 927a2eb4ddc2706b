"""Write the golden files anew: ``python -m tests.golden``. Read what changed before committing it."""

from __future__ import annotations

from tests.github import __main__ as comments
from tests.golden.render import ERRORS, FOLDER, error_files, golden_files


def main() -> None:
    for old in FOLDER.glob("*.*"):
        if old.suffix in {".md", ".log", ".json", ".outputs"}:
            old.unlink()
    for name, text in golden_files():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for old in ERRORS.glob("*.md"):
        old.unlink()
    for name, text in error_files():
        (ERRORS / name).write_text(text, encoding="utf-8")
    comments.main()


main()
