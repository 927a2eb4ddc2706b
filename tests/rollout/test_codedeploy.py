"""The story of a rollout by CodeDeploy, in the sandbox and in no time: what AWS saw, and where the alias is left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.aws.alarms import CloudWatchAlarms
from lambda_rollout.aws.codedeploy import CodeDeployEngine
from lambda_rollout.aws.logs import CloudWatchLogs
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.choices import AlarmAtStart, Mode, Preflight
from lambda_rollout.inputs.names import AlarmName
from lambda_rollout.inputs.package import Zip
from lambda_rollout.rollout.codedeploy.ended import rollback_deployment, settle_deployment_main_left
from lambda_rollout.rollout.codedeploy.engine import Deployment
from lambda_rollout.rollout.events import (
    AliasLeft,
    AlreadyThere,
    DeploymentChanged,
    Event,
    Finished,
    LogNotRead,
    LogRead,
    MetricsRead,
    RecordCleared,
    Result,
    RolledBack,
    StepPassed,
    StepStarted,
    Unreadable,
    WeightShifted,
)
from lambda_rollout.rollout.ports import Alarms
from lambda_rollout.rollout.saved_state import DeploymentRef, Phase, SavedState
from lambda_rollout.rollout.spec import RolloutSpec, RunIdentity
from lambda_rollout.runtime.clock import Stop
from sandbox.aws.faults import Answer, Die, DropAnswer, Meanwhile, ServerError, Throttle
from sandbox.aws.traffic import Traffic
from tests.support.code import package
from tests.support.hooks import hooks, put_codedeploys_hook
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec

ALL_EVENTS = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST")
T = TypeVar("T", bound=Event)

PLACE = DeploymentRef("shop", "prod")
CANARY = "10% 5m, 100% 2m"


class Shop(Scene):
    """A scene with an application and a group, whose one alarm is that of the inputs."""

    def deploy(self) -> None:
        super().deploy()
        self.call(
            "codedeploy", "CreateApplication", applicationName="shop", computePlatform="Lambda"
        )
        self.put_group()

    def put_group(
        self, alarms: Sequence[str] = ("checkout-errors",), events: Sequence[str] = ALL_EVENTS
    ) -> None:
        self.world.codedeploy().groups.clear()
        self.call(
            "codedeploy",
            "CreateDeploymentGroup",
            applicationName="shop",
            deploymentGroupName="prod",
            serviceRoleArn="arn:aws:iam::123456789012:role/deploy",
            alarmConfiguration={"enabled": True, "alarms": [{"name": name} for name in alarms]},
            autoRollbackConfiguration={"enabled": bool(events), "events": list(events)},
        )

    @property
    def engine(self) -> CodeDeployEngine:
        return CodeDeployEngine(self.clients(), PLACE)

    def release(
        self, ordered: RolloutSpec | None = None, *, with_metrics: bool = False
    ) -> Finished:
        ordered = ordered or rollout_spec(CANARY)
        ports = self.ports(ordered)
        ports = replace(ports, logs=CloudWatchLogs(self.clients()))
        if with_metrics:
            ports = replace(ports, metrics=CloudWatchMetrics(self.clients()))

        def alarms_of(more: Sequence[str]) -> Alarms:
            ours = ordered.inputs.alarms
            names = [*ours, *(AlarmName(n, n) for n in more)]
            return CloudWatchAlarms(self.clients(), names, self.stop)

        return Deployment(ordered, ports, self.engine, alarms_of).run()

    def undo(self, ordered: RolloutSpec) -> Finished:
        ports = replace(self.ports(ordered), logs=CloudWatchLogs(self.clients()))
        return rollback_deployment(ordered, ports, self.engine)

    def post(self, saved_state: SavedState) -> Finished:
        ordered = RunIdentity.of_saved_state(saved_state, rollout_spec().run)
        assert saved_state.deployment is not None
        engine = CodeDeployEngine(self.clients(), saved_state.deployment)
        return settle_deployment_main_left(saved_state, ordered, self.ports(ordered), engine)

    def deployments(self) -> list[str]:
        """Status of each deployment, in the order of their creation."""
        return [one.status for one in self.world.codedeploy().deployments.values()]

    def whole_on(self, version: str) -> bool:
        return (self.alias.routing, self.alias.description) == (
            Routing.all_on(version),
            OWNERS_TEXT,
        )

    def weights(self) -> list[Any]:
        return [int(event.percent) for event in self.events if isinstance(event, WeightShifted)]

    def all(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Died(BaseException):
    """The runner is gone."""


@pytest.fixture
def shop() -> Shop:
    shop = Shop.ready()
    assert isinstance(shop, Shop)
    return shop


# Going well ----------------------------------------------------------------------------------------


def test_a_canary_is_promoted_and_100_percent_is_watched(shop: Shop) -> None:
    finished = shop.release()
    assert finished.result is Result.PROMOTED, finished
    assert shop.whole_on(NEW)
    assert shop.weights() == [10, 100]
    assert [event.number for event in shop.all(StepPassed)] == [1, 2]
    (created,) = shop.requests("CreateDeployment")
    assert (
        created.params["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    )
    assert not shop.requests("CreateDeploymentConfig", "StopDeployment")
    assert shop.clock.monotonic() >= 5 * 60 + 2 * 60


def test_nothing_writes_the_alias_while_codedeploy_shifts(shop: Shop) -> None:
    shop.release()
    ended = next(e.at for e in shop.all(DeploymentChanged) if e.status == "Succeeded")
    written = [request.at for request in shop.requests("UpdateAlias")]
    assert written
    assert all(at >= ended for at in written)


def test_the_watch_at_100_percent_bears_a_record_that_is_cleared(shop: Shop) -> None:
    shop.release()
    said = [request.params["Description"] for request in shop.requests("UpdateAlias")]
    assert all(f"[lambda-rollout {OLD}>{NEW} run local" in text for text in said[:-1])
    assert said[-1] == OWNERS_TEXT
    assert shop.told(RecordCleared)


def test_a_linear_one_tells_every_weight(shop: Shop) -> None:
    finished = shop.release(rollout_spec("25% 1m, 50% 1m, 75% 1m, 100% 1m"))
    assert finished.result is Result.PROMOTED
    assert shop.weights() == [25, 50, 75, 100]
    assert [event.number for event in shop.all(StepStarted)] == [1, 2, 3, 4]


def test_weights_that_codedeploy_adds_up_are_those_of_the_plan(shop: Shop) -> None:
    """Floats: three times 0.1 is 0.30000000000000004."""
    alias = shop.world.lambda_().functions["checkout"].aliases["live"]

    def smudge() -> None:
        if alias.weights.get(NEW) == 0.75:
            alias.weights[NEW] = 0.7500000000000001

    for second in range(60, 300, 5):
        shop.after(second, smudge)
    shop.release(rollout_spec("25% 1m, 50% 1m, 75% 1m, 100% 1m"))
    assert shop.weights() == [25, 50, 75, 100]
    assert [event.number for event in shop.all(StepStarted)] == [1, 2, 3, 4]


def test_lifecycle_events_are_told(shop: Shop) -> None:
    shop.release()
    changes = shop.all(DeploymentChanged)
    assert [event.status for event in changes][-1] == "Succeeded"
    assert changes[-1].lifecycle == tuple(
        (name, "Succeeded") for name in ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic")
    )


def test_a_configuration_of_ours_is_named_by_its_content_and_used_again(shop: Shop) -> None:
    assert shop.release(rollout_spec("20% 7m, 100% 0s")).result is Result.PROMOTED
    shop.build("def handler(event, context): return 3")
    assert (
        shop.release(rollout_spec("20% 7m, 100% 0s", rollout_id="11111111")).result
        is Result.PROMOTED
    )
    made = [
        request.params["deploymentConfigName"]
        for request in shop.requests("CreateDeploymentConfig")
    ]
    used = [request.params["deploymentConfigName"] for request in shop.requests("CreateDeployment")]
    assert made == ["lambda-rollout-Canary20Percent7Minutes"]
    assert used == made * 2


def test_a_configuration_that_lies_about_itself_is_refused(shop: Shop) -> None:
    shop.call(
        "codedeploy",
        "CreateDeploymentConfig",
        deploymentConfigName="lambda-rollout-Canary20Percent7Minutes",
        computePlatform="Lambda",
        trafficRoutingConfig={"type": "AllAtOnce"},
    )
    finished = shop.release(rollout_spec("20% 7m"))
    assert finished.result is Result.FAILED
    assert "not what its name says" in finished.reason
    assert not shop.requests("CreateDeployment")


def test_nothing_new_is_left_alone(shop: Shop) -> None:
    assert shop.release(rollout_spec(CANARY, version=OLD)).result is Result.UNCHANGED
    assert shop.told(AlreadyThere)
    assert not shop.requests("CreateDeployment", "UpdateAlias")


def test_a_plan_changes_nothing(shop: Shop) -> None:
    assert shop.release(rollout_spec("20% 7m", mode=Mode.PLAN)).result is Result.PLANNED
    writes = ("UpdateAlias", "PublishVersion", "CreateDeployment", "CreateDeploymentConfig")
    assert not shop.requests(*writes)


# Going back ----------------------------------------------------------------------------------------


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


# Lost answers and trouble --------------------------------------------------------------------------


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
    killed_at(shop, 60)
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


# Before it -----------------------------------------------------------------------------------------


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


# The next run --------------------------------------------------------------------------------------


def killed_at(shop: Shop, seconds: float) -> None:
    """A first run that dies so many seconds after its start."""

    def die() -> None:
        raise Died

    shop.after(seconds, die)
    with pytest.raises(Died):
        shop.release()
    shop.events.clear()


def test_the_next_run_follows_what_a_killed_one_started(shop: Shop) -> None:
    killed_at(shop, 60)
    assert shop.deployments() == ["InProgress"]
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.PROMOTED, finished
    assert shop.deployments() == ["Succeeded"]
    assert len(shop.requests("CreateDeployment")) == 1
    assert len(shop.requests("PublishVersion")) == 1
    assert "is already running. This run follows it" in "\n".join(shop.warnings)
    assert shop.whole_on(NEW)


def test_the_next_run_does_not_take_other_code_for_its_own(shop: Shop) -> None:
    killed_at(shop, 60)
    shop.build("def handler(event, context): return 3")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.FAILED
    assert "something else" in finished.reason
    assert not shop.requests("StopDeployment")
    shop.clock.advance(600)
    assert shop.deployments() == ["Succeeded"]


def test_the_next_run_does_not_take_another_configuration_for_its_own(shop: Shop) -> None:
    killed_at(shop, 60)
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
def test_the_package_that_mends_a_failed_update_is_deployed(shop: Shop, failed_before: str) -> None:
    latest = shop.world.lambda_().functions["checkout"].latest
    setattr(latest, failed_before, "Failed")
    mended = package("def handler(event, context): return 'mended'")
    planned = rollout_spec(CANARY, mode=Mode.PLAN, package=Zip("new.zip", mended))
    assert shop.release(planned).result is Result.PLANNED
    assert shop.release(replace(planned, packages={})).result is Result.FAILED
    shop.after(1, lambda: setattr(latest, "state", "Active"))
    assert shop.release(rollout_spec(CANARY, packages=planned.packages)).result is Result.PROMOTED


def test_the_next_run_asks_for_the_same_version_by_number(shop: Shop) -> None:
    killed_at(shop, 60)
    assert shop.release(rollout_spec(CANARY, version=OLD)).result is Result.FAILED
    assert shop.release(rollout_spec(CANARY, version=NEW)).result is Result.PROMOTED


def test_the_next_run_stops_it_if_an_alarm_fired_meanwhile(shop: Shop) -> None:
    shop.put_group(alarms=())
    killed_at(shop, 60)
    shop.set_alarm("checkout-errors", "ALARM")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in finished.failed_alarms] == ["checkout-errors"]
    assert shop.whole_on(OLD)


def test_a_run_killed_in_the_watch_at_100_percent_is_mended_as_ever(shop: Shop) -> None:
    killed_at(shop, 5 * 60 + 60)
    assert shop.alias.routing == Routing.all_on(NEW)
    shop.clock.advance(11 * 60)
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.PROMOTED
    assert shop.deployments() == ["Succeeded", "Succeeded"], "back to the old version, then afresh"
    assert shop.whole_on(NEW)


def test_a_group_that_moves_another_alias_is_busy(shop: Shop) -> None:
    shop.call("lambda", "CreateAlias", FunctionName="checkout", Name="other", FunctionVersion=OLD)
    killed_at(shop, 60)
    for one in shop.world.codedeploy().deployments.values():
        one.shift = replace(one.shift, alias="other")
    finished = shop.release(rollout_spec(CANARY, rollout_id="11111111"))
    assert finished.result is Result.FAILED
    assert "is busy" in finished.reason


# mode: rollback, and the post stage ----------------------------------------------------------------


def test_the_button_stops_a_running_deployment(shop: Shop) -> None:
    killed_at(shop, 60)
    finished = shop.undo(rollout_spec(CANARY, mode=Mode.ROLLBACK))
    assert (finished.result, finished.asked_for) == (Result.ROLLED_BACK, True)
    assert shop.deployments() == ["Stopped", "Succeeded"]
    assert shop.whole_on(OLD)


def test_the_button_goes_back_from_the_watch_at_100_percent(shop: Shop) -> None:
    killed_at(shop, 5 * 60 + 60)
    finished = shop.undo(rollout_spec(CANARY, mode=Mode.ROLLBACK))
    assert (finished.result, finished.asked_for) == (Result.ROLLED_BACK, True)
    assert shop.whole_on(OLD)


def test_the_post_stage_lets_a_deployment_go_on(shop: Shop) -> None:
    killed_at(shop, 60)
    saved_state = SavedState.from_json(shop.saved_states[-1].to_json())
    assert saved_state.phase is Phase.DEPLOYING
    finished = shop.post(saved_state)
    assert finished.result is Result.FAILED
    assert "goes on in AWS" in finished.reason
    assert not shop.requests("StopDeployment")
    shop.clock.advance(600)
    assert shop.deployments() == ["Succeeded"]


def test_the_post_stage_says_when_it_is_over(shop: Shop) -> None:
    killed_at(shop, 60)
    shop.clock.advance(600)
    finished = shop.post(shop.saved_states[-1])
    assert finished.result is Result.FAILED
    assert "is Succeeded, and nothing watched" in finished.reason


def test_the_post_stage_stops_what_a_cancelled_main_was_stopping(shop: Shop) -> None:
    shop.after(60, lambda: shop.stop.request("SIGINT"))
    shop.world.faults.add(ServerError(), operation="StopDeployment", count=None)
    killed_at(shop, 68)
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


# At every moment -----------------------------------------------------------------------------------

SHORT = "10% 1m, 100% 20s"


def short(rollout_id: str = "3fa94c7d") -> RolloutSpec:
    return rollout_spec(SHORT, poll_interval=20.0, rollout_id=rollout_id)


@pytest.mark.parametrize("after_effect", [False, True], ids=["before", "after"])
def test_killed_at_any_request_the_next_run_finishes(after_effect: bool) -> None:
    requests = len(told_in_one_go().world.log)
    assert requests > 40
    for nth in range(1, requests + 1):
        shop = Shop.ready()
        assert isinstance(shop, Shop)

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
    shop = Shop.ready()
    assert isinstance(shop, Shop)
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
        shop = Shop.ready()
        assert isinstance(shop, Shop)
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


def test_an_alarm_of_the_group_that_does_not_exist_is_told(shop: Shop) -> None:
    shop.put_group(alarms=("checkout-errors", "gone"))
    assert shop.release().result is Result.PROMOTED
    assert "names alarms that do not exist: gone" in "\n".join(shop.warnings)


# Hooks ------------------------------------------------------------------------------------------


def test_hooks_go_into_the_deployment(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_a", "Succeeded")
    put_codedeploys_hook(shop, "CodeDeployHook_b", "Succeeded")
    lines = hooks("after-traffic: CodeDeployHook_b", "before-traffic: CodeDeployHook_a")
    assert shop.release(rollout_spec(CANARY, hooks=lines)).result is Result.PROMOTED
    [created] = shop.requests("CreateDeployment")
    content = json.loads(created.params["revision"]["appSpecContent"]["content"])
    assert content["Hooks"] == [
        {"BeforeAllowTraffic": "CodeDeployHook_a"},
        {"AfterAllowTraffic": "CodeDeployHook_b"},
    ]
    said = shop.requests("PutLifecycleEventHookExecutionStatus", "UpdateAlias")
    assert said[0].operation == "PutLifecycleEventHookExecutionStatus"
    assert sum(r.operation == "PutLifecycleEventHookExecutionStatus" for r in said) == 2
    # CodeDeploy asks them, nobody else does.
    assert not shop.requests("Invoke")


def test_a_hook_that_says_no_before_traffic_leaves_the_alias_untouched(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_a", "Failed")
    spec = rollout_spec(CANARY, hooks=hooks("before-traffic: CodeDeployHook_a"))
    end = shop.release(spec)
    assert end.result is Result.FAILED
    assert "BeforeAllowTraffic failed" in end.reason
    assert shop.whole_on(OLD)
    assert not shop.weights()
    lifecycle = [dict(event.lifecycle) for event in shop.all(DeploymentChanged)]
    assert any(each.get("BeforeAllowTraffic") == "Failed" for each in lifecycle)


def test_a_hook_that_says_no_after_traffic_rolls_back(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_b", "Failed")
    spec = rollout_spec(CANARY, hooks=hooks("after-traffic: CodeDeployHook_b"))
    end = shop.release(spec)
    assert end.result is Result.ROLLED_BACK
    assert "AfterAllowTraffic failed" in end.reason
    assert shop.whole_on(OLD)


def test_an_alarm_stops_a_deployment_whose_hook_says_nothing(shop: Shop) -> None:
    put_codedeploys_hook(shop, "CodeDeployHook_b", None)
    shop.put_group(alarms=())
    spec = rollout_spec(CANARY, hooks=hooks("after-traffic: CodeDeployHook_b"))
    shop.after(400, lambda: shop.set_alarm("checkout-errors", "ALARM"))
    end = shop.release(spec)
    assert end.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in end.failed_alarms] == ["checkout-errors"]
    assert shop.whole_on(OLD)


# The smoke test ------------------------------------------------------------------------------------


def test_a_version_that_fails_its_smoke_test_is_not_deployed(shop: Shop) -> None:
    shop.build("def handler(event, context): raise ValueError('no')")
    finished = shop.release(rollout_spec(CANARY, payloads={"checkout": b"{}"}))
    assert (finished.result, "ValueError: no" in finished.reason) == (Result.FAILED, True)
    assert not shop.requests("CreateDeployment", "UpdateAlias")
    assert shop.alias.routing == Routing.all_on(OLD)
    assert shop.saved_states == []


def test_the_smoke_test_comes_before_the_deployment(shop: Shop) -> None:
    spec = rollout_spec(CANARY, payloads={"checkout": b"{}"})
    assert shop.release(spec).result is Result.PROMOTED
    asked = [request.operation for request in shop.requests("Invoke", "CreateDeployment")]
    assert asked == ["Invoke", "CreateDeployment"]


def test_the_version_that_codedeploy_left_is_kept(shop: Shop) -> None:
    assert (
        shop.release(rollout_spec(CANARY, previous_alias="live-previous")).result is Result.PROMOTED
    )
    kept = shop.world.lambda_().functions["checkout"].aliases["live-previous"]
    assert kept.version == OLD
    assert kept.description.startswith(f"[lambda-rollout {OLD}>{NEW} promoted ")


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
