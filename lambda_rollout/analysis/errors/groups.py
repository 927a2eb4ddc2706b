"""Entries of a log -> the most frequent errors in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from lambda_rollout.analysis.errors.model import ErrorGroup, LogEntry, LoggedError, Source
from lambda_rollout.analysis.errors.read import read_error
from lambda_rollout.analysis.errors.words import UUID

FOLLOWS_WITHIN = timedelta(seconds=1)
"""How soon after an error Lambda writes that the invocation, or the process, has ended."""

_ALIKE = (
    re.compile(UUID),
    re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    re.compile(r"\b0x[0-9a-fA-F]+\b"),
    # What is long and has letters and digits is an id, in whatever alphabet.
    re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{12,}"),
    re.compile(r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{6,}\b"),
    re.compile(r"\d+"),
)
_ONE = "#"


@dataclass(frozen=True, slots=True)
class _Told:
    entry: LogEntry
    error: LoggedError


def pattern_of(message: str) -> str:
    """Return a message without what tells one invocation from another: numbers, ids, addresses."""
    for each in _ALIKE:
        message = each.sub(_ONE, message)
    return re.sub(rf"{_ONE}(?:[.,:]?{_ONE})+", _ONE, message)


def group_errors(entries: Iterable[LogEntry]) -> tuple[ErrorGroup, ...]:
    """Return the errors that the entries tell of, those that are alike as one, the most frequent first."""
    told = [
        _Told(entry, error)
        for entry in sorted(entries, key=lambda entry: (entry.at, entry.stream))
        if (error := read_error(entry.message)) is not None
    ]
    groups: dict[tuple[str, str], ErrorGroup] = {}
    seen: set[tuple[tuple[str, str], str]] = set()
    for each in _causes(_with_ids(told)):
        error, at = each.error, each.entry.at
        key = (error.kind, "" if _says_it_all(error) else pattern_of(error.message))
        if error.request_id and (key, error.request_id) in seen:
            continue
        seen.add((key, error.request_id))
        known = groups.get(key)
        if known is None:
            groups[key] = ErrorGroup(
                error.kind,
                error.message,
                error.where,
                1,
                at,
                at,
                error.request_id,
                each.entry.stream,
            )
        else:
            groups[key] = replace(
                known,
                count=known.count + 1,
                last=at,
                where=known.where or error.where,
                request_id=known.request_id or error.request_id,
            )
    return _sorted(groups.values())


def _says_it_all(error: LoggedError) -> bool:
    """Whether the kind alone makes a group: Lambda tells of no time or no memory left in several ways."""
    return error.source is Source.LIMIT


def _with_ids(told: Sequence[_Told]) -> list[_Told]:
    """Let an error without an invocation have that of what Lambda writes right after it in the same stream.

    An execution environment runs one invocation at a time (those of Managed Instances name it in each entry).
    """
    found = dict[int, _Told]()
    by_stream = sorted(range(len(told)), key=lambda at: (told[at].entry.stream, at))
    for _, members in groupby(by_stream, key=lambda at: told[at].entry.stream):
        following: _Told | None = None
        for at in reversed(list(members)):
            each = told[at]
            if each.error.request_id:
                following = each
            elif following and following.entry.at - each.entry.at <= FOLLOWS_WITHIN:
                same = replace(each.error, request_id=following.error.request_id)
                each = replace(each, error=same)
            found[at] = each
    return [found[at] for at in range(len(told))]


def _causes(told: Sequence[_Told]) -> list[_Told]:
    """Leave out what only follows from another error of the same invocation: the process ended, it failed."""
    nearest: dict[str, Source] = {}
    for each in told:
        request_id, source = each.error.request_id, each.error.source
        known = nearest.get(request_id, source)
        nearest[request_id] = min(source, known, key=lambda each: each.distance)
    return [
        each
        for each in told
        if not each.error.request_id
        or each.error.source not in _FOLLOWS
        or each.error.source is nearest[each.error.request_id]
    ]


_FOLLOWS = frozenset({Source.EXIT, Source.STATUS})


def without_messages(groups: Iterable[ErrorGroup]) -> tuple[ErrorGroup, ...]:
    """Return the groups with nothing in them that somebody wrote but the names of types; one for each type."""
    by_kind: dict[str, ErrorGroup] = {}
    for group in groups:
        bare = replace(group, message="", where="")
        known = by_kind.get(group.kind)
        by_kind[group.kind] = _together(known, bare) if known else bare
    return _sorted(by_kind.values())


def _together(one: ErrorGroup, other: ErrorGroup) -> ErrorGroup:
    first, later = sorted((one, other), key=lambda group: group.first)
    return replace(
        first,
        count=one.count + other.count,
        last=max(one.last, other.last),
        request_id=first.request_id or later.request_id,
    )


def _sorted(groups: Iterable[ErrorGroup]) -> tuple[ErrorGroup, ...]:
    return tuple(sorted(groups, key=lambda group: (-group.count, group.first)))
