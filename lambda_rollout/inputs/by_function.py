"""An input that may say something else of each function: one for all, or one a line as ``FUNCTION: VALUE``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lambda_rollout.inputs.names import FUNCTION_PATTERN, name_of_function
from lambda_rollout.inputs.text import Mistake, Mistakes, listed, quote, split_lines

# Two slashes after the colon are a URL's: s3://bucket/key is a value, and no function s3.
_LINE = re.compile(rf"(?P<function>{FUNCTION_PATTERN})\s*:(?!//)(?P<value>.*)")
_QUALIFIER = re.compile(r"(?:\$LATEST|[a-zA-Z0-9_-]+):(?!//)(?:\s|$)")


def is_by_function(text: str) -> bool:
    """Whether ``text`` is written so: its first line begins with a function's name and a colon."""
    lines = split_lines(text)
    return bool(lines) and _LINE.fullmatch(lines[0]) is not None


def split_by_function(text: str, functions: Sequence[str], value: str) -> Mapping[str, str]:
    """Return what is said of which of ``functions``; those without a line are left out.

    ``value`` is the word for what a line says of its function, such as ``PACKAGE``. A line names its function as
    ``function-name`` does, or by its bare name. Without ``functions`` (they could not be read) any name is one.

    Raises:
        Mistakes: a line of another form, a function that is not rolled out, or one that is named twice.
    """
    known = {name: each for each in functions for name in (each, each.rpartition(":")[2])}
    found: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for line in split_lines(text):
        match = _LINE.fullmatch(line)
        if match is None:
            form = f"Write FUNCTION: {value} in every line, or one {value.lower()} for all."
            mistakes.append(Mistake(line, form))
            continue
        if not match["value"].strip():
            nothing = f"There is no {value.lower()} after the colon: write one, or remove the line."
            mistakes.append(Mistake(line, nothing))
            continue
        named = match["function"]
        if _QUALIFIER.match(match["value"]):
            mistakes.append(Mistake(line, f"Write {quote(named)} without a qualifier."))
            continue
        function = known.get(named) if functions else named
        if function is None:
            same_name = known.get(name_of_function(named))
            mistakes.append(Mistake(named, _stranger(same_name, functions)))
        elif function in found:
            mistakes.append(Mistake(named, "This function has a line already: write one for each."))
        else:
            found[function] = match["value"].strip()
    if mistakes:
        raise Mistakes(*mistakes)
    return found


def _stranger(same_name: str | None, functions: Sequence[str]) -> str:
    """Say what to write in place of a function that is not known, unless it is only in another form."""
    if same_name is None:
        return f"This function is not rolled out. Name one of function-name: {listed(functions)}."
    return f"Write {quote(same_name)}, as function-name does."
