"""What the log of a version says that was left: as lines, not escaped yet, and as Markdown, escaped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lambda_rollout.analysis.errors.model import ErrorGroup, LoggedError
from lambda_rollout.inputs.durations import readable_duration
from lambda_rollout.report.console import log_url
from lambda_rollout.report.markdown import (
    alert,
    breakable,
    code,
    code_block,
    link,
    prose,
    table,
    text_block,
)
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.wording import clock_time, count, listing, sentence
from lambda_rollout.rollout.events import LogNotRead, LogRead

_UNNAMED = "an error without a type"
_NO_MESSAGES = "Messages are not shown, because this repository is not known to be private."
_LEAVES_NONE = (
    "A throttled call, a slow answer and an error that the function answers itself leave none."
)


@dataclass(frozen=True, slots=True)
class ErrorRoom:
    """How much of it there is room for."""

    versions: int = 50
    message: int = 300
    """Characters of each message."""
    query: bool = True


WHOLE = ErrorRoom()


# Lines -----------------------------------------------------------------------------------------


def error_lines(event: LogRead, story: RolloutState) -> Iterator[str]:
    """Say it in the log, a line for each kind of error."""
    yield f"{_which(event)}: {_found(event)}"
    for group in event.errors:
        yield f"{group.count} × {_in_words(group)}{_when(group)}{_request(group)}"
        if url := _link(event, group, story):
            yield f"see {url}"
    if event.more:
        yield f"and {count(event.more, 'more kind')} of errors"
    if event.errors and not event.messages:
        yield _NO_MESSAGES
    if event.exists:
        yield f"query for CloudWatch Logs Insights, log group {event.log_group}: {event.query}"


def not_read(event: LogNotRead) -> str:
    """Say why logs were not read, and what to do."""
    names = listing([target.name for target in event.targets])
    whose = f"The log of {names} was" if len(event.targets) == 1 else f"The logs of {names} were"
    return " ".join(filter(None, (sentence(f"{whose} not read: {event.why}"), event.remedy)))


def in_short(error: LoggedError | ErrorGroup) -> str:
    """Say which error it is, in a clause: ``NameError at app.py:6: name 'count' is not defined``."""
    return _in_words(error)


def _in_words(error: LoggedError | ErrorGroup) -> str:
    kind = error.kind or ("" if error.message else _UNNAMED)
    at = f"at {error.where}" if error.where else ""
    told = " ".join(filter(None, (kind, at)))
    return ": ".join(filter(None, (told, error.message)))


def _which(event: LogRead) -> str:
    return f"version {event.version} of {event.target.name}"


def _found(event: LogRead) -> str:
    if not event.exists:
        return f"there is no log group {event.log_group}"
    since = f"since {clock_time(event.since)}"
    if not event.errors:
        waited = f", after {readable_duration(event.waited)}" if event.waited else ""
        part = "" if event.complete else " part of"
        return f"no error in{part} its log {since} yet{waited}. {_LEAVES_NONE}"
    least = "" if event.complete else "at least "
    return f"{least}{count(event.count, 'error')} in its log {since}"


def _when(group: ErrorGroup) -> str:
    first, last = clock_time(group.first), clock_time(group.last)
    return f", at {first}" if first == last else f", from {first} to {last}"


def _request(group: ErrorGroup) -> str:
    return f", for example request {group.request_id}" if group.request_id else ""


def _link(event: LogRead, group: ErrorGroup, story: RolloutState) -> str:
    now = story.targets.get(event.target)
    return log_url(now.arn if now else "", event.log_group, group.stream, group.first)


# Markdown --------------------------------------------------------------------------------------


def errors_section(story: RolloutState, room: ErrorRoom = WHOLE) -> str:
    """Show what the logs say; empty if none was to be read."""
    shown = story.logs[: room.versions]
    parts = ["\n\n".join(_version(event, story, room)) for event in shown]
    if hidden := len(story.logs) - len(shown):
        parts.append(f"And {count(hidden, 'more function')}, in the log.")
    if any(event.errors and not event.messages for event in shown):
        parts.append(_NO_MESSAGES)
    parts += [alert("NOTE", _note(event)) for event in story.unread_logs[: room.versions]]
    return "\n\n".join(parts)


def _note(event: LogNotRead) -> Iterator[str]:
    yield prose(not_read(event), 600)
    if event.statement:
        yield ""
        yield code_block(event.statement, "json")


def _version(event: LogRead, story: RolloutState, room: ErrorRoom) -> Iterator[str]:
    yield f"{prose(f'V{_which(event)[1:]}')}: {prose(sentence(_found(event)))}"
    if event.errors:
        rows = [
            (_error(group, room), _seen(group, _link(event, group, story)))
            for group in event.errors
        ]
        yield table(("error", "how often, and when"), rows)
    if event.more:
        yield f"And {count(event.more, 'more kind')} of errors."
    if room.query and event.exists:
        query = f"In log group {code(event.log_group)}:\n\n{text_block(event.query.splitlines())}"
        title = "Query for CloudWatch Logs Insights"
        yield f"<details><summary>{title}</summary>\n\n{query}\n\n</details>"


def _error(group: ErrorGroup, room: ErrorRoom) -> str:
    kind = _kind(group.kind) if group.kind else ("" if group.message else f"*{_UNNAMED}*")
    at = f"at {code(group.where)}" if group.where else ""
    message = breakable(prose(group.message, room.message))
    return "<br>".join(filter(None, (" ".join(filter(None, (kind, at))), message)))


def _kind(kind: str) -> str:
    """Show a type; a long one on two lines, as a phone cannot break it."""
    package, dot, name = kind.rpartition(".")
    if len(kind) <= _FITS or not dot:
        return code(kind)
    return f"{code(package + dot)}<br>{code(name)}"


_FITS = 26
"""Characters of code that have room in half of a phone."""


def _seen(group: ErrorGroup, url: str) -> str:
    first, last = clock_time(group.first), clock_time(group.last)
    when = first if first == last else f"{first} to {last}"
    seen = f"**{group.count}** × {when}"
    request = f"request {code(group.request_id)}" if group.request_id else ""
    entry = link("in the log", url) if url else ""
    return "<br>".join(filter(None, (seen, ", ".join(filter(None, (entry, request))))))
