"""After a rollback: what the new version's own log says of it.

Every alias is confirmed back by then, and nothing here is waited for longer than a few seconds, whatever CloudWatch
Logs does: it is read beside the story, which goes on with what there is by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.errors.groups import FOLLOWS_WITHIN, group_errors, without_messages
from lambda_rollout.analysis.errors.model import ErrorGroup, LogEntry
from lambda_rollout.analysis.errors.place import (
    END,
    PATTERN,
    default_group,
    ended_invocation,
    insights_query,
    prefixes,
    read_statement,
)
from lambda_rollout.analysis.version import VersionState
from lambda_rollout.inputs.choices import Errors
from lambda_rollout.rollout.alias_rollout import AliasRollout
from lambda_rollout.rollout.events import LogNotRead, LogRead
from lambda_rollout.rollout.hook_stages import CANCELLED_TOO_LATE
from lambda_rollout.rollout.ports import LogQuery, Logs, Ports
from lambda_rollout.rollout.spec import RolloutSpec
from lambda_rollout.runtime.background import pending
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import (
    AccessDenied,
    Busy,
    CallFailed,
    DeniedOtherwise,
    InvalidRequest,
    NotFound,
    RolloutError,
    Unanswered,
)

LOG_LIMIT = 5.0
"""Seconds for the logs of all versions together. Entries come some seconds late."""

CANCELLED_LOG_LIMIT = 1.0
"""The same in a cancelled job, which is killed 10 s after it was told and has outputs, log and summary to write."""

AGAIN_AFTER = 1.0
"""Seconds until a log without an error in it is read once more."""

MOST_ENTRIES = 300
"""Entries of one version's log that are read."""

ACTION = "logs:FilterLogEvents"
ABOUT_TO_BE_KILLED = "the job is about to be killed"

MOST_KINDS = 3
"""Kinds of errors that are told."""

SLACK = timedelta(seconds=1)
"""How much older an entry may be than the first traffic: AWS's answers tell the time in whole seconds."""

NOT_LONGER_THAN = timedelta(hours=1)
"""How far back to read where it is not known since when a version had traffic."""


@dataclass(frozen=True, slots=True)
class RolledBackVersion:
    """A version that had traffic, and from which its alias is confirmed back."""

    target: Target
    version: str
    alias_arn: str
    since: datetime | None = None
    """When it got its first traffic, on AWS's clock; None if that is not known."""
    state: VersionState | None = None
    """Its configuration; None if that was not read."""


def rolled_back_version(rollout: AliasRollout) -> RolledBackVersion:
    """Say what an alias that is back was taken from."""
    return RolledBackVersion(
        rollout.target,
        rollout.new,
        rollout.writer.found.arn,
        rollout.shifted_at,
        rollout.new_state,
    )


def tell_what_was_logged(
    spec: RolloutSpec, ports: Ports, left: Iterable[RolledBackVersion], rolling_back_since: float
) -> None:
    """Read the logs of the versions that were left, and tell what they say of errors.

    ``rolling_back_since``: when going back began, in monotonic seconds. In a cancelled job nothing is read if that
    took long.
    """
    versions, logs = tuple(left), ports.logs
    if spec.inputs.errors is Errors.OFF or logs is None or not versions:
        return
    now, cancelled = ports.clock.monotonic(), ports.stop.requested
    targets = tuple(each.target for each in versions)
    if cancelled and now - rolling_back_since > CANCELLED_TOO_LATE:
        ports.emit(LogNotRead(targets=targets, why=ABOUT_TO_BE_KILLED))
        return
    # That stop was heeded when the rollback began.
    stop = Stop() if cancelled else ports.stop
    limit = CANCELLED_LOG_LIMIT if cancelled else LOG_LIMIT
    reader = _Reader(ports, logs, stop, now + limit)
    readings = [_Reading(each) for each in versions]
    with pending(ports.background(), stop, partial(reader.read_all, readings)) as answer:
        answer.wait(ports.clock, limit)
        if answer.done:
            answer.result()
    waited = timedelta(seconds=round(min(limit, ports.clock.monotonic() - now)))
    _tell(readings, waited, spec, ports)


@dataclass(slots=True)
class _Reading:
    """One version's log, as far as it was read. Filled beside the story, which may go on at any moment."""

    left: RolledBackVersion
    group: str = ""
    """The log group, once it is known."""
    since: datetime | None = None
    entries: tuple[LogEntry, ...] = ()
    complete: bool = False
    """Whether all there was has been read at least once."""
    is_missing: bool = False
    """Whether there is no such log group."""
    error: RolloutError | None = None
    """Why it cannot be read."""
    request_ids: dict[ErrorGroup, str] = field(default_factory=dict)
    """Invocations that were looked up for errors whose entries do not name theirs."""
    pattern: str = PATTERN

    @property
    def over(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.error is not None or self.is_missing or bool(group_errors(self.entries))

    @property
    def was_read(self) -> bool:
        """Whether anything is known of it."""
        return self.complete or bool(self.entries)


class _Reader:
    """Reads until there is an error in each log, or the time is over."""

    def __init__(self, ports: Ports, logs: Logs, stop: Stop, end: float) -> None:
        self._ports, self._logs = ports, logs
        self._clock, self._stop, self._end = ports.clock, stop, end

    @property
    def _may_go_on(self) -> bool:
        return not self._stop.requested and self._clock.monotonic() < self._end

    def read_all(self, readings: Sequence[_Reading]) -> None:
        """Read one after the other: the quota lets no more through at once."""
        while self._may_go_on:
            for reading in readings:
                if not reading.over and self._may_go_on:
                    self._read(reading)
            if all(reading.over for reading in readings):
                break
            left = self._end - self._clock.monotonic()
            self._clock.wait(min(AGAIN_AFTER, max(0.0, left)), self._stop)
        for reading in readings:
            self._look_up_invocations(reading)

    def _read(self, reading: _Reading) -> None:
        try:
            state = self._state_of(reading)
            self._read_once(reading, state)
        except NotFound as error:
            # The group is made with the first entry.
            reading.is_missing = reading.complete = bool(reading.group)
            reading.error = None if reading.group else error
        except InvalidRequest as error:
            if not reading.pattern:
                reading.error = error
            # A server that knows no such patterns.
            reading.pattern = ""
        except (Busy, Unanswered) as error:
            if not self._may_go_on:
                reading.error = error
        except RolloutError as error:
            reading.error = error

    def _state_of(self, reading: _Reading) -> VersionState:
        left = reading.left
        state = left.state or self._ports.versions.read(left.target, left.version)
        reading.left = replace(left, state=state)
        return state

    def _read_once(self, reading: _Reading, state: VersionState) -> None:
        left, target = reading.left, reading.left.target
        now = self._ports.aws_clock.now()
        reading.group = state.log_group or default_group(target.name)
        reading.since = left.since - SLACK if left.since else now - NOT_LONGER_THAN
        found: list[LogEntry] = []
        for prefix in prefixes(
            reading.group, target.name, left.version, reading.since, now, state.modified
        ):
            query = LogQuery(reading.group, prefix, reading.since, MOST_ENTRIES, reading.pattern)
            token = ""
            while True:
                page = self._logs.page(replace(query, limit=MOST_ENTRIES - len(found)), token)
                found.extend(page.entries)
                reading.entries = tuple(found)
                token = page.next_token
                if len(found) >= MOST_ENTRIES or not self._may_go_on:
                    reading.complete = reading.complete and not token
                    return
                if not token:
                    break
        reading.complete = True

    def _look_up_invocations(self, reading: _Reading) -> None:
        """Find the invocation of errors that do not name theirs: by the line that Lambda writes right after them."""
        for group in group_errors(reading.entries)[:MOST_KINDS]:
            if group.request_id or not self._may_go_on:
                continue
            query = LogQuery(
                reading.group,
                "",
                group.first,
                MOST_KINDS,
                END,
                stream=group.stream,
                until=group.first + FOLLOWS_WITHIN,
            )
            try:
                page = self._logs.page(query)
            except CallFailed:
                return
            ended = (ended_invocation(entry.message) for entry in page.entries)
            reading.request_ids[group] = next(filter(None, ended), "")


def _tell(readings: Sequence[_Reading], waited: timedelta, spec: RolloutSpec, ports: Ports) -> None:
    unread = [reading for reading in readings if reading.error or not reading.was_read]
    for reading in readings:
        if reading not in unread:
            ports.emit(_log_read(reading, waited, spec))
    alike: dict[tuple[type, str], list[_Reading]] = {}
    for reading in unread:
        code = reading.error.code if isinstance(reading.error, CallFailed) else ""
        alike.setdefault((type(reading.error), code), []).append(reading)
    for those in alike.values():
        ports.emit(_not_read(those, ports))


def _log_read(reading: _Reading, waited: timedelta, spec: RolloutSpec) -> LogRead:
    left = reading.left
    found = group_errors(reading.entries)
    known = tuple(
        replace(group, request_id=group.request_id or reading.request_ids.get(group, ""))
        for group in found
    )
    groups = known if spec.shows_messages else without_messages(known)
    return LogRead(
        target=left.target,
        version=left.version,
        log_group=reading.group,
        since=reading.since or left.since or reading.entries[0].at,
        errors=groups[:MOST_KINDS],
        more=max(0, len(groups) - MOST_KINDS),
        count=sum(group.count for group in groups),
        complete=reading.complete,
        exists=not reading.is_missing,
        messages=spec.shows_messages,
        waited=waited,
        query=insights_query(reading.group, left.target.name, left.version),
    )


def _not_read(readings: Sequence[_Reading], ports: Ports) -> LogNotRead:
    error = readings[0].error
    # Of what else may be denied, such as the key of the log group, AWS's words say more.
    lacks = isinstance(error, AccessDenied) and not isinstance(error, DeniedOtherwise)
    asked = lacks and ACTION in (error.remedy if error else "")
    groups = [(each.left.alias_arn, each.group) for each in readings]
    return LogNotRead(
        targets=tuple(each.left.target for each in readings),
        why=_why(error, ports),
        remedy=error.remedy if error else "",
        statement=read_statement(groups) if asked else "",
    )


def _why(error: RolloutError | None, ports: Ports) -> str:
    match error:
        case None if ports.stop.requested:
            return ABOUT_TO_BE_KILLED
        case None:
            return "CloudWatch Logs did not answer in time"
        case CallFailed():
            return error.brief
    return error.what
