"""A rollout whose answers say nothing of the time, or nothing that can be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import cycle

import pytest

from lambda_rollout.alias.record import LEASE, LEASE_IN_DOUBT, RunStatus, parse
from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode, OnStranded
from lambda_rollout.rollout.events import Finished, Result
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import Die
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec
from tests.support.seam import Dated, SimRuns, said_as_it_is

LATER = "00000001"
"""The rollout that comes after."""
SLOW = timedelta(minutes=-12)
HALF = Routing(OLD, {NEW: 0.5})


def missing(_: datetime) -> datetime | None:
    return None


def an_hour_wrong(now: datetime) -> datetime | None:
    return now + timedelta(hours=1)


def jumping() -> Dated:
    """Two minutes to and fro, from one answer to the next."""
    lies: Iterator[timedelta] = cycle([timedelta(), timedelta(minutes=2)])
    return lambda now: now + next(lies)


WRONG = [missing, an_hour_wrong, jumping()]
NAMES = ["missing", "an hour wrong", "jumping"]
doubtful = pytest.mark.parametrize("date", WRONG, ids=NAMES)


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def dead_at_half(date: Dated = said_as_it_is) -> Scene:
    """Left at 50% by a run that was killed before its second shift, and has no post stage."""
    scene = Scene.ready()
    scene.date = date
    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s"))
    scene.world.faults.rules.remove(rule)
    scene.events.clear()
    scene.world.log.clear()
    assert scene.alias.routing == HALF
    return scene


def next_run(scene: Scene, **asked: object) -> Finished:
    return scene.roll_out(rollout_spec("50% 10s, 100% 10s", rollout_id=LATER, **asked))


def doubts(scene: Scene) -> list[str]:
    return [text for text in scene.warnings if "time is in doubt" in text]


# Our own record ---------------------------------------------------------------------------------


def leases(scene: Scene, skew: timedelta = timedelta()) -> list[timedelta]:
    """How long the records that were written speak for their writer, on the clock that is off by ``skew``."""
    found = []
    for request in scene.requests("UpdateAlias"):
        _, record = parse(request.params["Description"])
        if record is not None and record.until is not None:
            found.append(record.until - (request.at + skew))
    return found


@doubtful
def test_its_records_count_by_the_runners_clock_and_for_longer(date: Dated) -> None:
    scene = Scene.ready()
    scene.date = date
    assert scene.roll_out(rollout_spec("10% 10m, 100% 60s")).result is Result.PROMOTED
    assert len(leases(scene)) >= 5
    assert all(abs(each - LEASE_IN_DOUBT) <= timedelta(seconds=1) for each in leases(scene))
    assert len(doubts(scene)) == 1


@pytest.mark.parametrize("minutes", [-4, 0, 4])
def test_a_runners_clock_that_is_a_little_off_changes_nothing(minutes: int) -> None:
    scene = Scene.ready()
    scene.skew = timedelta(minutes=minutes)
    assert scene.roll_out(rollout_spec("10% 10m, 100% 60s")).result is Result.PROMOTED
    assert all(abs(each - LEASE) <= timedelta(seconds=1) for each in leases(scene))
    assert doubts(scene) == []


def test_the_first_record_of_a_rollout_has_two_answers_behind_it() -> None:
    """One function, a version that is there already, no alarm: no rollout asks AWS for less."""
    scene = Scene.ready(alarms=())
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(5)
    wanted = rollout_spec("10% 0s, 100% 0s", version=NEW, alarms=())
    assert scene.roll_out(wanted).result is Result.PROMOTED
    assert leases(scene)
    assert doubts(scene) == []


# Another run's record -----------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [timedelta(), SLOW, -SLOW], ids=["right", "slow", "fast"])
@doubtful
def test_a_living_run_is_never_taken_for_dead(date: Dated, skew: timedelta) -> None:
    """Another repository's: nobody but the time can tell. It has renewed its record a few times."""
    scene, others = beside_each_other()
    others.date, others.skew = date, skew
    [end] = ends_of_both(scene, others)
    assert "AWS's time is in doubt" in end.reason
    assert "mode: rollback" in end.remedy


@doubtful
def test_a_slow_runner_in_doubt_is_never_taken_for_dead(date: Dated) -> None:
    """It would not know, but whoever judges it does: AWS's clock is believed there."""
    scene, others = beside_each_other()
    scene.date, scene.skew = date, timedelta(minutes=-13)
    [end] = ends_of_both(scene, others)
    assert "is being rolled out by another run right now" in end.reason


def beside_each_other() -> tuple[Scene, Scene]:
    scene = Scene.ready()
    return scene, Scene(scene.world)


def ends_of_both(scene: Scene, others: Scene) -> list[Finished]:
    """Let the first roll out and end well, and ``others`` start beneath it; return how those end."""
    ends: list[Finished] = []
    scene.after(14.5 * 60, lambda: ends.append(next_run(others)))
    assert scene.roll_out(rollout_spec("50% 20m, 100% 60s")).result is Result.PROMOTED
    assert [end.result for end in ends] == [Result.FAILED]
    written = [request.params["Description"] for request in scene.requests("UpdateAlias")]
    assert [text for text in written if LATER in text] == []
    return ends


@pytest.mark.parametrize("hours", [0, 1, 100])
@doubtful
def test_a_dead_run_is_refused_whatever_the_time_and_the_way_out_is_named(
    date: Dated, hours: int
) -> None:
    scene = dead_at_half()
    scene.clock.advance(hours * 3600)
    scene.date = date
    end = next_run(scene)
    assert end.result is Result.FAILED
    assert "AWS's time is in doubt" in end.reason
    assert "undo it with `mode: rollback` (version 1)" in end.remedy
    assert len(doubts(scene)) == 1
    assert scene.alias.routing == HALF
    assert not scene.requests("UpdateAlias")


def test_its_own_record_after_a_kill_is_refused_too() -> None:
    scene = dead_at_half(missing)
    scene.clock.advance(3600)
    assert "mode: rollback" in next_run(scene).remedy
    assert scene.alias.routing == HALF


@doubtful
def test_githubs_word_that_its_attempt_is_over_ends_it(date: Dated) -> None:
    scene = dead_at_half()
    scene.date = date
    scene.runs = SimRuns(RunStatus.OVER)
    assert next_run(scene).result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)


def test_githubs_word_that_it_is_in_progress_changes_nothing() -> None:
    scene = dead_at_half(missing)
    scene.runs = SimRuns(RunStatus.IN_PROGRESS)
    assert next_run(scene).result is Result.FAILED
    assert scene.alias.routing == HALF


@doubtful
def test_resuming_it_takes_the_time_too(date: Dated) -> None:
    scene = dead_at_half()
    scene.clock.advance(3600)
    scene.date = date
    assert next_run(scene, on_stranded=OnStranded.RESUME).result is Result.FAILED
    assert scene.alias.routing == HALF


@doubtful
def test_a_held_one_is_promoted_whatever_the_time(date: Dated) -> None:
    scene = Scene.ready()
    scene.date = date
    assert scene.roll_out(rollout_spec("50% 10s, hold")).result is Result.HELD
    assert next_run(scene, mode=Mode.PROMOTE).result is Result.PROMOTED


def test_one_answer_more_is_enough_to_know_the_time() -> None:
    scene = dead_at_half()
    scene.clock.advance(LEASE.total_seconds() + 1)
    assert next_run(scene).result is Result.PROMOTED
    # GetAlias was the first of all answers: another one of it, and no other call.
    operations = [request.operation for request in scene.requests()]
    assert operations[:3] == ["GetAlias", "GetAlias", "UpdateAlias"]


# Going back takes no clock ----------------------------------------------------------------------


def rolled_back_by_hand(scene: Scene) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, rollout_id=LATER)
    return rollback(wanted, scene.ports(wanted))


def post_stage(scene: Scene) -> Finished:
    saved_state = scene.saved_states[-1]
    ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
    return settle_what_main_left(saved_state, ordered, scene.ports(ordered))


@pytest.mark.parametrize("back", [rolled_back_by_hand, post_stage])
@doubtful
def test_going_back_takes_no_clock(date: Dated, back: Callable[[Scene], Finished]) -> None:
    scene = dead_at_half(date)
    scene.skew = SLOW
    assert back(scene).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT
    assert doubts(scene) == []
