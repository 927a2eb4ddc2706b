"""An alias that points at $LATEST: AWS does not split it, and no record can name what it was on."""

from __future__ import annotations

import pytest

from lambda_rollout.choices import Mode
from lambda_rollout.events import Result
from tests.scene import Scene, order

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
    end = scene.roll_out(order(steps, mode=mode))
    assert end.result is Result.FAILED
    assert LATEST in end.reason
    assert not scene.requests("PublishVersion", "UpdateAlias")
