"""What the preflight has read is published, and nothing else: what became of it meanwhile is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.choices import Preflight
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.versions_seen import FRESH
from sandbox.aws.faults import AccessDenied, Meanwhile, Throttle
from tests.support.code import package
from tests.support.scene import NEW, OLD, ROLE, Scene, rollout_spec

THEIRS = package("def handler(event, context): return 'theirs'")


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def roll_out(scene: Scene, steps: str = "50% 0s, 100% 0s", **asked: Any) -> Finished:
    spec = rollout_spec(steps, **asked)
    clients = scene.clients()
    reader = AwsPreflightReader(clients, spec.inputs.alarms)
    return Rollout(spec, replace(scene.ports(spec, clients), preflight_reader=reader)).run()


def just_before(scene: Scene, operation: str, act: Callable[[], object], nth: int = 1) -> None:
    scene.world.faults.add(Meanwhile(lambda _: act()), operation=operation, nth=nth)


def update(scene: Scene, operation: str, wait: float = 2.0, **change: Any) -> None:
    scene.call("lambda", operation, FunctionName="checkout", **change)
    scene.clock.advance(wait)


def reads_of_latest(scene: Scene) -> int:
    asked = scene.requests("GetFunction", "GetFunctionConfiguration")
    return sum(request.params.get("Qualifier") is None for request in asked)


def test_latest_is_published_by_what_the_preflight_read(scene: Scene) -> None:
    assert roll_out(scene).result is Result.PROMOTED
    # Once by GetFunction, once tried for the permission to wait for a version; not again to publish it.
    assert reads_of_latest(scene) == 2
    assert not [text for text in scene.warnings if "configuration" in text]


def test_code_that_somebody_uploads_after_the_preflight_is_not_published(scene: Scene) -> None:
    just_before(
        scene, "PublishVersion", lambda: update(scene, "UpdateFunctionCode", ZipFile=THEIRS)
    )
    finished = roll_out(scene)
    assert finished.result is Result.FAILED
    assert "somebody else updated the code of checkout" in finished.reason
    assert list(scene.world.lambda_().functions["checkout"].published) == [OLD]
    assert scene.world.lambda_().functions["checkout"].latest.code.data == THEIRS
    assert not scene.requests("UpdateAlias")


def test_code_that_is_being_uploaded_while_it_is_to_be_published_is_not_either(
    scene: Scene,
) -> None:
    scene.world.lambda_().update_delay = 30.0
    just_before(
        scene, "PublishVersion", lambda: update(scene, "UpdateFunctionCode", ZipFile=THEIRS)
    )
    assert roll_out(scene).result is Result.FAILED
    assert list(scene.world.lambda_().functions["checkout"].published) == [OLD]


def test_another_configuration_than_the_preflight_looked_at_is_told(scene: Scene) -> None:
    just_before(
        scene,
        "PublishVersion",
        lambda: update(scene, "UpdateFunctionConfiguration", Timeout=60, Role=f"{ROLE}-2"),
    )
    roll_out(scene)
    [told] = [text for text in scene.warnings if "configuration" in text]
    assert f"version {NEW} has another Role, Timeout" in told


def test_an_update_in_progress_is_waited_for_and_read_again(scene: Scene) -> None:
    scene.world.lambda_().update_delay = 20.0
    scene.call("lambda", "UpdateFunctionCode", FunctionName="checkout", ZipFile=THEIRS)
    assert roll_out(scene).result is Result.PROMOTED
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == THEIRS
    # AWS refuses to publish while the update is in progress, so it is waited for and not provoked.
    assert [request.outcome for request in scene.requests("PublishVersion")] == ["ok"]


def test_what_was_read_long_ago_is_read_again(scene: Scene) -> None:
    """An alarm's state, a stopped network: whatever came between, the version is what is there by then."""
    # The last of the preflight's calls.
    just_before(
        scene,
        "GetProvisionedConcurrencyConfig",
        lambda: update(scene, "UpdateFunctionCode", wait=FRESH + 1, ZipFile=THEIRS),
    )
    assert roll_out(scene).result is Result.PROMOTED
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == THEIRS


def test_a_version_that_was_named_is_read_once(scene: Scene) -> None:
    update(scene, "PublishVersion")
    scene.world.log.clear()
    assert roll_out(scene, version=NEW).result is Result.PROMOTED
    asked = scene.requests("GetFunction", "GetFunctionConfiguration")
    assert sorted(request.params.get("Qualifier", "") for request in asked) == ["", OLD, NEW]


def test_one_that_was_named_and_cannot_serve_yet_is_waited_for(scene: Scene) -> None:
    scene.world.lambda_().activation_delay = 30.0
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    assert roll_out(scene, version=NEW).result is Result.PROMOTED
    assert scene.requests("GetFunctionConfiguration")


def test_the_permission_to_wait_is_missed_before_anything_is_published(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="GetFunctionConfiguration", count=None)
    finished = roll_out(scene)
    assert finished.result is Result.FAILED
    assert "lambda:GetFunctionConfiguration" in finished.reason
    assert not scene.requests("PublishVersion", "UpdateAlias")


def test_with_strict_what_aws_has_no_time_for_ends_it(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="GetPolicy", count=None)
    scene.call("lambda", "Invoke", FunctionName="checkout", Qualifier="live", Payload=b"{}")
    scene.clock.advance(600)
    finished = roll_out(scene, "50% 10m, 100% 10m", preflight=Preflight.STRICT)
    assert finished.result is Result.FAILED
    assert finished.reason.startswith("preflight: checkout:live: Not checked: whether callers are")
    assert not scene.requests("PublishVersion", "UpdateAlias")
