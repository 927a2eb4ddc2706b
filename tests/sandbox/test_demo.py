"""What the demo says of itself, and that it does not call a failure a success."""

import dataclasses
import json
from pathlib import Path

import pytest

from sandbox.aws.lambda_.code import Code, zip_of
from sandbox.demo.__main__ import ROLLOUTS, unexpected, without_links
from sandbox.demo.page import rendered, write_page
from sandbox.demo.shop import (
    BAD,
    BASKETS,
    FIRST,
    GOOD,
    MENDED,
    SMOKE_EXPECT,
    SMOKE_TEST,
)
from sandbox.runner import Finished

PROMOTED, ROLLED_BACK, STOPPED = ROLLOUTS
FINISHED = Finished(
    status=0,
    log="",
    shown="<b>log</b>\n",
    outputs={"result": "promoted", "reason": "<i>"},
    summary="## Done\n",
    state={},
    annotations=(),
    commands=(),
)


def test_what_is_as_expected_is_no_problem() -> None:
    assert unexpected(PROMOTED, FINISHED, "2") == []
    words = "at app.py:4: ZeroDivisionError"
    back = dataclasses.replace(
        FINISHED, status=1, outputs={"result": "rolled-back"}, shown=words, summary=words
    )
    assert unexpected(ROLLED_BACK, back, "2") == []
    silent = dataclasses.replace(back, summary="")
    assert len(unexpected(ROLLED_BACK, silent, "2")) == 1
    said = {"result": "failed", "reason": "the smoke test failed: version 4"}
    stopped = dataclasses.replace(
        FINISHED, status=1, outputs=said, shown="NameError", summary="NameError"
    )
    assert unexpected(STOPPED, stopped, "2") == []
    other = dataclasses.replace(stopped, outputs={**said, "reason": "in ALARM"})
    assert len(unexpected(STOPPED, other, "2")) == 1


@pytest.mark.parametrize(
    ("changed", "alias"),
    [
        ({"status": 1}, "2"),
        ({"outputs": {"result": "rolled-back"}}, "2"),
        ({"outputs": {}}, "2"),
        ({}, "1"),
        ({}, "1 and {'2': 0.1}"),
    ],
)
def test_anything_else_is_a_problem(changed: dict[str, object], alias: str) -> None:
    assert len(unexpected(PROMOTED, dataclasses.replace(FINISHED, **changed), alias)) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(("code", "fails"), [(FIRST, False), (GOOD, False), (BAD, True)])
def test_only_the_bad_version_fails_and_only_for_some(code: str, fails: bool) -> None:
    handler = Code(zip_of(code, "app")).load("app.handler")
    outcomes = set()
    for prices, _ in BASKETS:
        try:
            handler({"prices": prices}, None)
        except ZeroDivisionError:
            outcomes.add("error")
        else:
            outcomes.add("ok")
    assert outcomes == ({"ok", "error"} if fails else {"ok"})


def test_the_smoke_test_stops_the_sister_and_would_have_stopped_the_bad_one() -> None:
    for code, fails in ((GOOD, False), (BAD, True), (MENDED, True)):
        handler = Code(zip_of(code, "app")).load("app.handler")
        try:
            answer = handler(json.loads(SMOKE_TEST), None)
        except (ZeroDivisionError, NameError):
            assert fails
        else:
            assert not fails
            assert answer.items() >= json.loads(SMOKE_EXPECT).items()


def test_a_summary_in_a_terminal_has_no_links_and_no_escapes() -> None:
    markdown = "| [`a`](https://x/y) | \\[1.0\\] | <sub>at [b\\]c](https://z)</sub> 1 \\| 2"
    assert without_links(markdown) == "| `a` | [1.0] | at b]c 1 | 2"


def test_alerts_look_like_githubs() -> None:
    html = rendered("> [!CAUTION]\n> **STILL SPLIT**\n>\n> Mend it.\n")
    assert '<blockquote class="caution"><p class="kind">Caution</p>' in html
    assert "[!CAUTION]" not in html


def test_the_page_shows_each_job_and_escapes_its_log(tmp_path: Path) -> None:
    page = tmp_path / "build" / "demo.html"
    write_page(page, [("One & only", FINISHED)])
    text = page.read_text("utf-8")
    assert "One &amp; only" in text
    assert "<h2>Done</h2>" in text
    assert "&lt;b&gt;log&lt;/b&gt;" in text
    assert "<td>&lt;i&gt;</td>" in text
    assert "$" not in text
