"""A promotion that bakes while a later rollout comes and goes: which of the two is an alarm about?"""

from __future__ import annotations

import pytest

from lambda_rollout.rollout.events import Finished, Result
from sandbox.aws.faults import AccessDenied
from tests.rollout.test_guardian import PREVIOUS, alarm, look, whole_on
from tests.support.scene import NEW, OLD, Scene, rollout_spec

LATER = "3"


@pytest.fixture
def scene() -> Scene:
    """Version 2 was promoted 20 minutes ago."""
    made = Scene.ready()
    end = made.roll_out(rollout_spec("10% 60s, 100% 60s", previous_alias=PREVIOUS))
    assert end.result is Result.PROMOTED
    made.clock.advance(1200)
    return made


def served(scene: Scene, version: str = LATER) -> None:
    """Let a version have had traffic through the alias, this minute."""
    named = {"FunctionName": "checkout", "Resource": "checkout:live", "ExecutedVersion": version}
    data = {
        "MetricName": "Invocations",
        "Timestamp": scene.clock.now(),
        "Value": 5.0,
        "Dimensions": [{"Name": name, "Value": value} for name, value in named.items()],
    }
    scene.call("cloudwatch", "PutMetricData", Namespace="AWS/Lambda", MetricData=[data])


def rolled_back(scene: Scene, *, serves: bool = True) -> None:
    """A later rollout, which its alarm ends a minute after it began."""
    scene.build("def handler(event, context): return 3")
    if serves:
        scene.after(30, lambda: served(scene))
    scene.after(60, lambda: alarm(scene))
    end = scene.roll_out(rollout_spec("10% 5m", rollout_id="00000002"))
    assert end.result is Result.ROLLED_BACK
    assert whole_on(scene, NEW)


def baked(scene: Scene) -> Finished:
    return look(scene, bake=7200, previous_alias=PREVIOUS)


def test_what_a_later_version_raised_takes_no_earlier_promotion_back(scene: Scene) -> None:
    rolled_back(scene)
    for _ in range(3):
        end = baked(scene)
        assert end.result is Result.UNCHANGED
        assert "alarm checkout-errors fired while a later version had traffic, too" in end.reason
        assert whole_on(scene, NEW)
        scene.clock.advance(300)


def test_what_fires_again_when_that_is_long_over_counts(scene: Scene) -> None:
    rolled_back(scene)
    scene.clock.advance(60)
    alarm(scene, "OK")
    scene.clock.advance(660)
    alarm(scene)
    assert baked(scene).result is Result.ROLLED_BACK
    assert whole_on(scene, OLD)


def test_what_fired_before_a_later_version_served_counts(scene: Scene) -> None:
    alarm(scene)
    scene.clock.advance(60)
    alarm(scene, "OK")
    scene.clock.advance(60)
    rolled_back(scene)
    assert baked(scene).result is Result.ROLLED_BACK
    assert whole_on(scene, OLD)


@pytest.mark.parametrize("version", [NEW, OLD])
def test_its_own_traffic_and_that_of_the_version_before_excuse_nothing(
    scene: Scene, version: str
) -> None:
    served(scene, version)
    alarm(scene)
    assert baked(scene).result is Result.ROLLED_BACK


def test_a_later_version_that_nobody_called_is_no_excuse(scene: Scene) -> None:
    rolled_back(scene, serves=False)
    assert baked(scene).result is Result.ROLLED_BACK
    assert whole_on(scene, OLD)


def test_without_an_alarm_nothing_is_asked_of_the_traffic(scene: Scene) -> None:
    assert baked(scene).result is Result.UNCHANGED
    assert not scene.requests("GetMetricData")


def test_traffic_that_cannot_be_read_is_no_all_clear(scene: Scene) -> None:
    alarm(scene)
    scene.world.faults.add(AccessDenied(), operation="GetMetricData", count=None)
    end = baked(scene)
    assert end.result is Result.FAILED
    assert "GetMetricData" in end.reason
    assert whole_on(scene, NEW)
