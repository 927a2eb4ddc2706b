"""Lost answers and trouble while CodeDeploy shifts."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.inputs.choices import AlarmAtStart
from lambda_rollout.rollout.events import (
    Result,
    Unreadable,
)
from sandbox.aws.faults import Answer, DropAnswer, ServerError, Throttle
from tests.support.scene import NEW, OLD, rollout_spec
from tests.support.shop import CANARY, Shop


@pytest.fixture
def shop() -> Shop:
    return Shop.opened()


@pytest.mark.parametrize(
    "fault", [DropAnswer(), ServerError(after_effect=True), ServerError(), Throttle()]
)
def test_a_creation_without_an_answer_makes_one_deployment(shop: Shop, fault: Any) -> None:
    shop.world.faults.add(fault, operation="CreateDeployment")
    assert shop.release().result is Result.PROMOTED
    assert shop.deployments() == ["Succeeded"]
    assert shop.whole_on(NEW)


def test_a_refused_creation_is_failed_and_nothing_is_stopped(shop: Shop) -> None:
    denied = Answer(
        "AccessDeniedException", "not authorized to perform: codedeploy:CreateDeployment"
    )
    shop.world.faults.add(denied, operation="CreateDeployment")
    finished = shop.release()
    assert finished.result is Result.FAILED
    assert "codedeploy:CreateDeployment" in f"{finished.reason} {finished.remedy}"
    assert not shop.requests("StopDeployment", "UpdateAlias")


def test_reads_that_fail_for_a_while_do_not_stop_it(shop: Shop) -> None:
    shop.world.faults.add(ServerError(), operation="GetDeployment", count=20)
    assert shop.release().result is Result.PROMOTED
    assert len(shop.told(Unreadable)) == 1


def test_alarms_that_cannot_be_read_for_a_minute_stop_it(shop: Shop) -> None:
    def blind() -> None:
        shop.world.faults.add(ServerError(), operation="DescribeAlarms", count=None)

    shop.after(60, blind)
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert "could not be read" in finished.reason
    assert shop.whole_on(OLD)


def evaluation(shop: Shop, state: str | None) -> None:
    shop.world.cloudwatch().set_evaluation_state("checkout-errors", state)


def test_an_alarm_that_is_not_evaluated_refuses_the_start(shop: Shop) -> None:
    evaluation(shop, "EVALUATION_ERROR")
    finished = shop.release()
    assert finished.result is Result.FAILED
    assert "not evaluated by CloudWatch before anything was shifted" in finished.reason
    assert not shop.requests("CreateDeployment")


def test_one_that_is_not_evaluated_for_a_minute_stops_it(shop: Shop) -> None:
    shop.after(60, partial(evaluation, shop, "EVALUATION_FAILURE"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert "was not evaluated by CloudWatch for 1m" in finished.reason
    assert shop.whole_on(OLD)
    assert shop.requests("StopDeployment")


def test_the_minute_goes_on_where_codedeploys_part_ends(shop: Shop) -> None:
    shop.after(5 * 60 - 10, partial(evaluation, shop, "EVALUATION_FAILURE"))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK
    assert "was not evaluated by CloudWatch for 1m" in finished.reason
    assert shop.deployments() == ["Succeeded"]
    took_over, *_, back = shop.requests("UpdateAlias")
    assert (back.at - took_over.at).total_seconds() < 60


@pytest.mark.parametrize(
    ("policy", "result"),
    [(AlarmAtStart.FAIL, Result.ROLLED_BACK), (AlarmAtStart.IGNORE_UNTIL_OK, Result.PROMOTED)],
)
def test_who_follows_a_deployment_counts_an_alarm_that_is_not_evaluated(
    shop: Shop, policy: AlarmAtStart, result: Result
) -> None:
    shop.killed_at(60)
    evaluation(shop, "EVALUATION_ERROR")
    again = rollout_spec(CANARY, rollout_id="11111111", alarm_at_start=policy)
    assert shop.release(again).result is result


def test_credentials_that_cannot_be_renewed_stop_it_while_that_can_be_signed(shop: Shop) -> None:
    ends = shop.clock.monotonic() + 600
    shop.world.sts.let_expire("AKIASANDBOX", 600)
    failing = CredentialsLife(ends, 3600, "AssumeRoleWithWebIdentity: no answer")
    shop.after(30, lambda: setattr(shop, "life", failing))
    finished = shop.release()
    assert finished.result is Result.ROLLED_BACK, finished
    assert "could not be renewed: AssumeRoleWithWebIdentity: no answer" in finished.reason
    assert "\n".join(shop.warnings).count("could not be renewed") == 1
    assert shop.deployments()[0] == "Stopped"
    assert shop.whole_on(OLD)


def test_no_deployment_is_started_while_they_cannot_be_renewed(shop: Shop) -> None:
    shop.life = CredentialsLife(shop.clock.monotonic() + 600, 3600, "no answer")
    shop.world.lambda_().activation_delay = 100
    shop.after(60, lambda: setattr(shop, "life", CredentialsLife()))
    created = []
    shop.after(59, lambda: created.extend(shop.requests("CreateDeployment")))
    assert shop.release(rollout_spec(CANARY, version=None)).result is Result.PROMOTED
    assert not created


def test_expired_credentials_leave_it_to_aws(shop: Shop) -> None:
    expired = Answer("ExpiredTokenException", "The security token is expired", 403)
    shop.after(60, lambda: shop.world.faults.add(expired, count=None))
    finished = shop.release()
    assert finished.result is Result.FAILED
    assert "goes on in AWS" in finished.reason
    shop.world.faults.clear()
    shop.clock.advance(600)
    assert shop.deployments() == ["Succeeded"]


def test_a_status_is_not_believed(shop: Shop) -> None:
    """CodeDeploy says Succeeded, and somebody had put the alias back meanwhile."""

    def meddle() -> None:
        routed = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {}}}
        shop.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **routed)

    shop.world.codedeploy().start_delay = 2.0
    shop.after(2 + 4 + 5 * 60 + 3.5, meddle)
    finished = shop.release()
    assert finished.result is not Result.PROMOTED
    assert shop.whole_on(OLD)
