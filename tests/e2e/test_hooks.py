"""Hooks as real functions over HTTP, in threads of a real process."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.groups import live_group
from tests.support.hooks import NO, YES, put_hook
from tests.support.live import MAIN, OLD, PATIENCE, Live


def test_a_hook_that_says_no_at_25_percent_rolls_three_functions_back(tmp_path: Path) -> None:
    with live_group(tmp_path, 3) as scene:
        put_hook(scene, "check-orders", NO)
        put_hook(scene, "warm-the-cache", YES)
        lines = "each-step: check-orders\non-rollback: warm-the-cache"
        finished = scene.run(steps="25% 1s, 100% 0s", hooks=lines)
        assert finished.status == 1
        assert finished.outputs["result"] == "rolled-back"
        said = 'each-step hook check-orders failed: it said FAILED: {"orders":0}'
        assert finished.outputs["reason"] == said
        assert scene.all_whole_on(OLD)
        told = [
            json.loads(r.params["Payload"])
            for r in scene.requests("Invoke")
            if "Payload" in r.params
        ]
        assert [(each["stage"], each["reason"]) for each in told] == [
            ("each-step", ""),
            ("on-rollback", said),
        ]
        assert [each["percent"] for each in told[0]["functions"]] == [25, 25, 25]
        assert "each-step hook check-orders failed" in finished.log
        assert "warm-the-cache" in finished.summary


def test_a_hook_that_hangs_keeps_neither_a_rollback_nor_the_end_waiting(scene: Live) -> None:
    put_hook(scene, "check-orders", YES, slow=600)
    step = scene.start(steps="50% 0s, 100% 0s", hooks="each-step: check-orders")
    try:
        scene.until(
            lambda: any("Payload" in r.params for r in scene.requests("Invoke", MAIN)), step
        )
        scene.set_alarm("ALARM")
        finished = step.wait(PATIENCE)
    finally:
        step.kill()
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert json.loads(finished.outputs["failed-alarms"]) == ["checkout-errors"]
    assert scene.whole_on(OLD)
    assert "not waited for" in finished.summary
