"""The verdict on a smoke test: did the new version answer, and does the answer hold what it should? Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal

from lambda_rollout.analysis.invocation import LONGEST_INVOCATION, Invocation, InvocationLimits
from lambda_rollout.inputs.json_values import JsonValue, NoJson, read_json, written
from lambda_rollout.inputs.payload import Expected

MOST_MISMATCHES = 3
_SHOWN = 120
"""Characters of a value that are told: what a function answers may be megabytes."""

_NOTHING = object()


def not_testable(limits: InvocationLimits) -> tuple[str, str]:
    """Say why a function takes no smoke test, and what to do; two empty strings if it does.

    Both kinds need more than a payload, and AWS would refuse the invocation.
    """
    if limits.per_tenant:
        return (
            "it has tenant isolation, and a smoke test names no tenant",
            f"{_WITHOUT} and invoke that version with `aws lambda invoke --tenant-id`.",
        )
    if limits.execution_timeout > LONGEST_INVOCATION:
        what = f"it is durable, and its executions may last {limits.execution_timeout} s"
        return (
            f"{what}: AWS invokes only those of {LONGEST_INVOCATION} s or less synchronously",
            f"{_WITHOUT} and start an execution of that version.",
        )
    return "", ""


_WITHOUT = (
    "Leave it out of `smoke-test`. To test it before any traffic, publish it with `mode: publish`"
)


def failure(answer: Invocation, version: str, expected: Expected | None) -> str:
    """Say why ``version`` did not pass, in a clause; empty if it did."""
    if answer.function_error:
        return f"it failed ({answer.function_error}): {_error_in(answer.payload)}"
    if answer.executed_version not in {"", version}:
        return f"version {answer.executed_version} answered in its place"
    if expected is None:
        return ""
    try:
        got = read_json(answer.payload.decode())
    except UnicodeDecodeError:
        return "its answer is no JSON: it is no UTF-8"
    except NoJson as error:
        return f"its answer is no JSON: {error}: {_shown(answer.payload.decode())}"
    found = list(mismatches(expected.value, got))
    if not found:
        return ""
    more = len(found) - MOST_MISMATCHES
    told = [*found[:MOST_MISMATCHES], *([f"and {more} more"] if more > 0 else [])]
    return f"its answer is not as expected: {'; '.join(told)}"


def _error_in(payload: bytes) -> str:
    """Say what the runtime tells of an error: type and message, or else the payload's beginning.

    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html, and the same page of the other runtimes.
    """
    text = payload.decode(errors="replace")
    try:
        said = read_json(text)
    except NoJson:
        return _shown(text)
    if not isinstance(said, Mapping):
        return _shown(text)
    parts = [said.get(name) for name in ("errorType", "errorMessage")]
    return ": ".join(part for part in parts if isinstance(part, str) and part) or _shown(text)


def mismatches(expected: JsonValue, got: JsonValue, path: str = "$") -> Iterator[str]:
    """Yield where ``got`` does not hold ``expected``, each as path, what was expected and what is there.

    An object holds another if it has its names with values that hold the other's; a list one of the same length,
    element by element; numbers are compared by value.
    """
    match expected:
        case Mapping() if isinstance(got, Mapping):
            for name, value in expected.items():
                yield from _held(value, got.get(name, _NOTHING), f"{path}{_step(name)}")
        case str() | Decimal() | bool() | None:
            if not _is_same(expected, got):
                yield _differs(path, written(expected), written(got))
        case list() if isinstance(got, list):
            if len(expected) != len(got):
                yield _differs(path, f"a list of {len(expected)}", f"one of {len(got)}")
            else:
                for at, (one, other) in enumerate(zip(expected, got, strict=True)):
                    yield from mismatches(one, other, f"{path}[{at}]")
        case _:
            yield _differs(path, written(expected), written(got))


def _held(expected: JsonValue, got: object, path: str) -> Iterator[str]:
    if got is _NOTHING:
        yield _differs(path, written(expected), "nothing")
    else:
        yield from mismatches(expected, got, path)  # type: ignore[arg-type]  # it is of JSON


def _is_same(one: JsonValue, other: JsonValue) -> bool:
    # In Python True is 1.
    return type(one) is type(other) and one == other


def _step(name: str) -> str:
    return f".{name}" if name.isidentifier() else f"[{json.dumps(name, ensure_ascii=False)}]"


def _differs(path: str, expected: str, got: str) -> str:
    return f"{_shown(path)}: expected {_shown(expected)}, got {_shown(got)}"


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
