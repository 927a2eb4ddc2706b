"""Log groups of one Region, and FilterLogEvents over them.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html: a page may be empty and
have a ``nextToken`` all the same, since it ends with what was searched and not with what was found.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.logs.pattern import invalid, parse
from sandbox.clock import Clock, to_milliseconds

Params = Mapping[str, Any]
Answer = dict[str, Any]

LARGEST_PAGE = 1024 * 1024
"""Bytes of events in one answer, at most."""

MOST_KEPT = 20_000
"""Events of a stream that the sandbox keeps: its customers never sleep."""


@dataclass(frozen=True, order=True)
class Event:
    """One event. visible_at: when it can be found; AWS takes some seconds to ingest it."""

    at: datetime
    message: str
    visible_at: datetime = field(compare=False)


@dataclass
class Group:
    """A log group. refusal: what whoever reads it is told instead, for a key that may not be used or a class."""

    name: str
    streams: dict[str, list[Event]] = field(default_factory=dict)
    refusal: AwsError | None = None


class Logs:
    """CloudWatch Logs of one Region.

    delay: seconds until an event can be found. page_streams: streams that one page searches, at most.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.groups: dict[str, Group] = {}
        self.delay = 0.0
        self.page_streams = 100

    def write(self, group: str, stream: str, message: str, at: datetime) -> None:
        """An event from a service: group and stream are made if they are missing, as Lambda does."""
        found = self.groups.setdefault(group, Group(group))
        events = found.streams.setdefault(stream, [])
        visible = self.clock.now() + timedelta(seconds=self.delay)
        event = Event(to_milliseconds(at), message, visible)
        if not events or event.at >= events[-1].at:
            events.append(event)
        else:
            bisect.insort(events, event, key=lambda e: e.at)
        if len(events) > MOST_KEPT:
            del events[: MOST_KEPT // 2]

    def create_log_group(self, params: Params) -> Answer:
        """CreateLogGroup."""
        name = params["logGroupName"]
        if name in self.groups:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log group already exists", 400
            )
        self.groups[name] = Group(name)
        return {}

    def create_log_stream(self, params: Params) -> Answer:
        """CreateLogStream."""
        streams = self._group(params).streams
        if params["logStreamName"] in streams:
            raise AwsError(
                "ResourceAlreadyExistsException", "The specified log stream already exists", 400
            )
        streams[params["logStreamName"]] = []
        return {}

    def put_log_events(self, params: Params) -> Answer:
        """PutLogEvents."""
        group, stream = self._group(params), params["logStreamName"]
        if stream not in group.streams:
            raise _not_found("The specified log stream does not exist.")
        for event in params["logEvents"]:
            at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
            self.write(group.name, stream, event["message"], at)
        return {"nextSequenceToken": "1"}

    def filter_log_events(self, params: Params) -> Answer:
        """FilterLogEvents, by names of streams or by a prefix of them."""
        group = self._group(params)
        if group.refusal is not None:
            raise group.refusal
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names and prefix:
            raise invalid("logStreamNames and logStreamNamePrefix cannot be used together")
        chosen = sorted(
            name
            for name in group.streams
            if name.startswith(prefix or "") and name in (names or [name])
        )
        searched, offset = _position(params.get("nextToken"), group.name)
        limit = min(params.get("limit", 10_000), 10_000)
        part = chosen[searched : searched + self.page_streams]
        found = list(self._matching(group, part, params))
        page = found[offset : offset + limit]
        size = 0
        for count, event in enumerate(page):
            size += len(event["message"].encode())
            if size > LARGEST_PAGE and count:
                page = page[:count]
                break
        answer: Answer = {"events": page, "searchedLogStreams": []}
        if offset + len(page) < len(found):
            answer["nextToken"] = f"{group.name}@{searched}@{offset + len(page)}"
        elif searched + len(part) < len(chosen):
            answer["nextToken"] = f"{group.name}@{searched + len(part)}@0"
        return answer

    def _matching(
        self, group: Group, streams: list[str], params: Params
    ) -> Iterator[dict[str, Any]]:
        """What is there by now, by time; of several streams interleaved."""
        matches = parse(params.get("filterPattern", ""))
        since, until = params.get("startTime", 0), params.get("endTime")
        now = self.clock.now()
        found = []
        for name in streams:
            for number, event in enumerate(group.streams[name]):
                at = _epoch(event.at)
                inside = at >= since and (until is None or at <= until) and event.visible_at <= now
                if inside and matches(event.message):
                    found.append((at, name, number, event))
        for at, name, number, event in sorted(found, key=lambda each: each[:3]):
            yield {
                "logStreamName": name,
                "timestamp": at,
                "message": event.message,
                "ingestionTime": _epoch(event.visible_at),
                "eventId": hashlib.sha256(f"{name}{at}{number}".encode()).hexdigest()[:56],
            }

    def _group(self, params: Params) -> Group:
        name = params.get("logGroupName")
        if name not in self.groups:
            raise _not_found("The specified log group does not exist.")
        return self.groups[name]


def _position(token: str | None, group: str) -> tuple[int, int]:
    if token is None:
        return 0, 0
    name, _, rest = token.partition("@")
    if name != group:
        raise invalid("The specified nextToken is invalid.")
    searched, _, offset = rest.partition("@")
    return int(searched), int(offset)


def _epoch(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _not_found(message: str) -> AwsError:
    return AwsError("ResourceNotFoundException", message, 400)
