"""A preflight's facts, read through real boto3 clients from the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.aws.preflight import AwsPreflightReader
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.inputs.package import CodeStorage
from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.preflight.alarm_rule import AtLeast
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import (
    AlarmFacts,
    Condition,
    Configuration,
    EventSource,
    Facts,
    FunctionUrl,
    Invoked,
    Provisioned,
    Scaling,
    Statement,
    Unread,
)
from lambda_rollout.preflight.finding import Code, Level
from lambda_rollout.preflight.patience import LIMIT, READ_LIMIT
from lambda_rollout.preflight.question import Passage, Question
from lambda_rollout.preflight.reader import read_facts
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import Cancelled
from sandbox.aws import World
from sandbox.aws.faults import AccessDenied, ServerError, Slow, Throttle
from sandbox.aws.lambda_ import Fate, zip_of
from sandbox.aws.world import REGION
from tests.support.seam import SimClock, direct, through_botocore

LIVE = Target("checkout", "live")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"
ROLE = "arn:aws:iam::123456789012:role/checkout"
MINUTE = timedelta(minutes=1)
DENIED = AccessDenied()


class Place:
    """Function ``checkout``, versions 1 and 2, alias ``live`` on 1, looked at by a preflight."""

    def __init__(self) -> None:
        self.world = World(seed=1)
        self.clients = through_botocore(self.world)
        self.lambda_: Any = direct(self.world).lambda_
        self.cloudwatch: Any = direct(self.world).cloudwatch(REGION)
        self.stop = Stop()
        self.function("checkout")

    def function(self, name: str, **settings: Any) -> None:
        self.lambda_.create_function(
            FunctionName=name,
            Role=ROLE,
            Runtime="python3.13",
            Handler="index.handler",
            Code={"ZipFile": zip_of("def handler(event, context): return 1")},
            **settings,
        )
        self.world.clock.advance(2)
        self.publish(name, Description="one")
        self.publish(name, Description="two")
        self.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion="1")

    def publish(self, name: str = "checkout", **changes: Any) -> None:
        self.lambda_.update_function_configuration(FunctionName=name, **changes)
        self.world.clock.advance(2)
        self.lambda_.publish_version(FunctionName=name)
        self.world.clock.advance(2)

    def put_alarm(self, name: str = "checkout-errors", **more: Any) -> None:
        plain = {
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "Dimensions": dimensions(FunctionName="checkout", Resource="checkout:live"),
            "Statistic": "Sum",
            "Period": 60,
        }
        given = {
            "EvaluationPeriods": 3,
            "Threshold": 0.0,
            "ComparisonOperator": "GreaterThanThreshold",
            **({} if "Metrics" in more else plain),
            **more,
        }
        self.cloudwatch.put_metric_alarm(AlarmName=name, **given)

    def look(self, *alarms: str, old: str = "1", new: str = "2", **more: Any) -> Facts:
        reader = AwsPreflightReader(self.clients, parse_alarms("\n".join([*alarms, ""])))
        question = Question(
            now=self.world.clock.now(),
            passages=(Passage(LIVE, f"{ARN}:live", old, new),),
            plan=parse_steps("10% 5m, 100% 5m", 5 * MINUTE),
            **more,
        )
        self.world.log.clear()
        return read_facts(question, reader, SimClock(self.world), self.stop)


def dimensions(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


@pytest.fixture
def place() -> Place:
    return Place()


# What is read ----------------------------------------------------------------------------------


def test_nothing_but_reading_calls_are_made(place: Place) -> None:
    place.put_alarm()
    place.look("checkout-errors")
    operations = [request.operation for request in place.world.log]
    assert operations
    assert all(name.startswith(("Get", "List", "Describe")) for name in operations)
    assert len(operations) == 10


def test_both_versions_are_read(place: Place) -> None:
    place.publish(DeadLetterConfig={"TargetArn": QUEUE}, Timeout=900)
    place.world.lambda_().set_state(
        "checkout", "1", Fate("Inactive", "The function is idle.", "Idle")
    )
    facts = place.look(new="3").targets[0]
    assert facts.old == Configuration(
        "1",
        "Inactive",
        "The function is idle.",
        ROLE,
        "",
        "python3.13",
        InvocationLimits(timeout=3),
    )
    assert facts.new == Configuration(
        "3", "Active", "", ROLE, QUEUE, "python3.13", InvocationLimits(timeout=900)
    )


def test_what_is_still_to_be_published_is_latest(place: Place) -> None:
    new = place.look(new="$LATEST").targets[0].new
    assert isinstance(new, Configuration)
    assert new.version == "$LATEST"


def test_an_alias_that_is_on_the_new_version_has_no_old_one(place: Place) -> None:
    assert place.look(new="1").targets[0].old is None


def mapped(place: Place, count: int, function: str = "checkout", of: str = QUEUE) -> list[str]:
    """So many mappings of sources to a function; the second one is disabled."""
    return [
        place.lambda_.create_event_source_mapping(
            EventSourceArn=f"{of}{number}", FunctionName=function, Enabled=number != 1
        )["UUID"]
        for number in range(count)
    ]


def asked(place: Place, operation: str) -> list[Any]:
    return [each for each in place.world.log if each.operation == operation]


@pytest.mark.parametrize("others", [0, 100])
def test_event_sources_of_function_and_alias_are_read_through_all_pages(
    place: Place, others: int
) -> None:
    place.function("basket")
    mapped(place, others, "basket", f"{QUEUE}-")
    made = mapped(place, 60)
    [alias] = mapped(place, 1, "checkout:live")
    sources = place.look().targets[0].event_sources
    assert isinstance(sources, tuple)
    assert [source.uuid for source in sources] == [*made, alias]
    assert sources[1] == EventSource(made[1], f"{QUEUE}1", "", "Disabled", ARN)
    assert sources[60] == EventSource(alias, f"{QUEUE}0", "live", "Enabled", ARN)
    # One page of the account's list; where that is not all of it, function and alias are asked for by name.
    assert len(asked(place, "ListEventSourceMappings")) == (3 if others else 1)


def test_event_sources_by_name_are_read_through_all_pages(place: Place) -> None:
    made = mapped(place, 130)
    sources = place.look().targets[0].event_sources
    assert isinstance(sources, tuple)
    assert [source.uuid for source in sources] == made


def allow(place: Place, sid: str, **more: Any) -> None:
    place.lambda_.add_permission(
        FunctionName="checkout",
        StatementId=sid,
        **{"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com", **more},
    )


def test_policies_of_function_and_alias_are_read_apart(place: Place) -> None:
    bucket = "arn:aws:s3:::orders"
    allow(place, "s3", SourceArn=bucket, SourceAccount="123456789012")
    allow(place, "read", Action="lambda:GetFunction", Principal="210987654321")
    allow(place, "them", Principal="210987654321", Qualifier="live")
    facts = place.look().targets[0]
    assert isinstance(facts.function_policy, tuple)
    assert facts.function_policy[0] == Statement(
        "s3",
        "Allow",
        (("Service", "s3.amazonaws.com"),),
        ("lambda:InvokeFunction",),
        (ARN,),
        (
            Condition("ArnLike", "AWS:SourceArn", (bucket,)),
            Condition("StringEquals", "AWS:SourceAccount", ("123456789012",)),
        ),
    )
    assert isinstance(facts.alias_policy, tuple)
    [them] = facts.alias_policy
    assert them.principals == (("AWS", "arn:aws:iam::210987654321:root"),)
    assert them.resources == (f"{ARN}:live",)


def test_a_policy_written_by_hand_may_have_lists_everywhere(place: Place) -> None:
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["s3.amazonaws.com", "sns.amazonaws.com"]},
                "Action": ["lambda:Get*", "lambda:Invoke*"],
                "Resource": ARN,
                "Condition": {
                    "ForAnyValue:ArnLike": {"aws:SourceArn": ["arn:a", "arn:b"]},
                    "Bool": {"aws:SecureTransport": True},
                },
            },
            {"Effect": "Deny", "NotPrincipal": {"AWS": "1"}, "Action": "*", "Resource": "*"},
        ]
    }
    place.lambda_.put_resource_policy(ResourceArn=ARN, Policy=json.dumps(policy))
    assert place.look().targets[0].function_policy == (
        Statement(
            "",
            "Allow",
            (("Service", "s3.amazonaws.com"), ("Service", "sns.amazonaws.com")),
            ("lambda:Get*", "lambda:Invoke*"),
            (ARN,),
            (
                Condition("ForAnyValue:ArnLike", "aws:SourceArn", ("arn:a", "arn:b")),
                Condition("Bool", "aws:SecureTransport", ("true",)),
            ),
        ),
        Statement("", "Deny", (), ("*",), ("*",), negated=("NotPrincipal",)),
    )


@pytest.mark.parametrize("text", [" ", "[]", '{"Statement": ["x"]}', '{"Statement": 7}', "{"])
def test_a_policy_that_cannot_be_read_is_no_empty_one(place: Place, text: str) -> None:
    _answer_policy(place, text)
    found = place.look().targets[0].function_policy
    assert isinstance(found, Unread)
    assert "UnreadablePolicy" in found.why


def _answer_policy(place: Place, text: str) -> None:
    model: Any = place.world.lambda_()
    model.get_policy = lambda params: {"Policy": text, "RevisionId": "1"}


def test_function_urls_of_function_and_aliases_are_read_through_all_pages(place: Place) -> None:
    make = place.lambda_.create_function_url_config
    make(FunctionName="checkout", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    make(FunctionName="checkout", Qualifier="live", AuthType="AWS_IAM", Cors={"MaxAge": 60})
    place.function("checkout-2")
    make(FunctionName="checkout-2", AuthType="NONE")
    for number in range(60):
        name = f"alias{number}"
        place.lambda_.create_alias(FunctionName="checkout", Name=name, FunctionVersion="1")
        make(FunctionName="checkout", Qualifier=name, AuthType="NONE")
    urls = place.look().targets[0].urls
    assert isinstance(urls, tuple)
    assert len(urls) == 62
    assert urls[:2] == (
        FunctionUrl("", "NONE", "RESPONSE_STREAM"),
        FunctionUrl("live", "AWS_IAM", "BUFFERED", has_cors=True),
    )


def test_concurrency_is_read(place: Place) -> None:
    facts = place.look().targets[0]
    assert (facts.reserved, facts.provisioned) == (None, None)
    place.lambda_.put_function_concurrency(FunctionName="checkout", ReservedConcurrentExecutions=0)
    place.lambda_.put_provisioned_concurrency_config(
        FunctionName="checkout", Qualifier="live", ProvisionedConcurrentExecutions=5
    )
    facts = place.look().targets[0]
    assert (facts.reserved, facts.provisioned) == (0, Provisioned(5, "IN_PROGRESS", ""))


def test_traffic_is_counted_until_its_data_are_in(place: Place) -> None:
    for _ in range(3):
        place.lambda_.invoke(FunctionName="checkout:live")
    place.lambda_.invoke(FunctionName="checkout")
    assert place.look().targets[0].invoked == Invoked(LIVE, 0, 0, 0)
    place.world.clock.advance(600)
    assert place.look().targets[0].invoked == Invoked(LIVE, 3, 3, 4)
    place.world.clock.advance(3600)
    assert place.look().targets[0].invoked == Invoked(LIVE, 0, 3, 4)


MANAGED = {
    "LambdaManagedInstancesCapacityProviderConfig": {
        "CapacityProviderArn": "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:fleet"
    }
}


def test_what_a_function_on_managed_instances_has_besides_is_read(place: Place) -> None:
    place.publish(CapacityProviderConfig=MANAGED)
    place.publish(Description="four")
    put = place.lambda_.put_function_scaling_config
    config = {"MinExecutionEnvironments": 5, "MaxExecutionEnvironments": 9}
    put(FunctionName="checkout", Qualifier="3", FunctionScalingConfig=config)
    read = place.look(old="3", new="4").targets[0]
    assert read.provider.endswith(":fleet")
    assert (read.old_scaling, read.new_scaling) == (Scaling(5, 9), Scaling())
    assert read.provider_versions is None
    read = place.look(old="3", new="$LATEST").targets[0]
    assert (read.old_scaling, read.new_scaling) == (Scaling(5, 9), None)
    assert read.provider_versions == 2
    # Version 1 is one that AWS runs.
    assert place.look(new="4").targets[0].old_scaling is None


def test_durable_functions_and_tenants_are_read(place: Place) -> None:
    def kinds() -> tuple[bool, bool]:
        new = place.look(new="$LATEST").targets[0].new
        assert isinstance(new, Configuration)
        return new.is_durable, new.limits.per_tenant

    assert kinds() == (False, False)
    place.publish(DurableConfig={"ExecutionTimeout": 60})
    assert kinds() == (True, False)
    settings = place.world.lambda_().functions["checkout"].latest.settings
    settings["TenancyConfig"] = {"TenantIsolationMode": "PER_TENANT"}
    assert kinds() == (True, True)


def test_all_versions_of_a_capacity_provider_are_counted_through_all_pages(place: Place) -> None:
    place.publish(CapacityProviderConfig=MANAGED)
    for number in range(59):
        place.publish(Description=str(number))
    assert place.look(new="$LATEST").targets[0].provider_versions == 60


def test_an_ordinary_function_is_asked_for_no_scaling(place: Place) -> None:
    place.look(new="$LATEST")
    asked = {request.operation for request in place.world.log}
    assert not asked & {"GetFunctionScalingConfig", "ListFunctionVersionsByCapacityProvider"}


# Alarms ----------------------------------------------------------------------------------------


def test_a_plain_alarm_is_read(place: Place) -> None:
    place.put_alarm(DatapointsToAlarm=2)
    alarms = place.look("checkout-errors", "nobody").alarms
    assert isinstance(alarms, tuple)
    [found] = alarms
    assert (found.name, found.kind) == ("checkout-errors", "MetricAlarm")
    assert (found.period, found.evaluation_periods, found.datapoints_to_alarm) == (MINUTE, 3, 2)
    assert (found.comparison, found.threshold) == ("GreaterThanThreshold", 0.0)
    [metric] = found.metrics
    assert (metric.namespace, metric.name, metric.statistic) == ("AWS/Lambda", "Errors", "Sum")
    assert metric.dimensions == {"FunctionName": "checkout", "Resource": "checkout:live"}


def test_datapoints_to_alarm_are_all_periods_unless_told(place: Place) -> None:
    place.put_alarm()
    alarms = place.look("checkout-errors").alarms
    assert isinstance(alarms, tuple)
    assert alarms[0].datapoints_to_alarm == 3


def test_metric_math_is_read(place: Place) -> None:
    def stat(id_: str, name: str, period: int) -> dict[str, Any]:
        where = dimensions(FunctionName="checkout", Resource="checkout:live")
        metric = {"Namespace": "AWS/Lambda", "MetricName": name, "Dimensions": where}
        return {
            "Id": id_,
            "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"},
            "ReturnData": False,
        }

    math = {"Id": "rate", "Expression": "100 * e / i", "ReturnData": True}
    place.put_alarm(Metrics=[stat("e", "Errors", 300), stat("i", "Invocations", 300), math])
    alarms = place.look("checkout-errors").alarms
    assert isinstance(alarms, tuple)
    assert alarms[0].expression == "100 * e / i"
    assert [metric.id for metric in alarms[0].metrics] == ["e", "i"]
    assert alarms[0].period == 5 * MINUTE


def test_whether_it_is_evaluated_is_read_with_the_reason(place: Place) -> None:
    place.put_alarm()
    cloudwatch = place.world.cloudwatch()
    cloudwatch.set_evaluation_state("checkout-errors", "EVALUATION_ERROR", "no such metric")
    place.cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(checkout-errors)")
    alarms = place.look("any").alarms
    assert isinstance(alarms, tuple)
    [found] = alarms[0].children
    assert (found.is_evaluated, found.evaluation_reason) == (False, "no such metric")
    assert alarms[0].is_evaluated, "it has no state of its own"


def test_what_is_below_a_composite_alarm_is_read_too(place: Place) -> None:
    place.put_alarm("errors one")
    place.put_alarm("two")
    two = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:two"
    put = place.cloudwatch.put_composite_alarm
    put(AlarmName="inner", AlarmRule=f'ALARM("errors one") AND NOT OK({two})')
    put(AlarmName="outer", AlarmRule="ALARM(inner) OR ALARM(two)")
    alarms = place.look("outer").alarms
    assert isinstance(alarms, tuple)
    [outer] = alarms
    assert [child.name for child in outer.children] == ["inner", "two"]
    assert [child.name for child in outer.children[0].children] == ["errors one", "two"]
    assert outer.children[1].metrics


def test_a_rule_with_at_least_is_read_with_all_that_is_below(place: Place) -> None:
    for name in ("one", "two", 'say "three"'):
        place.put_alarm(name)
    rule = r'AT_LEAST(60%, NOT OK, (one, two, "say \"three\""))'
    place.cloudwatch.put_composite_alarm(AlarmName="outer", AlarmRule=rule)
    alarms = place.look("outer").alarms
    assert isinstance(alarms, tuple)
    assert [child.name for child in alarms[0].children] == ["one", "two", 'say "three"']
    assert isinstance(alarms[0].rule, AtLeast)
    assert alarms[0].rule.number == 2


def one_alarm(place: Place) -> AlarmFacts:
    alarms = place.look("it").alarms
    assert isinstance(alarms, tuple)
    [found] = alarms
    return found


@pytest.mark.parametrize(
    ("rate", "minutes"),
    [
        ("rate(1 minute)", 1),
        ("rate(5 minutes)", 5),
        ("rate(2 hours)", 120),
        ("cron(0 * * * ? *)", 0),
    ],
)
def test_a_log_alarm_runs_on_a_schedule(place: Place, rate: str, minutes: int) -> None:
    schedule = {"ScheduleExpression": rate, "StartTimeOffset": 360, "EndTimeOffset": 60}
    place.cloudwatch.put_log_alarm(
        AlarmName="it",
        ScheduledQueryConfiguration={
            "QueryString": "filter level = 'ERROR'",
            "ScheduledQueryRoleARN": ROLE,
            "ScheduleConfiguration": schedule,
            "AggregationExpression": "count(*)",
        },
        QueryResultsToEvaluate=5,
        QueryResultsToAlarm=3,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    found = one_alarm(place)
    assert (found.unread, found.query_offset) == ("a query of logs", MINUTE)
    assert (found.period, found.datapoints_to_alarm) == (minutes * MINUTE, 3)


def test_a_promql_alarm_has_an_interval_and_a_pending_period(place: Place) -> None:
    place.cloudwatch.put_metric_alarm(
        AlarmName="it",
        EvaluationCriteria={"PromQLCriteria": {"Query": "up < 1", "PendingPeriod": 300}},
        EvaluationInterval=60,
    )
    found = one_alarm(place)
    assert (found.unread, found.metrics) == ("a PromQL query", ())
    assert (found.period, found.pending) == (MINUTE, 5 * MINUTE)


def test_a_metrics_insights_alarm_has_the_period_of_its_query(place: Place) -> None:
    select = 'SELECT SUM(Errors) FROM SCHEMA("AWS/Lambda", FunctionName)'
    place.put_alarm("it", Metrics=[{"Id": "q", "Expression": select, "Period": 300}])
    found = one_alarm(place)
    assert "searches" in found.unread
    assert (found.period, found.datapoints_to_alarm) == (5 * MINUTE, 3)


def test_metrics_of_another_account_are_not_taken_for_ones_own(place: Place) -> None:
    def of(account: str) -> AlarmFacts:
        metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Dimensions": []}
        stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
        place.put_alarm("it", Metrics=[{"Id": "e", "MetricStat": stat, "AccountId": account}])
        return one_alarm(place)

    assert of("210987654321").unread == "metrics of account 210987654321"
    assert of("123456789012").unread == ""


def test_a_warm_up_begins_when_the_alarm_was_configured(place: Place) -> None:
    at = place.world.clock.now()
    place.put_alarm("it", WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 15})
    assert one_alarm(place).warm_until == at.replace(microsecond=0) + 15 * MINUTE
    assert Code.ALARM_WARMING_UP in [f.code for f in examine(place.look("it"))]


def test_composite_alarms_in_a_circle_end(place: Place) -> None:
    place.put_alarm("one")
    put = place.cloudwatch.put_composite_alarm
    put(AlarmName="a", AlarmRule="ALARM(one)")
    put(AlarmName="b", AlarmRule="ALARM(a)")
    put(AlarmName="a", AlarmRule="ALARM(b)")
    alarms = place.look("a").alarms
    assert isinstance(alarms, tuple)
    assert [child.name for child in alarms[0].children] == ["b"]
    assert alarms[0].children[0].children == ()


def test_an_alarm_of_another_region_is_read_there(place: Place) -> None:
    elsewhere: Any = direct(place.world).cloudwatch("us-east-1")
    elsewhere.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0.0,
        ComparisonOperator="GreaterThanThreshold",
    )
    place.put_alarm("errors")
    there = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"
    alarms = place.look(there, "errors").alarms
    assert isinstance(alarms, tuple)
    assert [bool(alarm.metrics[0].dimensions) for alarm in alarms] == [False, True]


# What cannot be read ---------------------------------------------------------------------------


def unread(facts: Facts) -> Iterator[Unread]:
    target = facts.targets[0]
    for fact in (
        *(facts.alarms, facts.history, target.old, target.new, target.event_sources),
        *(target.function_policy, target.alias_policy, target.reserved, target.provisioned),
        *(target.invoked, target.urls),
    ):
        if isinstance(fact, Unread):
            yield fact


FURTHER = {"GetFunction*": "GetFunctionConfiguration"}


@pytest.mark.parametrize(
    ("operation", "action", "facts"),
    [
        ("DescribeAlarms", "cloudwatch:DescribeAlarms", 1),
        ("DescribeAlarmHistory", "cloudwatch:DescribeAlarmHistory", 1),
        ("GetMetricData", "cloudwatch:GetMetricData", 1),
        ("GetFunction*", "lambda:GetFunctionConfiguration", 2),
        ("ListEventSourceMappings", "lambda:ListEventSourceMappings", 1),
        ("GetPolicy", "lambda:GetPolicy", 1),
        ("ListFunctionUrlConfigs", "lambda:ListFunctionUrlConfigs", 1),
        ("GetFunctionConcurrency*", "lambda:GetFunctionConcurrency", 1),
        ("GetProvisionedConcurrencyConfig", "lambda:GetProvisionedConcurrencyConfig", 1),
    ],
)
def test_a_missing_permission_leaves_a_fact_unread_and_nothing_else(
    place: Place, operation: str, action: str, facts: int
) -> None:
    place.put_alarm()
    if operation.endswith("*"):
        # What GetFunction says, too, is asked for otherwise where that is not allowed.
        place.world.faults.add(DENIED, operation="GetFunction", count=None)
        operation = FURTHER.get(operation, operation.removesuffix("*"))
    place.world.faults.add(DENIED, operation=operation, count=None)
    found = list(unread(place.look("checkout-errors")))
    assert [(each.action, each.denied) for each in found] == [(action, True)] * facts


def test_without_any_permission_there_are_only_notes_and_what_blinds_the_watch(
    place: Place,
) -> None:
    place.put_alarm()
    place.world.faults.add(DENIED, count=None)
    findings = examine(place.look("checkout-errors", needs_numbers=True))
    warned = [finding.code for finding in findings if finding.level is not Level.NOTE]
    assert warned == [Code.HISTORY_UNREADABLE, Code.NUMBERS_UNREADABLE]


def test_throttling_is_waited_out(place: Place) -> None:
    place.world.faults.add(Throttle(), operation="GetPolicy", count=3)
    assert list(unread(place.look())) == []


def test_a_service_that_is_down_holds_up_nobody_for_long(place: Place) -> None:
    place.put_alarm()
    place.world.faults.add(ServerError(), count=None)
    before = place.world.clock.monotonic()
    found = list(unread(place.look("checkout-errors")))
    assert place.world.clock.monotonic() - before < 2 * READ_LIMIT
    assert len(found) == 10
    assert not any(each.denied for each in found)


def test_without_getfunction_all_but_the_old_code_is_read_by_smaller_calls(place: Place) -> None:
    place.lambda_.put_function_concurrency(FunctionName="checkout", ReservedConcurrentExecutions=0)
    with_it = place.look(new="$LATEST").targets[0]
    place.world.faults.add(DENIED, operation="GetFunction", count=None)
    without = place.look(new="$LATEST").targets[0]
    assert (without.old, without.new, without.reserved) == (with_it.old, with_it.new, 0)
    assert [each.state for each in without.reads] == [each.state for each in with_it.reads]
    assert (with_it.old_code, without.old_code) == (CodeStorage(), None)
    # Asked once with a qualifier and once without; of more functions neither would be asked again.
    assert len(asked(place, "GetFunction")) == 2


def test_an_alias_s_policy_is_asked_for_where_the_function_s_lets_anybody_in(place: Place) -> None:
    place.look()
    assert len(asked(place, "GetPolicy")) == 1
    allow(place, "url", Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="AWS_IAM")
    place.look()
    assert len(asked(place, "GetPolicy")) == 1, "what is left of a URL that is no more"
    allow(place, "s3")
    place.look()
    assert len(asked(place, "GetPolicy")) == 2


def test_an_alias_that_is_still_to_be_created_has_nothing_to_ask_for(place: Place) -> None:
    allow(place, "s3")
    reader = AwsPreflightReader(place.clients, ())
    question = Question(
        now=place.world.clock.now(),
        passages=(Passage(Target("checkout", "new"), "", None, "$LATEST"),),
        plan=parse_steps("100% 5m", 5 * MINUTE),
    )
    place.world.log.clear()
    facts = read_facts(question, reader, SimClock(place.world), None)
    assert list(unread(facts)) == []
    assert not asked(place, "GetProvisionedConcurrencyConfig")
    assert len(asked(place, "GetPolicy")) == 1


def test_throttling_that_lasts_leaves_unchecked_what_is_then_told_as_a_warning(
    place: Place,
) -> None:
    place.world.faults.add(Throttle(), service="lambda", count=None)
    before = place.world.clock.monotonic()
    facts = place.look()
    assert LIMIT <= place.world.clock.monotonic() - before < 2 * LIMIT
    assert all(each.out_of_time for each in unread(facts))
    # By then nothing more is asked.
    assert {each.operation for each in place.world.log if each.service == "lambda"} == {
        "ListEventSourceMappings"
    }
    warned = [each for each in examine(facts) if each.level is Level.WARNING]
    told = {each.seen.partition(".")[0] for each in warned if each.code is Code.NOT_CHECKED}
    assert "Not checked: reserved concurrency" in told
    assert "Not checked: whether the versions are alike" in told


def test_as_long_as_anything_is_answered_everything_is_asked(place: Place) -> None:
    place.put_alarm()
    allow(place, "s3")
    place.world.faults.add(Slow(3.4), count=None)
    before = place.world.clock.monotonic()
    assert list(unread(place.look("checkout-errors"))) == []
    assert place.world.clock.monotonic() - before > LIMIT


def test_stop_is_heeded(place: Place) -> None:
    place.world.faults.add(Throttle(), count=None)
    place.world.schedule(
        place.world.clock.now() + timedelta(seconds=3), lambda: place.stop.request("SIGTERM")
    )
    with pytest.raises(Cancelled):
        place.look()


# Together --------------------------------------------------------------------------------------


def test_a_function_wired_the_wrong_way(place: Place) -> None:
    allow(place, "s3", SourceArn="arn:aws:s3:::orders")
    place.lambda_.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="checkout")
    place.lambda_.put_function_concurrency(FunctionName="checkout", ReservedConcurrentExecutions=0)
    place.lambda_.put_provisioned_concurrency_config(
        FunctionName="checkout", Qualifier="live", ProvisionedConcurrentExecutions=5
    )
    place.publish(Role=f"{ROLE}-other", DeadLetterConfig={"TargetArn": QUEUE}, Runtime="nodejs18.x")
    place.world.lambda_().set_state(
        "checkout", "1", Fate("Inactive", "The function is idle.", "Idle")
    )
    place.put_alarm(
        "by-number", Dimensions=dimensions(FunctionName="checkout", Resource="checkout:8")
    )
    place.put_alarm("bare", Dimensions=dimensions(FunctionName="checkout"))
    place.put_alarm("other", Dimensions=dimensions(FunctionName="basket"))
    place.put_alarm("slow", Period=3600)
    place.world.faults.add(DENIED, operation="DescribeAlarmHistory", count=None)
    facts = place.look(
        "by-number", "bare", "other", "slow", new="3", writes=("lambda:UpdateAlias",)
    )
    assert [finding.code for finding in examine(facts)] == [
        Code.ROLES_DIFFER,
        Code.DEAD_LETTERS_DIFFER,
        Code.OLD_VERSION_CANNOT_SERVE,
        Code.NO_TRAFFIC,
        Code.EVENT_SOURCE_BYPASSES_ALIAS,
        Code.CALLER_NOT_ALLOWED_ON_ALIAS,
        Code.ALARM_ON_VERSION,
        Code.ALARM_ON_FUNCTION,
        Code.ALARM_ELSEWHERE,
        Code.STEP_TOO_SHORT,
        Code.CONCURRENCY_ZERO,
        Code.PROVISIONED_CONCURRENCY_UNREADY,
        Code.HISTORY_UNREADABLE,
        Code.ALARM_MIXES_VERSIONS,
        Code.RUNTIME_DEPRECATED,
        Code.WRITES_NEEDED,
    ]


def test_every_finding_is_explained_in_the_docs() -> None:
    text = Path("docs/preflight.md").read_text(encoding="utf-8")
    assert [code for code in Code if f"`{code}`" not in text] == []


def test_what_guards_look_at_and_nobody_publishes_is_found(place: Place) -> None:
    version = (("version", "$VERSION"),)
    loud, mute = (CustomMetric("Shop", name, version) for name in ("Orders", "Typo"))
    place.cloudwatch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {
                "MetricName": "Orders",
                "Value": 0.0,
                "Dimensions": [{"Name": "version", "Value": "1"}],
            }
        ],
    )
    place.world.clock.advance(600)
    guards = parse_guards(f"sum({mute}) / sum({loud}) <= baseline\np99({mute}) < 1")
    assert place.look(guards=guards).targets[0].silent == (mute,)
    place.world.clock.advance(2 * 86_400)
    assert place.look(guards=guards).targets[0].silent == (mute, loud)
    assert place.look().targets[0].silent == ()
