"""What a hook is told and what its answer means, for every answer that a function can give."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.analysis.hooks import (
    DEFAULT_DELAY,
    LARGEST_DETAILS,
    LONGEST_DELAY,
    NO_DETAILS,
    SHORTEST_DELAY,
    HookRequest,
    HookStatus,
    HookSubject,
    pause_after,
    read_answer,
)
from lambda_rollout.inputs.choices import HookStage

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:checkout:7"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def said(**answer: Any) -> bytes:
    return json.dumps(answer).encode()


def test_the_three_words() -> None:
    assert read_answer(said(hookStatus="SUCCEEDED")).status is HookStatus.SUCCEEDED
    assert read_answer(said(hookStatus="FAILED")).why == "it said FAILED"
    again = read_answer(said(hookStatus="IN_PROGRESS"))
    assert (again.status, again.delay, again.details) == (
        HookStatus.IN_PROGRESS,
        DEFAULT_DELAY,
        NO_DETAILS,
    )


def test_failed_repeats_its_details() -> None:
    answer = read_answer(said(hookStatus="FAILED", hookDetails={"orders": 0}))
    assert answer.why == 'it said FAILED: {"orders":0}'


@pytest.mark.parametrize("delay", [1, 900, 1.5, 30])
def test_delays_that_may_be_asked_for(delay: float) -> None:
    assert read_answer(said(hookStatus="IN_PROGRESS", callBackDelay=delay)).delay == delay


@pytest.mark.parametrize("delay", [0, -1, 0.99, 900.1, 10**30, "30", True, [], {}])
def test_other_delays_are_failed(delay: object) -> None:
    answer = read_answer(said(hookStatus="IN_PROGRESS", callBackDelay=delay))
    assert answer.status is HookStatus.FAILED
    assert "callBackDelay" in answer.why


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"true",
        b'"SUCCEEDED"',
        b'["SUCCEEDED"]',
        b"{}",
        b'{"hookStatus": "succeeded"}',
        b'{"hookStatus": null}',
        b'{"hookStatus": ["SUCCEEDED"]}',
        b'{"hookStatus": {"a": 1}}',
        b'{"hookStatus": "SUCCEEDED"',
        b'{"hookStatus": "SUCCEEDED", "x": NaN}',
        b'{"status": "SUCCEEDED"}',
        b"\xff\xfe\xfd",
        b"[" * 200_000,
    ],
)
def test_no_valid_status_is_failed(payload: bytes) -> None:
    answer = read_answer(payload)
    assert answer.status is HookStatus.FAILED
    assert len(answer.why) < 1000


def test_a_function_error_is_failed_whatever_it_returned() -> None:
    assert read_answer(said(hookStatus="SUCCEEDED"), "Unhandled").status is HookStatus.FAILED
    raised = said(errorType="ValueError", errorMessage="no orders")
    assert read_answer(raised, "Unhandled").why == (
        "the function failed (Unhandled): ValueError: no orders"
    )


def test_details_have_a_limit_while_they_are_carried() -> None:
    big = {"x": "y" * LARGEST_DETAILS}
    assert read_answer(said(hookStatus="IN_PROGRESS", hookDetails=big)).status is HookStatus.FAILED
    # Nothing is carried any more.
    done = read_answer(said(hookStatus="SUCCEEDED", hookDetails=big))
    assert (done.status, done.details) == (HookStatus.SUCCEEDED, NO_DETAILS)


def test_details_that_cannot_be_sent_back_are_failed() -> None:
    payload = b'{"hookStatus": "IN_PROGRESS", "hookDetails": {"x": 1e999}}'
    assert read_answer(payload).status is HookStatus.FAILED


@given(values, values, values)
def test_whatever_is_answered_means_one_of_three(status: Any, delay: Any, details: Any) -> None:
    for word in (status, *(each.value for each in HookStatus)):
        answer = read_answer(said(hookStatus=word, callBackDelay=delay, hookDetails=details))
        if answer.status is HookStatus.IN_PROGRESS:
            assert SHORTEST_DELAY <= answer.delay <= LONGEST_DELAY
        assert (answer.status is HookStatus.FAILED) is bool(answer.why)
        assert len(answer.details) <= LARGEST_DETAILS
        request(HookStage.EACH_STEP).payload(answer.details)
        if answer.status is HookStatus.SUCCEEDED:
            assert word == "SUCCEEDED"


@given(st.binary(max_size=40), st.sampled_from(["", "Handled", "Unhandled", "x"]))
def test_whatever_bytes_are_answered_mean_one_of_three(payload: bytes, error: str) -> None:
    assert read_answer(payload, error).status is HookStatus.FAILED


def request(stage: HookStage, percent: str = "10") -> HookRequest:
    subject = HookSubject("checkout", "live", None, VERSION, Decimal(percent))
    return HookRequest(stage, [subject], None, "https://github.com/octo/shop/actions/runs/1")


def test_what_a_hook_is_told() -> None:
    told = json.loads(request(HookStage.BEFORE_TRAFFIC, "0").payload())
    assert told == {
        "stage": "before-traffic",
        "functions": [
            {"function": "checkout", "alias": "live", "old": None, "new": VERSION, "percent": 0}
        ],
        "step": None,
        "run": "https://github.com/octo/shop/actions/runs/1",
        "reason": "",
        "hookDetails": {},
    }


def test_details_come_back_with_the_next_call() -> None:
    answer = read_answer(said(hookStatus="IN_PROGRESS", hookDetails={"job": [1, "ü"]}))
    told = json.loads(request(HookStage.EACH_STEP, "33.33").payload(answer.details))
    assert told["hookDetails"] == {"job": [1, "ü"]}
    assert told["functions"][0]["percent"] == 33.33


def test_pauses_grow_and_have_an_end() -> None:
    assert [pause_after(n) for n in (1, 2, 3, 4, 5, 9, 2000)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
