"""How a function's code is kept stays so: with the customer's key, or by reference. And nobody sees a signed URL.

What an upload leaves out, AWS takes for its own default.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.package import CodeStorage, Image, Package, S3Object, Zip
from lambda_rollout.preflight.finding import Code
from lambda_rollout.rollout.events import Finished, PreflightFound, Result
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.faults import AccessDenied, Throttle
from tests.support.code import package
from tests.support.groups import Group, names, targets
from tests.support.scene import NEW, OLD, ROLE, Scene, rollout_spec

KEY = "arn:aws:kms:eu-central-1:123456789012:key/0f1e"
CODE = package("def handler(event, context): return 'uploaded'")
ZIP = Zip("new.zip", CODE)
BUCKET, BUILD = "builds", "checkout.zip"
NAMED = S3Object(BUCKET, BUILD, "v2")


def made(scene: Scene, **how: str) -> Scene:
    """The function made again with its code in S3."""
    scene.world.lambda_().sources.put(BUCKET, BUILD, package())
    scene.world.lambda_().sources.put(BUCKET, BUILD, CODE)
    scene.call("lambda", "DeleteFunction", FunctionName="checkout")
    scene.call(
        "lambda",
        "CreateFunction",
        FunctionName="checkout",
        Runtime="python3.13",
        Role=ROLE,
        Handler="app.handler",
        Code={"S3Bucket": BUCKET, "S3Key": BUILD, "S3ObjectVersion": "v1", **how},
    )
    scene.clock.advance(2)
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)
    scene.call("lambda", "CreateAlias", FunctionName="checkout", Name="live", FunctionVersion=OLD)
    scene.world.log.clear()
    return scene


@pytest.fixture
def encrypted() -> Scene:
    return made(Scene.ready(), SourceKMSKeyArn=KEY)


@pytest.fixture
def referenced() -> Scene:
    return made(Scene.ready(), S3ObjectStorageMode="REFERENCE", SourceKMSKeyArn=KEY)


def roll_out(scene: Scene, new: Package, **asked: Any) -> Finished:
    """As `Scene.roll_out`, with a preflight."""
    wanted: RolloutSpec = rollout_spec(package=new, alarms=(), **asked)
    clients = scene.clients()
    ports = replace(scene.ports(wanted, clients), preflight_reader=AwsPreflightReader(clients, ()))
    return Rollout(wanted, ports).run()


def uploaded(scene: Scene) -> dict[str, Any]:
    [request] = scene.requests("UpdateFunctionCode")
    return dict(request.params)


def codes(scene: Scene) -> list[Code]:
    [found] = [event for event in scene.events if isinstance(event, PreflightFound)]
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize("new", [ZIP, S3Object(BUCKET, BUILD, ""), NAMED])
def test_the_customer_s_key_stays(encrypted: Scene, new: Package) -> None:
    assert roll_out(encrypted, new).result is Result.PROMOTED
    assert uploaded(encrypted)["SourceKMSKeyArn"] == KEY
    assert encrypted.world.lambda_().functions["checkout"].published[NEW].source_key == KEY
    assert "S3ObjectStorageMode" not in uploaded(encrypted)


def test_code_by_reference_stays_by_reference(referenced: Scene) -> None:
    assert roll_out(referenced, NAMED).result is Result.PROMOTED
    assert uploaded(referenced)["S3ObjectStorageMode"] == "REFERENCE"
    assert uploaded(referenced)["SourceKMSKeyArn"] == KEY
    version = referenced.world.lambda_().functions["checkout"].published[NEW]
    assert version.reference == (BUCKET, BUILD, "v2")
    assert Code.CODE_BY_REFERENCE in codes(referenced)


@pytest.mark.parametrize("mode", [Mode.ROLLOUT, Mode.PLAN])
@pytest.mark.parametrize("new", [ZIP, S3Object(BUCKET, BUILD, "")])
def test_what_cannot_be_kept_by_reference_is_refused_before_anything_changes(
    referenced: Scene, new: Package, mode: Mode
) -> None:
    finished = roll_out(referenced, new, mode=mode)
    assert finished.result is Result.FAILED
    assert "REFERENCE" in finished.reason
    assert "versionId" in finished.remedy
    assert not referenced.requests("UpdateFunctionCode", "PublishVersion", "UpdateAlias")


def test_without_a_word_of_either_an_upload_says_nothing_of_them() -> None:
    scene = Scene.ready()
    assert roll_out(scene, ZIP).result is Result.PROMOTED
    assert set(uploaded(scene)) == {"FunctionName", "ZipFile", "Architectures"}


def test_it_costs_one_call_and_only_with_a_package() -> None:
    counted = []
    for new in (None, ZIP):
        scene = Scene.ready()
        wanted = rollout_spec(package=new, alarms=())
        assert scene.roll_out(wanted).result is Result.PROMOTED
        counted.append(Counter(request.operation for request in scene.world.log))
    more = counted[1] - counted[0]
    assert more["GetFunction"] == 1
    assert counted[0]["GetFunction"] == 0


def test_of_several_functions_none_is_uploaded_to_if_one_cannot_keep_its_code() -> None:
    unit = Group.ready(3)
    unit.world.lambda_().functions[names(3)[2]].latest.reference = (BUCKET, BUILD, "v1")
    finished = unit.roll_out(rollout_spec(package=ZIP, targets=targets(3)))
    assert finished.result is Result.FAILED
    assert names(3)[2] in finished.reason
    assert not unit.requests("UpdateFunctionCode", "PublishVersion")


def test_an_image_has_neither() -> None:
    assert CodeStorage(by_reference=True).wants(Image("repository:tag")) == ""


def test_without_the_right_to_look_nothing_is_uploaded(encrypted: Scene) -> None:
    encrypted.world.faults.add(AccessDenied(), operation="GetFunction", count=None)
    finished = roll_out(encrypted, ZIP)
    assert finished.result is Result.FAILED
    assert "lambda:GetFunction" in finished.remedy
    assert not encrypted.requests("UpdateFunctionCode", "UpdateAlias")


def test_throttling_is_waited_out(encrypted: Scene) -> None:
    encrypted.world.faults.add(Throttle(), operation="GetFunction", count=3)
    assert roll_out(encrypted, ZIP).result is Result.PROMOTED


def test_an_old_version_whose_object_is_gone_is_told(referenced: Scene) -> None:
    referenced.world.lambda_().lose_object(BUCKET, BUILD, "v1")
    roll_out(referenced, NAMED, mode=Mode.PLAN)
    assert Code.OLD_CODE_GONE in codes(referenced)


def test_nothing_that_is_told_has_the_signed_url(referenced: Scene) -> None:
    assert roll_out(referenced, NAMED).result is Result.PROMOTED
    assert referenced.requests("GetFunction")
    assert "X-Amz-Signature" not in repr(referenced.events)
    clients = referenced.clients()
    seen = AwsPreflightReader(clients, ()).storage(Target("checkout", "live"), OLD)
    assert seen == CodeStorage(KEY, by_reference=True)
