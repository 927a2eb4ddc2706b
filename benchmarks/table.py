"""What a benchmark returns: rows of figures, gathered in named tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

Figure = str | int | float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: ``figures`` by column, alike in all rows of one ``table``."""

    table: str
    case: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return it as JSON's kinds of values."""
        return asdict(self)


def markdown(rows: Sequence[Row]) -> str:
    """Return every table with its name above it, as GitHub shows them."""
    names = dict.fromkeys(row.table for row in rows)
    return "\n\n".join(_table(name, [row for row in rows if row.table == name]) for name in names)


def _table(name: str, rows: Sequence[Row]) -> str:
    columns = list(rows[0].figures)
    lines = [
        _line(["", *columns]),
        _line(["---", *("---:" for _ in columns)]),
        *(_line([row.case, *(str(row.figures[column]) for column in columns)]) for row in rows),
    ]
    return f"**{name}**\n\n" + "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
