"""What is found before a deployment is started."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.choices import AlarmAtStart, Preflight
from lambda_rollout.rollout.events import (
    Result,
)
from tests.support.scene import rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


def test_differences_of_the_group_are_told(shop: Shop) -> None:
    shop.put_alarm("latency")
    shop.put_group(alarms=("latency",), events=("DEPLOYMENT_FAILURE",))
    shop.release()
    told = "\n".join(shop.warnings)
    assert "does not roll back on DEPLOYMENT_STOP_ON_ALARM, DEPLOYMENT_STOP_ON_REQUEST" in told
    assert "does not watch checkout-errors" in told


def test_differences_are_errors_under_strict(shop: Shop) -> None:
    shop.put_group(events=())
    finished = shop.release(rollout_spec(CANARY, preflight=Preflight.STRICT))
    assert finished.result is Result.FAILED
    assert not shop.requests("PublishVersion", "CreateDeployment")


@pytest.mark.parametrize("missing", ["application", "group", "platform"])
def test_what_cannot_deploy_to_lambda_is_refused_first(shop: Shop, missing: str) -> None:
    codedeploy = shop.world.codedeploy()
    if missing == "platform":
        codedeploy.applications["shop"] = "Server"
    elif missing == "group":
        codedeploy.groups.clear()
    else:
        codedeploy.applications.clear()
    finished = shop.release()
    assert finished.result is Result.FAILED
    assert not shop.requests("PublishVersion", "CreateDeployment")


def test_an_alarm_of_the_group_in_alarm_cannot_be_ignored(shop: Shop) -> None:
    shop.set_alarm("checkout-errors", "ALARM")
    finished = shop.release(rollout_spec(CANARY, alarm_at_start=AlarmAtStart.IGNORE_UNTIL_OK))
    assert finished.result is Result.FAILED
    assert "stops on it: checkout-errors" in finished.reason
    assert not shop.requests("CreateDeployment")


def test_an_alarm_of_the_group_that_does_not_exist_is_told(shop: Shop) -> None:
    shop.put_group(alarms=("checkout-errors", "gone"))
    assert shop.release().result is Result.PROMOTED
    assert "names alarms that do not exist: gone" in "\n".join(shop.warnings)
