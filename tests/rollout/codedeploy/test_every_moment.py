"""Killed at any request, or told to go back at any moment."""

from __future__ import annotations

from functools import partial

import pytest

from lambda_rollout.rollout.events import (
    Result,
)
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec
from sandbox.aws.faults import Die
from tests.support.scene import NEW, OLD, rollout_spec
from tests.support.shop import Died, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


SHORT = "10% 1m, 100% 20s"


def short(rollout_id: str = "3fa94c7d") -> RolloutSpec:
    return rollout_spec(SHORT, poll_interval=20.0, rollout_id=rollout_id)


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_killed_at_any_request_the_next_run_finishes(after_effect: bool) -> None:
    requests = len(told_in_one_go().world.log)
    assert requests > 40
    for nth in range(1, requests + 1):
        shop = Shop.opened()

        def die() -> None:
            raise Died

        shop.world.faults.add(Die(die, after_effect=after_effect), nth=nth)
        with pytest.raises(Died):
            shop.release(short())
        saved = [one for one in shop.saved_states if one.deployment is not None]
        if saved and saved[-1] is shop.saved_states[-1]:
            shop.post(SavedState.from_json(saved[-1].to_json()))
        assert "StopDeployment" not in {request.operation for request in shop.world.log}
        finished = shop.release(short("11111111"))
        assert finished.result in {Result.PROMOTED, Result.UNCHANGED, Result.FAILED}, nth
        if finished.result is Result.FAILED:
            # The dead run's record on the alias is still good for some minutes.
            assert "right now" in finished.reason or "another run" in finished.reason, (
                nth,
                finished,
            )
            shop.clock.advance(11 * 60)
            assert shop.release(short("22222222")).result in {Result.PROMOTED, Result.UNCHANGED}
        shop.clock.advance(600)
        assert shop.whole_on(NEW), nth
        assert set(shop.deployments()) == {"Succeeded"}, nth


def told_in_one_go() -> Shop:
    shop = Shop.opened()
    assert shop.release(short()).result is Result.PROMOTED
    return shop


def moments() -> list[float]:
    """A moment around every request of a whole rollout, in seconds from its start."""
    shop = told_in_one_go()
    start = shop.world.log[0].at
    return sorted({(request.at - start).total_seconds() + 0.5 for request in shop.world.log})


@pytest.mark.parametrize("what", ["alarm", "cancel"])
@pytest.mark.parametrize("known", [True, False], ids=["group knows", "group does not"])
def test_going_back_at_any_moment_leaves_it_whole(what: str, known: bool) -> None:
    results = set()
    for moment in moments():
        shop = Shop.opened()
        if not known:
            shop.put_group(alarms=())
        shop.after(
            moment,
            partial(shop.set_alarm, "checkout-errors", "ALARM")
            if what == "alarm"
            else partial(shop.stop.request, "SIGINT"),
        )
        finished = shop.release(short())
        results.add(finished.result)
        shop.clock.advance(600)
        version = NEW if finished.result is Result.PROMOTED else OLD
        assert shop.whole_on(version), (moment, finished)
        assert "InProgress" not in shop.deployments()
    assert {Result.FAILED, Result.ROLLED_BACK} <= results


def test_two_that_follow_the_same_deployment_do_not_fight(shop: Shop) -> None:
    """The second one takes over at 100%; the first one finds its record and leaves it alone."""
    shop.release(rollout_spec("10% 1m, 100% 0s", poll_interval=20.0))
    alias = shop.world.lambda_().functions["checkout"].aliases["live"]
    other = "[lambda-rollout 1>2 run local id 11111111 until 2026-11-23T09:00:00Z]"

    def take_over() -> None:
        alias.description = other

    shop.build("def handler(event, context): return 3")
    other = other.replace("1>2", "2>3")
    shop.after(66, take_over)
    finished = shop.release(short("22222222"))
    assert finished.result is Result.FAILED
    assert "another run has taken over" in finished.reason
    assert (alias.version, alias.description) == ("3", other)
    assert shop.saved_states[-1].phase is Phase.DONE
