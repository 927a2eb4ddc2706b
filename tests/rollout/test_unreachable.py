"""Nobody there at all: soon given up before anything was changed, waited out later."""

from __future__ import annotations

from lambda_rollout.rollout.events import Result
from lambda_rollout.runtime.retry import UNREACHABLE_LIMIT
from sandbox.aws.faults import RefuseConnection, Throttle
from tests.support.scene import NEW, OLD, Scene

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
