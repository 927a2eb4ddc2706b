"""How a story ends that cannot go on: it never raises, and settles first."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.alarms import Survey
from lambda_rollout.rollout.events import Finished, Result, Started, Warned
from lambda_rollout.rollout.ports import Alarms, Ports
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.story import run
from lambda_rollout.runtime.errors import RolloutError
from tests.support.scene import NEW, OLD, Scene, rollout_spec


class BrokenIn:
    """Reads the alarms as ``alarms`` does, until the ``nth`` time: then there is a mistake of ours."""

    def __init__(self, alarms: Alarms, nth: int) -> None:
        self._alarms = alarms
        self._left = nth
        self.history = alarms.history

    def read(self) -> Survey:
        self._left -= 1
        if not self._left:
            raise KeyError("Alarm")
        return self._alarms.read()


def broken_in(scene: Scene, nth: int) -> Finished:
    asked = rollout_spec()
    ports: Ports = scene.ports(asked)
    return Rollout(asked, replace(ports, alarms=BrokenIn(ports.alarms, nth))).run()


def test_a_mistake_of_ours_rolls_back_and_is_told() -> None:
    scene = Scene.ready()

    end = broken_in(scene, 4)

    assert scene.routings() == [Routing.split(OLD, NEW, Decimal(10)), Routing.all_on(OLD)]
    assert end.result is Result.ROLLED_BACK
    assert end.reason == "internal error: KeyError: 'Alarm'"
    assert isinstance(scene.events[-1], Finished)


def test_a_mistake_of_ours_before_the_first_shift_writes_nothing() -> None:
    scene = Scene.ready()

    end = broken_in(scene, 1)

    assert scene.requests("UpdateAlias") == []
    assert end.result is Result.FAILED
    assert end.reason.startswith("internal error: ")


def test_what_is_known_from_the_start_is_told_before_anything_is_done() -> None:
    scene = Scene.ready()
    asked = replace(rollout_spec(), warnings=("`alarms` is empty.",))

    def tell() -> Finished:
        raise RolloutError(f"after {[type(event).__name__ for event in scene.events]}")

    def bad_end(cause: RolloutError, *, failed: bool) -> Finished:
        assert not failed
        return Finished(result=Result.FAILED, reason=cause.what)

    end = run(asked, scene.ports(asked), tell, bad_end)

    assert end.reason == "after ['Started', 'Warned']"
    assert [type(event) for event in scene.events] == [Started, Warned, Finished]
