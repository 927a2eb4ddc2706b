"""Killed at every single request of a rollout, before its effect and after it: the alias ends whole every time.

After each death two ways on are tried from the very same state: the runner's post stage with what main saved,
and, as when the machine died too, nothing but the next run, once the lease is over. Both know nothing but what AWS
has then and what main has saved, so `make test` tries one death of all that leave the same; `make test-long` each.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.rollout.saved_state import KEY
from sandbox.aws.faults import Die, Meanwhile, Work
from sandbox.aws.request import Account, Request
from sandbox.runner import Finished, Runner, Step
from tests.support.live import MAIN, NEW, NEXT, OLD, OWNERS_TEXT, POST, WRITES, Live, live

SHARDS = 4
Sum = Callable[[str, object], None]


@dataclass(frozen=True)
class Story:
    """A rollout to be killed in. ``alarm_at``: the how-manieth read of the alarms finds one firing."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    alarm_at: int = 0


STORIES = {
    "promoted": Story(),
    "rolled back": Story(alarm_at=4),
    "held": Story({"steps": "50% 0s, hold"}),
}


@dataclass(frozen=True)
class Death:
    """At which request main dies, and whether after its effect."""

    nth: int
    after_effect: bool


@dataclass
class Watching:
    """A fault that does nothing; it notes for each request what main would leave if it died there."""

    scene: Live
    started: list[Step] = field(default_factory=list)
    deaths: dict[str, Death] = field(default_factory=dict)
    """The first death that leaves this."""
    nth: int = 0

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        self.nth += 1
        self.note(after_effect=False)
        try:
            return work()
        finally:
            self.note(after_effect=True)

    def note(self, *, after_effect: bool) -> None:
        while not self.started:
            time.sleep(0.01)
        functions = self.scene.world.lambda_().functions["checkout"]
        left = (self.scene.alias, list(functions.published), dict(self.started[0].saved))
        self.deaths.setdefault(repr(left), Death(self.nth, after_effect))


@pytest.fixture(scope="module")
def deaths(tmp_path_factory: pytest.TempPathFactory) -> list[Death]:
    """Of a rollout that is promoted: one of all that leave the same."""
    with live(tmp_path_factory.mktemp("whole")) as scene:
        watching = Watching(scene)
        scene.world.faults.add(watching, count=None, caller=MAIN)
        watching.started.append(scene.start(MAIN))
        assert watching.started[0].wait(60).outputs["result"] == "promoted"
        return list(watching.deaths.values())


@pytest.mark.parametrize("shard", range(2))
def test_at_whatever_moment_it_is_killed_the_alias_ends_whole(
    shard: int, deaths: list[Death], tmp_path: Path, record_property: Sum
) -> None:
    # Nothing saved, publishing announced, published, and each of three shifts announced and made.
    assert len(deaths) >= 9
    for death in deaths[shard::2]:
        folder = tmp_path / f"{death.nth}-{death.after_effect}"
        killed = dies_and_is_settled(
            STORIES["promoted"], death.nth, folder, after=death.after_effect
        )
        assert killed is not None
    many = len(deaths[shard::2])
    record_property("count", ["killed in a rollout, and settled both ways", many])


@pytest.mark.long
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", STORIES)
def test_whenever_it_is_killed_the_alias_ends_whole(
    name: str, shard: int, tmp_path: Path, record_property: Sum
) -> None:
    deaths = 0
    for nth in range(1 + shard, 1000, SHARDS):
        before = dies_and_is_settled(STORIES[name], nth, tmp_path / f"{nth}-before")
        if before is None:
            break
        deaths += 1
        # The world after a read is the world before the next request.
        if before.operation in WRITES:
            after = dies_and_is_settled(STORIES[name], nth, tmp_path / f"{nth}-after", after=True)
            assert after is not None
            deaths += 1
    assert deaths
    record_property("count", [f"killed in a rollout that is {name}, and settled both ways", deaths])


def dies_and_is_settled(
    story: Story, nth: int, folder: Path, *, after: bool = False
) -> Request | None:
    """Return the request that main died at, None if it ended before."""
    with live(folder) as scene:
        killed = kill(scene, story, nth, after_effect=after)
        if killed is None:
            return None
        died_at = scene.requests()[-1]
        with scene.as_it_is():
            the_post_stage_settles_it(scene, killed, died_at)
        the_next_run_mends_it(scene, folder / "next")
        every_write_was_guarded(scene)
        return died_at


def kill(scene: Live, story: Story, nth: int, *, after_effect: bool) -> Finished | None:
    """Kill main at its ``nth`` request; None if it ended before."""
    if story.alarm_at:
        fires = Meanwhile(lambda _: scene.set_alarm("ALARM"))
        scene.world.faults.add(fires, operation="DescribeAlarms", nth=story.alarm_at, caller=MAIN)
    pid: list[int] = []

    def die() -> None:
        while not pid:
            time.sleep(0.01)
        os.kill(pid[0], signal.SIGKILL)

    scene.world.faults.add(Die(die, after_effect), nth=nth, caller=MAIN)
    step = scene.start(MAIN, **story.inputs)
    pid.append(step.pid)
    finished = step.wait(60)
    scene.set_alarm("OK")
    return finished if finished.status == -signal.SIGKILL else None


def the_post_stage_settles_it(scene: Live, killed: Finished, died_at: Request) -> None:
    before = len(scene.requests())
    post = scene.post(killed.state)
    after = scene.requests()[before:]
    assert all(request.caller == POST for request in after)
    if is_the_release(died_at):
        assert scene.whole_on(NEW), post.log
    elif is_the_hold(died_at):
        _, weights, description = scene.alias
        _, record = lease.parse(description)
        assert weights == {NEW: 0.5}
        assert record is not None
        assert record.held
    else:
        assert scene.whole_on(OLD), post.log
    # When in doubt, write: whatever main may still have on its way is useless then.
    if killed.state.get(KEY):
        assert any(request.operation == "UpdateAlias" for request in after), post.log


def the_next_run_mends_it(scene: Live, folder: Path) -> None:
    scene.let_leases_pass()
    _, record = lease.parse(scene.alias[2])
    scene.runner = Runner(folder, run_id="1234567891")
    finished = scene.run(NEXT)
    if record is not None and record.held:
        # Left split because somebody asked for that; they are told what can be done about it.
        assert finished.outputs["result"] == "failed"
        assert "mode: promote" in finished.log
        assert scene.alias[1] == {NEW: 0.5}
        return
    assert finished.outputs["result"] in {"promoted", "unchanged"}, finished.log
    assert scene.whole_on(NEW), finished.log
    if record is not None:
        mending = scene.requests("UpdateAlias", NEXT)[0].params
        assert mending["FunctionVersion"] == OLD
        assert mending["RoutingConfig"] == {"AdditionalVersionWeights": {}}
        assert mending["Description"] == OWNERS_TEXT


def every_write_was_guarded(scene: Live) -> None:
    for request in scene.requests("UpdateAlias"):
        assert {"RevisionId", "FunctionVersion", "RoutingConfig"} <= request.params.keys()


def is_the_release(request: Request) -> bool:
    """Whether it takes the record off an alias that has passed every watch."""
    asked: Mapping[str, Any] = request.params
    return asked.get("FunctionVersion") == NEW and asked.get("Description") == OWNERS_TEXT


def is_the_hold(request: Request) -> bool:
    """Whether it marks the alias as held."""
    return str(request.params.get("Description", "")).endswith(" held]")
