"""The guardian as its alarms invoke it: two at once, with all the concurrency that there is, and with one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.guardian import guard
from sandbox.aws.events import Event
from sandbox.aws.faults import Throttle
from tests.rollout.test_guardian import PREVIOUS, whole_on
from tests.support.guardian import ARN, as_its_role
from tests.support.scene import OLD, Scene, rollout_spec

ALARMS = ("checkout-errors", "checkout-latency")


class Installed:
    """The guardian in this process. ends: how each invocation ended. together: how many were at work at once."""

    def __init__(self, scene: Scene) -> None:
        self.ends: list[Finished] = []
        self.together = 0
        self._running = 0
        self._scene = scene
        for name in ALARMS:
            alarm = scene.world.cloudwatch()._alarms[name]
            alarm.configuration = {**alarm.configuration, "AlarmActions": [ARN]}
        scene.world.deliveries.programs[ARN] = self

    def __call__(self, _: Event) -> None:
        self._running += 1
        self.together = max(self.together, self._running)
        number = f"0000000{len(self.ends) + self._running}"
        spec = rollout_spec(
            mode=Mode.ROLLBACK, rollout_id=number, alarms=ALARMS, previous_alias=PREVIOUS
        )
        with as_its_role(self._scene):
            end = guard(spec, self._scene.ports(spec), timedelta(hours=1))
        self._running -= 1
        self.ends.append(end)
        if end.result is Result.FAILED:
            raise RuntimeError(end.reason)


@pytest.mark.parametrize("reserved", [None, 1])
@pytest.mark.parametrize("steps", ["10% 60s, hold", "100% 0s"], ids=["held", "promoted"])
@pytest.mark.parametrize("slow_at", ["DescribeAlarms", "UpdateAlias"])
def test_two_invocations_for_two_alarms_do_no_harm(
    reserved: int | None, steps: str, slow_at: str
) -> None:
    scene = Scene.ready(alarms=ALARMS)
    begun = scene.roll_out(rollout_spec(steps, alarms=ALARMS, previous_alias=PREVIOUS))
    assert begun.result in {Result.HELD, Result.PROMOTED}
    scene.clock.advance(900)
    guardian = Installed(scene)
    if reserved:
        scene.world.lambda_().reserved["lambda-rollout-guardian"] = reserved
    # The first one waits here, and the second comes.
    scene.world.faults.add(Throttle(), operation=slow_at)
    for name in ALARMS:
        scene.set_alarm(name, "ALARM")
    scene.clock.advance(60)
    assert guardian.together == (1 if reserved else 2)
    assert (scene.world.deliveries.throttled > 0) is (reserved is not None)
    assert len(guardian.ends) == 2
    assert Result.ROLLED_BACK in {end.result for end in guardian.ends}
    assert {end.result for end in guardian.ends} <= {Result.ROLLED_BACK, Result.UNCHANGED}
    assert whole_on(scene, OLD)
    assert scene.world.deliveries.dead == []
