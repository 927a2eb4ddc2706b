"""Words that Lambda and loggers use of errors, and how foreign ones are cut to size. Pure."""

from __future__ import annotations

import re

from lambda_rollout.analysis.errors.model import LoggedError, Source

LONGEST_MESSAGE = 300
"""Characters of a message that are kept."""

UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
RAN_OUT = re.compile(r"Task timed out after [\d.]+ seconds")

_UUID = re.compile(UUID)
_WRAPPED = re.compile(r"(?:Function|Init|Runtime)<(.+)>")
_KIND = re.compile(r"[*&]?[A-Za-z_$][\w$]*(?:(?:\.|::|/|\+)[*]?[A-Za-z_$][\w$]*)*")
_LONGEST_KIND = 100
_TELLING = re.compile(r"\d{4}")
"""No type is named like that, but the number of an order is."""

_LEVELS = frozenset({"error", "err", "fatal", "critical", "crit", "severe", "fail", "panic"})


def cut(text: str, limit: int) -> str:
    """Return the beginning of a text, at most ``limit`` characters, without a word that was cut.

    Secrets are hidden later on, and of one that was cut there may be too little left to know it by.
    """
    if len(text) <= limit:
        return text
    kept = text[:limit]
    return (_LAST_WORD.sub("", kept) or kept) if _LAST_WORD.match(text[limit]) else kept


_LAST_WORD = re.compile(r"[\w+/=.~-]+\Z")


def first_line(text: str) -> str:
    """Return the first line that says something, cut."""
    lines = cut(text, 8 * LONGEST_MESSAGE).splitlines()
    line = next((line for line in lines if line.strip()), "").strip()
    return line if len(line) <= LONGEST_MESSAGE else f"{cut(line, LONGEST_MESSAGE - 1)}…"


def uuid_in(text: str) -> str:
    """Return the UUID that a text is; empty for any other: what is shown as a request id has to be one."""
    return text.lower() if _UUID.fullmatch(text) else ""


def kind_of(text: str) -> str:
    """Return the name of an exception's type; empty for what is no name, since a message may stand in its place.

    It is shown where messages are not.
    """
    found = _WRAPPED.fullmatch(text)
    name = found[1] if found else text
    is_name = len(name) <= _LONGEST_KIND and _KIND.fullmatch(name) and not _TELLING.search(name)
    return name if is_name else ""


def is_error_level(word: str) -> bool:
    """Whether a level is that of an error, in any logger's words."""
    return word.lower() in _LEVELS


def of_status(status: str, kind: str, request_id: str, phase: str = "") -> LoggedError | None:
    """Return what the line that ends an invocation, or an initialization, says of it; None if that went well."""
    during = f" in the {phase} phase" if phase and phase != "invoke" else ""
    known = kind_of(kind)
    if status == "timeout":
        return LoggedError("Timeout", f"timed out{during}", "", request_id, Source.LIMIT)
    if status not in {"error", "failure"}:
        return None
    if known == "Runtime.OutOfMemory":
        return LoggedError(known, f"ran out of memory{during}", "", request_id, Source.LIMIT)
    if known == "Runtime.ExitError":
        return LoggedError(known, f"the process ended{during}", "", request_id, Source.EXIT)
    return LoggedError(known, f"failed{during}", "", request_id, Source.STATUS)
