"""Nobody there at all: soon given up before anything was changed, waited out later."""

from __future__ import annotations

import pytest

from lambda_rollout.rollout.events import Result
from lambda_rollout.runtime.errors import Busy, Unreachable
from lambda_rollout.runtime.retry import FORWARD_LIMIT, UNREACHABLE_LIMIT, retrying
from sandbox.aws import World
from sandbox.aws.faults import RefuseConnection, Throttle
from tests.scene import NEW, OLD, Scene
from tests.seam import SimClock, manual

SOON = UNREACHABLE_LIMIT + 6
"""With the last pause between two tries."""


def test_a_rollout_gives_up_soon_where_nobody_answers() -> None:
    scene = Scene.ready()
    scene.world.faults.add(RefuseConnection(), count=None)
    began = scene.clock.now()
    finished = scene.roll_out()
    assert finished.result is Result.FAILED
    assert "EndpointConnectionError" in finished.reason
    assert "aws-region" in finished.remedy
    assert (scene.clock.now() - began).total_seconds() < SOON
    assert scene.alias.routing.version == OLD


def test_a_throttled_start_is_waited_out() -> None:
    scene = Scene.ready()
    scene.world.faults.add(Throttle(), operation="GetAlias", count=6)
    assert scene.roll_out().result is Result.PROMOTED


def test_an_outage_on_the_way_is_waited_out() -> None:
    scene = Scene.ready()
    # The second read of the alias is one of the rollout's own.
    scene.world.faults.add(RefuseConnection(), operation="GetAlias", nth=2, count=6)
    assert scene.roll_out().result is Result.PROMOTED
    assert scene.alias.routing.version == NEW


@pytest.mark.parametrize("kinds", [[Unreachable], [Unreachable, Busy]], ids=["alone", "by turns"])
def test_only_an_unbroken_silence_counts(kinds: list[type[Busy]]) -> None:
    world = World()
    tries = 0

    def call() -> None:
        nonlocal tries
        tries += 1
        raise kinds[tries % len(kinds)]("GetAlias", "Code", "")

    with pytest.raises(Busy):
        retrying(SimClock(world), None, unreachable=UNREACHABLE_LIMIT)(call)
    limit = UNREACHABLE_LIMIT if kinds == [Unreachable] else FORWARD_LIMIT
    assert limit <= manual(world).monotonic() < limit + 6
