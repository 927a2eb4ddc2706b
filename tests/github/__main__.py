"""``python -m tests.github``: make the golden comments again. Read what changed before you commit it."""

from tests.github.pages import FOLDER, pages


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.md"):
        old.unlink()
    for name, text in pages():
        (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
