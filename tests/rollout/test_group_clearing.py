"""A group whose clearing was cut short: one mark says for all that they go forward, so it goes last."""

from __future__ import annotations

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import Die, ServerError
from tests.support.groups import Group, group_spec, targets
from tests.support.scene import NEW, OLD, rollout_spec


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def killed_at(scene: Group, nth: int) -> None:
    """Let the group's rollout die right after its ``nth`` write of an alias."""
    rule = scene.world.faults.add(Die(die, after_effect=True), operation="UpdateAlias", nth=nth)
    with pytest.raises(Killed):
        scene.start()
    scene.world.faults.rules.remove(rule)


def all_expire(scene: Group) -> None:
    scene.clock.advance(lease.LEASE.total_seconds() + 1)


MARKED = 7
"""Which write of three functions' two steps is the mark: three at 10%, three at 100%."""


def test_a_mending_write_that_fails_once_leaves_no_mixture() -> None:
    scene = Group.of(3)
    killed_at(scene, MARKED)
    all_expire(scene)
    scene.world.faults.add(ServerError(), operation="UpdateAlias", nth=1)

    assert scene.start(rollout_id="00000001").result is Result.UNCHANGED

    assert scene.whole_on(NEW), scene.states()


@pytest.mark.parametrize("nth", [1, 2])
def test_a_next_run_that_names_them_in_another_order_and_dies_too_leaves_no_mixture(
    nth: int,
) -> None:
    scene = Group.of(3)
    killed_at(scene, MARKED)
    all_expire(scene)
    asked = group_spec(3, rollout_id="00000001", targets=tuple(reversed(targets(3))))
    rule = scene.world.faults.add(Die(die, after_effect=True), operation="UpdateAlias", nth=nth)
    with pytest.raises(Killed):
        Rollout(asked, scene.ports(asked)).run()
    scene.world.faults.rules.remove(rule)

    assert scene.start(rollout_id="00000002").result is Result.UNCHANGED

    assert scene.whole_on(NEW), scene.states()


def post(scene: Group) -> Result:
    saved_state = SavedState.from_json(scene.saved_states[-1].to_json())
    ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    return settle_what_main_left(saved_state, ordered, scene.ports(ordered)).result


@pytest.mark.parametrize("died_at", range(1, 5))
def test_the_post_stage_puts_its_mark_where_it_can_be_read(died_at: int) -> None:
    """The last function's code was unchanged: a record from a version to itself is no record."""
    scene = Group.of(3, unchanged=("f3",))
    killed_at(scene, 5)
    assert scene.saved_states[-1].phase is Phase.CLEARING
    rule = scene.world.faults.add(Die(die, after_effect=True), operation="UpdateAlias", nth=died_at)
    with pytest.raises(Killed):
        post(scene)
    scene.world.faults.rules.remove(rule)
    assert "[lambda-rollout 1>1" not in scene.alias_of("f3").description
    all_expire(scene)

    assert scene.start(rollout_id="00000001").result is Result.UNCHANGED

    assert scene.whole_on(NEW, "f3"), scene.states()
    assert scene.alias_of("f3").description == "the one that customers of f3 see"


@pytest.mark.parametrize("died_at", range(1, 4))
def test_the_post_stage_leaves_no_part_of_a_promotion_behind(died_at: int) -> None:
    """Some were at 100% already, the others still held; before the first write all of them are."""
    scene = Group.of(3)
    assert scene.start("25% 60s, hold").result is Result.HELD
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=died_at)
    with pytest.raises(Killed):
        scene.start(mode=Mode.PROMOTE, rollout_id="00000001")
    scene.world.faults.rules.remove(rule)

    result = post(scene)

    if died_at == 1:
        assert all(state == (OLD, {NEW: 0.25}) for state in scene.states().values())
    else:
        assert result is Result.ROLLED_BACK
        assert scene.whole_on(OLD), scene.states()
