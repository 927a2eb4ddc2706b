"""One version for each function: ``version`` as the output of that name gives it for several functions. Pure.

So what was approved in one job is what the next one rolls out, whatever an alias points at by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from lambda_rollout.inputs.names import (
    NumberedEach,
    VersionChoice,
    is_version,
    name_of_function,
    parse_version,
)
from lambda_rollout.inputs.text import Mistake, Mistakes, listed, quote

_FORM = (
    "Write a JSON object from each function's name to the number of its version, as the output `version` of a "
    'rollout of several functions gives it: {"checkout": "8", "cart": "12"}.'
)
_NUMBER = "Write the number of a published version, such as 12."

_Pairs = tuple[tuple[str, object], ...]


def parse_version_of(functions: Sequence[str], text: str) -> VersionChoice:
    """Read which version to roll out of ``functions``, as they were written: see `parse_version`, or one for each.

    Raises:
        Mistakes: it is none of these, or does not say it of each function once. Of which functions is not asked
            where there are none, because they could not be read.
    """
    if not text.startswith("{"):
        return parse_version(text)
    pairs = _pairs(text)
    names = [function.rpartition(":")[2] for function in functions]
    mistakes = [*_of_pairs(pairs, names), *_missing(pairs, names)]
    if mistakes:
        raise Mistakes(*mistakes)
    return NumberedEach(tuple((name, str(number)) for name, number in pairs))


def _pairs(text: str) -> _Pairs:
    """Return names and values in the order written, each number as its text."""
    try:
        # Pairs, because a name that stands there twice is a mistake, and not what was said last.
        pairs: _Pairs = json.loads(
            text, object_pairs_hook=tuple, parse_int=_Number, parse_float=_Number
        )
    except (ValueError, RecursionError):
        raise Mistakes(Mistake(text, _FORM)) from None
    return pairs


class _Number(str):
    """A number of JSON, as it was written."""

    __slots__ = ()


def _of_pairs(pairs: _Pairs, names: Sequence[str]) -> Iterator[Mistake]:
    # Both may be as many as an input has room for.
    known, seen = set(names), set[str]()
    unnamed = f"function-name does not name this function, but {listed(names)}."
    for name, value in pairs:
        if name in seen:
            yield Mistake(name, "This function is in the object more than once: write it once.")
        elif known and name not in known:
            bare = name_of_function(name)
            yield Mistake(
                name, f"Write the name alone: {quote(bare)}." if bare in known else unnamed
            )
        seen.add(name)
        if not (isinstance(value, str) and is_version(value)):
            yield Mistake(f"{name}: {_shown(value)}", _NUMBER)


def _missing(pairs: _Pairs, names: Sequence[str]) -> Iterator[Mistake]:
    given = {name for name, _ in pairs}
    for name in names:
        if name not in given:
            yield Mistake(name, "The object has no version for this function: add it.")


def _shown(value: object) -> str:
    if isinstance(value, _Number):
        return value
    if isinstance(value, tuple):
        return "{…}"
    return "[…]" if isinstance(value, list) else json.dumps(value, ensure_ascii=False)
