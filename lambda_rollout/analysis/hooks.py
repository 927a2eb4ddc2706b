"""What a hook is told, and what its answer means. Pure.

The answer is that of a lifecycle hook of Amazon ECS:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-lifecycle-hooks.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from lambda_rollout.inputs.choices import HookStage

DEFAULT_DELAY = 30.0
"""Seconds until a hook is asked again, if its answer does not say when."""

SHORTEST_DELAY, LONGEST_DELAY = 1, 900
"""Seconds that an answer may ask for."""

LARGEST_DETAILS = 64 * 1024
"""Bytes of ``hookDetails`` that are carried to the next call."""

NO_DETAILS = "{}"

_SAID = 300
"""Characters of a hook's own words that a reason repeats."""


class HookStatus(StrEnum):
    """What a hook says; the words are those of its answer."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    IN_PROGRESS = "IN_PROGRESS"


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What an answer means."""

    status: HookStatus
    why: str = ""
    """Why it failed, in one line; a hook's own words may be in it. Empty otherwise."""
    delay: float = 0.0
    """Seconds until the hook is to be asked again; 0 unless it is in progress."""
    details: str = NO_DETAILS
    """``hookDetails`` as JSON, at most `LARGEST_DETAILS` bytes."""


@dataclass(frozen=True, slots=True)
class HookSubject:
    """One function that a hook is told of."""

    function: str
    alias: str
    old: str | None
    """The ARN of the old version; None while there is no alias."""
    new: str
    """The ARN of the new version."""
    percent: Decimal
    """Of the alias's traffic, on the new version at the moment of the call."""


@dataclass(frozen=True, slots=True)
class HookRequest:
    """What a hook is told, the same in every call but for the details."""

    stage: HookStage
    functions: Sequence[HookSubject]
    step: int | None
    """The number of the step that is going on, or was the last; None before the first."""
    run: str
    """The run's page on GitHub, or empty."""
    reason: str = ""
    """Why it was rolled back; empty otherwise."""

    def payload(self, details: str = NO_DETAILS) -> bytes:
        """Make the event for the function; ``details``: those of the answer before, as JSON."""
        told: Mapping[str, Any] = {
            "stage": self.stage.value,
            "functions": [_told(each) for each in self.functions],
            "step": self.step,
            "run": self.run,
            "reason": self.reason,
            "hookDetails": json.loads(details),
        }
        return json.dumps(told).encode()


def _told(subject: HookSubject) -> Mapping[str, Any]:
    whole = subject.percent == subject.percent.to_integral_value()
    return {
        "function": subject.function,
        "alias": subject.alias,
        "old": subject.old,
        "new": subject.new,
        "percent": int(subject.percent) if whole else float(subject.percent),
    }


def read_answer(payload: bytes, function_error: str = "") -> HookAnswer:
    """Say what a hook's answer means; whatever it is, one of the three.

    ``function_error`` is FunctionError of the Invoke: empty if the function returned.
    """
    if function_error:
        return _failed(f"the function failed ({function_error}){_error_in(payload)}")
    try:
        answer = json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return _failed(f"its answer is not JSON: {_excerpt(payload)}")
    status = answer.get("hookStatus") if isinstance(answer, dict) else None
    if status not in tuple(HookStatus):
        return _failed(f"its answer has no valid hookStatus: {_excerpt(payload)}")
    details = _written(answer.get("hookDetails"))
    if status == HookStatus.FAILED:
        said = "" if details in {None, NO_DETAILS} else f": {details[:_SAID]}"
        return HookAnswer(HookStatus.FAILED, f"it said FAILED{said}", details=details or NO_DETAILS)
    if status == HookStatus.SUCCEEDED:
        return HookAnswer(HookStatus.SUCCEEDED, details=details or NO_DETAILS)
    if details is None:
        return _failed(
            f"its hookDetails are too large or no JSON (at most {LARGEST_DETAILS} bytes)"
        )
    return _in_progress(answer.get("callBackDelay"), details)


def _in_progress(delay: object, details: str) -> HookAnswer:
    if delay is None:
        return HookAnswer(HookStatus.IN_PROGRESS, delay=DEFAULT_DELAY, details=details)
    # A bool is an int in Python, and no number in JSON.
    is_number = isinstance(delay, int | float) and not isinstance(delay, bool)
    if is_number and SHORTEST_DELAY <= delay <= LONGEST_DELAY:  # type: ignore[operator]
        return HookAnswer(HookStatus.IN_PROGRESS, delay=float(delay), details=details)  # type: ignore[arg-type]
    said = _excerpt(json.dumps(delay).encode())
    return _failed(
        f"its callBackDelay is no number from {SHORTEST_DELAY} to {LONGEST_DELAY}: {said}"
    )


def _written(details: object) -> str | None:
    """Write details as JSON that fits into the next call; None if they cannot be."""
    if details is None:
        return NO_DETAILS
    try:
        text = json.dumps(details, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    return text if len(text) <= LARGEST_DETAILS else None


def _failed(why: str) -> HookAnswer:
    return HookAnswer(HookStatus.FAILED, why)


def _error_in(payload: bytes) -> str:
    """Return what Lambda says of an error that a function raised, or nothing."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(answer, dict):
        return ""
    said = [answer[key] for key in ("errorType", "errorMessage") if answer.get(key)]
    return f": {': '.join(map(str, said))[:_SAID]}" if said else ""


def _excerpt(payload: bytes) -> str:
    return repr(payload[:_SAID].decode("utf-8", "replace")) if payload else "nothing"


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


LONGEST_PAUSE = 5.0


def pause_after(failures: int) -> float:
    """Return the seconds before a call is made again that was throttled or not answered, the n-th time in a row."""
    return min(LONGEST_PAUSE, 0.5 * 2.0 ** min(failures - 1, 10))
