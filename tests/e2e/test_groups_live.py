"""Several functions as one, as real processes over HTTP: promoted, rolled back, cancelled, killed."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from lambda_rollout.runtime.retry import FORWARD_LIMIT
from sandbox.aws.faults import Answer, Die, Meanwhile, Quota, Throttle
from sandbox.runner import Finished, Runner
from tests.support.groups import LiveGroup, OnlyOf, live_group, names
from tests.support.live import MAIN, NEW, NEXT, OLD, POST

TWELVE = "10% 1s, 25% 2s, 100% 1s"

GROUP = 3
WRITES = 10
"""Writes to aliases in the group's rollout: 50%, 100% and clearing of each, and the mark before the clearing."""
BOUNDARIES = 20
"""Every request of the group's rollout from the first shift on, and some before it; see `at_request`."""


def test_twelve_are_promoted_together_and_an_unchanged_one_is_named(tmp_path: Path) -> None:
    with live_group(tmp_path, 12, unchanged=("f4",)) as scene:
        finished = scene.run(steps=TWELVE)
        assert finished.outputs["result"] == "promoted", finished.log
        assert scene.all_whole_on(NEW, "f4")
        assert scene.states()["f4"] == (OLD, {})
        versions = json.loads(finished.outputs["version"])
        assert versions == {name: OLD if name == "f4" else NEW for name in names(12)}
        assert "f4" in finished.log


def test_when_the_alarm_of_the_seventh_fires_at_25_percent_all_twelve_are_whole_on_old(
    tmp_path: Path,
) -> None:
    with live_group(tmp_path, 12) as scene:
        step = scene.start(steps="10% 1s, 25% 60s, 100% 1s")
        at_25 = {name: (OLD, {NEW: 0.25}) for name in names(12)}
        scene.until(lambda: scene.states() == at_25, step)
        scene.alarm("f7-errors", "ALARM")
        finished = step.wait(60)
        assert finished.outputs["result"] == "rolled-back", finished.log
        assert json.loads(finished.outputs["failed-alarms"]) == ["f7-errors"]
        assert json.loads(finished.outputs["weight"]) == dict.fromkeys(names(12), 0)
        assert finished.status == 1
        assert scene.all_whole_on(OLD)


def test_a_cancelled_unit_goes_back_whole_also_where_aws_throttles(tmp_path: Path) -> None:
    with live_group(tmp_path, 12) as scene:
        step = scene.start(steps="25% 60s, 100% 1s")
        scene.until(lambda: all(weights for _, weights in scene.states().values()), step)
        scene.world.faults.add(Quota(), service="lambda", count=None)
        step.cancel()
        finished = step.wait(60)
        assert finished.outputs["result"] == "rolled-back", finished.log
        assert scene.all_whole_on(OLD)


def test_what_aws_keeps_waiting_does_not_keep_the_others_from_going_back(tmp_path: Path) -> None:
    with live_group(tmp_path, 3) as scene:
        # AWS has no time for f1 for a while, and refuses f3: that one ends it, long before the minute in which f1 is
        # tried again and again is over. What was said to f1 may have been said to a second delivery: it is written
        # once more, too.
        scene.world.faults.add(OnlyOf("f1", Throttle()), operation="UpdateAlias", count=12)
        no = Answer("InvalidParameterValueException", "no")
        scene.world.faults.add(OnlyOf("f3", no), operation="UpdateAlias", count=None)
        finished = scene.run(steps=TWELVE)
        first, *_, last = (each for each in scene.requests("UpdateAlias") if each.function == "f2")
        assert finished.outputs["result"] == "rolled-back", finished.log
        assert "InvalidParameterValueException" in finished.outputs["reason"]
        assert scene.all_whole_on(OLD)
        assert (last.at - first.at).total_seconds() < FORWARD_LIMIT / 2


def at_request(
    scene: LiveGroup, nth: int, operation: str = "*", *, after_effect: bool
) -> Finished | None:
    """Kill main at its ``nth`` request, or of this operation; None if it ended before."""
    pid: list[int] = []

    def die() -> None:
        while not pid:
            time.sleep(0.01)
        os.kill(pid[0], signal.SIGKILL)

    scene.world.faults.add(Die(die, after_effect), nth=nth, caller=MAIN, operation=operation)
    step = scene.start(MAIN, steps="50% 0s, 100% 0s")
    pid.append(step.pid)
    finished = step.wait(60)
    return finished if finished.status == -signal.SIGKILL else None


@pytest.fixture(scope="module")
def requests_of_a_rollout(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    """How many requests a group's rollout makes, and the number of its first write to an alias."""
    with live_group(tmp_path_factory.mktemp("whole"), GROUP) as scene:
        assert scene.run(MAIN, steps="50% 0s, 100% 0s").status == 0
        operations = [request.operation for request in scene.requests(caller=MAIN)]
        assert operations.count("UpdateAlias") == WRITES
        return len(operations), operations.index("UpdateAlias") + 1


@pytest.mark.parametrize("nth", range(1, WRITES + 1))
def test_at_whichever_write_a_unit_is_killed_it_ends_whole_on_one_side(
    nth: int, tmp_path: Path
) -> None:
    """Between two writes the aliases are the same; so half of these are killed before, and half after its effect."""
    with live_group(tmp_path, GROUP) as scene:
        killed = at_request(scene, nth, "UpdateAlias", after_effect=bool(nth % 2))
        assert killed is not None
        ends_whole_on_one_side(scene, killed, tmp_path / "next")


@pytest.mark.long
@pytest.mark.parametrize("boundary", range(BOUNDARIES))
def test_wherever_a_unit_is_killed_it_ends_whole_on_one_side(
    boundary: int, requests_of_a_rollout: tuple[int, int], tmp_path: Path
) -> None:
    requests, first_write = requests_of_a_rollout
    # Half of the boundaries are before a request's effect and half after it, spread over the whole rollout
    # from just before the first shift on. Threads make the order within a step a matter of chance.
    span = requests - first_write + 2
    nth = first_write - 1 + boundary * span // BOUNDARIES
    with live_group(tmp_path, GROUP) as scene:
        killed = at_request(scene, nth, after_effect=bool(boundary % 2))
        if killed is None:
            pytest.skip("this rollout needed fewer requests")
        ends_whole_on_one_side(scene, killed, tmp_path / "next")


def ends_whole_on_one_side(scene: LiveGroup, killed: Finished, folder: Path) -> None:
    """After a post stage, and, without one, after the next run."""
    with scene.as_they_are():
        post = scene.post(killed.state, POST)
        assert scene.all_whole_on(OLD) or scene.all_whole_on(NEW), post.log
    the_next_run_leaves_no_mixture(scene, folder)


def the_next_run_leaves_no_mixture(scene: LiveGroup, folder: Path) -> None:
    scene.let_leases_pass()
    scene.runner = Runner(folder, run_id="1234567891")
    after_mending: list[dict[str, tuple[str, dict[str, float]]]] = []
    see = Meanwhile(lambda _: after_mending.append(scene.states()))
    scene.world.faults.add(see, operation="PublishVersion", caller=NEXT)
    finished = scene.run(NEXT)
    assert finished.outputs["result"] in {"promoted", "unchanged"}, finished.log
    assert scene.all_whole_on(NEW), finished.log
    # And before it began anything of its own they were all on one side already.
    assert set(map(str, after_mending[0].values())) in ({str((OLD, {}))}, {str((NEW, {}))})
