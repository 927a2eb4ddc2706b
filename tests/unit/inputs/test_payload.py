"""The inputs `smoke-test` and `smoke-expect`: what is a payload, whose, and what is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lambda_rollout.inputs.json_values import DEEPEST, read_json
from lambda_rollout.inputs.payload import (
    LARGEST_INLINE,
    LARGEST_PAYLOAD,
    Expected,
    InlinePayload,
    PayloadFile,
    SmokeTest,
    parse_smoke_expect,
    parse_smoke_test,
    read_payload,
)
from lambda_rollout.inputs.text import Mistakes

BOTH = ("checkout", "arn:aws:lambda:eu-central-1:123456789012:function:refunds")


def refused(text: str, functions: tuple[str, ...] = BOTH) -> list[str]:
    with pytest.raises(Mistakes) as raised:
        parse_smoke_test(text, functions)
    return [mistake.remedy for mistake in raised.value.mistakes]


@pytest.mark.parametrize(
    "text", ["{}", '{"a": [1,\n  2]}', "[]", '"text"', "7", "null", "true", '"checkout: 1"']
)
def test_json_is_the_payload_of_all_as_it_is_written(text: str) -> None:
    payload = InlinePayload(text.encode())
    assert parse_smoke_test(text, BOTH) == tuple(SmokeTest(each, payload) for each in BOTH)


@pytest.mark.parametrize("text", ["events/order.json", "order", "./a b.json", "/tmp/x.json"])
def test_anything_else_on_one_line_is_a_path(text: str) -> None:
    assert parse_smoke_test(text, ("checkout",)) == (SmokeTest("checkout", PayloadFile(text)),)


def test_each_function_may_have_its_own() -> None:
    text = 'refunds: {"a": "b: c"}\n\ncheckout: events/order.json\n'
    assert parse_smoke_test(text, BOTH) == (
        SmokeTest(BOTH[1], InlinePayload(b'{"a": "b: c"}')),
        SmokeTest("checkout", PayloadFile("events/order.json")),
    )
    spaced = parse_smoke_test('refunds :{"a": "b: c"}\r\ncheckout\t: events/order.json', BOTH)
    assert spaced == parse_smoke_test(text, BOTH)
    # One without a line has no smoke test. An ARN has colons of its own.
    assert parse_smoke_test(f"{BOTH[1]}: {{}}", BOTH) == (SmokeTest(BOTH[1], InlinePayload(b"{}")),)


def test_nothing_is_no_smoke_test() -> None:
    assert parse_smoke_test("", BOTH) == ()
    assert parse_smoke_expect("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "no JSON: Expecting ',' delimiter at line 1, column 8"),
        ("{'a': 1}", "no JSON"),
        ("'{\"a\": 1}'", "no JSON"),
        ("[NaN]", "NaN is no JSON"),
        ("a.json\nb.json", "no JSON"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "deeper than 100 levels"),
        ("[" * 100_000, "deeper than 100 levels"),
        (json.dumps("é" * LARGEST_INLINE, ensure_ascii=False), "have room in an input"),
        ('"\ud800"', "no UTF-8"),
        ("payments: {}", "not rolled out"),
        ("checkout: {", "no JSON"),
        ("checkout:", "There is no payload after the colon"),
        ("checkout: {}\ncheckout: []", "a line already"),
        ("checkout:live: {}", "'checkout' without a qualifier"),
        ("checkout:7:", "'checkout' without a qualifier"),
        (f"{BOTH[1]}:$LATEST: {{}}", f"'{BOTH[1]}' without a qualifier"),
        ("checkout: {}\nevents/order.json", "Write FUNCTION: PAYLOAD"),
    ],
)
def test_what_is_no_payload(text: str, said: str) -> None:
    (remedy,) = refused(text)
    assert said in remedy


def test_all_mistakes_are_told() -> None:
    assert len(refused("checkout: {\nrefunds: [\n")) == 2


def test_what_is_expected_is_json() -> None:
    assert parse_smoke_expect('{"statusCode": 200}') == Expected(read_json('{"statusCode": 200.0}'))
    with pytest.raises(Mistakes, match="no JSON"):
        parse_smoke_expect("statusCode: 200")


# Files -------------------------------------------------------------------------------------------


def unreadable(name: str, workspace: Path) -> str:
    with pytest.raises(Mistakes) as raised:
        read_payload(PayloadFile(name), workspace)
    (mistake,) = raised.value.mistakes
    assert mistake.given == name
    return mistake.remedy


def test_a_file_is_read_without_the_mark_at_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('\ufeff {"a": "é"}\n'.encode())
    assert read_payload(PayloadFile("a.json"), tmp_path) == '{"a": "é"}'.encode()
    assert read_payload(InlinePayload(b"{}"), tmp_path) == b"{}"


def test_no_way_leads_out_of_the_workspace(tmp_path: Path) -> None:
    workspace, secret = tmp_path / "work", tmp_path / "secret.json"
    workspace.mkdir()
    secret.write_text("{}")
    (workspace / "link.json").symlink_to(secret)
    for name in ("../secret.json", str(secret), "link.json"):
        assert "outside of the workspace" in unreadable(name, workspace)


def test_what_is_no_file_of_json(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello")
    (tmp_path / "latin").write_bytes(b'"\xe9"')
    (tmp_path / "empty").touch()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_PAYLOAD + 1)
    assert "no such file" in unreadable("none.json", tmp_path)
    assert "no such file" in unreadable("a\0b", tmp_path)
    assert "It is no file" in unreadable("pipe", tmp_path)
    assert "It is no file" in unreadable("folder", tmp_path)
    assert "no JSON: Expecting value" in unreadable("text", tmp_path)
    assert "no UTF-8" in unreadable("latin", tmp_path)
    assert "no JSON" in unreadable("empty", tmp_path)
    assert "6291456 at most" in unreadable("large", tmp_path)
