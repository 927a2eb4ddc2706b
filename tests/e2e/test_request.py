"""A running rollout that is told to go on, as real processes over HTTP: approved, refused, dead before it looks."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lambda_rollout.alias import record as lease
from sandbox.aws.faults import Die
from sandbox.runner import Finished, Step
from tests.support.live import MAIN, NEW, NEXT, OLD, POST, Live, live

HOLD = "10% 0s, hold 1h"
LONGEST = 150.0
"""Seconds: a step looks at its alias every 50 s, and a machine may be slow."""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        yield made


def asks(scene: Live, number: int = 1, **inputs: str) -> Step:
    """Another job, of another run, in another folder; ``number`` tells it from others that ask."""
    folder = scene.runner.folder / f"approval-{number}"
    mine, scene.runner = scene.runner, replace(scene.runner, folder=folder, run_id="1234567999")
    step = scene.start(NEXT, mode="promote", interval="1s", **inputs)
    scene.runner = mine
    return step


def is_asked(scene: Live) -> bool:
    record = lease.parse(scene.alias[2])[1]
    return record is not None and record.requested


def ended(step: Step) -> Finished:
    return step.wait(LONGEST)


def test_an_approval_while_a_hold_waits(scene: Live) -> None:
    main = scene.start(steps=HOLD, interval="1s")
    scene.until(lambda: any("waiting" in line for line in main.written), main)
    approval = ended(asks(scene))
    assert (approval.status, approval.outputs["result"]) == (0, "requested"), approval.log
    told = [approval.outputs[name] for name in ("version", "previous-version", "weight", "reason")]
    assert told == [NEW, OLD, "100", ""]
    finished = ended(main)
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)
    assert scene.changes(NEXT) == [{NEW: 0.1}], "the routing as it was read, once"
    assert "/actions/runs/1234567890/attempts/1" in approval.summary
    assert not approval.state.get("rollout"), "nothing for a post stage to do"


def test_an_alarm_in_the_hold_rolls_back_although_the_approval_came_a_second_later(
    scene: Live,
) -> None:
    main = scene.start(steps=HOLD)
    scene.until(lambda: any("waiting" in line for line in main.written), main)
    scene.set_alarm("ALARM")
    approval = asks(scene, alarms="", evidence_timeout="0s")
    finished = ended(main)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert ended(approval).outputs["result"] == "failed"
    assert scene.whole_on(OLD)
    assert {} not in scene.changes(MAIN)[:-1], "never at 100%"


def test_three_steps_told_to_go_on_by_a_second_process(scene: Live) -> None:
    main = scene.start(steps="10% 8s, 50% 1h, 100% 0s")
    scene.until_shifted(main)
    approval = ended(asks(scene, version=NEW))
    assert approval.outputs["result"] == "requested", approval.log
    assert scene.alias[:2] == (NEW, {})
    # How it ends is shown above, and takes its time.
    main.kill()
    assert ended(main).status == -signal.SIGKILL


def test_the_run_is_killed_when_it_is_asked_and_its_post_stage_ends_it(scene: Live) -> None:
    main = scene.start(steps=HOLD)
    scene.until(lambda: any("waiting" in line for line in main.written), main)
    scene.world.faults.add(Die(main.kill, after_effect=True), operation="UpdateAlias", caller=NEXT)
    approval = asks(scene)
    scene.until(lambda: is_asked(scene), approval)
    killed = ended(main)
    post = scene.post(killed.state, POST)
    assert scene.whole_on(OLD), post.log
    finished = ended(approval)
    assert finished.outputs["result"] == "failed", finished.log
    assert scene.whole_on(OLD)
