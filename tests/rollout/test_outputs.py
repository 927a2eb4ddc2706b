"""The outputs tell what has traffic, however a run that was to end it ends."""

from __future__ import annotations

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode, OnCancel
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import AccessDenied
from tests.support.scene import NEW, OLD, Scene, rollout_spec

# Fired and recovered between two reads, where only StateUpdatedTimestamp tells -------------------


# The outputs tell what has traffic, however a run that was to end it ends ------------------------


def told(scene: Scene) -> tuple[str, str, str, str]:
    said = outputs(rollout_state(scene.events))
    return said["result"], said["version"], said["previous-version"], said["weight"]


def held() -> Scene:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("20% 10s, hold")).result is Result.HELD
    scene.events.clear()
    return scene


def test_a_rollback_that_aws_refuses_tells_what_still_has_traffic() -> None:
    scene = held()
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None)
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=())
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_rollback_to_another_version_than_the_old_one_tells_what_has_traffic() -> None:
    scene = held()
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), version=NEW)
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_rollback_gives_the_version_that_it_left_no_traffic_of_its_own_time() -> None:
    scene = held()
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=())
    rollback(wanted, scene.ports(wanted))
    assert told(scene) == ("rolled-back", NEW, OLD, "0")
    (function,) = rollout_state(scene.events).targets.values()
    assert function.exposures == ()


def test_a_promotion_refused_for_an_alarm_tells_what_is_held() -> None:
    scene = held()
    scene.set_alarm("checkout-errors", "ALARM")
    scene.roll_out(rollout_spec("100% 10s", mode=Mode.PROMOTE))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_promotion_of_another_version_tells_what_is_held() -> None:
    scene = held()
    scene.roll_out(rollout_spec("100% 10s", mode=Mode.PROMOTE, version=OLD))
    assert told(scene) == ("failed", NEW, OLD, "20")


def test_a_post_stage_that_aws_refuses_tells_what_still_has_traffic() -> None:
    scene = Scene.ready()
    seen: list[SavedState] = []
    scene.after(40.0, lambda: seen.append(scene.saved_states[-1]))
    scene.after(41.0, lambda: scene.stop.request("cancelled (SIGINT)"))
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None, nth=2)
    scene.roll_out(rollout_spec("20% 60s"))
    scene.events.clear()
    left = RunIdentity.of_saved_state(seen[0], rollout_spec().run)
    settle_what_main_left(seen[0], left, scene.ports(left))
    assert told(scene) == ("failed", NEW, "", "20")


def test_held_at_100_percent_is_not_called_split() -> None:
    scene = Scene.ready()
    scene.after(40.0, lambda: scene.stop.request("cancelled (SIGINT)"))
    scene.roll_out(rollout_spec("100% 60s", on_cancel=OnCancel.HOLD))
    assert told(scene) == ("held", NEW, OLD, "100")
    (function,) = rollout_state(scene.events).targets.values()
    assert function.routing == Routing.all_on(NEW)
    said = list(happenings(rollout_state(scene.events)))
    assert said == ["All traffic stays on the new version, although its watch was not over."]
