"""The way back without a number, as a real process."""

from __future__ import annotations

from tests.support.live import NEW, OLD, Live

KEPT = "live-previous"


def test_the_version_that_a_promotion_left_is_the_way_back_and_a_second_press_changes_nothing(
    scene: Live,
) -> None:
    promoted = scene.run(steps="100% 0s", previous_alias=KEPT)
    assert promoted.outputs["result"] == "promoted", promoted.log
    kept = scene.call("lambda", "GetAlias", FunctionName="checkout", Name=KEPT)
    assert kept["FunctionVersion"] == OLD
    assert kept["Description"].startswith(f"[lambda-rollout {OLD}>{NEW} promoted ")

    back = scene.run("AKIABACK1", mode="rollback", previous_alias=KEPT)
    assert (back.status, back.outputs["result"]) == (0, "rolled-back"), back.log
    assert f"Version {OLD} of checkout was last live at " in back.log
    assert scene.whole_on(OLD)

    again = scene.run("AKIABACK2", mode="rollback", previous_alias=KEPT)
    assert (again.status, again.outputs["result"]) == (0, "unchanged"), again.log
    assert scene.whole_on(OLD)
