"""Errors that a log entry tells as text: each managed runtime's way, Lambda's own lines, and common loggers. Pure.

Each pattern stands at the beginning of a line; what stands before it in an entry is skipped (`read.read_error`).
The runtimes' own sources are public (https://github.com/aws, ``aws-lambda-…-runtime-interface-client``,
``aws-lambda-go``, ``aws-lambda-dotnet``). Lambda's lines:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lambda_rollout.analysis.errors.frames import place
from lambda_rollout.analysis.errors.json_shapes import embedded_document
from lambda_rollout.analysis.errors.model import LoggedError, Source
from lambda_rollout.analysis.errors.words import (
    UUID,
    first_line,
    is_error_level,
    kind_of,
    of_status,
    uuid_in,
)

Shape = Callable[[str], LoggedError | None]
"""Reads a text that begins with the line in question."""

_TIMEOUT = re.compile(rf"(?:\S+Z )?({UUID}) (Task timed out after [\d.]+ seconds)")
_EXIT = re.compile(
    rf"RequestId: ({UUID}) (?:Error: )?((?:Runtime|Process) exited\b[^\n]*)(?:\n([\w.]+))?"
)
_REPORT = re.compile(rf"REPORT RequestId: ({UUID})\b(.*)")
_INIT_REPORT = re.compile(r"(?:INIT|RESTORE)_REPORT (.*)")
_STATUS = re.compile(r"\bStatus: (\w+)(?:\s+Error Type: ([\w.]+))?")
_PHASE = re.compile(r"\bPhase: (\w+)")

_TABBED = re.compile(r"\S+Z\t(\S*)\t(\w+)\t(.*)", re.DOTALL)
_PYTHON = re.compile(r"\[(ERROR|CRITICAL)\](?:\t\S+Z\t(\S*)\t| ?)(.*)", re.DOTALL)
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n")
_LAST_OF_TRACEBACK = re.compile(r"^(?P<kind>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_NAMED = re.compile(
    r"(?:Uncaught |Unhandled exception[.:]? )?(?P<kind>(?:[A-Za-z_$][\w$]*(?:\.|::|/))*[A-Za-z_$][\w$]*"
    r"(?:Error|Exception|Fault|Failure))(?: \[[^\]\n]+\])?(?:: (?P<message>[^\n]*))?(?:\n|$)"
)
_JAVA = re.compile(
    r"(?:Exception in thread \"[^\"\n]*\" |Caused by: )?(?P<kind>(?:[a-z_]\w*\.)+[A-Z][\w$]*)"
    r"(?:: (?P<message>[^\n]*))?\n\s*(?:at |\.\.\. \d+ more)"
)
_PANIC = re.compile(r"(?:\S+ )?panic: ([^\n]*)")
_RUST = re.compile(
    r"thread '[^'\n]*'(?: \(\d+\))? panicked at (?:'(?P<old>[^\n]*)', )?(?P<where>[^\s:,]+:\d+)(?::\d+)?:?"
    r"(?:\n(?P<message>[^\n]*))?"
)
_RUBY_LOGGER = re.compile(r"[EF], \[[^\]\n]*\]\s+(?:ERROR|FATAL) -- [^\n:]*: ([^\n]*)")
_LEVEL = re.compile(
    rf"(?:\[?[\d:.,/TZ+-]+\]?\s+){{0,3}}(?:({UUID})\s+)?\[?(?P<level>ERROR|FATAL|CRITICAL|SEVERE)\]?(?=[\s:\]-])[\s:-]*"
    r"(?P<message>[^\n]*)"
)


def _timeout(text: str) -> LoggedError | None:
    found = _TIMEOUT.match(text)
    return found and LoggedError("Timeout", found[2], "", uuid_in(found[1]), Source.LIMIT)


def _exit(text: str) -> LoggedError | None:
    found = _EXIT.match(text)
    if found is None:
        return None
    kind = kind_of(found[3] or "") or "Runtime.ExitError"
    return LoggedError(kind, first_line(found[2]), "", uuid_in(found[1]), Source.EXIT)


def _report(text: str) -> LoggedError | None:
    line = text.partition("\n")[0]
    found, started = _REPORT.match(line), _INIT_REPORT.match(line)
    status = _STATUS.search(line)
    if status is None or not (found or started):
        return None
    phase = _PHASE.search(line)
    request_id = uuid_in(found[1]) if found else ""
    return of_status(status[1], status[2] or "", request_id, phase[1] if phase else "")


def _tabbed(text: str) -> LoggedError | None:
    """Read how Node.js and .NET begin each entry: time, request id, level."""
    found = _TABBED.match(text)
    if found is None or not is_error_level(found[2]):
        return None
    return _within(found[3], uuid_in(found[1]))


def _python(text: str) -> LoggedError | None:
    found = _PYTHON.match(text)
    return found and _within(found[3], uuid_in(found[2] or ""))


def _within(rest: str, request_id: str) -> LoggedError:
    """Read what follows the level of an error: an exception in any form, or words."""
    for shape in (embedded_document, _java, _traceback_in, _named):
        if (error := shape(rest)) is not None:
            return LoggedError(
                error.kind,
                error.message,
                error.where,
                request_id or error.request_id,
                error.source,
            )
    return LoggedError("", first_line(rest), place(rest), request_id, Source.LOGGED)


def _named(text: str) -> LoggedError | None:
    """Read ``TypeError: words`` and a stack below it, if there is one."""
    found = _NAMED.match(text)
    if found is None or (found["kind"].startswith("Runtime.") and not found["message"]):
        # The second line of what Lambda says of a process that has ended.
        return None
    return _exception(found, text)


def _java(text: str) -> LoggedError | None:
    """Read the class and the frames below it; Java's runtime writes the message and the class before."""
    found = _JAVA.match(text) or _JAVA.match(text.partition("\n")[2])
    return found and _exception(found, text)


def _exception(found: re.Match[str], text: str) -> LoggedError:
    message = found["message"] or ""
    return LoggedError(kind_of(found["kind"]), first_line(message), place(text))


def _traceback(text: str) -> LoggedError | None:
    return _traceback_in(text) if _TRACEBACK.match(text) else None


def _traceback_in(text: str) -> LoggedError | None:
    """Read Python's traceback: what it is about stands below its frames, or (by the runtime) above."""
    head, found, frames = text.partition("Traceback (most recent call last):\n")
    if not found:
        return None
    if head.strip() and (named := _LAST_OF_TRACEBACK.match(head.strip().splitlines()[-1])):
        return LoggedError(
            kind_of(named["kind"]), first_line(named["message"] or ""), place(frames)
        )
    for line in frames.splitlines():
        if line[:1].isspace() or not line:
            continue
        if last := _LAST_OF_TRACEBACK.match(line):
            return LoggedError(
                kind_of(last["kind"]), first_line(last["message"] or ""), place(frames)
            )
        break
    return LoggedError("", first_line(head), place(frames), "", Source.LOGGED)


def _panic(text: str) -> LoggedError | None:
    found = _PANIC.match(text)
    return found and LoggedError("panic", first_line(found[1]), place(text))


def _rust(text: str) -> LoggedError | None:
    found = _RUST.match(text)
    if found is None:
        return None
    return LoggedError(
        "panic", first_line(found["old"] or found["message"] or ""), found["where"][:100]
    )


def _ruby_logger(text: str) -> LoggedError | None:
    found = _RUBY_LOGGER.match(text)
    return found and _within(found[1], "")


def _level(text: str) -> LoggedError | None:
    found = _LEVEL.match(text)
    if found is None:
        return None
    rest = text[found.start("message") :]
    return _within(rest, uuid_in(found[1] or ""))


SHAPES: tuple[Shape, ...] = (
    _timeout,
    _exit,
    _report,
    _tabbed,
    _python,
    _traceback,
    _java,
    _rust,
    _panic,
    _named,
    _ruby_logger,
    _level,
)
"""The strictest first."""
