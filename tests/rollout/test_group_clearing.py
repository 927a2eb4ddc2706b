"""A group whose clearing was cut short: one mark says for all that they go forward, so it goes last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    AliasLeft,
    Event,
    RecordCleared,
    Result,
    RolledBack,
    StepPassed,
    TakenBack,
)
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import Die, Meanwhile, ServerError
from tests.support.groups import Group, OnlyOf, group_spec, targets, text_of, whole_on
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


# The marked one is lost ---------------------------------------------------------------------------


def somebody_writes(scene: Group, name: str, version: str) -> None:
    """An UpdateAlias from the console, without a RevisionId: whole on a version, with the owner's text."""
    whole = {"FunctionVersion": version, "RoutingConfig": {}, "Description": text_of(name)}
    scene.call("lambda", "UpdateAlias", FunctionName=name, Name="live", **whole)


def before_the_mark(scene: Group, act: Callable[[], object]) -> None:
    """Let something happen after the last look at the aliases, just before the mark is written."""
    scene.world.faults.add(Meanwhile(lambda _: act()), operation="UpdateAlias", nth=MARKED)


def functions_of(
    scene: Group, kind: type[RolledBack | TakenBack | AliasLeft | RecordCleared]
) -> list[str]:
    """Which functions were told of with an event of this kind, in order."""
    return [event.target.function for event in scene.events if isinstance(event, kind)]


def test_one_that_somebody_took_back_takes_the_others_back_with_it() -> None:
    scene = Group.of(3)
    before_the_mark(scene, lambda: somebody_writes(scene, "f3", OLD))

    end = scene.start()

    assert end.result is Result.FAILED
    assert "f3:live was taken back by somebody else" in end.reason
    assert scene.whole_on(OLD), scene.states()
    assert functions_of(scene, RolledBack) == ["f2", "f1"]
    assert functions_of(scene, TakenBack) == ["f3"]
    assert functions_of(scene, AliasLeft) == []
    assert functions_of(scene, RecordCleared) == []
    assert scene.saved_states[-1].phase is Phase.DONE


def test_one_that_was_deleted_takes_the_others_back_with_it() -> None:
    scene = Group.of(3)
    alias = {"FunctionName": "f3", "Name": "live"}
    before_the_mark(scene, lambda: scene.call("lambda", "DeleteAlias", **alias))

    end = scene.start()

    assert end.result is Result.FAILED
    assert "f3:live" in end.reason
    assert whole_on(scene.world, ["f1", "f2"], OLD)
    assert functions_of(scene, AliasLeft) == ["f3"]


@pytest.mark.parametrize("died_at", range(1, 3))
def test_who_dies_while_the_others_go_back_leaves_no_mixture(died_at: int) -> None:
    """The post stage must not go forward with them: what is saved says that they go back."""
    scene = Group.of(3)
    before_the_mark(scene, lambda: somebody_writes(scene, "f3", OLD))
    killed_at(scene, MARKED + died_at)

    post(scene)

    assert scene.whole_on(OLD), scene.states()


def test_one_that_others_have_finished_does_not_take_the_others_back() -> None:
    """This run stood still until its time was over, and one of them is on the new version without its record."""
    scene, asked = Group.of(3), group_spec(3)
    ports = scene.ports(asked)

    def emit(event: Event) -> None:
        ports.emit(event)
        if isinstance(event, StepPassed) and event.number == 2:
            somebody_writes(scene, "f3", NEW)
            all_expire(scene)

    end = Rollout(asked, replace(ports, emit=emit)).run()

    assert end.result is Result.FAILED
    assert scene.whole_on(NEW), scene.states()
    assert functions_of(scene, AliasLeft) == ["f3"]
    assert functions_of(scene, RecordCleared) == ["f1", "f2"]
    marks = [r for r in scene.requests("UpdateAlias") if "until 1970" in r.params["Description"]]
    assert [r.function for r in marks if r.effect_at] == ["f2"]


def test_the_post_stage_goes_forward_with_none_if_one_was_taken_back_before_all_were_marked() -> (
    None
):
    scene = Group.of(3)
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=MARKED)
    with pytest.raises(Killed):
        scene.start()
    scene.world.faults.rules.remove(rule)
    assert scene.saved_states[-1].phase is Phase.CLEARING
    somebody_writes(scene, "f3", OLD)

    assert post(scene) is Result.FAILED

    assert scene.whole_on(OLD), scene.states()


def test_the_post_stage_goes_forward_with_the_others_once_one_of_them_was_cleared() -> None:
    """Then all had been marked; that somebody took one back since is nothing that the others can undo."""
    scene = Group.of(3)
    killed_at(scene, MARKED + 1)
    somebody_writes(scene, "f3", OLD)

    assert post(scene) is Result.FAILED

    assert whole_on(scene.world, ["f1", "f2"], NEW), scene.states()


@pytest.mark.parametrize("unread", ["f1", "f3"])
def test_the_post_stage_leaves_the_mark_while_it_cannot_read_one_of_them(unread: str) -> None:
    """The next run finds that one with a record that says nothing of having passed."""
    scene = Group.of(3)
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=MARKED)
    with pytest.raises(Killed):
        scene.start()
    scene.world.faults.rules.remove(rule)
    rule = scene.world.faults.add(OnlyOf(unread, ServerError()), operation="GetAlias", count=None)

    assert post(scene) is Result.FAILED

    scene.world.faults.rules.remove(rule)
    all_expire(scene)
    assert scene.start(rollout_id="00000001").result is Result.UNCHANGED
    assert scene.whole_on(NEW), scene.states()
