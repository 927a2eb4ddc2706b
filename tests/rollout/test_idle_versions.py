"""Versions that nobody invoked for weeks: told how to wake them, and never invoked by the action."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.choices import Mode, Preflight
from lambda_rollout.rollout.events import Finished, Result, RolledBack, Warned
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.faults import ServerError
from sandbox.aws.lambda_ import Fate
from tests.support.scene import NEW, OLD, Scene, rollout_spec

IDLE = Fate("Inactive", "The function is idle.", "Idle")
WAKE = "aws lambda invoke --region eu-central-1 --function-name checkout --qualifier"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def sleep(scene: Scene, version: str, fate: Fate = IDLE) -> None:
    scene.world.lambda_().set_state("checkout", version, fate)


def publish(scene: Scene) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)


def roll_out(scene: Scene, asked: RolloutSpec) -> Finished:
    """As `Scene.roll_out`, with a preflight."""
    clients = scene.clients()
    ports = replace(scene.ports(asked, clients), preflight_reader=AwsPreflightReader(clients, ()))
    return Rollout(asked, ports).run()


def back(scene: Scene, **asked: Any) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id="00000001", **asked)
    return rollback(wanted, scene.ports(wanted))


def test_a_sleeping_latest_is_published_and_rolled_out_even_when_strict(scene: Scene) -> None:
    sleep(scene, "$LATEST")
    for _ in range(20):
        scene.call("lambda", "Invoke", FunctionName="checkout:live")
    scene.clock.advance(600)
    asked = rollout_spec("10% 60s, 100% 60s", preflight=Preflight.STRICT, alarms=())
    finished = roll_out(scene, asked)
    assert (finished.result, finished.reason) == (Result.PROMOTED, "")
    assert not scene.requests("Invoke")


@pytest.mark.parametrize("looked", [True, False])
def test_an_idle_version_is_refused_with_what_wakes_it_and_works_then(
    scene: Scene, looked: bool
) -> None:
    publish(scene)
    sleep(scene, NEW)
    asked = rollout_spec("10% 60s, 100% 60s", version=NEW, alarms=())
    finished = roll_out(scene, asked) if looked else scene.roll_out(asked)
    assert finished.result is Result.FAILED
    assert "Inactive" in finished.reason
    assert "Wake it" in finished.remedy
    assert not scene.requests("UpdateAlias", "Invoke")
    with pytest.raises(Exception, match="Inactive"):
        scene.call("lambda", "Invoke", FunctionName="checkout", Qualifier=NEW)
    scene.clock.advance(2)
    assert roll_out(scene, asked).result is Result.PROMOTED


def test_without_a_preflight_the_remedy_has_the_command(scene: Scene) -> None:
    publish(scene)
    sleep(scene, NEW)
    assert f"{WAKE} 2 /dev/stdout" in scene.roll_out(rollout_spec(version=NEW, alarms=())).remedy


def whole_on_new(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    scene.events.clear()
    scene.world.log.clear()


def held(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("10% 60s, hold")).result is Result.HELD
    scene.events.clear()
    scene.world.log.clear()


@pytest.mark.parametrize(("begun", "version"), [(whole_on_new, OLD), (held, None)])
def test_a_rollback_goes_back_first_and_then_says_what_wakes_it(
    scene: Scene, begun: Any, version: str | None
) -> None:
    begun(scene)
    sleep(scene, OLD)
    assert back(scene, version=version).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    told = [event for event in scene.events if isinstance(event, RolledBack | Warned)]
    assert [type(event) for event in told] == [RolledBack, Warned]
    assert isinstance(told[1], Warned)
    assert f"{WAKE} 1 /dev/stdout" in told[1].text
    assert not scene.requests("Invoke")


def test_a_rollback_to_a_version_that_is_awake_warns_of_nothing(scene: Scene) -> None:
    held(scene)
    assert back(scene).result is Result.ROLLED_BACK
    assert not scene.told(Warned)


def test_a_rollback_to_a_broken_version_is_refused_still(scene: Scene) -> None:
    whole_on_new(scene)
    sleep(scene, OLD, Fate("Failed", "The image is gone."))
    assert back(scene, version=OLD).result is Result.FAILED
    assert scene.alias.routing == Routing.all_on(NEW)


SCALED_DOWN = Fate("Deactivated", "The function version was scaled to 0.")
UP = "put-function-scaling-config --region eu-central-1 --function-name checkout --qualifier"


def test_a_version_scaled_to_0_is_no_place_to_go_back_to_until_it_is_scaled_up(
    scene: Scene,
) -> None:
    whole_on_new(scene)
    sleep(scene, OLD, SCALED_DOWN)
    finished = back(scene, version=OLD)
    assert finished.result is Result.FAILED
    assert f"{UP} 1" in finished.remedy
    assert scene.alias.routing == Routing.all_on(NEW)


def test_nor_is_it_rolled_out(scene: Scene) -> None:
    publish(scene)
    sleep(scene, NEW, SCALED_DOWN)
    finished = scene.roll_out(rollout_spec(version=NEW, alarms=()))
    assert finished.result is Result.FAILED
    assert f"{UP} 2" in finished.remedy


def test_whether_it_sleeps_is_asked_once_and_no_answer_fails_nothing(scene: Scene) -> None:
    held(scene)
    sleep(scene, OLD)
    scene.world.faults.add(ServerError(), operation="GetFunctionConfiguration", count=None)
    assert back(scene).result is Result.ROLLED_BACK
    asked = [r.params["Qualifier"] for r in scene.requests("GetFunctionConfiguration")]
    # The one that was left, for executions that go on there, and the one that it is on again.
    assert asked == [NEW, OLD]
