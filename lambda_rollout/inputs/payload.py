"""The ``smoke-test`` and ``smoke-expect`` inputs: what the new version is invoked with, and what it should answer.

Limits: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lambda_rollout.inputs.by_function import is_by_function, split_by_function
from lambda_rollout.inputs.files import content_of, opened, size_of
from lambda_rollout.inputs.json_values import JsonValue, NoJson, read_json
from lambda_rollout.inputs.text import Mistake, Mistakes, has_newline

LARGEST_INLINE = 100 * 1024
"""Bytes of a payload that stands in the input itself: that is one environment variable, which has 128 KiB at most."""

LARGEST_PAYLOAD = 6 * 1024 * 1024
"""Bytes of a payload that Lambda takes."""


@dataclass(frozen=True, slots=True)
class InlinePayload:
    """A payload that stands in the input."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PayloadFile:
    """A payload in a file of the workspace, still to be read."""

    path: str


@dataclass(frozen=True, slots=True)
class SmokeTest:
    """What one function is invoked with before it gets any traffic."""

    function: str
    """As in ``function-name``."""
    payload: InlinePayload | PayloadFile


@dataclass(frozen=True, slots=True)
class Expected:
    """A JSON value of which an answer must hold every part."""

    value: JsonValue = field(repr=False)


def parse_smoke_test(text: str, functions: Sequence[str]) -> tuple[SmokeTest, ...]:
    """Read which function is invoked with what: one payload for all ``functions``, or one a line.

    A payload is JSON, or the path of a file that holds some. Nothing gives none.

    Raises:
        Mistakes: it is neither, or is said of a function that is not rolled out.
    """
    if not text:
        return ()
    if not is_by_function(text):
        payload = _payload(text)
        return tuple(SmokeTest(function, payload) for function in functions)
    given = split_by_function(text, functions, "PAYLOAD")
    mistakes: list[Mistake] = []
    tests: list[SmokeTest] = []
    for function, value in given.items():
        try:
            tests.append(SmokeTest(function, _payload(value)))
        except Mistakes as found:
            mistakes.extend(found.mistakes)
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(tests)


def _payload(text: str) -> InlinePayload | PayloadFile:
    try:
        read_json(text)
    except NoJson as error:
        if _looks_like_json(text):
            remedy = (
                f"This is no JSON: {error}. Write JSON, or the path of a file in the workspace."
            )
            raise Mistakes(Mistake(text, remedy)) from error
        return PayloadFile(text)
    content = _encoded(text)
    if len(content) > LARGEST_INLINE:
        remedy = (
            f"It has {len(content)} bytes, and {LARGEST_INLINE} have room in an input: write it into a file in the "
            "workspace, and name that."
        )
        raise Mistakes(Mistake(text, remedy))
    return InlinePayload(content)


def _looks_like_json(text: str) -> bool:
    """Whether what is no JSON was meant to be some: it begins so, or goes over several lines as no path does."""
    return text.lstrip("'`").startswith(("{", "[", '"')) or has_newline(text)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Mistakes(Mistake(text, "It holds bytes that are no UTF-8: JSON is UTF-8.")) from error


def parse_smoke_expect(text: str) -> Expected | None:
    """Read what the answer must hold; nothing is None.

    Raises:
        Mistakes: it is no JSON.
    """
    if not text:
        return None
    try:
        return Expected(read_json(text))
    except NoJson as error:
        remedy = f'This is no JSON: {error}. Write what the answer must hold, such as {{"statusCode": 200}}.'
        raise Mistakes(Mistake(text, remedy)) from error


def read_payload(payload: InlinePayload | PayloadFile, workspace: Path) -> bytes:
    """Return the bytes to invoke with; a path is relative to ``workspace`` and must stay inside it.

    Raises:
        Mistakes: there is no such file, it is no JSON, too large, or outside of the workspace.
    """
    if isinstance(payload, InlinePayload):
        return payload.content
    with opened(payload.path, workspace) as descriptor:
        if (size := size_of(descriptor)) > LARGEST_PAYLOAD:
            remedy = f"It has {size} bytes, and Lambda takes {LARGEST_PAYLOAD} at most."
            raise Mistakes(Mistake(payload.path, remedy))
        content = content_of(descriptor, LARGEST_PAYLOAD)
    if content is None:
        raise Mistakes(Mistake(payload.path, "It is no file: name one that holds JSON."))
    try:
        # A mark that some editors put at a file's beginning is no part of JSON.
        text = content.decode("utf-8-sig").strip()
        read_json(text)
    except ValueError as error:
        why = "it is no UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise Mistakes(Mistake(payload.path, f"What it holds is no JSON: {why}.")) from error
    return text.encode()
