"""`mode: rollback` that is cut short, that has nothing to do, or was asked for what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import happenings
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.saved_state import SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import Die
from tests.support.groups import Group, group_spec
from tests.support.scene import OLD, Scene, rollout_spec

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

    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    end = settle_what_main_left(saved_state, ordered, scene.ports(ordered))

    assert end.result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


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
