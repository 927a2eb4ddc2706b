"""What becomes of a held or a dead run's rollout if the run that takes it over ends before its first write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.alias import record as lease
from lambda_rollout.alias.routing import HUNDRED, Routing
from lambda_rollout.inputs.choices import Mode, OnCancel, OnStranded
from lambda_rollout.rollout.events import Finished, Result, StepStarted, VersionPublished
from lambda_rollout.rollout.saved_state import Phase
from sandbox.aws.faults import Die, Hang, StaleRead
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

LATER = "00000001"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def killed(scene: Scene, nth: int, **asked: object) -> None:
    """Roll out, and die with the ``nth`` UpdateAlias before that has its effect."""
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=nth)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s", **asked))
    scene.world.faults.rules.remove(rule)
    scene.events.clear()


def abandoned() -> Scene:
    """Left at 50% by a run whose lease is over."""
    scene = Scene.ready()
    killed(scene, 2)
    scene.clock.advance(lease.LEASE.total_seconds() + 1)
    scene.saved_states.clear()
    return scene


def held() -> Scene:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("50% 10s, hold")).result is Result.HELD
    scene.events.clear()
    scene.saved_states.clear()
    return scene


def resume(scene: Scene, **asked: object) -> Finished:
    return scene.roll_out(
        rollout_spec("50% 10s, 100% 10s", on_stranded=OnStranded.RESUME, rollout_id=LATER, **asked)
    )


def test_an_alarm_that_forbids_to_resume_puts_back_what_nobody_watches() -> None:
    scene = abandoned()
    scene.set_alarm("checkout-errors", "ALARM")

    end = resume(scene)

    assert end.result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


@pytest.mark.parametrize("steps", ["50% 10s, hold", "50% 10s, hold 1h", "50% 10s"])
def test_what_was_left_at_100_percent_is_watched_there_whatever_the_schedule_ends_with(
    steps: str,
) -> None:
    scene = Scene.ready()
    assert scene.roll_out(rollout_spec("50% 10s, hold")).result is Result.HELD
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s", mode=Mode.PROMOTE, rollout_id="00000002"))
    scene.world.faults.rules.remove(rule)
    assert scene.alias.routing == Routing.all_on(NEW)
    scene.clock.advance(lease.LEASE.total_seconds() + 1)
    scene.events.clear()
    watch = timedelta(minutes=5)

    end = scene.roll_out(
        rollout_spec(steps, interval=watch, on_stranded=OnStranded.RESUME, rollout_id=LATER)
    )

    assert end.result is Result.PROMOTED
    begun = [each for each in scene.events if isinstance(each, StepStarted)]
    assert [(each.percent, each.watch, each.holds) for each in begun] == [(HUNDRED, watch, False)]
    assert scene.alias.description == OWNERS_TEXT


def test_a_cancelled_resumption_is_never_called_held_while_the_dead_record_stands() -> None:
    scene = abandoned()
    scene.world.faults.add(
        Die(lambda: scene.stop.request("cancelled (SIGINT)")), operation="DescribeAlarms", nth=1
    )
    end = resume(scene, on_cancel=OnCancel.HOLD)
    record = lease.parse(scene.alias.description)[1]
    assert record is not None
    assert (end.result is Result.HELD) == record.held
    assert record.held


def test_a_cancelled_plan_is_not_held_and_leaves_nothing_for_the_post_stage() -> None:
    scene = abandoned()
    scene.world.log.clear()
    scene.world.faults.add(
        Die(lambda: scene.stop.request("cancelled (SIGINT)")), operation="DescribeAlarms", nth=1
    )
    end = scene.roll_out(
        rollout_spec("50% 10s", mode=Mode.PLAN, on_cancel=OnCancel.HOLD, rollout_id=LATER)
    )
    assert end.result is Result.FAILED
    assert scene.saved_states == []
    assert not scene.requests("UpdateAlias", "PublishVersion")


def test_a_cancelled_promotion_is_failed_and_what_was_held_still_is() -> None:
    scene = held()
    before = scene.alias
    scene.world.faults.add(
        Die(lambda: scene.stop.request("cancelled (SIGINT)")), operation="DescribeAlarms", nth=1
    )
    end = scene.roll_out(rollout_spec(mode=Mode.PROMOTE, on_cancel=OnCancel.HOLD, rollout_id=LATER))
    assert end.result is Result.FAILED
    assert scene.alias == before


def test_the_post_stage_of_a_promotion_keeps_it_held_and_makes_mains_revision_useless() -> None:
    """Main may still be alive in a container that its runner lost, about to promote."""
    scene = held()
    before = scene.alias
    killed(scene, 1, mode=Mode.PROMOTE, rollout_id=LATER)

    scene.post_stage()

    assert scene.alias.routing == before.routing == Routing(OLD, {NEW: 0.5})
    assert scene.alias.description == before.description
    assert scene.alias.revision_id != before.revision_id


def test_the_post_stage_goes_on_with_a_promotions_way_back() -> None:
    """Main had a reason to go back, such as a guard that was broken in the split, and died before it could."""
    scene = held()
    killed(scene, 1, mode=Mode.PROMOTE, rollout_id=LATER)
    scene.saved_states.append(replace(scene.saved_states[-1], phase=Phase.ROLLING_BACK))

    assert scene.post_stage().result is Result.ROLLED_BACK

    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


def test_what_is_held_again_after_a_promotions_last_verdict_is_not_moved_forward() -> None:
    scene = held()
    killed(scene, 1, mode=Mode.PROMOTE, rollout_id=LATER)
    scene.saved_states.append(replace(scene.saved_states[-1], phase=Phase.CLEARING))

    scene.post_stage()

    assert scene.alias.routing == Routing(OLD, {NEW: 0.5})


def test_the_post_stage_of_a_resumption_puts_back_what_the_dead_run_left() -> None:
    scene = abandoned()
    killed(scene, 1, on_stranded=OnStranded.RESUME, rollout_id=LATER)

    assert scene.post_stage().result is Result.ROLLED_BACK

    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


def test_another_version_cannot_be_resumed_and_is_an_error_that_changes_nothing() -> None:
    scene = abandoned()
    scene.build("def handler(event, context): return 3")
    before = scene.alias
    assert resume(scene).result is Result.FAILED
    assert scene.alias == before


def test_a_promotion_creates_no_alias_and_publishes_nothing() -> None:
    scene = Scene.ready()
    del scene.world.lambda_().functions["checkout"].aliases["live"]
    end = scene.roll_out(rollout_spec(mode=Mode.PROMOTE, create_alias=True))
    assert end.result is Result.FAILED
    assert "nothing to promote" in end.reason
    assert not scene.told(VersionPublished)
    assert not scene.requests("PublishVersion", "CreateAlias", "UpdateAlias")


def test_a_stale_read_from_before_the_restoring_is_no_news() -> None:
    """It shows the dead run's weight; taken for somebody's write, ours would be given up while it can still land."""
    scene = abandoned()
    lands_late = Hang(effect="late", lands_after=30.0)
    # The first one restores; its answer is good.
    scene.world.faults.add(lands_late, operation="UpdateAlias", nth=2)
    # Two reads come before the restoring; this one follows the write without an answer.
    scene.world.faults.add(StaleRead(), operation="GetAlias", nth=3)
    finished = scene.roll_out(rollout_spec("50% 10s, 100% 10s", rollout_id=LATER))
    assert finished.result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)
