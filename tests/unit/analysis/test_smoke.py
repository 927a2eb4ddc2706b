"""The verdict on a smoke test: what an answer lacks, and where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.analysis.invocation import Invocation, InvocationLimits
from lambda_rollout.analysis.smoke import failure, mismatches, not_testable
from lambda_rollout.inputs.json_values import read_json
from lambda_rollout.inputs.payload import Expected


def lacks(expected: str, got: str) -> list[str]:
    return list(mismatches(read_json(expected), read_json(got)))


def verdict(payload: bytes, expected: str = "", error: str = "", ran: str = "8") -> str:
    wanted = Expected(read_json(expected)) if expected else None
    return failure(Invocation(payload, error, "", ran), "8", wanted)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ('{"statusCode": 200}', '{"body": "x", "statusCode": 200}'),
        ('{"a": {}}', '{"a": {"b": 1}}'),
        ("1", "1.0"),
        ('[{"a": 1}, 2]', '[{"a": 1, "b": 3}, 2e0]'),
        ("null", "null"),
        ("[]", "[]"),
        ("{}", '{"a": 1}'),
    ],
)
def test_it_is_held(expected: str, got: str) -> None:
    assert lacks(expected, got) == []


@pytest.mark.parametrize(
    ("expected", "got", "told"),
    [
        ('{"a": 1}', "{}", "$.a: expected 1, got nothing"),
        ('{"a": null}', "{}", "$.a: expected null, got nothing"),
        (
            '{"a": {"b": [1, {"c": true}]}}',
            '{"a": {"b": [1, {"c": 1}]}}',
            "$.a.b[1].c: expected true, got 1",
        ),
        ('{"x-y": 1}', '{"x-y": "1"}', '$["x-y"]: expected 1, got "1"'),
        ("[1]", "[1, 2]", "$: expected a list of 1, got one of 2"),
        ("[]", "{}", "$: expected [], got {}"),
        ("{}", "[]", "$: expected {}, got []"),
        ("0", "false", "$: expected 0, got false"),
        ("null", "0", "$: expected null, got 0"),
        ('"a"', '"A"', '$: expected "a", got "A"'),
        ("0.1", "0.10000000000000001", "$: expected 0.1, got 0.10000000000000001"),
    ],
)
def test_what_differs_is_told_with_its_path(expected: str, got: str, told: str) -> None:
    assert lacks(expected, got) == [told]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values, st.text(max_size=3), values)
def test_more_than_expected_may_be_there_and_nothing_less(
    one: object, name: str, more: object
) -> None:
    assert lacks(json.dumps(one), json.dumps(one)) == []
    holds = {**(one if isinstance(one, dict) else {"v": one}), name: more}
    without = {key: value for key, value in holds.items() if key != name}
    assert lacks(json.dumps(without), json.dumps(holds)) == []
    (told,) = lacks(json.dumps(holds), json.dumps(without))
    assert told.endswith("got nothing")


def test_without_an_expectation_every_answer_will_do() -> None:
    assert verdict(b"") == verdict(b"\xff") == verdict(b"null") == ""


def test_a_function_error_is_told_in_the_runtime_s_words() -> None:
    said = json.dumps({"errorType": "ValueError", "errorMessage": "no total"}).encode()
    assert verdict(said, error="Unhandled") == "it failed (Unhandled): ValueError: no total"
    assert verdict(b"exit status 1", error="Unhandled") == "it failed (Unhandled): exit status 1"
    assert verdict(b'{"errorType": 7}', error="Handled") == 'it failed (Handled): {"errorType": 7}'
    assert verdict(b"[]", error="Handled") == "it failed (Handled): []"


def test_an_answer_that_cannot_be_compared() -> None:
    assert verdict(b"", "{}") == "its answer is no JSON: Expecting value at line 1, column 1: "
    assert verdict(b"\xff", "{}") == "its answer is no JSON: it is no UTF-8"
    assert "deeper than" in verdict(b"[" * 100_000, "{}")


def test_another_version_s_answer_is_none() -> None:
    assert verdict(b"{}", ran="7") == "version 7 answered in its place"
    assert verdict(b"{}", ran="") == ""


def test_not_everything_is_told_of_what_differs_much() -> None:
    expected = json.dumps(dict.fromkeys("abcde", "x" * 1000))
    told = verdict(b"{}", expected)
    assert told.endswith("and 2 more")
    assert len(told) < 600


def test_who_takes_no_smoke_test() -> None:
    assert not_testable(InvocationLimits(timeout=900)) == ("", "")
    assert not_testable(InvocationLimits(execution_timeout=900)) == ("", "")
    assert "tenant isolation" in not_testable(InvocationLimits(per_tenant=True))[0]
    assert "901 s" in not_testable(InvocationLimits(execution_timeout=901))[0]


def test_how_long_an_answer_may_take() -> None:
    assert InvocationLimits(timeout=3).longest == 3
    # Over all of its invocations.
    assert InvocationLimits(timeout=3, execution_timeout=60).longest == 60
    assert InvocationLimits(timeout=3, execution_timeout=86_400).longest == 900
