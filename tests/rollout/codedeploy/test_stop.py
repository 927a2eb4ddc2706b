"""Going back: who stops a deployment, who puts the alias back, and what is said of it."""

from __future__ import annotations

from functools import partial

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import (
    AliasLeft,
    Finished,
    LogNotRead,
    LogRead,
    MetricsRead,
    Result,
    RolledBack,
)
from sandbox.aws.faults import Answer, DropAnswer, Meanwhile
from sandbox.aws.traffic import Traffic
from tests.support.scene import NEW, OLD, rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


@pytest.mark.parametrize("seconds", [60, 61.5, 64, 68])
def test_an_alarm_takes_it_back_and_is_the_reason(shop: Shop, seconds: float) -> None:
    shop.after(seconds, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK, finished
    assert [alarm.name for alarm in finished.failed_alarms] == ["checkout-errors"]
    assert shop.whole_on(OLD)
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert shop.told(RolledBack)
    assert not shop.requests("UpdateAlias"), "CodeDeploy did it"


def test_a_cancellation_after_codedeploy_took_it_back_is_not_the_reason(shop: Shop) -> None:
    def cancel_once_it_stopped(_: object) -> None:
        if "Stopped" in shop.deployments():
            shop.stop.request("cancelled (SIGTERM)")

    rule = Meanwhile(cancel_once_it_stopped)
    shop.world.faults.add(rule, operation="GetDeployment", count=None)
    shop.after(61, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    finished = shop.release(rollout_spec(CANARY, poll_interval=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert "Activated alarms: <checkout-errors>" in finished.reason
    assert not shop.requests("StopDeployment"), "it had ended"


def test_an_alarm_that_only_we_know_stops_it(shop: Shop) -> None:
    shop.put_group(alarms=())
    shop.after(60, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "alarm checkout-errors fired: set by the test"
    assert shop.whole_on(OLD)
    (stop,) = shop.requests("StopDeployment")
    assert stop.params["autoRollbackEnabled"] is True
    log = [request.operation for request in shop.world.log]
    assert log[log.index("StopDeployment") - 1] == "DescribeAlarms", (
        "nothing between alarm and stop"
    )


def test_an_alarm_that_came_and_went_between_two_reads_counts(shop: Shop) -> None:
    shop.put_group(alarms=())
    shop.after(61, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    shop.after(62, lambda: shop.set_alarm("checkout-errors", "OK"))
    finished = shop.release(rollout_spec(CANARY, poll_interval=30.0))
    assert finished.result is Result.ROLLED_BACK
    assert shop.weights() == [10]
    assert shop.whole_on(OLD)


def test_an_alarm_of_the_group_alone_is_named_too(shop: Shop) -> None:
    shop.put_alarm("latency")
    shop.put_group(alarms=("checkout-errors", "latency"))
    shop.after(60, lambda: shop.set_alarm("latency", "ALARM"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in finished.failed_alarms] == ["latency"]
    assert "also stops on latency" in "\n".join(shop.warnings)


def test_an_alarm_at_100_percent_takes_the_alias_back(shop: Shop) -> None:
    shop.after(5 * 60 + 60, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert shop.whole_on(OLD)
    assert shop.deployments() == ["Succeeded"]
    assert shop.weights() == [10, 100]


def test_an_alarm_between_the_deployment_and_the_watch_is_not_missed(shop: Shop) -> None:
    fire = Meanwhile(lambda _: shop.set_alarm("checkout-errors", "ALARM"))
    shop.world.faults.add(fire, operation="UpdateAlias")
    finished = shop.release(rollout_spec(CANARY, poll_interval=60.0))
    assert finished.result is Result.ROLLED_BACK
    assert shop.whole_on(OLD)


def test_100_percent_that_cannot_be_taken_over_goes_back(shop: Shop) -> None:
    denied = Answer("AccessDeniedException", "not authorized to perform: lambda:UpdateAlias", 403)
    shop.world.faults.add(denied, operation="UpdateAlias")
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert "lambda:UpdateAlias" in finished.reason
    assert shop.whole_on(OLD)


def test_the_versions_own_numbers_are_told(shop: Shop) -> None:
    Traffic(shop.world, "checkout:live", per_second=1)
    assert shop.release(with_metrics=True).result is Result.PROMOTED
    numbers = [event.number for event in shop.all(MetricsRead)]
    assert {1, 2} <= set(numbers)


def test_a_group_without_rollback_rolls_back_all_the_same(shop: Shop) -> None:
    shop.put_group(events=())
    shop.after(62, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    assert shop.release(rollout_spec(CANARY, poll_interval=60.0)).result is Result.ROLLED_BACK
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert not shop.requests("UpdateAlias")


def test_a_rollback_that_does_not_come_is_made_by_us(shop: Shop) -> None:
    def forget() -> None:
        for one in shop.world.codedeploy().deployments.values():
            one.rolls_back_on = frozenset()

    shop.after(61, forget)
    shop.after(62, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    finished = shop.release(rollout_spec(CANARY, poll_interval=60.0, alarms=()))
    assert finished.result is Result.ROLLED_BACK, finished
    assert shop.deployments() == ["Stopped"]
    assert shop.routings() == [Routing.all_on(OLD)]
    assert shop.whole_on(OLD)


def test_a_deployment_that_codedeploy_fails_before_any_traffic_is_failed(shop: Shop) -> None:
    def meddle(_: object) -> None:
        shop.call("lambda", "PublishVersion", FunctionName="checkout")
        routed = {"FunctionVersion": NEW}
        shop.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **routed)

    shop.world.faults.add(Meanwhile(meddle), operation="CreateDeployment")
    finished = shop.release()
    assert finished.result is not Result.PROMOTED
    assert "does not match the current version" in finished.reason


@pytest.mark.parametrize("seconds", [0.5, 3, 60, 305])
def test_a_cancelled_job_stops_it_with_rollback(shop: Shop, seconds: float) -> None:
    started = shop.clock.monotonic()
    shop.world.codedeploy()
    shop.after(seconds + 4, lambda: shop.stop.request("SIGINT"))
    finished = shop.release()
    assert shop.clock.monotonic() - started < 400
    assert finished.result in {Result.ROLLED_BACK, Result.FAILED}
    assert finished.reason == "SIGINT"
    assert shop.whole_on(OLD)
    assert set(shop.deployments()) <= {"Stopped", "Succeeded"}


def test_a_cancelled_job_is_rolled_back_while_it_is_split(shop: Shop) -> None:
    shop.after(60, lambda: shop.stop.request("SIGINT"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert shop.requests("StopDeployment")
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert shop.whole_on(OLD)


def test_a_stop_that_is_not_answered_is_asked_for_again(shop: Shop) -> None:
    shop.world.faults.add(DropAnswer(), operation="StopDeployment", count=2)
    shop.after(60, lambda: shop.stop.request("SIGINT"))
    assert shop.release().result is Result.ROLLED_BACK
    assert shop.whole_on(OLD)


def test_a_stop_that_is_refused_is_said_with_the_command(shop: Shop) -> None:
    denied = Answer("AccessDeniedException", "not authorized to perform: codedeploy:StopDeployment")
    shop.world.faults.add(denied, operation="StopDeployment", count=None)
    shop.after(60, lambda: shop.stop.request("SIGINT"))
    finished = shop.release()
    assert finished.result is Result.FAILED
    (left,) = shop.all(AliasLeft)
    assert "stop-deployment" in left.command
    assert "--auto-rollback-enabled" in left.command
    assert shop.deployments() == ["InProgress"]


def failing_release(steps: str, after: float) -> Shop:
    """A version that fails for everybody, and an alarm that says so after so many seconds."""
    scene = Shop.ready()
    scene.build("def handler(event, context): return event['missing']")
    Traffic(scene.world, "checkout:live", 5.0)
    scene.after(after, partial(scene.set_alarm, "checkout-errors", "ALARM"))
    assert scene.release(rollout_spec(steps)).result is Result.ROLLED_BACK
    assert scene.alias.routing == Routing(OLD, {})
    return scene


@pytest.mark.parametrize("steps", [CANARY, "10% 1m, 100% 5m"])
def test_what_the_new_version_logged_is_told_when_the_alias_is_back(steps: str) -> None:
    """While CodeDeploy shifts, and at 100%."""
    scene = failing_release(steps, 150)
    back, told, end = scene.told(RolledBack, LogRead, Finished)
    assert isinstance(told, LogRead)
    assert (type(back), type(end)) == (RolledBack, Finished)
    assert ([error.kind for error in told.errors], told.version) == (["KeyError"], NEW)


def test_in_a_cancelled_job_a_stopped_deployment_takes_too_long_for_that() -> None:
    scene = Shop.ready()
    scene.after(100, lambda: scene.stop.request("SIGINT"))
    assert scene.release().result is Result.ROLLED_BACK
    (told,) = scene.told(LogNotRead)
    assert isinstance(told, LogNotRead)
    assert told.why == "the job is about to be killed"
