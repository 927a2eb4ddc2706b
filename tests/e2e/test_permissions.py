"""The README's IAM policy allows exactly the calls that are made.

That nothing else is called, every test with the `scene` fixture checks at its end. Here it is seen that nothing
in the policy is there for nothing.
"""

from __future__ import annotations

from tests.e2e.conftest import allowed_actions, called
from tests.live import NEW, PATIENCE, Live
from tests.scene import package


def test_the_policy_allows_nothing_that_is_not_called(scene: Live) -> None:
    (scene.runner.folder / "workspace").mkdir(exist_ok=True)
    build = scene.runner.folder / "workspace" / "build.zip"
    build.write_bytes(package("def handler(event, context): return 3"))
    finished = scene.run(alias="canary", create_alias="true", package="build.zip")
    assert finished.outputs["result"] == "promoted", finished.log
    assert finished.outputs["version"] == NEW
    # An alarm that left its state between two reads is looked up in its history.
    step = scene.start(version=NEW, steps="50% 3s, 100% 0s", poll_interval="5m")
    scene.until_shifted(step)
    scene.set_alarm("INSUFFICIENT_DATA")
    scene.set_alarm("OK")
    try:
        assert step.wait(PATIENCE).outputs["result"] == "promoted"
    finally:
        step.kill()
    assert called(scene) == allowed_actions()
