"""``previous-alias``: after a promotion it keeps the way back, and ``mode: rollback`` takes it without a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lambda_rollout.alias.promotion import promotion_of
from lambda_rollout.alias.routing import Alias, Routing, Target
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from sandbox.aws.faults import (
    Die,
    DropAnswer,
    Fault,
    Hang,
    Meanwhile,
    ServerError,
    StaleRead,
    Throttle,
)
from tests.support.groups import Group, group_spec
from tests.support.scene import NEW, OLD, Scene, rollout_spec
from tests.support.seam import direct

KEPT = "live-previous"
MINE = "for emergencies"
THIRD = "3"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def asked(steps: str = "10% 10s, 100% 10s", **more: Any) -> RolloutSpec:
    return rollout_spec(steps, **{"previous_alias": KEPT, **more})


def kept(scene: Scene, function: str = "checkout") -> Alias:
    return LambdaAliases(direct(scene.world)).read(Target(function, KEPT))


def put_kept(scene: Scene, version: str = OLD, description: str = MINE, **more: Any) -> None:
    fields = {"FunctionVersion": version, "Description": description, **more}
    scene.call("lambda", "CreateAlias", FunctionName="checkout", Name=KEPT, **fields)


def move_kept(scene: Scene, version: str, **more: Any) -> None:
    fields = {"FunctionVersion": version, **more}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name=KEPT, **fields)


def go_back(scene: Scene, **more: Any) -> Finished:
    scene.events.clear()
    spec = asked(mode=Mode.ROLLBACK, **more)
    return rollback(spec, scene.ports(spec.identity))


def promoted(scene: Scene) -> None:
    assert scene.roll_out(asked()).result is Result.PROMOTED


# Set by a promotion ------------------------------------------------------------------------------


def test_it_is_created_on_the_version_that_was_left(scene: Scene) -> None:
    promoted(scene)
    told = promotion_of(kept(scene))
    assert told is not None
    assert (told.old, told.new) == (OLD, NEW)
    assert kept(scene).routing == Routing.all_on(OLD)
    assert str(told) == kept(scene).description
    assert scene.told(e.PreviousAliasSet)
    # The last thing that is done, after the record is removed.
    writes = [
        r.params["Name"] for r in scene.requests() if r.operation in {"UpdateAlias", "CreateAlias"}
    ]
    assert writes == ["live", "live", "live", KEPT]


def test_one_that_is_there_keeps_its_owners_text(scene: Scene) -> None:
    put_kept(scene)
    promoted(scene)
    scene.build("def handler(event, context): return 3")
    promoted(scene)
    assert kept(scene).routing == Routing.all_on(NEW)
    text, _, mark = kept(scene).description.partition(" [")
    assert text == MINE
    assert mark.startswith("lambda-rollout 2>3 promoted 2026-")


def test_none_is_touched_without_the_input(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    assert not scene.requests("CreateAlias")


@pytest.mark.parametrize("steps", ["100% 0s"])
def test_nothing_is_kept_of_what_was_unchanged(scene: Scene, steps: str) -> None:
    promoted(scene)
    before = kept(scene)
    assert scene.roll_out(asked(steps)).result is Result.UNCHANGED
    assert kept(scene) == before


def test_a_rollback_moves_nothing(scene: Scene) -> None:
    scene.set_alarm("checkout-errors", "OK")
    scene.after(15, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert scene.roll_out(asked("10% 60s")).result is Result.ROLLED_BACK
    assert not scene.requests("CreateAlias")


def test_those_of_a_group_that_stayed_keep_their_present_version() -> None:
    group = Group.of(2, unchanged=("f2",))
    spec = group_spec(2, "10% 10s, 100% 10s", previous_alias=KEPT)
    assert group.roll_out(spec).result is Result.PROMOTED
    assert kept(group, "f1").routing == Routing.all_on(OLD)
    assert kept(group, "f2").routing == Routing.all_on(OLD)


def test_a_split_one_is_left_alone(scene: Scene) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    put_kept(scene, RoutingConfig={"AdditionalVersionWeights": {NEW: 0.5}})
    before = kept(scene)
    promoted(scene)
    assert kept(scene) == before
    [text] = scene.warnings
    assert (
        f"checkout:{KEPT} was not pointed at version 1, which this rollout has left: it is split"
        in text
    )


def test_one_that_moved_while_the_record_was_removed_is_left_alone(scene: Scene) -> None:
    """So a late write of an older rollout never undoes what a later one keeps."""
    put_kept(scene)
    meanwhile = Meanwhile(lambda _: move_kept(scene, NEW, Description="theirs"))
    scene.world.faults.add(meanwhile, operation="UpdateAlias", nth=3)
    promoted(scene)
    assert (kept(scene).routing, kept(scene).description) == (Routing.all_on(NEW), "theirs")
    assert "somebody else wrote it meanwhile" in scene.warnings[0]


def test_one_that_somebody_created_meanwhile_is_left_alone(scene: Scene) -> None:
    meanwhile = Meanwhile(lambda _: put_kept(scene, NEW, "theirs"))
    scene.world.faults.add(meanwhile, operation="UpdateAlias", nth=3)
    promoted(scene)
    assert kept(scene).description == "theirs"
    assert "somebody else wrote it meanwhile" in scene.warnings[0]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        ServerError(after_effect=True),
        DropAnswer(),
        Throttle(),
        ServerError(),
        Hang(effect="late", lands_after=10.0),
    ],
    ids=str,
)
def test_an_answer_that_is_lost_is_decided_by_reading(
    scene: Scene, fault: Fault, there: bool
) -> None:
    operation, nth = ("UpdateAlias", 4) if there else ("CreateAlias", 1)
    if there:
        put_kept(scene)
    scene.world.faults.add(fault, operation=operation, nth=nth)
    promoted(scene)
    assert kept(scene).routing == Routing.all_on(OLD)
    assert promotion_of(kept(scene)) is not None
    assert scene.warnings == []


def test_a_stale_read_after_it_is_no_news(scene: Scene) -> None:
    put_kept(scene)
    faults = scene.world.faults
    stale = Meanwhile(lambda _: faults.add(StaleRead(), operation="GetAlias", count=2))
    faults.add(stale, operation="UpdateAlias", nth=3)
    faults.add(DropAnswer(), operation="UpdateAlias", nth=3)
    assert scene.roll_out(asked("100% 0s")).result is Result.PROMOTED
    assert [r.outcome for r in scene.requests("UpdateAlias")][2:] != ["ok"]
    assert promotion_of(kept(scene)) is not None
    assert scene.warnings == []


def test_a_denied_one_is_a_warning_and_no_more(scene: Scene) -> None:
    put_kept(scene)
    scene.world.faults.add(ServerError(), operation="UpdateAlias", nth=4, count=None)
    promoted(scene)
    assert scene.alias.routing == Routing.all_on(NEW)
    [text] = scene.warnings
    assert "The rollout itself is not affected. To do it by hand: aws lambda update-alias" in text
    assert scene.saved_states[-1].phase is Phase.DONE


def test_the_post_stage_sets_it_if_main_died_in_between(scene: Scene) -> None:
    put_kept(scene)
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=4)
    with pytest.raises(Killed):
        scene.roll_out(asked())
    scene.world.faults.rules.remove(rule)
    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    identity = RunIdentity.of_saved_state(saved_state, asked().run)
    finished = settle_what_main_left(saved_state, identity, scene.ports(identity))
    assert finished.result is Result.PROMOTED
    told = promotion_of(kept(scene))
    assert told is not None
    assert (told.old, told.new) == (OLD, NEW)


def test_the_version_that_it_keeps_cannot_be_deleted(scene: Scene) -> None:
    promoted(scene)
    with pytest.raises(Exception, match="ResourceConflictException"):
        scene.call("lambda", "DeleteFunction", FunctionName="checkout", Qualifier=OLD)


# The way back --------------------------------------------------------------------------------------


def test_it_is_the_way_back_and_never_forward_again(scene: Scene) -> None:
    promoted(scene)
    assert go_back(scene).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    [found] = [each for each in scene.events if isinstance(each, e.PreviousAliasFound)]
    assert (found.version, found.from_version) == (OLD, NEW)
    verdict = "\n".join(happenings(rollout_state(scene.events)))
    assert "Version 1 of checkout was last live at 2026-" in verdict
    assert go_back(scene).result is Result.UNCHANGED
    assert scene.alias.routing == Routing.all_on(OLD)


def test_on_a_third_version_it_is_refused(scene: Scene) -> None:
    promoted(scene)
    scene.build("def handler(event, context): return 3")
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    change = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": THIRD}
    scene.call("lambda", "UpdateAlias", **change)
    finished = go_back(scene)
    assert finished.result is Result.FAILED
    assert (
        "is on version 3, but checkout:live-previous keeps the way back from version 2 to version 1"
        in finished.reason
    )
    assert "--function-version 1" in finished.remedy
    assert scene.alias.routing == Routing.all_on(THIRD)


def test_somebodys_own_alias_says_where_to(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    put_kept(scene)
    assert go_back(scene).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


def test_a_mark_on_another_version_than_it_tells_of_is_none(scene: Scene) -> None:
    promoted(scene)
    move_kept(scene, NEW)
    assert promotion_of(kept(scene)) is None
    assert go_back(scene).result is Result.UNCHANGED


def test_a_missing_one_is_told(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    finished = go_back(scene)
    assert finished.result is Result.FAILED
    assert finished.reason == "there is no alias checkout:live-previous to say where to go back to."


def test_a_split_one_does_not_say(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    put_kept(scene, RoutingConfig={"AdditionalVersionWeights": {NEW: 0.5}})
    finished = go_back(scene)
    assert finished.result is Result.FAILED
    assert "does not say where to go back to: it is split" in finished.reason


def test_without_it_the_input_is_named(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    finished = go_back(scene, previous_alias=None)
    assert finished.result is Result.FAILED
    assert "`previous-alias`" in finished.remedy


def test_a_number_needs_no_alias(scene: Scene) -> None:
    promoted(scene)
    move_kept(scene, NEW)
    assert go_back(scene, version=OLD).result is Result.ROLLED_BACK


def test_a_group_goes_back_as_one() -> None:
    group = Group.of(2, unchanged=("f2",))
    spec = group_spec(2, "100% 0s", previous_alias=KEPT)
    assert group.roll_out(spec).result is Result.PROMOTED
    back = replace(spec, inputs=replace(spec.inputs, mode=Mode.ROLLBACK))
    assert rollback(back, group.ports(back.identity)).result is Result.ROLLED_BACK
    assert group.states() == {"f1": (OLD, {}), "f2": (OLD, {})}
