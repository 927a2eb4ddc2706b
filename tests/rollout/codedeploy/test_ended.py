"""``mode: rollback``, and the post stage, where CodeDeploy shifts."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.rollout.events import (
    Event,
    Finished,
    Result,
)
from lambda_rollout.rollout.saved_state import Phase, SavedState
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import ServerError
from tests.support.scene import OLD, rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def test_mode_rollback_stops_a_running_deployment(shop: Shop) -> None:
    shop.killed_at(60)
    finished = shop.undo(rollout_spec(CANARY, mode=Mode.ROLLBACK))
    assert (finished.result, finished.asked_for) == (Result.ROLLED_BACK, True)
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert shop.whole_on(OLD)


def test_mode_rollback_goes_back_from_the_watch_at_100_percent(shop: Shop) -> None:
    shop.killed_at(5 * 60 + 60)
    finished = shop.undo(rollout_spec(CANARY, mode=Mode.ROLLBACK))
    assert (finished.result, finished.asked_for) == (Result.ROLLED_BACK, True)
    assert shop.whole_on(OLD)


def test_the_post_stage_lets_a_deployment_go_on(shop: Shop) -> None:
    shop.killed_at(60)
    saved_state = SavedState.from_json(shop.saved_states[-1].to_json())
    assert saved_state.phase is Phase.DEPLOYING
    finished = shop.post(saved_state)
    assert finished.result is Result.FAILED
    assert "goes on in AWS" in finished.reason
    assert not shop.requests("StopDeployment")
    shop.clock.advance(600)
    assert shop.deployments() == ["Succeeded"]


def test_the_post_stage_says_when_it_is_over(shop: Shop) -> None:
    shop.killed_at(60)
    shop.clock.advance(600)
    finished = shop.post(shop.saved_states[-1])
    assert finished.result is Result.FAILED
    assert "is Succeeded, and nothing watched" in finished.reason


def test_the_post_stage_stops_what_a_cancelled_main_was_stopping(shop: Shop) -> None:
    shop.after(60, lambda: shop.stop.request("SIGINT"))
    shop.world.faults.add(ServerError(), operation="StopDeployment", count=None)
    shop.killed_at(68)
    assert shop.saved_states[-1].phase is Phase.STOPPING
    shop.world.faults.clear()
    shop.stop = Stop()
    finished = shop.post(SavedState.from_json(shop.saved_states[-1].to_json()))
    assert finished.result is Result.ROLLED_BACK
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert shop.whole_on(OLD)


def test_events_end_with_the_verdict(shop: Shop) -> None:
    shop.release()
    kinds: list[type[Event]] = [type(event) for event in shop.events]
    assert kinds[-1] is Finished
    assert kinds.count(Finished) == 1
