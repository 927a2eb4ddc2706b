"""What comes before any traffic, as real processes: the steps of examples/test-before-traffic.yml, and a smoke test
that nobody answers.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import NEW, OLD, Live, Withheld, live
from tests.support.workflows import ROOT, load, steps_of

EXAMPLE = ROOT / "examples" / "test-before-traffic.yml"
SUM = "def handler(event, context):\n    return {'total': sum(event['prices'])}\n"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.inputs = {"poll-interval": "1s", "comment": "off"}
        made.environ = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{made.url}/_sandbox/oidc?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": made.world.sts.request_token,
        }
        yield made


def given(step: Mapping[str, Any], version: str = "") -> dict[str, str]:
    """A step's inputs, expressions evaluated as GitHub does, and its minutes made seconds."""
    inputs = {
        name.replace("-", "_"): text.replace("${{ needs.publish.outputs.version }}", version)
        for name, text in step["with"].items()
    }
    assert not any("${{" in text for text in inputs.values())
    return inputs | {"steps": re.sub(r"\b\d+m\b", "1s", inputs.get("steps", ""))}


def test_what_was_published_and_tested_is_what_is_rolled_out(scene: Live) -> None:
    publish, roll_out = [step for _, step in steps_of(load(EXAMPLE.read_text("utf-8")))]
    scene.build(SUM)
    before = scene.alias
    finished = scene.run(**given(publish))
    assert (finished.status, finished.outputs["result"]) == (0, "published"), finished.log
    assert (finished.outputs["version"], finished.outputs["previous-version"]) == (NEW, OLD)
    assert scene.alias == before
    assert not scene.requests("UpdateAlias")
    # Nothing for the post stage, which says so.
    assert not any(finished.state.values())
    # What $LATEST becomes meanwhile does not matter.
    scene.build("def handler(event, context): raise RuntimeError")
    finished = scene.run(**given(roll_out, finished.outputs["version"]))
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)


def test_a_version_that_fails_its_smoke_test_is_not_published_for_the_next_step(
    scene: Live,
) -> None:
    publish, _ = [step for _, step in steps_of(load(EXAMPLE.read_text("utf-8")))]
    scene.build("def handler(event, context):\n    return {'sum': sum(event['prices'])}\n")
    finished = scene.run(**given(publish))
    assert (finished.status, finished.outputs["result"]) == (1, "failed")
    assert "$.total: expected 0, got nothing" in finished.outputs["reason"]
    assert "| START RequestId: " in finished.log
    assert scene.whole_on(OLD)


def test_a_cancelled_job_does_not_wait_for_what_it_has_invoked(scene: Live) -> None:
    scene.inputs |= {"function-name": "checkout", "alarms": "checkout-errors", "smoke-test": "{}"}
    # The first one is the preflight's, which runs nothing.
    scene.world.faults.add(Withheld(), operation="Invoke", nth=2)
    step = scene.start()
    scene.until(lambda: len(scene.requests("Invoke")) == 2, step)
    step.cancel()
    finished = step.wait(60)
    assert finished.status == 1 != -signal.SIGKILL, finished.log
    assert finished.outputs["reason"] == "cancelled (SIGINT)"
    assert "cannot be taken back" in finished.log
    assert scene.whole_on(OLD)
    assert not scene.requests("UpdateAlias")
