"""A rollout of an alias with provisioned concurrency, which AWS moves in its own time by its own weights."""

from __future__ import annotations

import pytest

from lambda_rollout.events import Event, Result, RolledBack, StepPassed, Warned, WeightShifted
from lambda_rollout.routing import Routing
from tests.scene import NEW, OLD, OWNERS_TEXT, Scene, order

DELAY = 120.0


@pytest.fixture
def scene() -> Scene:
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
    assert scene.roll_out(order("10% 60s, 100% 60s")).result is Result.PROMOTED
    promoted, passed = scene.told(WeightShifted)[-1], scene.told(StepPassed)[-1]
    watched = seconds_between(promoted, passed)
    assert delay + 60 <= watched <= delay + 60 + 15
    assert scene.alias.routing == Routing.whole(NEW)
    assert scene.alias.description == OWNERS_TEXT


def test_renewing_the_record_leaves_aws_s_weights_alone(scene: Scene) -> None:
    scene.world.lambda_().provisioning_delay = 400.0
    seen: list[Routing] = []
    for at in range(90, 390, 10):
        scene.after(at, lambda: seen.append(scene.alias.routing))
    assert scene.roll_out(order("10% 60s, 100% 60s")).result is Result.PROMOTED
    assert set(map(str, seen)) == {str(Routing(NEW, {OLD: 1.0}))}
    assert len([r for r in scene.requests("UpdateAlias") if "RoutingConfig" not in r.params]) == 2


def test_going_back_says_what_aws_still_sends_where(scene: Scene) -> None:
    scene.world.lambda_().provisioning_delay = 30.0
    scene.after(150, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert scene.roll_out(order("10% 60s, 100% 300s")).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing(OLD, {NEW: 1.0})
    said = [event.text for event in scene.told(Warned) if isinstance(event, Warned)]
    assert any("AWS still sends all traffic of checkout:live to version 2" in t for t in said), said


def test_an_alarm_while_aws_moves_goes_back_at_once(scene: Scene) -> None:
    scene.after(90, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    assert scene.roll_out(order("10% 60s, 100% 60s")).result is Result.ROLLED_BACK
    scene.clock.advance(2 * DELAY)
    assert scene.alias.routing == Routing.whole(OLD)


def test_a_version_that_cannot_start_is_not_waited_for_without_end(scene: Scene) -> None:
    scene.world.lambda_().cannot_start.add(("checkout", NEW))
    finished = scene.roll_out(order("10% 60s, 100% 60s", evidence_timeout=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert "provisioned concurrency" in finished.reason
    [back] = scene.told(RolledBack)
    assert 300 <= seconds_between(scene.told(WeightShifted)[-1], back) <= 310
    assert scene.alias.routing == Routing.whole(OLD)


def test_without_provisioned_concurrency_100_takes_no_longer(scene: Scene) -> None:
    plain = Scene.ready()
    assert plain.roll_out(order("10% 60s, 100% 60s")).result is Result.PROMOTED
    shifted, passed = plain.told(WeightShifted)[-1], plain.told(StepPassed)[-1]
    assert seconds_between(shifted, passed) == 60.0


def test_100_percent_for_0_seconds_waits_for_aws_all_the_same(scene: Scene) -> None:
    assert scene.roll_out(order("10% 60s, 100% 0s")).result is Result.PROMOTED
    assert scene.alias.routing == Routing.whole(NEW)
    shifted, passed = scene.told(WeightShifted)[-1], scene.told(StepPassed)[-1]
    assert seconds_between(shifted, passed) >= DELAY
