"""JSON as RFC 8259 has it, which is stricter than Python's: read, and written again for people.

Numbers are `Decimal`, so that they compare by value: ``1``, ``1.0`` and ``1e0`` are one, and no digit is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

JsonValue = None | bool | Decimal | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

DEEPEST = 100
"""Lists and objects within each other. Nobody writes more, and to walk through them takes a stack."""


class NoJson(ValueError):
    """A text is no JSON; ``str()`` is a noun phrase or clause that says why."""


def read_json(text: str) -> JsonValue:
    """Read a JSON text.

    Raises:
        NoJson: it is none, or deeper than `DEEPEST`.
    """
    try:
        value: JsonValue = json.loads(
            text, parse_int=_number, parse_float=_number, parse_constant=_refuse
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise NoJson(f"{error.msg} at {where}") from error
    except RecursionError as error:
        raise NoJson(f"deeper than {DEEPEST} levels") from error
    if not _is_shallow(value):
        raise NoJson(f"deeper than {DEEPEST} levels")
    return value


def _number(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except ArithmeticError as error:
        raise NoJson(f"the number {digits[:20]}… is out of range") from error


def _refuse(name: str) -> NoReturn:
    raise NoJson(f"{name} is no JSON")


def _is_shallow(value: JsonValue) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        if not level:
            return True
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [
            part
            for parts in inner
            if not isinstance(parts, str | Decimal | bool | None)
            for part in parts
            if isinstance(part, dict | list)
        ]
    return not level


def written(value: JsonValue) -> str:
    """Write a value as JSON on one line, numbers in the digits that they were read in."""
    match value:
        case Decimal():
            return str(value)
        case Mapping():
            parts = (
                f"{json.dumps(name, ensure_ascii=False)}: {written(each)}"
                for name, each in value.items()
            )
            return f"{{{', '.join(parts)}}}"
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case Sequence():
            return f"[{', '.join(map(written, value))}]"
