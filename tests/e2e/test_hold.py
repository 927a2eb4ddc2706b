"""A watched hold as a real process: what ends it but a request to go on."""

from __future__ import annotations

from sandbox.runner import Step
from tests.support.live import OLD, Live

HOLD = "10% 0s, hold 1h"
FAR_AWAY = 180.0


def until_it_holds(scene: Live, step: Step) -> None:
    """Wait until it has said that it waits for somebody."""
    scene.until(lambda: any("waiting until " in line for line in step.written), step)


def test_when_its_time_is_over_it_is_rolled_back_and_told_so(scene: Live) -> None:
    finished = scene.run(steps="10% 0s, hold 1s")
    assert (finished.status, finished.outputs["result"]) == (1, "rolled-back"), finished.log
    assert finished.outputs["reason"] == "the hold of 1s is over, and nobody said to go on"
    assert finished.outputs["failed-alarms"] == "[]"
    assert scene.whole_on(OLD)
    for mode in ("promote", "rollback"):
        assert f"mode: {mode}, function-name: checkout, alias: live" in finished.log


def test_mode_rollback_in_another_job_ends_it(scene: Live) -> None:
    step = scene.start(steps=HOLD)
    until_it_holds(scene, step)
    back = scene.run("AKIABACK1", mode="rollback")
    assert (back.status, back.outputs["result"]) == (0, "rolled-back"), back.log
    finished = step.wait(FAR_AWAY)
    assert (finished.status, finished.outputs["result"]) == (1, "failed"), finished.log
    assert finished.outputs["reason"].startswith("checkout:live was taken back by somebody else")
    assert finished.outputs["weight"] == "0"
    assert scene.whole_on(OLD)
    assert scene.requests("UpdateAlias")[-1].caller == "AKIABACK1"
