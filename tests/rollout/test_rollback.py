"""`mode: rollback` that is cut short, that has nothing to do, or was asked for what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.alias.record import LEASE, Record, compose
from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout.events import AlreadyThere, Finished, Result, RolledBack
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Die, Meanwhile, StaleRead
from tests.support.groups import Group, group_spec, text_of
from tests.support.scene import NEW, OLD, ROLLOUT_ID, Scene, rollout_spec

LATER = "00000001"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def roll_back(scene: Scene, **asked: Any) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER, **asked)
    return rollback(wanted, scene.ports(wanted))


def test_the_post_stage_ends_a_rollback_of_a_whole_alias_that_was_cut_short() -> None:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("100% 0s")).result is Result.PROMOTED
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=1)
    with pytest.raises(Killed):
        roll_back(scene, version=OLD)
    scene.world.faults.clear()

    end = _post_stage(scene)

    assert end.result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


@pytest.mark.parametrize("weights", [{NEW: 0.25}, {}])
def test_the_post_stage_ends_one_of_a_rollout_whose_record_was_struck_out_meanwhile(
    weights: dict[str, float],
) -> None:
    scene = Scene.ready()
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(5)
    until = scene.clock.now().replace(microsecond=0) + LEASE
    left = {
        "FunctionVersion": OLD if weights else NEW,
        "RoutingConfig": {"AdditionalVersionWeights": weights},
        "Description": compose("mine", Record(OLD, NEW, ROLLOUT_ID, until)),
    }
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **left)
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=1)
    with pytest.raises(Killed):
        roll_back(scene)
    scene.world.faults.clear()
    edit = {"Description": "edited by hand"}
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **edit)

    assert _post_stage(scene).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == "edited by hand"


def _post_stage(scene: Scene) -> Finished:
    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    return settle_what_main_left(saved_state, ordered, scene.ports(ordered))


def test_what_is_not_there_to_go_back_to_is_told_with_what_helps_in_this_mode() -> None:
    scene = Scene.ready()
    version = roll_back(scene, version="77")
    assert (version.result, version.remedy) == (
        Result.FAILED,
        "Name a published version in `version`.",
    )
    scene.call("lambda", "DeleteAlias", FunctionName="checkout", Name="live")
    alias = roll_back(scene, version=OLD)
    assert (alias.reason, alias.remedy) == (
        "function checkout has no alias live: there is nothing to roll back.",
        "Check `alias` and `function-name`.",
    )


@pytest.mark.parametrize(("count", "last"), [(2, "f2:live"), (12, "and 2 more")])
def test_what_is_wrong_with_several_is_one_line(count: int, last: str) -> None:
    scene = Group.of(count)
    wanted = group_spec(count, mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER)
    causes = rollback(wanted, scene.ports(wanted)).reason.split("; ")
    assert causes[0] == "f1:live sends 100% to version 1, and has no record of a rollout"
    assert causes[-1].startswith(last)
    assert len(causes) == min(count, 11)


def test_where_it_is_already_there_was_nothing_to_roll_back() -> None:
    scene = Scene.ready()
    assert roll_back(scene, version=OLD).result is Result.UNCHANGED
    assert list(happenings(rollout_state(scene.events))) == [
        "There was nothing to roll back, so nothing was shifted."
    ]


def left_in_parts(*, held: bool = False) -> Group:
    """A group of which a run that may be alive has shifted the first function, and not the second yet."""
    scene = Group.of(2)
    for name in ("f1", "f2"):
        scene.call("lambda", "PublishVersion", FunctionName=name)
    scene.clock.advance(5)
    _shift(scene, "f1", scene.alias_of("f1").revision_id, held=held)
    scene.world.log.clear()
    return scene


def _shift(scene: Group, name: str, revision_id: str, *, held: bool = False) -> None:
    """What the run writes to one of them, now or late."""
    until = None if held else scene.clock.now().replace(microsecond=0) + LEASE
    record = Record(OLD, NEW, ROLLOUT_ID, until)
    scene.call(
        "lambda",
        "UpdateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion=OLD,
        RoutingConfig={"AdditionalVersionWeights": {NEW: 0.1}},
        Description=compose(text_of(name), record),
        RevisionId=revision_id,
    )


def roll_back_both(scene: Group) -> Finished:
    wanted = group_spec(2, mode=Mode.ROLLBACK, alarms=(), rollout_id=LATER)
    return rollback(wanted, scene.ports(wanted))


def test_a_first_shift_that_is_on_its_way_to_another_of_the_group_comes_too_late() -> None:
    scene = left_in_parts()
    before = scene.alias_of("f2").revision_id
    assert roll_back_both(scene).result is Result.ROLLED_BACK
    with pytest.raises(AwsError, match="PreconditionFailed"):
        _shift(scene, "f2", before)
    assert scene.whole_on(OLD)
    told = [type(event) for event in scene.events if isinstance(event, AlreadyThere | RolledBack)]
    assert told == [RolledBack, AlreadyThere]


@pytest.mark.parametrize("answers", [1, 3])
def test_one_that_a_stale_read_shows_as_not_shifted_goes_back_with_the_others(answers: int) -> None:
    scene = left_in_parts()
    _shift(scene, "f2", scene.alias_of("f2").revision_id)
    scene.world.faults.add(StaleRead(), operation="GetAlias", nth=2, count=answers)
    end = roll_back_both(scene)
    assert (end.result, scene.whole_on(OLD)) == (Result.ROLLED_BACK, True)
    back = {event.target.function for event in scene.events if isinstance(event, RolledBack)}
    assert back == {"f1", "f2"}


def test_one_that_was_split_by_somebody_meanwhile_is_told() -> None:
    scene = left_in_parts()
    split = {"RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.3}}}
    meanwhile = Meanwhile(
        lambda _: scene.call("lambda", "UpdateAlias", FunctionName="f2", Name="live", **split)
    )
    scene.world.faults.add(meanwhile, operation="UpdateAlias", nth=1)
    end = roll_back_both(scene)
    assert end.result is Result.FAILED
    assert end.reason.startswith("f2:live is split: 70% on version 1, 30% on version 2")


def test_nobody_is_about_to_shift_one_beside_others_that_are_held() -> None:
    scene = left_in_parts(held=True)
    assert roll_back_both(scene).result is Result.ROLLED_BACK
    assert [request.function for request in scene.requests("UpdateAlias")] == ["f1"]
