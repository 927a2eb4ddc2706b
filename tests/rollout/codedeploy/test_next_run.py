"""The next run finds a deployment that a run before it has started."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.package import Zip
from lambda_rollout.rollout.events import (
    Result,
)
from tests.support.code import package
from tests.support.scene import NEW, OLD, rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def test_the_next_run_follows_what_a_killed_one_started(shop: Shop) -> None:
    shop.killed_at(60)
    assert shop.deployments() == ["InProgress"]
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.PROMOTED, finished
    assert shop.deployments() == ["Succeeded"]
    assert len(shop.requests("CreateDeployment")) == 1
    assert len(shop.requests("PublishVersion")) == 1
    assert "is already running. This run follows it" in "\n".join(shop.warnings)
    assert shop.whole_on(NEW)


def test_the_next_run_does_not_take_other_code_for_its_own(shop: Shop) -> None:
    shop.killed_at(60)
    shop.build("def handler(event, context): return 3")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.FAILED
    assert "something else" in finished.reason
    assert not shop.requests("StopDeployment")
    shop.clock.advance(600)
    assert shop.deployments() == ["Succeeded"]


def test_the_next_run_does_not_take_another_configuration_for_its_own(shop: Shop) -> None:
    shop.killed_at(60)
    secret = {"Variables": {"PASSWORD": "hunter2"}}
    shop.call(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="checkout",
        Environment=secret,
        Timeout=9,
    )
    shop.clock.advance(2)
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.FAILED
    assert "the configuration of $LATEST has changed (Environment, Timeout)" in finished.reason
    assert not shop.requests("StopDeployment")


@pytest.mark.parametrize("failed_before", ["update_status", "state"])
def test_the_package_that_corrects_a_failed_update_is_deployed(
    shop: Shop, failed_before: str
) -> None:
    latest = shop.world.lambda_().functions["checkout"].latest
    setattr(latest, failed_before, "Failed")
    mended = package("def handler(event, context): return 'mended'")
    planned = rollout_spec(CANARY, mode=Mode.PLAN, package=Zip("new.zip", mended))
    assert shop.release(planned).result is Result.PLANNED
    assert shop.release(replace(planned, packages={})).result is Result.FAILED
    shop.after(1, lambda: setattr(latest, "state", "Active"))
    assert shop.release(rollout_spec(CANARY, packages=planned.packages)).result is Result.PROMOTED


def test_the_next_run_asks_for_the_same_version_by_number(shop: Shop) -> None:
    shop.killed_at(60)
    assert shop.release(rollout_spec(CANARY, version=OLD)).result is Result.FAILED
    assert shop.release(rollout_spec(CANARY, version=NEW)).result is Result.PROMOTED


def test_the_next_run_stops_it_if_an_alarm_fired_meanwhile(shop: Shop) -> None:
    shop.put_group(alarms=())
    shop.killed_at(60)
    shop.set_alarm("checkout-errors", "ALARM")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in finished.failed_alarms] == ["checkout-errors"]
    assert shop.whole_on(OLD)


def test_a_run_killed_in_the_watch_at_100_percent_is_restored_as_ever(shop: Shop) -> None:
    shop.killed_at(5 * 60 + 60)
    assert shop.alias.routing == Routing.all_on(NEW)
    shop.clock.advance(11 * 60)
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.PROMOTED
    assert shop.deployments() == ["Succeeded", "Succeeded"], "back to the old version, then afresh"
    assert shop.whole_on(NEW)


def test_a_group_that_moves_another_alias_is_busy(shop: Shop) -> None:
    shop.call("lambda", "CreateAlias", FunctionName="checkout", Name="other", FunctionVersion=OLD)
    shop.killed_at(60)
    for one in shop.world.codedeploy().deployments.values():
        one.shift = replace(one.shift, alias="other")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.FAILED
    assert "is busy" in finished.reason
