"""Getting a version that can serve: what is waited for, how long, and what is said when it never comes."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.package import Package, Zip
from lambda_rollout.rollout.events import Result, VersionReady, VersionWaited
from lambda_rollout.rollout.version import (
    READABLE_LIMIT,
    READY_LIMIT,
    UPDATE_LIMIT,
    await_ready,
    choose,
)
from lambda_rollout.runtime.errors import Cancelled, NotFound, RolloutError
from sandbox.aws.faults import Answer, DropAnswer, ResetConnection, Throttle
from sandbox.aws.lambda_ import Fate
from tests.support.code import package
from tests.support.scene import NEW, OLD, TARGET, Scene, rollout_spec

LATE = 10.0
MENDED = package("def handler(event, context): return 'mended'")
MISSING = Answer("ResourceNotFoundException", "Function not found: checkout:2", 404)


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def published(scene: Scene, **asked: Any) -> str:
    ordered = rollout_spec(**asked)
    return choose(TARGET, OLD, ordered, scene.ports(ordered))


def awaited(scene: Scene, version: str = NEW) -> float:
    """Publish, wait until it is ready; return how many seconds that took."""
    began = scene.clock.monotonic()
    await_ready(TARGET, version, rollout_spec(), scene.ports(rollout_spec()))
    return scene.clock.monotonic() - began


def test_an_update_in_progress_is_waited_for(scene: Scene) -> None:
    scene.world.lambda_().update_delay = 60.0
    scene.call("lambda", "UpdateFunctionCode", FunctionName="checkout", ZipFile=package("new = 1"))
    began = scene.clock.monotonic()
    assert published(scene) == NEW
    assert scene.clock.monotonic() - began >= 60
    assert [request.outcome for request in scene.requests("PublishVersion")] == ["ok"]


def test_an_update_that_never_ends_is_not_waited_for_for_ever(scene: Scene) -> None:
    scene.world.lambda_().update_delay = 2 * UPDATE_LIMIT
    scene.call("lambda", "UpdateFunctionCode", FunctionName="checkout", ZipFile=package("new = 1"))
    began = scene.clock.monotonic()
    with pytest.raises(RolloutError, match="an update of checkout is still in progress"):
        published(scene)
    assert UPDATE_LIMIT <= scene.clock.monotonic() - began <= UPDATE_LIMIT + LATE


def test_a_failed_update_is_not_published(scene: Scene) -> None:
    scene.world.lambda_().functions["checkout"].latest.update_status = "Failed"
    with pytest.raises(RolloutError, match="the last update of checkout failed"):
        published(scene)
    assert not scene.requests("PublishVersion")


@pytest.mark.parametrize("what", ["update_status", "state"])
def test_the_package_that_mends_a_failed_update_is_uploaded(scene: Scene, what: str) -> None:
    function = scene.world.lambda_().functions["checkout"]
    setattr(function.latest, what, "Failed")
    scene.after(1, lambda: setattr(function.latest, "state", "Active"))
    assert published(scene, package=Zip("new.zip", MENDED)) == NEW
    assert function.published[NEW].code.data == MENDED


def test_an_upload_whose_answer_was_lost_is_made_again_over_a_failed_update(scene: Scene) -> None:
    scene.world.lambda_().functions["checkout"].latest.update_status = "Failed"
    scene.world.faults.add(ResetConnection(), operation="UpdateFunctionCode")
    assert published(scene, package=Zip("new.zip", MENDED)) == NEW
    assert len(scene.requests("UpdateFunctionCode")) == 2


def test_an_upload_that_fails_in_its_turn_is_not_published(scene: Scene) -> None:
    latest = scene.world.lambda_().functions["checkout"].latest
    latest.update_status = "Failed"
    scene.after(3, lambda: setattr(latest, "update_status", "Failed"))
    scene.world.lambda_().update_delay = 60.0
    with pytest.raises(RolloutError, match="the last update of checkout failed"):
        published(scene, package=Zip("new.zip", MENDED))
    assert not scene.requests("PublishVersion")


@pytest.mark.parametrize("new", [None, Zip("new.zip", package("new = 1"))], ids=["none", "package"])
def test_a_plan_says_of_a_failed_update_what_a_rollout_would_do(
    scene: Scene, new: Package | None
) -> None:
    scene.world.lambda_().functions["checkout"].latest.update_status = "Failed"
    planned = scene.roll_out(rollout_spec(mode=Mode.PLAN, package=new))
    assert (planned.result is Result.PLANNED) is (new is not None), planned.reason
    assert not scene.requests("UpdateFunctionCode")


def test_a_lost_answer_to_publishing_gives_the_same_version_once_more(scene: Scene) -> None:
    scene.world.faults.add(DropAnswer(), operation="PublishVersion")
    assert published(scene) == NEW
    assert list(scene.world.lambda_().functions["checkout"].published) == [OLD, NEW]


def test_what_is_unchanged_is_the_version_that_there_is(scene: Scene) -> None:
    assert published(scene) == NEW
    assert published(scene, description="another") == NEW


def test_a_version_that_does_not_exist_is_refused_with_what_to_do(scene: Scene) -> None:
    with pytest.raises(RolloutError, match="function checkout has no version 9"):
        published(scene, version="9")


def test_a_version_is_waited_for_until_it_is_active(scene: Scene) -> None:
    scene.world.lambda_().activation_delay = 90.0
    published(scene)
    assert 90 <= awaited(scene) <= 90 + LATE
    # Told once for a state, not at every look.
    assert len(scene.told(VersionWaited)) == 1
    assert len(scene.told(VersionReady)) == 1


@pytest.mark.parametrize(("times", "told"), [(4, 0), (12, 1)])
def test_that_aws_has_no_time_is_nothing_about_the_version_until_it_lasts(
    scene: Scene, times: int, told: int
) -> None:
    published(scene)
    scene.world.faults.add(Throttle(), operation="GetFunctionConfiguration", count=times)
    awaited(scene)
    assert len(scene.told(VersionWaited)) == told


def test_a_version_that_failed_ends_it_with_awss_reason(scene: Scene) -> None:
    fate = Fate("Failed", "The image is gone", "ImageDeleted")
    scene.world.lambda_().next_version("checkout", fate)
    published(scene)
    with pytest.raises(
        RolloutError, match=r"version 2 of checkout cannot serve: .*The image is gone"
    ):
        awaited(scene)


MANIFEST = (
    "The image manifest, config or layer media type for the source image %s is not supported."
)


def test_an_image_that_lambda_cannot_take_is_told_with_how_to_build_it(scene: Scene) -> None:
    """AWS may say so only after it took the image: as the reason of a version's or an update's failure."""
    scene.world.lambda_().next_version("checkout", Fate("Failed", MANIFEST, "InvalidImage"))
    published(scene)
    with pytest.raises(RolloutError) as caught:
        awaited(scene)
    assert "--provenance=false" in caught.value.remedy
    latest = scene.world.lambda_().functions["checkout"].latest
    latest.state, latest.reason = "Failed", (MANIFEST, "InvalidImage")
    with pytest.raises(RolloutError) as caught:
        published(scene)
    assert "--provenance=false" in caught.value.remedy


def test_no_room_for_code_is_told_with_what_may_be_deleted(scene: Scene) -> None:
    full = Answer("CodeStorageExceededException", "Code storage limit exceeded.", 400)
    scene.world.faults.add(full, operation="PublishVersion", count=None)
    with pytest.raises(RolloutError) as caught:
        published(scene)
    assert "Delete versions that no alias names" in caught.value.remedy


def test_a_version_that_stays_pending_is_given_up(scene: Scene) -> None:
    scene.world.lambda_().activation_delay = 2 * READY_LIMIT
    published(scene)
    began = scene.clock.monotonic()
    with pytest.raises(RolloutError, match="still not ready after"):
        awaited(scene)
    assert READY_LIMIT <= scene.clock.monotonic() - began <= READY_LIMIT + LATE


def test_a_version_may_be_unreadable_right_after_its_publication(scene: Scene) -> None:
    published(scene)
    scene.world.faults.add(MISSING, operation="GetFunctionConfiguration", count=3)
    assert awaited(scene) > 0


def test_a_version_that_stays_unreadable_is_given_up(scene: Scene) -> None:
    published(scene)
    scene.world.faults.add(MISSING, operation="GetFunctionConfiguration", count=None)
    began = scene.clock.monotonic()
    with pytest.raises(NotFound):
        awaited(scene)
    assert READABLE_LIMIT <= scene.clock.monotonic() - began <= READABLE_LIMIT + LATE


def test_throttling_while_it_is_waited_for_ends_nothing(scene: Scene) -> None:
    published(scene)
    scene.world.faults.add(Throttle(), operation="GetFunctionConfiguration", count=20)
    assert awaited(scene) > 0


def test_a_stop_ends_every_wait_at_once(scene: Scene) -> None:
    scene.world.lambda_().activation_delay = 90.0
    published(scene)
    began = scene.clock.monotonic()
    scene.after(5, lambda: scene.stop.request("cancelled"))
    with pytest.raises(Cancelled):
        awaited(scene)
    assert scene.clock.monotonic() - began == 5
