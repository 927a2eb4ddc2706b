"""What a dead run left, and how it is told."""

from __future__ import annotations

from lambda_rollout.inputs.choices import OnStranded
from sandbox.aws.faults import AccessDenied
from tests.support.scene import OWNERS_TEXT, Scene, rollout_spec


def test_the_command_for_a_dead_rollout_takes_its_record_off_too() -> None:
    scene = Scene.ready()
    scene.after(40.0, lambda: scene.world.faults.add(AccessDenied(), count=None))
    scene.roll_out(rollout_spec("20% 10m"))
    scene.world.faults.clear()
    scene.clock.advance(900)
    scene.events.clear()
    finished = scene.roll_out(rollout_spec(on_stranded=OnStranded.FAIL))
    assert finished.remedy.endswith(f"--description '{OWNERS_TEXT}'")
