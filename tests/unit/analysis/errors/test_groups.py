"""Errors that are alike are one, and what only follows from another is none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.analysis.errors.groups import group_errors, pattern_of, without_messages
from lambda_rollout.analysis.errors.model import LogEntry
from tests.support.log_payloads import ONE, PAYLOADS, TWO

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)
STREAM = "2026/11/23/[8]b71058a4"


def entries(*texts: str, every: float = 5.0, stream: str = STREAM) -> list[LogEntry]:
    return [
        LogEntry(AT + timedelta(seconds=every * number), stream, text)
        for number, text in enumerate(texts)
    ]


def python(kind: str, message: str) -> str:
    return f'[ERROR] {kind}: {message}\nTraceback (most recent call last):\n  File "/var/task/app.py", line 4, in f'


def kinds(found: Iterable[LogEntry]) -> list[tuple[str, int]]:
    return [(group.kind, group.count) for group in group_errors(found)]


def test_the_most_frequent_comes_first_with_its_first_and_last_time() -> None:
    texts = [python("KeyError", "'a'"), python("ValueError", "b"), python("ValueError", "b")]
    often, seldom = group_errors(entries(*texts))
    assert (often.kind, often.count, often.first, often.last) == (
        "ValueError",
        2,
        AT + timedelta(seconds=5),
        AT + timedelta(seconds=10),
    )
    assert (seldom.kind, seldom.count, seldom.first, seldom.stream) == ("KeyError", 1, AT, STREAM)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no order 4711", "no order 15"),
        (f"no order {ONE}", f"no order {TWO}"),
        ("no order 9f2c1abd", "no order 0a1b2c3d4e"),
        ("at 0x7f3a21", "at 0x1"),
        ("no order ord_1a2b3c4d5e6f", "no order ord_9z8y7x6w5v"),
        ("no account anna@example.com", "no account otto@example.org"),
        ("took 3.25 s of 10:00:07", "took 12 s of 9:15"),
    ],
)
def test_numbers_and_ids_make_no_difference(one: str, other: str) -> None:
    assert pattern_of(one) == pattern_of(other)
    assert kinds(entries(python("KeyError", one), python("KeyError", other))) == [("KeyError", 2)]


def test_words_do() -> None:
    texts = [python("KeyError", "no order"), python("KeyError", "no basket")]
    assert kinds(entries(*texts)) == [("KeyError", 1), ("KeyError", 1)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("no memory left", "Runtime.OutOfMemory"),
        ("no time left", "Timeout"),
        ("go that panics", "boundsError"),
    ],
)
def test_one_invocation_that_several_entries_tell_of_is_one_error(name: str, kind: str) -> None:
    found = group_errors(entries(*PAYLOADS[name], every=0.001))
    assert [(group.kind, group.count, group.request_id) for group in found] == [(kind, 1, ONE)]


def test_another_invocations_end_is_not_that_of_an_error_before() -> None:
    died = PAYLOADS["a custom runtime that dies"][0]
    found = entries(python("KeyError", "1"), died, every=2.0)
    assert kinds(found) == [("KeyError", 1), ("Runtime.ExitError", 1)]
    elsewhere = [found[0], replace(found[1], at=found[0].at, stream="another")]
    assert kinds(elsewhere) == [("KeyError", 1), ("Runtime.ExitError", 1)]


def test_a_line_at_the_level_of_an_error_hides_no_end() -> None:
    """An invocation may log one, go on, and die of something else."""
    logged, died = PAYLOADS["a logger's line"][0], PAYLOADS["a custom runtime that dies"][0]
    assert kinds(entries(logged, died, every=0.1)) == [("", 1), ("Runtime.ExitError", 1)]


def test_the_same_exception_logged_and_then_raised_is_one() -> None:
    node = PAYLOADS["node that logs an error"][0]
    assert kinds(entries(node, node, every=0.1)) == [("TypeError", 1)]
    assert kinds(entries(node, node.replace(ONE, TWO))) == [("TypeError", 2)]


def test_timeouts_are_one_kind_however_long_the_function_may_run() -> None:
    three, json = PAYLOADS["no time left"][0], PAYLOADS["no time left, in JSON"][0]
    assert kinds(entries(three, json.replace(ONE, TWO))) == [("Timeout", 2)]


def test_without_messages_there_is_nothing_that_somebody_wrote() -> None:
    texts = [
        python("KeyError", "no order"),
        python("KeyError", "no basket"),
        python("OSError", "x"),
    ]
    texts.append(PAYLOADS["a logger's line"][0])
    bare = without_messages(group_errors(entries(*texts)))
    assert [(group.kind, group.count) for group in bare] == [
        ("KeyError", 2),
        ("OSError", 1),
        ("", 1),
    ]
    assert {(group.message, group.where) for group in bare} == {("", "")}
    assert (bare[0].first, bare[0].last) == (AT, AT + timedelta(seconds=5))
