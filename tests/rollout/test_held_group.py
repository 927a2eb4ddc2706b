"""A held group of which a part is promoted or rolled back: nothing on an alias says how many functions there are."""

from __future__ import annotations

from typing import Any

import pytest

from lambda_rollout.alias.record import parse
from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.names import NumberedEach
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.rollback import rollback
from tests.support.groups import Group, group_spec
from tests.support.scene import NEW, OLD

ONE = (Target("f1", "live"),)
STILL_HELD = "are still held: run `mode: {}` for them, too"


@pytest.fixture
def group() -> Group:
    group = Group.of(2)
    assert group.start("10% 1s, hold").result is Result.HELD
    return group


def promoted(group: Group, **asked: Any) -> Finished:
    return group.start("100% 1s", mode=Mode.PROMOTE, rollout_id="00000002", **asked)


def rolled_back(group: Group, **asked: Any) -> Finished:
    spec = group_spec(2, mode=Mode.ROLLBACK, rollout_id="00000002", **asked)
    return rollback(spec, group.ports(spec))


def is_held(group: Group, name: str) -> bool:
    record = parse(group.alias_of(name).description)[1]
    return record is not None and record.held


def test_who_holds_them_says_how_many_there_are() -> None:
    several, one = Group.of(3, unchanged=("f3",)), Group.of(1)
    assert several.start("10% 1s, hold").remedy.endswith("naming all 2 functions.")
    assert one.start("10% 1s, hold").remedy.endswith("undo it with `mode: rollback`.")


def test_promoting_one_of_them_says_that_others_may_be_held_still(group: Group) -> None:
    end = promoted(group, targets=ONE)
    assert end.result is Result.PROMOTED
    assert STILL_HELD.format("promote") in end.remedy
    assert (group.whole_on(NEW, "f2"), is_held(group, "f2")) == (True, True)
    assert promoted(group).result is Result.PROMOTED, "as the remedy says, whatever is done already"
    assert group.whole_on(NEW)


def test_rolling_one_of_them_back_says_so_too(group: Group) -> None:
    end = rolled_back(group, targets=ONE)
    assert end.result is Result.ROLLED_BACK
    assert STILL_HELD.format("rollback") in end.remedy
    assert (group.whole_on(OLD, "f2"), is_held(group, "f2")) == (True, True)
    assert rolled_back(group).result is Result.ROLLED_BACK
    assert group.whole_on(OLD)


def test_where_the_run_that_held_them_has_named_them_all_nothing_is_to_be_said(
    group: Group,
) -> None:
    """The output `version` of that run names each; a list without one of them is an input mistake."""
    all_of_them = NumberedEach((("f1", NEW), ("f2", NEW)))
    assert promoted(group, version_each=all_of_them).remedy == ""


def test_nor_where_a_single_one_has_its_number() -> None:
    """That run's output is an object as soon as it had several."""
    one = Group.of(1)
    assert one.start("10% 1s, hold").result is Result.HELD
    end = one.start("100% 1s", mode=Mode.PROMOTE, rollout_id="00000002", version=NEW)
    assert (end.result, end.remedy) == (Result.PROMOTED, "")


def test_a_rollback_of_what_was_not_held_has_nothing_to_say() -> None:
    scene = Group.of(1)
    assert scene.start("100% 1s").result is Result.PROMOTED
    back = group_spec(1, mode=Mode.ROLLBACK, rollout_id="00000002", version=OLD)
    end = rollback(back, scene.ports(back))
    assert (end.result, end.remedy) == (Result.ROLLED_BACK, "")
