"""`package`: uploaded, waited for and published with its hash; told in process and once as a real process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.package import Image, Package, S3Object, Zip
from lambda_rollout.rollout.events import Result, VersionPublished
from sandbox.aws.faults import DropAnswer, Hang, Meanwhile, Throttle
from tests.support.code import package
from tests.support.groups import Group, names
from tests.support.live import live
from tests.support.scene import NEW, OLD, ROLE, Scene, rollout_spec

CODE = package("def handler(event, context): return 'uploaded'")
ZIP = Zip("new.zip", CODE)
URI = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop:new"


def uploads(scene: Scene) -> list[dict[str, Any]]:
    return [dict(request.params) for request in scene.requests("UpdateFunctionCode")]


def roll_out(scene: Scene, new: Package = ZIP, **asked: Any) -> Any:
    return scene.roll_out(rollout_spec(package=new, **asked))


def hash_of(scene: Scene, version: str) -> str:
    return scene.world.lambda_().functions["checkout"].published[version].code.sha256


def test_it_is_uploaded_and_what_was_uploaded_is_published_and_shifted() -> None:
    scene = Scene.ready()
    end = roll_out(scene)
    assert end.result is Result.PROMOTED
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == CODE
    (publication,) = scene.requests("PublishVersion")
    assert publication.params["CodeSha256"] == hash_of(scene, NEW)
    calls = [r.operation for r in scene.world.log if r.service == "lambda"]
    upload = calls.index("UpdateFunctionCode")
    # AWS refuses to publish while the update is in progress, so it is waited for and not provoked.
    waits = calls[upload + 1 : calls.index("PublishVersion")]
    assert set(waits) == {"GetFunctionConfiguration"}
    assert all(r.outcome == "ok" for r in scene.requests("UpdateFunctionCode", "PublishVersion"))


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_architecture_stays(architecture: str) -> None:
    scene = Scene.ready()
    latest = scene.world.lambda_().functions["checkout"].latest
    latest.settings["Architectures"] = [architecture]
    roll_out(scene)
    version = scene.world.lambda_().functions["checkout"].published[NEW]
    assert version.settings["Architectures"] == [architecture]


def test_the_same_bytes_again_are_unchanged() -> None:
    scene = Scene.ready()
    assert roll_out(scene).result is Result.PROMOTED
    scene.world.log.clear()
    end = roll_out(scene, rollout_id="00000001")
    assert end.result is Result.UNCHANGED
    assert not scene.requests("UpdateAlias")


@pytest.mark.parametrize("when", ["before it is waited for", "before it is published"])
def test_when_somebody_else_updates_in_between_nothing_is_published_or_shifted(when: str) -> None:
    scene = Scene.ready()
    theirs = {"FunctionName": "checkout", "ZipFile": package("def handler(e, c): return 'theirs'")}

    def update(_: object) -> None:
        scene.clock.advance(2)
        scene.call("lambda", "UpdateFunctionCode", **theirs)
        scene.clock.advance(2)

    if when == "before it is published":
        scene.world.faults.add(Meanwhile(update), operation="PublishVersion")
    else:
        # The second read of $LATEST is the one after the upload.
        scene.world.faults.add(Meanwhile(update), operation="GetFunctionConfiguration", nth=2)
    end = roll_out(scene)
    assert end.result is Result.FAILED
    assert "somebody else" in end.reason
    assert "checkout" in end.reason
    assert end.remedy
    assert list(scene.world.lambda_().functions["checkout"].published) == [OLD]
    assert not scene.requests("UpdateAlias")


def test_an_upload_whose_answer_was_lost_is_made_again() -> None:
    scene = Scene.ready()
    scene.world.faults.add(DropAnswer(), operation="UpdateFunctionCode")
    end = roll_out(scene)
    assert end.result is Result.PROMOTED, end.reason
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == CODE


def test_an_upload_that_is_throttled_is_made_again() -> None:
    scene = Scene.ready()
    scene.world.faults.add(Throttle(), operation="UpdateFunctionCode", count=3)
    assert roll_out(scene).result is Result.PROMOTED


def test_a_cancelled_upload_changes_no_alias() -> None:
    scene = Scene.ready()
    scene.world.faults.add(Hang(3), operation="UpdateFunctionCode", count=None)
    scene.after(5, lambda: scene.stop.request("cancelled"))
    assert roll_out(scene).result is Result.FAILED
    assert not scene.requests("UpdateAlias", "PublishVersion")


def test_an_object_in_s3_is_taken_in_the_version_named() -> None:
    scene = Scene.ready()
    first = scene.world.lambda_().sources.put("builds", "shop.zip", CODE)
    scene.world.lambda_().sources.put("builds", "shop.zip", package("newer = 1"))
    end = roll_out(scene, S3Object("builds", "shop.zip", first))
    assert end.result is Result.PROMOTED
    assert uploads(scene)[0]["S3ObjectVersion"] == first
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == CODE


def test_an_object_in_s3_without_a_version_is_the_newest_and_no_version_is_sent() -> None:
    scene = Scene.ready()
    scene.world.lambda_().sources.put("builds", "shop.zip", package("older = 1"))
    scene.world.lambda_().sources.put("builds", "shop.zip", CODE)
    assert roll_out(scene, S3Object("builds", "shop.zip", "")).result is Result.PROMOTED
    assert "S3ObjectVersion" not in uploads(scene)[0]
    assert scene.world.lambda_().functions["checkout"].published[NEW].code.data == CODE


@pytest.mark.parametrize(
    "place", [("nowhere", "shop.zip", ""), ("builds", "no.zip", ""), ("builds", "shop.zip", "v9")]
)
def test_an_object_that_is_not_there_fails_with_awss_words(place: tuple[str, str, str]) -> None:
    scene = Scene.ready()
    scene.world.lambda_().sources.put("builds", "shop.zip", CODE)
    end = roll_out(scene, S3Object(*place))
    assert end.result is Result.FAILED
    assert "S3 Error Code: NoSuch" in end.reason
    assert not scene.requests("UpdateAlias", "PublishVersion")


def with_image() -> Scene:
    scene = Scene.ready()
    sources = scene.world.lambda_().sources
    sources.images |= {URI: CODE, "first": package("first = 1")}
    del scene.world.lambda_().functions["checkout"]
    create = {"PackageType": "Image", "Role": ROLE, "Code": {"ImageUri": "first"}}
    scene.call("lambda", "CreateFunction", FunctionName="checkout", **create)
    scene.clock.advance(2)
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)
    scene.call("lambda", "CreateAlias", FunctionName="checkout", Name="live", FunctionVersion=OLD)
    return scene


def test_an_image_is_published_by_its_digest() -> None:
    scene = with_image()
    assert roll_out(scene, Image(URI)).result is Result.PROMOTED
    (publication,) = scene.requests("PublishVersion")
    assert publication.params["CodeSha256"] == hash_of(scene, NEW)
    scene.world.log.clear()
    assert roll_out(scene, Image(URI), rollout_id="00000001").result is Result.UNCHANGED


def test_an_image_that_is_not_there_or_a_zip_for_an_image_fails_with_awss_words() -> None:
    missing = roll_out(with_image(), Image("nothing:1"))
    assert "Source image nothing:1 does not exist" in missing.reason
    wrong = roll_out(with_image())
    assert "Please provide ImageUri" in wrong.reason


def test_a_unit_gets_the_same_package_and_all_are_shifted_together() -> None:
    scene = Group.of(3)
    end = scene.start(package=ZIP)
    assert end.result is Result.PROMOTED
    assert scene.whole_on(NEW)
    functions = scene.world.lambda_().functions
    assert {functions[name].published[NEW].code.data for name in names(3)} == {CODE}


def test_each_function_of_a_unit_gets_its_own_and_one_without_keeps_its_latest() -> None:
    scene = Group.of(3)
    kept = scene.world.lambda_().functions["f2"].latest.code.data
    other = Zip("other.zip", package("def handler(event, context): return 'other'"))
    end = scene.start(packages={"f1": ZIP, "f3": other})
    assert end.result is Result.PROMOTED
    assert scene.whole_on(NEW)
    functions = scene.world.lambda_().functions
    published = [functions[name].published[NEW].code.data for name in names(3)]
    assert published == [CODE, kept, other.content]
    assert [each["FunctionName"].rpartition(":")[2] for each in uploads(scene)] == ["f1", "f3"]


def test_a_failed_update_keeps_out_only_what_gets_no_package() -> None:
    scene = Group.of(2)
    scene.world.lambda_().functions["f2"].latest.update_status = "Failed"
    assert scene.start(packages={"f1": ZIP}).result is Result.FAILED
    assert scene.start(packages={"f1": ZIP}, mode=Mode.PLAN).result is Result.FAILED
    assert scene.start(packages={"f2": ZIP}).result is Result.PROMOTED


def test_when_the_upload_of_one_fails_none_is_shifted() -> None:
    scene = Group.of(3)
    no = Meanwhile(lambda _: scene.world.lambda_().functions.pop("f3"))
    scene.world.faults.add(no, operation="UpdateFunctionCode", nth=3)
    end = scene.start(package=ZIP)
    assert end.result is Result.FAILED
    assert not scene.requests("UpdateAlias")


def test_a_plan_uploads_nothing() -> None:
    scene = Scene.ready()
    assert roll_out(scene, mode=Mode.PLAN).result is Result.PLANNED
    assert not uploads(scene)
    assert not scene.told(VersionPublished)


def test_the_action_uploads_the_zip_of_the_workspace(tmp_path: Path) -> None:
    with live(tmp_path) as scene:
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        (workspace / "new.zip").write_bytes(CODE)
        finished = scene.run(package="new.zip")
        assert finished.outputs["result"] == "promoted", finished.log
        version = scene.world.lambda_().functions["checkout"].published[finished.outputs["version"]]
        assert version.code.data == CODE
        assert "PK" not in finished.log


def test_the_action_refuses_a_link_out_of_the_workspace_before_any_call(tmp_path: Path) -> None:
    with live(tmp_path) as scene:
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        (tmp_path / "secret.zip").write_bytes(CODE)
        (workspace / "new.zip").symlink_to(tmp_path / "secret.zip")
        before = len(scene.requests())
        finished = scene.run(package="new.zip")
        assert finished.status == 1
        assert "outside of the workspace" in finished.log
        assert len(scene.requests()) == before
