"""The pages of the repository: their text, their code blocks and their tables."""

from __future__ import annotations

import re

from tests.support.workflows import ROOT

DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "tests/README.md",
    *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md"))),
]


def page(document: str) -> str:
    """Its text; ``document`` is its path in the repository."""
    return (ROOT / document).read_text("utf-8")


def blocks(language: str, *documents: str) -> list[str]:
    """Code of all documents, or of some."""
    pattern = rf"^```{language}\n(.*?)^```$"
    found = [
        re.findall(pattern, page(document), re.MULTILINE | re.DOTALL)
        for document in documents or DOCUMENTS
    ]
    return [text for texts in found for text in texts]


def table(heading: str, document: str = "README.md") -> list[list[str]]:
    """The cells of the table under a heading."""
    section = f"\n{page(document)}".split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
