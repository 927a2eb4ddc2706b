"""From dev to prod: ``version: alias:dev`` for one function and for several, refused while dev is split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.names import NumberedEach
from lambda_rollout.rollout.events import Result, VersionTaken
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from tests.support.groups import Group, code_of, group_spec, names
from tests.support.scene import NEW, OLD, Scene, rollout_spec


def with_dev(scene: Scene, functions: list[str] | None = None, **alias: Any) -> None:
    """Publish what is in ``$LATEST`` and let ``dev`` point at it, or be as told."""
    for name in functions or ["checkout"]:
        scene.call("lambda", "PublishVersion", FunctionName=name)
        dev = {"FunctionVersion": NEW, **alias}
        scene.call("lambda", "CreateAlias", FunctionName=name, Name="dev", **dev)
    scene.clock.advance(2)
    scene.world.log.clear()


def test_the_version_that_dev_points_at_is_rolled_out_and_nothing_is_published() -> None:
    scene = Scene.ready()
    with_dev(scene)
    # Newer code has no part in it.
    scene.build("def handler(event, context): return 3")
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    end = scene.roll_out(rollout_spec(version_alias="dev"))
    assert end.result is Result.PROMOTED
    assert scene.alias.routing.version == NEW
    assert not scene.requests("PublishVersion", "UpdateFunctionCode")


def test_dev_itself_is_left_alone() -> None:
    scene = Scene.ready()
    with_dev(scene, Description="dev's")
    before = scene.call("lambda", "GetAlias", FunctionName="checkout", Name="dev")
    scene.roll_out(rollout_spec(version_alias="dev"))
    assert scene.call("lambda", "GetAlias", FunctionName="checkout", Name="dev") == before


def test_when_prod_is_on_it_already_it_is_unchanged() -> None:
    scene = Scene.ready()
    with_dev(scene, FunctionVersion=OLD)
    assert scene.roll_out(rollout_spec(version_alias="dev")).result is Result.UNCHANGED
    assert not scene.requests("UpdateAlias")


SPLIT = {"RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.1}}, "FunctionVersion": OLD}
RECORD = "[lambda-rollout 1>2 run local id 00c0ffee until 2026-11-23T09:00:00Z]"


@pytest.mark.parametrize(
    ("dev", "said"),
    [
        (SPLIT, "90% on version 1, 10% on version 2"),
        (SPLIT | {"Description": RECORD}, "in the middle of a rollout"),
        # Whole on the new version, but its watch there is not over.
        ({"FunctionVersion": NEW, "Description": RECORD}, "in the middle of a rollout"),
        ({"FunctionVersion": "$LATEST"}, "$LATEST"),
    ],
)
def test_an_alias_that_is_not_whole_on_a_version_is_refused(dev: dict[str, Any], said: str) -> None:
    scene = Scene.ready()
    with_dev(scene, **dev)
    end = scene.roll_out(rollout_spec(version_alias="dev"))
    assert end.result is Result.FAILED
    assert "checkout:dev" in end.reason
    assert said in end.reason
    assert not scene.requests("UpdateAlias")


def test_an_alias_that_is_not_there_is_refused() -> None:
    scene = Scene.ready()
    end = scene.roll_out(rollout_spec(version_alias="dev"))
    assert end.result is Result.FAILED
    assert "there is no alias checkout:dev" in end.reason


def test_a_plan_says_which_version_it_would_be() -> None:
    scene = Scene.ready()
    with_dev(scene)
    assert (
        scene.roll_out(rollout_spec(version_alias="dev", mode=Mode.PLAN)).result is Result.PLANNED
    )
    (taken,) = scene.told(VersionTaken)
    assert isinstance(taken, VersionTaken)
    assert taken.version == NEW


def test_each_function_of_a_unit_goes_to_the_version_of_its_own_dev() -> None:
    scene = Group.of(3, unchanged=("f3",))
    # f2 has been through more builds than f1.
    for build in ("third", "fourth"):
        code = {"ZipFile": code_of("f2", build)}
        scene.call("lambda", "PublishVersion", FunctionName="f2")
        scene.call("lambda", "UpdateFunctionCode", FunctionName="f2", **code)
        scene.clock.advance(2)
    newest = scene.call("lambda", "PublishVersion", FunctionName="f2")["Version"]
    scene.call("lambda", "PublishVersion", FunctionName="f1")
    for name, version in (("f1", NEW), ("f2", newest), ("f3", OLD)):
        scene.call("lambda", "CreateAlias", FunctionName=name, Name="dev", FunctionVersion=version)
    scene.clock.advance(2)
    end = scene.start(version_alias="dev")
    assert end.result is Result.PROMOTED, end.reason
    assert newest not in {OLD, NEW}
    assert scene.states() == {"f1": (NEW, {}), "f2": (newest, {}), "f3": (OLD, {})}


def test_one_dev_that_is_split_keeps_the_whole_unit_where_it_is() -> None:
    scene = Group.of(3)
    with_dev(scene, names(3))
    scene.call("lambda", "UpdateAlias", FunctionName="f2", Name="dev", **SPLIT)
    end = scene.start(version_alias="dev")
    assert end.result is Result.FAILED
    assert "f2:dev" in end.reason
    assert scene.whole_on(OLD)


def test_dev_and_prod_may_be_rolled_out_one_after_the_other() -> None:
    scene = Group.of(2)
    for name in names(2):
        scene.call("lambda", "CreateAlias", FunctionName=name, Name="dev", FunctionVersion=OLD)
    in_dev = tuple(Target(name, "dev") for name in names(2))
    dev = group_spec(2, "100% 60s", targets=in_dev)
    assert Rollout(dev, scene.ports(dev)).run().result is Result.PROMOTED
    assert scene.whole_on(OLD)
    end = scene.start(version_alias="dev", rollout_id="00000001")
    assert end.result is Result.PROMOTED
    assert scene.whole_on(NEW)


def test_each_function_goes_to_the_version_that_was_handed_over() -> None:
    """As the output `version` of an earlier job gave it, whatever was published since."""
    scene = Group.of(3, unchanged=("f3",))
    for name in names(2):
        scene.call("lambda", "PublishVersion", FunctionName=name)
        scene.call("lambda", "UpdateFunctionCode", FunctionName=name, ZipFile=code_of(name, "3"))
        scene.clock.advance(2)
        scene.call("lambda", "PublishVersion", FunctionName=name)
    scene.clock.advance(2)
    scene.world.log.clear()
    handed = NumberedEach((("f1", NEW), ("f2", "3"), ("f3", OLD)))
    held = scene.start("10% 60s, hold", version_each=handed)
    assert held.result is Result.HELD, held.reason
    other = replace(handed, numbers=(("f1", "3"), *handed.numbers[1:]))
    refused = scene.start(mode=Mode.PROMOTE, version_each=other, rollout_id="00000001")
    assert refused.result is Result.FAILED
    assert "f1:live is in a rollout of version 2, not of version 3" in refused.reason
    end = scene.start(mode=Mode.PROMOTE, version_each=handed, rollout_id="00000002")
    assert end.result is Result.PROMOTED, end.reason
    assert scene.states() == {"f1": (NEW, {}), "f2": ("3", {}), "f3": (OLD, {})}
    assert not scene.requests("PublishVersion")


def test_each_function_goes_back_to_the_version_that_is_named_for_it() -> None:
    scene = Group.of(2)
    assert scene.start("100% 0s").result is Result.PROMOTED
    back = group_spec(2, mode=Mode.ROLLBACK, version_each=NumberedEach((("f1", OLD), ("f2", NEW))))
    assert rollback(back, scene.ports(back)).result is Result.ROLLED_BACK
    assert scene.states() == {"f1": (OLD, {}), "f2": (NEW, {})}
