"""One entry of a function's log -> the error that it tells of. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lambda_rollout.analysis.errors.json_shapes import (
    embedded_document,
    message_of,
    of_object,
    read_object,
)
from lambda_rollout.analysis.errors.model import LoggedError, Source
from lambda_rollout.analysis.errors.text_shapes import SHAPES
from lambda_rollout.analysis.errors.words import cut

LONGEST_ENTRY = 8_192
"""Characters of a text that are looked at: an entry has up to 256 KB (1 MB of those that are events of AWS's)."""

MOST_LINES = 40
"""Lines of an entry at which an error may begin."""

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def read_error(message: str) -> LoggedError | None:
    """Return the error that an entry tells of; None if it tells of none."""
    whole = message.strip()
    document = read_object(whole)
    if document is not None:
        return _of_document(document)
    return _of_lines(_lines(cut(whole, LONGEST_ENTRY)))


def _of_document(document: Mapping[str, Any]) -> LoggedError | None:
    error = of_object(document)
    if error is None or error.source is not Source.LOGGED:
        return error
    # Java's runtime, and loggers, write a whole exception into the message.
    inner = _of_lines(_lines(cut(message_of(document), LONGEST_ENTRY)))
    if inner is None or inner.source is Source.LOGGED:
        return error
    return replace(inner, request_id=error.request_id or inner.request_id)


def error_in_tail(lines: Sequence[str]) -> LoggedError | None:
    """Return the error in the last lines of a log, which may be those of several entries; the nearest to the cause."""
    found = [
        error
        for at in range(len(lines))
        if (error := _at("\n".join(_lines("\n".join(lines[at:])))) or read_error(lines[at]))
    ]
    return min(found, key=lambda error: error.source.distance, default=None)


def _lines(text: str) -> list[str]:
    # Runtimes write a line's end inside of an entry as a carriage return, and blanks that do not get lost.
    plain = _COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
    return plain.split("\n")


def _of_lines(lines: Sequence[str]) -> LoggedError | None:
    for at in range(min(len(lines), MOST_LINES)):
        if lines[at].strip() and (error := _at("\n".join(lines[at:]))) is not None:
            return error
    return embedded_document("\n".join(lines))


def _at(text: str) -> LoggedError | None:
    """Return the error that begins with a text's first line."""
    return next((error for shape in SHAPES if (error := shape(text)) is not None), None)
