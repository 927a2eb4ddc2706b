"""An alias on $LATEST or $LATEST.PUBLISHED: AWS does not split it, and no record can name what it was on."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Result
from tests.support.scene import Scene, rollout_spec

LATEST = "$LATEST"


@pytest.fixture
def scene() -> Scene:
    made = Scene.ready()
    made.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", FunctionVersion=LATEST)
    made.world.log.clear()
    return made


@pytest.mark.parametrize("steps", ["10% 10s, 100% 0s", "100% 10m"])
@pytest.mark.parametrize("mode", [Mode.ROLLOUT, Mode.PLAN])
def test_it_is_refused_before_anything_is_published(scene: Scene, mode: Mode, steps: str) -> None:
    end = scene.roll_out(rollout_spec(steps, mode=mode))
    assert end.result is Result.FAILED
    assert LATEST in end.reason
    assert not scene.requests("PublishVersion", "UpdateAlias")


def test_nor_is_the_latest_that_was_published_one_to_go_back_to(scene: Scene) -> None:
    published = f"{LATEST}.PUBLISHED"
    at = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": published}
    scene.call("lambda", "UpdateAlias", **at)
    end = scene.roll_out(rollout_spec("10% 10s, 100% 0s"))
    assert end.result is Result.FAILED
    assert f"points at {published}" in end.reason
    assert not scene.requests("PublishVersion", "UpdateAlias")
