"""A rollout of an alias with provisioned concurrency, which AWS moves in its own time by its own weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from lambda_rollout.alias.record import LEASE
from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    AbandonedFound,
    AliasLeft,
    Event,
    Finished,
    Restored,
    Result,
    RolledBack,
    Run,
    StepPassed,
    WeightShifted,
)
from lambda_rollout.rollout.post_stage import settle_what_main_left
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.spec import RunIdentity
from sandbox.aws.faults import AccessDenied, Die, Meanwhile, ServerError
from sandbox.aws.lambda_.concurrency import Provisioned
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

DELAY = 120.0
LATER = "00000001"
"""The rollout that comes after."""


@pytest.fixture
def scene() -> Scene:
    return with_provisioned()


def with_provisioned() -> Scene:
    scene = Scene.ready()
    scene.call(
        "lambda",
        "PutProvisionedConcurrencyConfig",
        FunctionName="checkout",
        Qualifier="live",
        ProvisionedConcurrentExecutions=5,
    )
    scene.clock.advance(DELAY)
    return scene


def seconds_between(first: Event, last: Event) -> float:
    return (last.at - first.at).total_seconds()


@pytest.mark.parametrize("delay", [DELAY, 400.0])
def test_the_watch_at_100_begins_when_aws_s_weights_are_gone(scene: Scene, delay: float) -> None:
    scene.world.lambda_().provisioning_delay = delay
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.PROMOTED
    promoted, passed = scene.told(WeightShifted)[-1], scene.told(StepPassed)[-1]
    watched = seconds_between(promoted, passed)
    assert delay + 60 <= watched <= delay + 60 + 15
    assert scene.alias.routing == Routing.all_on(NEW)
    assert scene.alias.description == OWNERS_TEXT


def test_renewing_the_record_leaves_aws_s_weights_alone(scene: Scene) -> None:
    scene.world.lambda_().provisioning_delay = 400.0
    seen: list[Routing] = []
    for at in range(90, 390, 10):
        scene.after(at, lambda: seen.append(scene.alias.routing))
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.PROMOTED
    assert set(map(str, seen)) == {str(Routing(NEW, {OLD: 1.0}))}
    assert len([r for r in scene.requests("UpdateAlias") if "RoutingConfig" not in r.params]) == 2


def test_going_back_says_what_aws_still_sends_where(scene: Scene) -> None:
    scene.world.lambda_().provisioning_delay = 30.0
    scene.after(150, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert scene.roll_out(rollout_spec("10% 60s, 100% 300s")).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing(OLD, {NEW: 1.0})
    said = scene.warnings
    assert any("AWS still sends all traffic of checkout:live to version 2" in t for t in said), said


def test_an_alarm_while_aws_moves_goes_back_at_once(scene: Scene) -> None:
    scene.after(90, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.ROLLED_BACK
    scene.clock.advance(2 * DELAY)
    assert scene.alias.routing == Routing.all_on(OLD)


def test_a_version_that_cannot_start_goes_back_as_soon_as_aws_says_so(scene: Scene) -> None:
    scene.world.lambda_().cannot_start.add(("checkout", NEW))
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 60s"))
    assert finished.result is Result.ROLLED_BACK
    assert (
        finished.reason == "checkout:live: provisioned concurrency could not start on version 2 "
        "(FUNCTION_ERROR_INIT_FAILURE)"
    )
    [back] = scene.told(RolledBack)
    assert DELAY <= seconds_between(scene.told(WeightShifted)[-1], back) <= DELAY + 10
    assert scene.alias.routing == Routing.all_on(OLD)


def test_a_version_that_never_gets_ready_is_not_waited_for_without_end(scene: Scene) -> None:
    scene.world.lambda_().provisioning_delay = 3600.0
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 60s", evidence_timeout=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert "did not get ready" in finished.reason
    [back] = scene.told(RolledBack)
    assert 300 <= seconds_between(scene.told(WeightShifted)[-1], back) <= 310
    assert scene.alias.routing == Routing.all_on(OLD)


# Somebody turns traffic back by hand while 100% is watched ----------------------------------------


def turn_back(scene: Scene, weight: float) -> None:
    """What somebody writes with the right RevisionId, the description as it is."""
    lambda_ = scene.world.lambda_()
    alias = lambda_.functions["checkout"].aliases["live"]
    # Past the sandbox's checks: whether AWS takes a whole 1 as input is unconfirmed.
    alias.weights, alias.revision_id = {OLD: weight}, lambda_.revision_id()


def assert_left_and_told(scene: Scene, finished: Finished, weight: float) -> None:
    assert finished.result is Result.FAILED
    assert "somebody else changed the routing" in finished.reason
    assert scene.alias.routing == Routing(NEW, {OLD: weight})
    [left] = scene.told(AliasLeft)
    assert isinstance(left, AliasLeft)
    assert left.routing == scene.alias.routing
    assert scene.routings()[-1] == Routing.all_on(NEW)


@pytest.mark.parametrize("weight", [0.5, 1.0])
@pytest.mark.parametrize("provisioned", [False, True], ids=["none", "READY"])
def test_what_somebody_turned_back_by_hand_is_left(weight: float, provisioned: bool) -> None:
    scene = with_provisioned() if provisioned else Scene.ready()
    # Long after the shift: what is provisioned is ready by then.
    scene.after(400, lambda: turn_back(scene, weight))
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 30m"))
    assert_left_and_told(scene, finished, weight)


def test_half_of_the_traffic_is_somebodys_even_while_aws_moves(scene: Scene) -> None:
    scene.after(90, lambda: turn_back(scene, 0.5))
    assert_left_and_told(scene, scene.roll_out(rollout_spec("10% 60s, 100% 30m")), 0.5)


def test_where_aws_may_not_be_asked_its_weight_is_somebodys(scene: Scene) -> None:
    scene.world.faults.add(AccessDenied(), operation="GetProvisionedConcurrencyConfig", count=None)
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 5m"))
    assert_left_and_told(scene, finished, 1.0)


def test_an_answer_that_does_not_come_decides_nothing(scene: Scene) -> None:
    scene.world.faults.add(ServerError(), operation="GetProvisionedConcurrencyConfig", count=3)
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)


def test_aws_that_is_done_between_two_questions_is_looked_at_once_more(scene: Scene) -> None:
    lambda_ = scene.world.lambda_()
    shown: list[Routing] = []

    def done(_: object) -> None:
        shown.append(scene.alias.routing)
        found = lambda_.provisioned["checkout", "live"]
        lambda_._end_move(lambda_.functions["checkout"], "live", found, NEW, found.move)

    scene.world.faults.add(Meanwhile(done), operation="GetProvisionedConcurrencyConfig")
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.PROMOTED
    assert shown == [Routing(NEW, {OLD: 1.0})]


def test_a_stop_during_the_first_call_of_a_read_is_obeyed_before_its_second(scene: Scene) -> None:
    stop = Meanwhile(lambda _: scene.stop.request("cancelled"))
    scene.world.faults.add(stop, operation="GetAlias", nth=6)
    assert scene.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.ROLLED_BACK
    *_, stopped, back = [request.operation for request in scene.requests()]
    assert (stopped, back) == ("GetAlias", "UpdateAlias")


# Arriving at it -------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def left_while_aws_moves(scene: Scene) -> None:
    """A run dies soon after its shift to 100%, and its lease is over. AWS is still at it, or has given up."""
    scene.world.lambda_().provisioning_delay = 3600.0
    scene.world.faults.add(Die(die), operation="GetProvisionedConcurrencyConfig", nth=2)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("10% 60s, 100% 60s"))
    scene.world.faults.clear()
    scene.events.clear()
    assert scene.alias.routing == Routing(NEW, {OLD: 1.0})


def rolled_back_by_hand(scene: Scene, **asked: Any) -> Finished:
    wanted = rollout_spec(mode=Mode.ROLLBACK, rollout_id=LATER, **asked)
    return rollback(wanted, scene.ports(wanted))


def post_stage(scene: Scene) -> Finished:
    saved_state = scene.saved_states[-1]
    ordered = RunIdentity.of_saved_state(saved_state, Run())
    return settle_what_main_left(saved_state, ordered, scene.ports(ordered))


def next_run(scene: Scene) -> Finished:
    scene.clock.advance(LEASE.total_seconds() + 1)
    return scene.roll_out(rollout_spec("10% 60s, 100% 60s", rollout_id=LATER))


@pytest.mark.parametrize("fails", [False, True], ids=["IN_PROGRESS", "FAILED"])
@pytest.mark.parametrize("mend", [rolled_back_by_hand, post_stage])
def test_what_aws_was_still_moving_is_put_back(
    scene: Scene, mend: Callable[[Scene], Finished], fails: bool
) -> None:
    left_while_aws_moves(scene)
    if fails:
        provisioned(scene).status = "FAILED"
    assert mend(scene).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)
    assert scene.alias.description == OWNERS_TEXT


def test_the_next_run_puts_it_back_and_begins_afresh(scene: Scene) -> None:
    left_while_aws_moves(scene)
    scene.world.lambda_().provisioning_delay = DELAY
    assert next_run(scene).result is Result.PROMOTED
    assert [type(event) for event in scene.told(AbandonedFound, Restored)] == [
        AbandonedFound,
        Restored,
    ]
    assert scene.alias.routing == Routing.all_on(NEW)


@pytest.mark.parametrize("weight", [0.5, 1.0])
@pytest.mark.parametrize("mend", [rolled_back_by_hand, post_stage, next_run])
def test_what_somebody_turned_back_meanwhile_is_left(
    scene: Scene, mend: Callable[[Scene], Finished], weight: float
) -> None:
    left_while_aws_moves(scene)
    provisioned(scene).status = "READY"
    turn_back(scene, weight)
    scene.world.log.clear()
    assert mend(scene).result is Result.FAILED
    assert scene.alias.routing == Routing(NEW, {OLD: weight})
    assert not scene.requests("UpdateAlias")


def test_somebody_elses_version_that_cannot_start_is_told_as_that(scene: Scene) -> None:
    moved_by_somebody(scene)
    scene.world.lambda_().cannot_start.add(("checkout", NEW))
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 60s"))
    assert finished.result is Result.FAILED
    assert "could not start on version 2 (FUNCTION_ERROR_INIT_FAILURE)" in finished.reason
    assert scene.alias.routing == Routing(NEW, {OLD: 1.0})


def test_the_emergency_rollback_needs_no_record_where_aws_moves(scene: Scene) -> None:
    moved_by_somebody(scene)
    assert rolled_back_by_hand(scene, version=OLD).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing.all_on(OLD)


def moved_by_somebody(scene: Scene) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(5)
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", FunctionVersion=NEW)
    assert scene.alias.routing == Routing(NEW, {OLD: 1.0})


def provisioned(scene: Scene) -> Provisioned:
    return scene.world.lambda_().provisioned["checkout", "live"]


def test_without_provisioned_concurrency_100_takes_no_longer(scene: Scene) -> None:
    plain = Scene.ready()
    assert plain.roll_out(rollout_spec("10% 60s, 100% 60s")).result is Result.PROMOTED
    shifted, passed = plain.told(WeightShifted)[-1], plain.told(StepPassed)[-1]
    assert seconds_between(shifted, passed) == 60.0


def test_100_percent_for_0_seconds_waits_for_aws_all_the_same(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("10% 60s, 100% 0s")).result is Result.PROMOTED
    assert scene.alias.routing == Routing.all_on(NEW)
    shifted, passed = scene.told(WeightShifted)[-1], scene.told(StepPassed)[-1]
    assert seconds_between(shifted, passed) >= DELAY
