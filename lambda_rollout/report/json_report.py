"""The JSON report: every event as it was, under a head that says how it ended.

Schema 1, documented in docs/report.md and written down in docs/report.schema.json. Names are in kebab
case, moments ISO 8601 in UTC with milliseconds, durations seconds, shares percent from 0 to 100.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from textwrap import indent
from typing import TYPE_CHECKING

from lambda_rollout.analysis.metrics import Comparison, VersionMetrics
from lambda_rollout.report.findings import median_of
from lambda_rollout.report.state import RolloutState, TargetNow
from lambda_rollout.rollout.events import Event, Heartbeat

if TYPE_CHECKING:
    from lambda_rollout.inputs.problems import InputProblem

SCHEMA = 1

_MOST_GIVEN = 1000
"""Characters of what was given in an input that is wrong."""

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


def document(
    story: RolloutState,
    events: Iterable[Event],
    problems: Iterable[InputProblem] = (),
    left_out: Mapping[str, int] | None = None,
) -> str:
    """Return the whole report as JSON text, pure ASCII, with a newline at its end.

    ``left_out``: how many events of which type are not among the ``events``.
    """
    started = story.started
    head: dict[str, Json] = {
        "schema": SCHEMA,
        "result": story.result.value,
        "reason": story.reason,
        "remedy": story.remedy,
        "started": _value(started.at if started else None),
        "finished": _value(story.finished.at if story.finished else None),
        "mode": started.mode if started else None,
        "region": started.region if started else None,
        "functions": [
            _function(now, story.numbers.get(now.target)) for now in story.targets.values()
        ],
        "failed-alarms": [reading.name for reading in story.failed_alarms],
        "warnings": list(story.warnings),
        "left-out": {**(left_out or {}), **_more_warnings(story)},
        "input-problems": [_problem(problem) for problem in problems],
    }
    return _with_events(json.dumps(head, indent=2), events)


def _with_events(head: str, events: Iterable[Event]) -> str:
    """Add the events as the last field, each made to text by itself: as values all of them take ten times the room."""
    texts = [indent(json.dumps(_event(event), indent=2), "    ") for event in events]
    begun = head.removesuffix("\n}") + ',\n  "events": ['
    if not texts:
        return f"{begun}]\n}}\n"
    texts[0] = f"{begun}\n{texts[0]}"
    texts[-1] += "\n  ]\n}\n"
    return ",\n".join(texts)


def _problem(problem: InputProblem) -> Json:
    given = problem.given
    if len(given) > _MOST_GIVEN:
        given = f"{given[:_MOST_GIVEN]}… ({len(given)} characters)"
    return {"input": problem.input, "given": given, "remedy": problem.remedy}


def _more_warnings(story: RolloutState) -> dict[str, int]:
    return {"warnings": story.more_warnings} if story.more_warnings else {}


def _function(now: TargetNow, compared: Comparison | None) -> Json:
    return {
        "function": now.target.function,
        "alias": now.target.alias,
        "previous-version": now.previous,
        "version": now.version,
        "weight": _value(now.weight),
        "traffic": _value(now.routing),
        "numbers": None if compared is None else _numbers(compared),
    }


def _numbers(compared: Comparison) -> Json:
    """Write what both versions did in all minutes that were read."""
    return {
        "until": _value(compared.until),
        "new": _side(compared.canary),
        "old": _side(compared.baseline),
        "throttles": compared.throttles,
    }


_TOLD = ("p50", "p99")
"""The percentiles that are told of the whole."""


def _side(side: VersionMetrics) -> Json:
    percentiles = {name: median_of(side, name) for name in _TOLD}
    return {
        "version": side.version,
        "invocations": side.invocations,
        "errors": side.errors,
        "durations": {name: found for name, found in percentiles.items() if found is not None},
    }


def _event(event: Event) -> Json:
    told = {"type": kebab(type(event).__name__), **_fields(event)}
    if isinstance(event, Heartbeat):
        told["states"] = {state.value: number for state, number in event.states}
    return told


def _fields(value: object) -> dict[str, Json]:
    if not is_dataclass(value):
        raise TypeError(f"no fields in {value!r}")
    return {_key(each.name): _value(getattr(value, each.name)) for each in fields(value)}


def _key(name: str) -> str:
    return name.replace("_", "-")


def kebab(name: str) -> str:
    """Return a class's name as the report writes it: ``WeightShifted`` is ``weight-shifted``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def _value(value: object) -> Json:
    match value:
        case Enum():
            return str(value.value)
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return moment(value)
        case timedelta():
            return number(Decimal(str(value.total_seconds())))
        case Decimal():
            return number(value)
        case Mapping():
            return {str(key): _value(each) for key, each in value.items()}
        case Sequence():
            return [_value(each) for each in value]
        case _:
            return _fields(value)


def moment(at: datetime) -> str:
    """Write a moment as ``2026-11-23T10:05:09.120Z``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number(value: Decimal) -> int | float:
    """Return a whole number where it is one."""
    return int(value) if value == value.to_integral_value() else float(value)
