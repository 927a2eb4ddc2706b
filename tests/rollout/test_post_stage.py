"""What the post stage makes of an alias that main left, by what has become of it since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import AliasLeft, Result, Warned
from lambda_rollout.rollout.post_stage import LIMIT, TOTAL_LIMIT, all_left
from lambda_rollout.rollout.saved_state import Phase, SavedAlias, SavedState
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import Die, Meanwhile, ServerError
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, plan, rollout_spec


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def left_by_main(nth_write: int, text: str = OWNERS_TEXT, **asked: object) -> Scene:
    """A scene in which main died with its ``nth_write``, before that had its effect."""
    scene = Scene.ready()
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", Description=text)
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=nth_write)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s", **asked))
    scene.events.clear()
    return scene


def somebody_writes(scene: Scene, **params: object) -> None:
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **params)


@pytest.mark.parametrize("nth_write", [1, 2])
def test_before_the_last_verdict_it_goes_back(nth_write: int) -> None:
    scene = left_by_main(nth_write)
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


def test_after_the_last_verdict_it_stays_and_the_record_is_cleared() -> None:
    scene = left_by_main(3)
    assert scene.saved_states[-1].phase is Phase.CLEARING
    assert scene.post_stage().result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)
    assert scene.alias.description == OWNERS_TEXT


def test_what_somebody_put_back_after_the_last_verdict_is_not_moved_forward_again() -> None:
    """The three-in-the-morning button, pressed between main's death and the post stage."""
    scene = left_by_main(3)
    somebody_writes(
        scene,
        FunctionVersion=OLD,
        Description=OWNERS_TEXT,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )

    assert scene.post_stage().result is Result.FAILED
    assert scene.alias.routing == Routing.all_on(OLD)
    [left] = scene.told(AliasLeft)
    assert isinstance(left, AliasLeft)
    assert "somebody else" in left.why


def mending(*, after_effect: bool = False) -> Scene:
    """A scene in which main died with the write that mends what an earlier run had left."""
    scene = left_by_main(2)
    scene.clock.advance(lease.LEASE.total_seconds() + 1)
    scene.world.faults.clear()
    scene.saved_states.clear()
    scene.world.faults.add(Die(die, after_effect), operation="UpdateAlias")
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s", rollout_id="00000001"))
    scene.events.clear()
    scene.world.log.clear()
    return scene


@pytest.mark.parametrize("after_effect", [False, True])
def test_what_main_was_to_mend_is_mended(after_effect: bool) -> None:
    scene = mending(after_effect=after_effect)
    held_by_main = scene.alias.revision_id
    assert [saved_state.phase for saved_state in scene.saved_states] == [Phase.RESTORING]
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT
    # Main may be alive, and about to go on.
    assert scene.alias.revision_id != held_by_main
    assert scene.requests("UpdateAlias")


def test_what_cannot_be_mended_is_told_with_the_command_to_do_it_by_hand() -> None:
    scene = mending()
    scene.world.faults.add(ServerError(), operation="UpdateAlias", count=None)
    finished = scene.post_stage()
    assert finished.result is Result.FAILED
    assert f"checkout:live ({scene.alias.routing})" in finished.reason
    assert f"--function-version {OLD} " in finished.remedy
    assert f"--description '{OWNERS_TEXT}'" in finished.remedy


def test_mending_and_writing_once_more_share_what_time_the_runner_gives() -> None:
    scene = mending()
    began = scene.clock.now()
    scene.world.faults.add(ServerError(), operation="UpdateAlias", count=None)

    def only_the_next_one_succeeds() -> None:
        scene.world.faults.clear()
        scene.world.faults.add(ServerError(), operation="UpdateAlias", nth=2, count=None)

    scene.after(LIMIT - 10, only_the_next_one_succeeds)
    assert scene.post_stage().result is Result.FAILED
    assert (scene.clock.now() - began).total_seconds() <= TOTAL_LIMIT + 10


def test_main_that_goes_on_meanwhile_is_put_back_too() -> None:
    """Its runner has lost it: it has mended, and shifts between the post stage's look and its write."""
    scene = mending(after_effect=True)
    until = scene.clock.now().replace(microsecond=0) + lease.LEASE
    record = lease.Record(old=OLD, new=NEW, rollout_id="00000001", until=until)
    shifted = {
        "Description": lease.compose(OWNERS_TEXT, record),
        "RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.5}},
    }
    scene.world.faults.clear()
    scene.world.faults.add(
        Meanwhile(lambda _: somebody_writes(scene, **shifted)), operation="UpdateAlias"
    )
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


def test_a_run_that_main_took_for_dead_and_is_alive_is_left_alone() -> None:
    scene = mending()
    _, record = lease.parse(scene.alias.description)
    assert record is not None
    until = scene.clock.now().replace(microsecond=0) + lease.LEASE
    renewed = lease.compose(OWNERS_TEXT, replace(record, until=until))
    somebody_writes(scene, Description=renewed)
    theirs = scene.alias
    assert scene.post_stage().result is Result.FAILED
    assert scene.alias == theirs


def test_a_main_that_went_on_without_saying_so_is_settled() -> None:
    """Its state could not be saved any more: what it left is found by its record."""
    scene = mending()
    _, record = lease.parse(scene.alias.description)
    assert record is not None
    until = scene.clock.now().replace(microsecond=0) + lease.LEASE
    rollout_id = scene.saved_states[-1].aliases[0].rollout_id
    its = lease.compose(OWNERS_TEXT, replace(record, rollout_id=rollout_id, until=until))
    somebody_writes(scene, Description=its)
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert (scene.alias.routing, scene.alias.description) == (Routing.all_on(OLD), OWNERS_TEXT)


@pytest.mark.parametrize("asked", [False, True])
def test_another_rollout_is_left_alone(asked: bool) -> None:
    scene = left_by_main(2)
    text, record = lease.parse(scene.alias.description)
    assert record is not None
    other = lease.compose(text, replace(record, rollout_id="00000000", requested=asked))
    somebody_writes(scene, Description=other)

    scene.post_stage()

    assert scene.alias.description == other
    assert scene.alias.routing == Routing(OLD, {NEW: 0.5})
    assert any("Another rollout" in getattr(event, "text", "") for event in scene.told(Warned))


def test_a_text_that_was_cut_for_the_record_comes_back_whole() -> None:
    text = "a long story " * 19
    scene = left_by_main(2, text)
    assert text not in scene.alias.description
    scene.post_stage()
    assert scene.alias.description == text


@pytest.mark.parametrize("taken_back", [False, True])
def test_so_it_does_if_the_run_was_asked_to_go_on(taken_back: bool) -> None:
    """The word has cost some of it, whether it stands there still or not."""
    text = "a long story " * 19
    scene = left_by_main(2, text)
    asked = lease.with_request(scene.alias.description)
    kept, record = lease.parse(asked)
    assert record is not None
    without = lease.compose(kept, record.without_request)
    somebody_writes(scene, Description=without if taken_back else asked)
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert (scene.alias.routing, scene.alias.description) == (Routing.all_on(OLD), text)


@pytest.mark.parametrize("asked", [False, True])
def test_what_main_was_to_promote_and_is_held_still_stays_held(asked: bool) -> None:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("10% 1s, hold", rollout_id="00000000")).result is Result.HELD
    if asked:
        # By hand: who asks finds no rollout that is running.
        somebody_writes(scene, Description=lease.with_request(scene.alias.description))
    scene.world.faults.add(Die(die), operation="UpdateAlias")
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("100% 60s", mode=Mode.PROMOTE))
    held = scene.alias.routing, scene.alias.description
    assert scene.post_stage().result is Result.FAILED
    assert (scene.alias.routing, scene.alias.description) == held


def test_a_text_that_somebody_has_changed_since_is_kept() -> None:
    scene = left_by_main(2)
    somebody_writes(scene, Description="theirs")
    assert scene.post_stage().result is Result.ROLLED_BACK
    assert scene.alias.description == "theirs"


def test_main_that_still_lives_can_do_no_more() -> None:
    """Even the write of an alias that looks whole makes main's RevisionId useless."""
    scene = left_by_main(1)
    held_by_main = scene.alias.revision_id
    scene.post_stage()
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.revision_id != held_by_main


def test_nobody_can_be_asked() -> None:
    saved_aliases = (SavedAlias("checkout", "live", OLD, NEW, OWNERS_TEXT, ("50",), "3fa94c7d"),)
    for phase, version in ((Phase.MOVING, OLD), (Phase.CLEARING, NEW)):
        saved_state = SavedState(
            phase, "eu-central-1", "", hold_on_cancel=False, aliases=saved_aliases
        )
        ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
        [left] = all_left(saved_state, ordered)
        assert left.routing is None
        assert f"--function-version {version} " in left.command
        assert OWNERS_TEXT in left.command


def test_the_plan_of_these_tests_writes_three_times() -> None:
    scene = Scene.ready()
    scene.roll_out(rollout_spec(plan("50% 10s, 100% 10s")))
    assert len(scene.requests("UpdateAlias")) == 3
