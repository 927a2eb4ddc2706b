"""What an entry of a function's log tells: each runtime's way, by what runtimes have written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.analysis.errors.model import LoggedError, Source
from lambda_rollout.analysis.errors.read import LONGEST_ENTRY, error_in_tail, read_error
from lambda_rollout.analysis.errors.words import LONGEST_MESSAGE
from lambda_rollout.runtime.masking import Masks
from tests.support.log_payloads import HARMLESS, ONE, PAYLOADS
from tests.support.stories import LOG

TOLD: dict[str, tuple[str, str, str, str]] = {
    "python": ("NameError", "name 'x' is not defined", "error_function.py:2", ""),
    "python as standard output": (
        "NameError",
        "name 'x' is not defined",
        "error_function.py:2",
        "",
    ),
    "python in JSON": ("NameError", "name 'x' is not defined", "error_function.py:2", ONE),
    "python that cannot start": (
        "Runtime.ImportModuleError",
        "Unable to import module 'app': No module named 'requests'",
        "",
        "",
    ),
    "node": ("SyntaxError", "Unexpected token e in JSON at position 1", "index.js:25", ONE),
    "node that logs an error": (
        "TypeError",
        "Cannot read property '0' of undefined",
        "index.js:9",
        ONE,
    ),
    "node in JSON": ("TypeError", "Cannot read property '0' of undefined", "index.js:9", ONE),
    "node that cannot start": (
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'pg'",
        "",
        "",
    ),
    "java": ("java.lang.ArithmeticException", "Division by zero", "Handler.java:31", ""),
    "java in JSON": ("java.lang.ArithmeticException", "Division by zero", "Handler.java:31", ONE),
    "dotnet": ("System.ApplicationException", "You caused a failure", "Function.cs:45", ONE),
    "dotnet in JSON": (
        "System.ApplicationException",
        "You caused a failure",
        "Function.cs:45",
        ONE,
    ),
    "go": ("errorString", "no such order", "", ""),
    "go that panics": (
        "boundsError",
        "runtime error: index out of range [5] with length 3",
        "shop/main.go:12",
        "",
    ),
    "ruby": ("NoMethodError", "undefined method `each' for nil:NilClass", "app.rb:18", ""),
    "rust": ("panic", "called `Option::unwrap()` on a `None` value", "src/main.rs:12", ""),
    "a custom runtime that dies": (
        "Runtime.ExitError",
        "Runtime exited with error: exit status 1",
        "",
        ONE,
    ),
    "a custom runtime that cannot start": ("Runtime.InvalidEntrypoint", "failed", "", ONE),
    "no time left": ("Timeout", "Task timed out after 3.00 seconds", "", ONE),
    "no memory left": ("Runtime.ExitError", "Runtime exited with error: signal: killed", "", ONE),
    "no time left to start": ("Timeout", "timed out in the init phase", "", ""),
    "no time left, in JSON": ("Timeout", "timed out", "", ONE),
    "powertools": ("ValueError", "Received an exception", "app.py:8", ONE),
    "pino": ("TypeError", "cannot pay", "dist/pay.js:11", ""),
    "a logger's line": ("", "could not pay order 4711", "", ONE),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_each_runtimes_way_of_telling(name: str) -> None:
    told = read_error(PAYLOADS[name][0])
    assert told is not None
    assert (told.kind, told.message, told.where, told.request_id) == TOLD[name]


def test_every_payload_is_told_of() -> None:
    assert TOLD.keys() == PAYLOADS.keys()


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_sounds_like_an_error_is_none(text: str) -> None:
    assert read_error(text) is None


TRACEBACK = (
    'Traceback (most recent call last):\n  File "/var/task/app.py", line 9, in pay\n'
    "    raise ValueError(number)\nValueError: 4711\n"
)


def test_an_exception_in_the_words_of_a_logger_is_an_exception() -> None:
    text = f"[ERROR]\t2026-11-23T10:00:07.743Z\t{ONE}\tcould not pay\n{TRACEBACK}"
    assert read_error(text) == LoggedError("ValueError", "4711", "app.py:9", ONE, Source.EXCEPTION)


def test_of_a_stack_the_innermost_frame_that_is_the_functions_own_is_told() -> None:
    text = (
        '[ERROR] KeyError: 1\nTraceback (most recent call last):\n  File "/var/task/app.py", line 9, in pay\n'
        '  File "/var/task/site-packages/lib.py", line 3, in call\n'
    )
    told = read_error(text)
    assert told is not None
    assert told.where == "app.py:9"


def test_colours_and_carriage_returns_do_not_hide_an_error() -> None:
    told = read_error("\x1b[31mERROR\x1b[0m could not pay\r  for this reason\r")
    assert told == LoggedError("", "could not pay", "", "", Source.LOGGED)


@pytest.mark.parametrize(
    "kind",
    ["no such order of anna@example.com", "Order48151623Missing", "x" * 101, "<b>", "Fehler: ja"],
)
def test_what_stands_in_the_place_of_a_type_and_is_no_name_is_not_told(kind: str) -> None:
    """It is shown where messages are not."""
    told = read_error(json.dumps({"errorType": kind, "errorMessage": "words"}))
    assert told is not None
    assert told.kind == ""


def test_the_last_lines_of_a_log_tell_of_the_cause() -> None:
    told = error_in_tail(LOG)
    assert told is not None
    assert (told.kind, told.message, told.where) == ("KeyError", "'total'", "app.py:3")
    lines = [line for text in PAYLOADS["no memory left"] for line in text.splitlines()]
    killed = error_in_tail(["ERROR about to load", *lines])
    assert killed is not None
    assert killed.kind == "Runtime.OutOfMemory"
    assert error_in_tail(HARMLESS) is None
    assert error_in_tail([]) is None


def test_a_huge_entry_is_cut() -> None:
    text = json.dumps({"level": "ERROR", "message": "no room " * 40_000})
    told = read_error(text)
    assert told is not None
    assert len(told.message) <= LONGEST_MESSAGE
    assert read_error("x" * LONGEST_ENTRY + "\n[ERROR] KeyError: 1") is None


@pytest.mark.parametrize("before", range(LONGEST_MESSAGE - 25, LONGEST_MESSAGE + 2))
def test_of_a_secret_that_is_cut_nothing_is_left(before: int) -> None:
    """It is hidden later, by its first characters: fewer of them would be shown."""
    secret = "ghs_16C7e42F292c6912E7710c83"
    told = read_error(f"[ERROR] KeyError: {'x' * (before - 1)} {secret}")
    assert told is not None
    shown = Masks(secret).text(told.message)
    assert secret[:4] not in shown


_PIECES = st.sampled_from(
    [text[:size] for texts in PAYLOADS.values() for text in texts for size in (20, 90, 4000)]
)


@given(st.lists(st.one_of(_PIECES, st.text(max_size=40)), max_size=4))
def test_whatever_is_written_is_read(pieces: list[str]) -> None:
    text = "".join(pieces)
    told = read_error(text)
    error_in_tail(text.splitlines())
    if told is not None:
        assert "\n" not in told.message + told.kind + told.where + told.request_id
        assert len(told.message) <= LONGEST_MESSAGE


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 50_000,
        "[" * 100_000,
        '{"level": ' + "9" * 5000 + "}",
        "{" + "\n" * 100_000,
        "at (" * 9000,
    ],
)
def test_depth_and_length_are_survived(text: str) -> None:
    read_error(text)
