"""``mode: publish``: a version that can serve, and no trace of it anywhere else."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import Engine, Mode
from lambda_rollout.inputs.package import Zip
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.publish import publish
from sandbox.aws.faults import Throttle
from sandbox.aws.lambda_ import Fate
from tests.support.code import package
from tests.support.hooks import NO, YES, hooks, put_hook
from tests.support.scene import NEW, OLD, Scene, rollout_spec


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def published(scene: Scene, **asked: Any) -> Finished:
    spec = rollout_spec(**{"mode": Mode.PUBLISH, **asked})
    return publish(spec, scene.ports(spec))


def told(scene: Scene) -> tuple[str, ...]:
    said = outputs(rollout_state(scene.events))
    return said["result"], said["version"], said["previous-version"], said["weight"], said["reason"]


def test_a_version_is_made_and_no_alias_touched(scene: Scene) -> None:
    before = scene.alias
    finished = published(scene, payloads={"checkout": b"{}"})
    assert finished.result is Result.PUBLISHED
    assert "`version`" in finished.remedy
    assert told(scene) == ("published", NEW, OLD, "0", "")
    assert scene.alias == before
    assert not scene.requests("UpdateAlias", "CreateAlias", "DescribeAlarms")
    # Nothing for the post stage.
    assert scene.saved_states == []


def test_what_is_published_can_be_rolled_out_by_its_number(scene: Scene) -> None:
    published(scene)
    again = Scene(scene.world)
    assert again.roll_out(rollout_spec("100% 0s", version=NEW)).result is Result.PROMOTED


def test_new_code_is_uploaded_first(scene: Scene) -> None:
    code = package("def handler(event, context): return 'new'")
    assert published(scene, package=Zip("new.zip", code)).result is Result.PUBLISHED
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == code


def test_what_has_not_changed_is_the_version_that_is_there(scene: Scene) -> None:
    published(scene)
    assert published(Scene(scene.world)).result is Result.PUBLISHED
    assert list(scene.world.lambda_().functions["checkout"].published) == [OLD, NEW]


def test_a_version_that_fails_its_smoke_test_is_not_said_to_be_published(scene: Scene) -> None:
    scene.build("def handler(event, context): return {}['x']")
    finished = published(scene, payloads={"checkout": b"{}"})
    assert finished.result is Result.FAILED
    assert told(scene)[:4] == ("failed", NEW, OLD, "0")
    assert "KeyError" in told(scene)[4]


def test_a_version_that_never_serves_fails(scene: Scene) -> None:
    scene.world.lambda_().next_version("checkout", Fate("Failed", "The image is gone."))
    finished = published(scene)
    assert (finished.result, "The image is gone." in finished.reason) == (Result.FAILED, True)


def test_a_rollout_under_way_and_an_alarm_that_is_on_do_not_keep_it_from_publishing(
    scene: Scene,
) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)
    split = {"AdditionalVersionWeights": {NEW: 0.1}}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", RoutingConfig=split)
    scene.set_alarm("checkout-errors", "ALARM")
    scene.build("x = 3")
    before = scene.alias
    assert published(scene).result is Result.PUBLISHED
    assert told(scene)[1:4] == ("3", OLD, "0")
    assert scene.alias == before


def test_an_alias_that_is_missing_is_said_to_be(scene: Scene) -> None:
    finished = published(scene, targets=[Target("checkout", "next")])
    assert finished.result is Result.PUBLISHED
    assert "`create-alias: true`" in finished.remedy
    assert told(scene)[1:4] == (NEW, "", "0")


def test_a_function_that_is_missing_is_an_error(scene: Scene) -> None:
    finished = published(scene, targets=[Target("chekout", "live")])
    assert (finished.result, "no function chekout" in finished.reason) == (Result.FAILED, True)
    assert not scene.requests("PublishVersion")


def test_what_is_throttled_is_asked_again_and_a_stop_ends_it(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), count=1)
    scene.world.lambda_().activation_delay = 600
    scene.after(5, lambda: scene.stop.request("the job was cancelled"))
    finished = published(scene)
    assert (finished.result, finished.reason) == (Result.FAILED, "the job was cancelled")
    assert scene.saved_states == []


# Hooks before traffic ------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "result"), [(YES, Result.PUBLISHED), (NO, Result.FAILED)])
def test_the_hooks_before_traffic_are_asked_and_no_others(
    scene: Scene, answer: object, result: Result
) -> None:
    put_hook(scene, "check", answer)
    put_hook(scene, "later", NO)
    asked = hooks("before-traffic: check", "each-step: later", "after-traffic: later")
    finished = published(scene, hooks=asked)
    assert finished.result is result
    invoked = [
        r.function for r in scene.requests("Invoke") if r.params["InvocationType"] != "DryRun"
    ]
    assert invoked == ["check"]
    assert not scene.requests("UpdateAlias")


def test_a_hook_of_codedeploy_s_is_told_of_deployments_and_not_asked(scene: Scene) -> None:
    asked = hooks("before-traffic: CodeDeployHook_a")
    finished = published(scene, hooks=asked, engine=Engine.CODEDEPLOY)
    assert finished.result is Result.PUBLISHED
    assert not scene.requests("Invoke")
