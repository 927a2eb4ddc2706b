"""Errors that a log entry tells as JSON: Lambda's own log format, the runtimes' error documents, common loggers. Pure.

Lambda's: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html and
https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html (``platform.…``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lambda_rollout.analysis.errors.frames import place, place_of_frames
from lambda_rollout.analysis.errors.model import LoggedError, Source
from lambda_rollout.analysis.errors.words import (
    RAN_OUT,
    first_line,
    is_error_level,
    kind_of,
    of_status,
    uuid_in,
)

PINO_ERROR = 50
"""The level of an error where levels are numbers: pino's and bunyan's."""

_KINDS = ("errorType", "exception_name", "exceptionType", "error.type", "exception.type", "type")
_MESSAGES = ("errorMessage", "error.message", "exception.message", "message", "msg", "error")
_STACKS = (
    "stackTrace",
    "stack_trace",
    "stack",
    "stacktrace",
    "exception",
    "error.stack",
    "exc_info",
)
_IDS = ("requestId", "AWSRequestId", "aws_request_id", "function_request_id", "request_id")
_LEVELS = ("level", "log_level", "severity", "levelname", "log.level")
_INNER = ("message", "error", "err", "exception", "record")
"""Members that may hold an error as an object of their own."""


def read_object(text: str) -> Mapping[str, Any] | None:
    """Return the JSON object that a text is; None for any other."""
    if not text.startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def of_object(document: Mapping[str, Any]) -> LoggedError | None:
    """Return the error that an object tells of; None if it tells of none."""
    kind = document.get("type")
    if isinstance(kind, str) and kind.startswith("platform."):
        return _of_platform(document)
    told = next(_candidates(document), None)
    request_id = uuid_in(_text(document, _IDS))
    if told is None:
        if not _is_error(document):
            return None
        message = message_of(document)
        if RAN_OUT.search(message):
            return LoggedError("Timeout", first_line(message), "", request_id, Source.LIMIT)
        return LoggedError("", first_line(message), "", request_id, Source.LOGGED)
    where = _place(told) or _place(document)
    message = _text(told, _MESSAGES) or _text(document, _MESSAGES)
    return LoggedError(
        kind_of(_text(told, _KINDS)),
        first_line(message),
        where,
        request_id or uuid_in(_text(told, _IDS)),
    )


def message_of(document: Mapping[str, Any]) -> str:
    """Return what a document says in words; empty if nothing."""
    return _text(document, _MESSAGES)


def _candidates(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what has the form of an error: the object itself, or one in it."""
    if _is_error_document(document):
        yield document
    for name in _INNER:
        inner = document.get(name)
        if isinstance(inner, Mapping) and (_is_error_document(inner) or _has_stack(inner)):
            yield inner


def _is_error_document(document: Mapping[str, Any]) -> bool:
    named = (document.get(name) for name in _KINDS if name != "type")
    return any(isinstance(name, str) and name for name in named)


def _has_stack(document: Mapping[str, Any]) -> bool:
    """Whether it is an error as a logger writes it: ``{"type": …, "message": …, "stack": …}``."""
    return isinstance(document.get("stack"), str) and bool(_text(document, ("type", "name")))


def _of_platform(document: Mapping[str, Any]) -> LoggedError | None:
    record = document.get("record")
    if not isinstance(record, Mapping):
        return None
    status, kind = _text(record, ("status",)), _text(record, ("errorType",))
    return of_status(status, kind, uuid_in(_text(record, _IDS)), _text(record, ("phase",)))


def _is_error(document: Mapping[str, Any]) -> bool:
    level = next((document[name] for name in _LEVELS if name in document), None)
    if isinstance(level, int) and not isinstance(level, bool):
        return level >= PINO_ERROR
    return isinstance(level, str) and is_error_level(level)


def _text(document: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((each for name in names if isinstance(each := document.get(name), str)), "")


def _place(document: Mapping[str, Any]) -> str:
    for name in _STACKS:
        found = document.get(name)
        if isinstance(found, str):
            where = place(found)
        elif isinstance(found, list):
            lines = [line for line in found if isinstance(line, str)]
            frames = [frame for frame in found if isinstance(frame, Mapping)]
            where = place("\n".join(lines)) or place_of_frames(frames)
        else:
            continue
        if where:
            return where
    return ""


_DOCUMENT = re.compile(r"\{\s*\"")


def embedded_document(text: str) -> LoggedError | None:
    """Return the error that a JSON document inside a text tells of: runtimes write one behind words of theirs."""
    for begins in list(_DOCUMENT.finditer(text))[:3]:
        try:
            found, _ = json.JSONDecoder().raw_decode(text[begins.start() :])
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) and _is_error_document(found):
            return of_object(found)
    return None
