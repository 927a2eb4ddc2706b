"""A running rollout is told to go on, and one of the two processes is killed: the alias ends whole every time.

The run is killed with its calls from the read on that shows it the word, the one who asks with any of its own. A dead
run is then settled by its post stage, by `mode: rollback` from another job, or by the next run once the lease is over;
a run whose asker died obeys the word that it left, or waits on, and is asked again.

A hold looks at its alias every 15 seconds. Nothing happens in between, so the cases of one test run side by side.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.alias import record as lease
from sandbox.aws.faults import Die, Work
from sandbox.aws.request import Account, Request
from sandbox.runner import Finished, Runner, Step
from tests.e2e.test_kill_matrix import is_the_release
from tests.e2e.test_request import HOLD, asks, ended, is_asked
from tests.support.live import MAIN, NEW, NEXT, OLD, POST, WRITES, Live, live

BACK, LATER = "AKIABACK", "AKIALATER"
ASKER = NEXT
Sum = Callable[[str, object], None]


@dataclass(frozen=True)
class Death:
    """Of one process, with its ``nth`` call that counts (see `Dies`), before or after that has its effect."""

    caller: str
    nth: int
    after_effect: bool = False
    operation: str = "*"

    @property
    def name(self) -> str:
        """For a folder."""
        when = "after" if self.after_effect else "before"
        return f"{self.caller}-{when}-{self.nth}-{self.operation.replace('*', 'any')}"


@dataclass
class Dies:
    """A fault: a process dies as `Death` says. Of a run only what follows the word counts, as it sees it."""

    scene: Live
    death: Death
    started: list[Step] = field(default_factory=list)
    sees: bool = False
    counted: list[Request] = field(default_factory=list)
    died_at: Request | None = None

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        """Count, and kill."""
        self.sees = self.sees or self.death.caller == ASKER or self._shows_it(request)
        if not self.sees or self.death.operation not in {"*", request.operation}:
            return work()
        self.counted.append(request)
        if len(self.counted) != self.death.nth:
            return work()
        self.died_at = request
        return Die(self._die, self.death.after_effect).around(world, request, work)

    def _shows_it(self, request: Request) -> bool:
        return request.operation == "GetAlias" and is_asked(self.scene)

    def _die(self) -> None:
        while not self.started:
            time.sleep(0.01)
        self.started[0].kill()


# The two ways to die --------------------------------------------------------------------------------


Settle = Callable[[Live, Finished, Step, Request], None]


def the_run_dies(death: Death, settle: Settle, folder: Path) -> bool:
    """Kill a run that was asked, and settle what it left; whether it lived to make that call."""
    with live(folder) as scene:
        main, dies = holds(scene), Dies(scene, death)
        dies.started.append(main)
        scene.world.faults.add(dies, count=None, caller=MAIN)
        asker = asks(scene)
        killed = ended(main)
        if dies.died_at is None:
            assert killed.outputs["result"] == "promoted", killed.log
            return False
        assert killed.status == -signal.SIGKILL
        settle(scene, killed, asker, dies.died_at)
        nobody_but_owners_moved_it(scene)
        return True


def the_one_who_asks_dies(death: Death, folder: Path) -> bool:
    """Kill who asks: the word that stands is obeyed, and else another job may ask. Whether it made that call."""
    with live(folder) as scene:
        main, dies = holds(scene), Dies(scene, death)
        scene.world.faults.add(dies, count=None, caller=ASKER)
        dies.started.append(asks(scene))
        killed = ended(dies.started[0])
        if dies.died_at is None:
            assert killed.outputs["result"] == "requested", killed.log
            return False
        assert killed.status == -signal.SIGKILL
        assert not killed.state.get("rollout"), "nothing for a post stage to do"
        scene.world.faults.clear()
        if not scene.changes(ASKER):
            assert not is_asked(scene)
            assert scene.alias[1] == {NEW: 0.1}
            again = ended(asks(scene, 2))
            assert again.outputs["result"] == "requested", again.log
        finished = ended(main)
        assert finished.outputs["result"] == "promoted", finished.log
        assert scene.whole_on(NEW)
        nobody_but_owners_moved_it(scene)
        return True


def holds(scene: Live) -> Step:
    main = scene.start(steps=HOLD, interval="0s")
    scene.until(lambda: any("waiting" in line for line in main.written), main)
    return main


def nobody_but_owners_moved_it(scene: Live) -> None:
    assert scene.changes(ASKER) == [{NEW: 0.1}], "the routing as it was read, once"
    for request in scene.requests("UpdateAlias"):
        assert {"RevisionId", "FunctionVersion", "RoutingConfig"} <= request.params.keys()


# What becomes of a dead run -------------------------------------------------------------------------


def by_its_post_stage(scene: Live, killed: Finished, asker: Step, died_at: Request) -> None:
    post = scene.post(killed.state, POST)
    version = NEW if is_the_release(died_at) else OLD
    assert scene.whole_on(version), post.log
    asked = ended(asker)
    result = asked.outputs["result"]
    if version == NEW:
        assert result == "requested", asked.log
    elif {} not in scene.changes(MAIN):
        assert result == "failed", asked.log
    # It was at 100% for a moment: who asks may have seen that.
    assert result in {"requested", "failed"}
    assert scene.whole_on(version), "who asked has written nothing more"


def by_a_rollback(scene: Live, killed: Finished, asker: Step, died_at: Request) -> None:
    back = scene_of_later(scene, "back").run(BACK, mode="rollback")
    assert back.outputs["result"] == "rolled-back", back.log
    ended(asker)
    assert scene.whole_on(OLD)


def by_the_next_run(scene: Live, killed: Finished, asker: Step, died_at: Request) -> None:
    """Long after: who asked is gone too, and took nothing back."""
    asker.kill()
    scene.let_leases_pass()
    later = scene_of_later(scene, "later").run(LATER)
    assert later.outputs["result"] in {"promoted", "unchanged"}, later.log
    assert scene.whole_on(NEW)


def by_each(scene: Live, killed: Finished, asker: Step, died_at: Request) -> None:
    """Each from the same state."""
    with scene.as_it_is():
        by_its_post_stage(scene, killed, asker, died_at)
    if lease.parse(scene.alias[2])[1] is not None:
        with scene.as_it_is():
            by_a_rollback(scene, killed, asker, died_at)
    by_the_next_run(scene, killed, asker, died_at)


def scene_of_later(scene: Live, name: str) -> Live:
    """Let the jobs that follow be of another run."""
    scene.runner = Runner(scene.runner.folder / name, run_id="1234568000")
    return scene


# The cases ------------------------------------------------------------------------------------------

# Killed before a read: what it leaves is what a kill after it leaves.
OF_THE_RUN: Mapping[Death, Settle] = {
    Death(MAIN, 1, operation="GetAlias"): by_the_next_run,
    Death(MAIN, 1, operation="DescribeAlarms"): by_its_post_stage,
    Death(MAIN, 1, operation="UpdateAlias"): by_a_rollback,
    Death(MAIN, 1, after_effect=True, operation="UpdateAlias"): by_its_post_stage,
    Death(MAIN, 2, operation="UpdateAlias"): by_the_next_run,
    Death(MAIN, 2, after_effect=True, operation="UpdateAlias"): by_its_post_stage,
}
OF_WHO_ASKS = (
    Death(ASKER, 1, operation="UpdateAlias"),
    Death(ASKER, 1, after_effect=True, operation="UpdateAlias"),
)


def side_by_side(deaths: Iterable[Death], folder: Path) -> int:
    """Try them all, eight at a time; how many died. Raises what one raises."""

    def dies(death: Death) -> bool:
        if death.caller == ASKER:
            return the_one_who_asks_dies(death, folder / death.name)
        return the_run_dies(death, OF_THE_RUN.get(death, by_each), folder / death.name)

    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(dies, deaths))


def test_whichever_of_the_two_is_killed_the_alias_ends_whole(
    tmp_path: Path, record_property: Sum
) -> None:
    deaths = [*OF_THE_RUN, *OF_WHO_ASKS]
    assert side_by_side(deaths, tmp_path) == len(deaths)
    record_property("count", ["killed while a rollout is told to go on, and settled", len(deaths)])


def every_death(folder: Path) -> Iterator[Death]:
    """Before each call of both that counts, and after each write, as they are made where nobody dies."""
    with live(folder) as scene:
        main = holds(scene)
        lives = [Dies(scene, Death(caller, nth=0)) for caller in (MAIN, ASKER)]
        for each in lives:
            scene.world.faults.add(each, count=None, caller=each.death.caller)
        assert ended(asks(scene)).outputs["result"] == "requested"
        assert ended(main).outputs["result"] == "promoted"
    for each in lives:
        for nth, request in enumerate(each.counted, 1):
            yield Death(each.death.caller, nth)
            if request.operation in WRITES:
                yield Death(each.death.caller, nth, after_effect=True)


@pytest.mark.long
def test_whenever_one_of_the_two_is_killed_the_alias_ends_whole(
    tmp_path: Path, record_property: Sum
) -> None:
    deaths = list(every_death(tmp_path / "whole"))
    died = side_by_side(deaths, tmp_path)
    # A look more or less is a matter of seconds.
    assert died >= len(deaths) - 3
    assert {death.caller for death in deaths} == {MAIN, ASKER}
    record_property("count", ["killed while a rollout is told to go on, and settled", died])
