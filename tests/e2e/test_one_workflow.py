"""One workflow whose `mode` is chosen by hand: what only a rollout needs is in the way of no other mode."""

from __future__ import annotations

from tests.support.live import NEW, NEXT, OLD, Live

SAME = {"steps": "50% 0s, hold", "interval": "1s", "package": "dist/new.zip"}


def held(scene: Live) -> None:
    finished = scene.run(**{**SAME, "package": ""})
    assert finished.outputs["result"] == "held", finished.log


def test_steps_that_end_with_hold_do_not_keep_it_from_being_promoted(scene: Live) -> None:
    held(scene)
    finished = scene.run(NEXT, mode="promote", **SAME)
    assert finished.status == 0, finished.log
    assert finished.outputs["result"] == "promoted"
    assert "schedule, if it is held: 100% for 1s; 1s in all" in finished.log
    assert scene.changes(NEXT) == [{}, {}]
    assert scene.whole_on(NEW)


def test_a_package_does_not_keep_it_from_being_rolled_back(scene: Live) -> None:
    held(scene)
    finished = scene.run(NEXT, mode="rollback", **SAME)
    assert finished.status == 0, finished.log
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)


def test_a_whole_alias_goes_back_to_a_version_in_spite_of_a_package(scene: Live) -> None:
    assert scene.run().outputs["result"] == "promoted"
    finished = scene.run(NEXT, mode="rollback", version=OLD, **SAME)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)


def test_a_whole_alias_goes_back_to_where_another_alias_points(scene: Live) -> None:
    assert scene.run().outputs["result"] == "promoted"
    stable = {"FunctionName": "checkout", "Name": "stable", "FunctionVersion": OLD}
    scene.call("lambda", "CreateAlias", **stable)
    finished = scene.run(NEXT, mode="rollback", version="alias:stable", **SAME)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert finished.outputs["previous-version"] == OLD
    assert scene.whole_on(OLD)


def test_a_rollout_goes_back_to_its_own_old_version_whatever_the_other_alias_says(
    scene: Live,
) -> None:
    held(scene)
    dev = {"FunctionName": "checkout", "Name": "dev", "FunctionVersion": NEW}
    scene.call("lambda", "CreateAlias", **dev)
    finished = scene.run(NEXT, mode="rollback", version="alias:dev")
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)


def test_a_promotion_that_may_not_begin_tells_what_is_held(scene: Live) -> None:
    held(scene)
    scene.set_alarm("ALARM")
    finished = scene.run(NEXT, mode="promote", **SAME)
    assert finished.outputs["result"] == "failed"
    told = [finished.outputs[name] for name in ("version", "previous-version", "weight")]
    assert told == [NEW, OLD, "50"]
    assert scene.changes(NEXT) == []
