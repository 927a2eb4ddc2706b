"""AWS's rules as checks that any server with AWS's API can be put to.

Each check is given a fresh function on some server and says, in AWS's terms, what must
hold. `SOURCES` of a rule are what confirms it besides ourselves:

recorded        an answer of real AWS, kept in a public snapshot test
documented      AWS's guides or its API model
reported        an issue thread that quotes AWS
ministack, moto the check itself, run against that server (error texts aside)
unconfirmed     our reading; the product must not rely on it
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.lambda_ import zip_of

ROLE = "arn:aws:iam::123456789012:role/checkout"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


@dataclass
class Subject:
    """A server's clients and a function on it, called `name`.

    worded_by_aws: whether the server's error texts are meant to be AWS's own.
    """

    aws: Any
    cloudwatch: Any
    logs: Any
    name: str
    arn: str
    worded_by_aws: bool

    def settle(self) -> None:
        """Wait until nothing is being created or updated."""
        for _ in range(200):
            versions = self.aws.list_versions_by_function(FunctionName=self.name)["Versions"]
            states = [self._state(version["Version"]) for version in versions]
            if all(state == ("Active", "Successful") for state in states):
                return
            time.sleep(0.05)
        raise AssertionError(states)

    def _state(self, version: str) -> tuple[str, str]:
        found = self.aws.get_function_configuration(FunctionName=self.name, Qualifier=version)
        return found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")

    def publish(self, **params: Any) -> dict[str, Any]:
        """PublishVersion, waiting before and after."""
        self.settle()
        published: dict[str, Any] = self.aws.publish_version(FunctionName=self.name, **params)
        self.settle()
        return published

    def code(self, returns: str) -> str:
        """Upload code that returns a value, publish it, and answer the version."""
        self.settle()
        source = f"def handler(event, context):\n    return {returns}\n"
        self.aws.update_function_code(FunctionName=self.name, ZipFile=zip_of(source))
        return str(self.publish()["Version"])

    def alias(self, version: str, weights: dict[str, float] | None = None) -> dict[str, Any]:
        """Create the alias `live`."""
        routing = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
        made: dict[str, Any] = self.aws.create_alias(
            FunctionName=self.name, Name="live", FunctionVersion=version, **routing
        )
        return made

    def update(self, **params: Any) -> dict[str, Any]:
        """UpdateAlias of `live`; weights= stands for the routing."""
        if "weights" in params:
            params["RoutingConfig"] = {"AdditionalVersionWeights": params.pop("weights")}
        answer: dict[str, Any] = self.aws.update_alias(
            FunctionName=self.name, Name="live", **params
        )
        return answer

    def live(self) -> dict[str, Any]:
        """GetAlias of `live`, without what the transport adds."""
        answer: dict[str, Any] = self.aws.get_alias(FunctionName=self.name, Name="live")
        del answer["ResponseMetadata"]
        return answer


@dataclass(frozen=True)
class Rule:
    """A rule, what confirms it, and its check."""

    name: str
    sources: tuple[str, ...]
    check: Callable[[Subject], None]


RULES: list[Rule] = []


def rule(
    name: str, *sources: str
) -> Callable[[Callable[[Subject], None]], Callable[[Subject], None]]:
    """Register a check."""

    def register(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
        RULES.append(Rule(name, sources, check))
        return check

    return register


def refused(
    subject: Subject, call: Callable[..., Any], status: int, code: str, message: str, **params: Any
) -> None:
    """The call must be refused with this status and code, and on the sandbox in these words."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    answer = caught.value.response
    given = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
    assert given == (status, code)
    if subject.worded_by_aws:
        assert answer["Error"]["Message"] == message


INVALID = (400, "InvalidParameterValueException")


# Aliases


@rule(
    "UpdateAlias keeps what the request leaves out, RoutingConfig included",
    "documented",
    "ministack",
    "moto",
)
def keeps_what_is_left_out(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    subject.alias(one, {two: 0.1})
    subject.update(Description="ours")
    assert subject.live()["RoutingConfig"] == {"AdditionalVersionWeights": {two: 0.1}}
    subject.update(weights={})
    assert (subject.live()["FunctionVersion"], subject.live()["Description"]) == (one, "ours")


@rule("GetAlias leaves out RoutingConfig once it is cleared", "recorded", "ministack")
def cleared_routing_is_absent(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    subject.alias(one, {two: 0.1})
    subject.update(FunctionVersion=two, weights={})
    assert subject.live()["FunctionVersion"] == two
    assert "RoutingConfig" not in subject.live()


@rule(
    "Every successful UpdateAlias changes the RevisionId, even one that changes nothing",
    "recorded",
    "ministack",
)
def every_write_revises(subject: Subject) -> None:
    seen = [subject.alias(subject.code("1"))["RevisionId"]]
    seen += [subject.update(Description="same")["RevisionId"] for _ in range(2)]
    assert len(set(seen)) == 3
    assert subject.live()["RevisionId"] == seen[-1]


@rule("A stale RevisionId is refused with 412 and changes nothing", "recorded", "ministack")
def stale_revision_is_refused(subject: Subject) -> None:
    stale = subject.alias(subject.code("1"))["RevisionId"]
    subject.update(Description="newer")
    refused(
        subject,
        subject.update,
        412,
        "PreconditionFailedException",
        STALE,
        Description="x",
        RevisionId=stale,
    )
    assert subject.live()["Description"] == "newer"


@rule("An alias takes no more than one additional version", "recorded")
def two_additional_versions(subject: Subject) -> None:
    one, two, three = (subject.code(str(n)) for n in range(3))
    message = "Number of items in AdditionalVersionWeights cannot be greater than 1"
    refused(subject, subject.alias, *INVALID, message, version=one, weights={two: 0.1, three: 0.1})


@rule("The additional version must not be the alias's own", "recorded")
def additional_is_primary(subject: Subject) -> None:
    one = subject.code("1")
    message = (
        f"Invalid function version {one}. Function version {one} is already included in "
        "routing configuration."
    )
    refused(subject, subject.alias, *INVALID, message, version=one, weights={one: 0.1})


@rule("Promoting without clearing the weights is refused", "reported")
def promote_without_clearing(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    subject.alias(one, {two: 0.1})
    message = (
        f"Invalid function version {two}. Function version {two} is already included in "
        "routing configuration."
    )
    refused(subject, subject.update, *INVALID, message, FunctionVersion=two)


@rule("An alias on $LATEST takes no weights", "recorded")
def latest_with_weights(subject: Subject) -> None:
    one = subject.code("1")
    message = "$LATEST is not supported for an alias pointing to more than 1 version"
    refused(subject, subject.alias, *INVALID, message, version="$LATEST", weights={one: 0.1})


@rule("$LATEST is no additional version", "recorded")
def latest_as_additional(subject: Subject) -> None:
    message = (
        "1 validation error detected: Value '{$LATEST=0.1}' at "
        "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map keys must "
        "satisfy constraint: [Member must have length less than or equal to 1024, Member must "
        "have length greater than or equal to 1, Member must satisfy regular expression "
        "pattern: [0-9]+, Member must not be null]"
    )
    refused(
        subject,
        subject.alias,
        400,
        "ValidationException",
        message,
        version=subject.code("1"),
        weights={"$LATEST": 0.1},
    )


@rule("A weight is 0 to 1", "recorded")
def weight_out_of_range(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    for weight in (-0.1, 1.1):
        message = (
            f"1 validation error detected: Value '{{{two}={weight}}}' at "
            "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value "
            "must satisfy constraint: [Member must have value less than or equal to 1.0, Member "
            "must have value greater than or equal to 0.0, Member must not be null]"
        )
        refused(
            subject,
            subject.alias,
            400,
            "ValidationException",
            message,
            version=one,
            weights={two: weight},
        )


@rule("A weight of exactly 1 is refused", "unconfirmed")
def weight_of_one(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    with pytest.raises(ClientError, match="ValidationException"):
        subject.alias(one, {two: 1.0})


@rule("An alias cannot point at a version that is not there", "recorded")
def unknown_version(subject: Subject) -> None:
    one = subject.code("1")
    message = f"Function not found: {subject.arn}:10"
    refused(subject, subject.alias, 404, "ResourceNotFoundException", message, version="10")
    refused(
        subject,
        subject.alias,
        404,
        "ResourceNotFoundException",
        message,
        version=one,
        weights={"10": 0.1},
    )


@rule("Both versions of an alias need the same execution role", "documented", "reported")
def different_roles(subject: Subject) -> None:
    one = subject.code("1")
    subject.aws.update_function_configuration(FunctionName=subject.name, Role=OTHER_ROLE)
    two = subject.publish()["Version"]
    message = "Specified versions must be associated with the same execution role"
    refused(subject, subject.alias, *INVALID, message, version=one, weights={two: 0.1})


@rule("Both versions of an alias need the same dead letter queue (text unconfirmed)", "documented")
def different_dead_letter_queues(subject: Subject) -> None:
    one = subject.code("1")
    queue = {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:dead"}
    subject.aws.update_function_configuration(FunctionName=subject.name, DeadLetterConfig=queue)
    two = subject.publish()["Version"]
    with pytest.raises(ClientError, match="InvalidParameterValueException"):
        subject.alias(one, {two: 0.1})


@rule("A second alias of the same name is a conflict", "recorded", "ministack")
def alias_exists(subject: Subject) -> None:
    one = subject.code("1")
    subject.alias(one)
    message = f"Alias already exists: {subject.arn}:live"
    refused(subject, subject.alias, 409, "ResourceConflictException", message, version=one)


@rule("An alias that is not there is not found", "recorded", "ministack", "moto")
def alias_missing(subject: Subject) -> None:
    message = f"Cannot find alias arn: {subject.arn}:live"
    refused(subject, subject.live, 404, "ResourceNotFoundException", message)


@rule("An alias's description has at most 256 characters", "documented")
def long_description(subject: Subject) -> None:
    subject.alias(subject.code("1"))
    subject.update(Description="d" * 256)
    with pytest.raises(ClientError, match="ValidationException"):
        subject.update(Description="d" * 257)


@rule("An alias's name is no number", "documented")
def alias_name_is_a_number(subject: Subject) -> None:
    one = subject.code("1")
    with pytest.raises(ClientError, match="ValidationException"):
        subject.aws.create_alias(FunctionName=subject.name, Name="1", FunctionVersion=one)


@rule("Deleting an alias that is not there is no error", "documented")
def delete_missing_alias(subject: Subject) -> None:
    answer = subject.aws.delete_alias(FunctionName=subject.name, Name="nobody")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204


# Versions


@rule(
    "Publishing with nothing new gives the same version; a new Description is ignored",
    "recorded",
    "ministack",
    "moto",
)
def nothing_new(subject: Subject) -> None:
    first = subject.publish(Description="first")
    again = subject.publish(Description="again")
    assert (again["Version"], again["Description"]) == (first["Version"], "first")


@rule(
    "Any change of the configuration makes a new version, even of the Description",
    "recorded",
    "ministack",
    "moto",
)
def any_change_is_new(subject: Subject) -> None:
    first = subject.publish()["Version"]
    subject.aws.update_function_configuration(FunctionName=subject.name, Description="new")
    assert int(subject.publish()["Version"]) == int(first) + 1


@rule("The same bytes uploaded again give the same version", "recorded")
def same_bytes(subject: Subject) -> None:
    first = subject.code("1")
    assert subject.code("1") == first
    assert subject.code("2") != first


@rule("A wrong CodeSha256 is refused", "recorded")
def wrong_sha(subject: Subject) -> None:
    subject.settle()
    current = subject.aws.get_function_configuration(FunctionName=subject.name)["CodeSha256"]
    message = (
        f"CodeSHA256 (wrong) is different from current CodeSHA256 in $LATEST ({current}). "
        "Please try again with the CodeSHA256 in $LATEST."
    )
    refused(
        subject,
        subject.aws.publish_version,
        *INVALID,
        message,
        FunctionName=subject.name,
        CodeSha256="wrong",
    )


@rule("A stale RevisionId does not publish", "recorded")
def stale_revision_does_not_publish(subject: Subject) -> None:
    subject.settle()
    stale = subject.aws.get_function_configuration(FunctionName=subject.name)["RevisionId"]
    subject.publish()
    params = {"FunctionName": subject.name, "RevisionId": stale}
    refused(
        subject, subject.aws.publish_version, 412, "PreconditionFailedException", STALE, **params
    )


@rule("$LATEST's RevisionId changes when an update starts and when it completes", "recorded")
def latest_is_revised(subject: Subject) -> None:
    subject.settle()
    before = subject.aws.get_function_configuration(FunctionName=subject.name)["RevisionId"]
    started = subject.aws.update_function_configuration(FunctionName=subject.name, Timeout=9)
    subject.settle()
    after = subject.aws.get_function_configuration(FunctionName=subject.name)["RevisionId"]
    assert len({before, started["RevisionId"], after}) == 3


@rule("While an update is in progress nothing is published or updated", "recorded")
def update_in_progress(subject: Subject) -> None:
    subject.settle()
    subject.aws.update_function_configuration(FunctionName=subject.name, Timeout=9)
    message = (
        "The operation cannot be performed at this time. An update is in progress for "
        f"resource: {subject.arn}"
    )
    for call in (subject.aws.publish_version, subject.aws.update_function_configuration):
        refused(subject, call, 409, "ResourceConflictException", message, FunctionName=subject.name)


@rule("A published version is Pending at first, then Active", "documented")
def pending_then_active(subject: Subject) -> None:
    subject.settle()
    published = subject.aws.publish_version(FunctionName=subject.name)
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    subject.settle()
    qualified = {"FunctionName": subject.name, "Qualifier": published["Version"]}
    active = subject.aws.get_function_configuration(**qualified)
    assert (active["State"], active.get("StateReason", "")) == ("Active", "")


@rule("A version that an alias points at cannot be deleted", "reported", "ministack")
def version_in_use(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    subject.alias(one, {two: 0.1})
    message = "Unable to delete version because the following aliases reference it: [live]"
    for version in (one, two):
        params = {"FunctionName": subject.name, "Qualifier": version}
        refused(
            subject,
            subject.aws.delete_function,
            409,
            "ResourceConflictException",
            message,
            **params,
        )


@rule("Version numbers are never used twice", "documented", "ministack")
def numbers_only_grow(subject: Subject) -> None:
    first = subject.code("1")
    subject.aws.delete_function(FunctionName=subject.name, Qualifier=first)
    assert int(subject.code("2")) == int(first) + 1


@rule("ListVersionsByFunction starts with $LATEST", "recorded", "ministack", "moto")
def list_of_versions(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    listed = subject.aws.list_versions_by_function(FunctionName=subject.name)["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", one, two]


@rule("A function that is not there is not found", "recorded", "ministack", "moto")
def function_missing(subject: Subject) -> None:
    call, arn = subject.aws.get_function_configuration, f"{subject.arn}-nobody"
    message = f"Function not found: {arn}"
    refused(
        subject,
        call,
        404,
        "ResourceNotFoundException",
        message,
        FunctionName=f"{subject.name}-nobody",
    )


@rule("Two qualifiers that differ are refused", "documented")
def two_qualifiers(subject: Subject) -> None:
    message = "The derived qualifier from the function name does not match the specified qualifier."
    refused(
        subject,
        partial(subject.aws.get_function_configuration, Qualifier="2"),
        *INVALID,
        message,
        FunctionName=f"{subject.name}:1",
    )


# Invocations


@rule(
    "A function's own error is status 200 with FunctionError Unhandled", "documented", "ministack"
)
def function_error(subject: Subject) -> None:
    version = subject.code("1 / 0")
    answer = subject.aws.invoke(FunctionName=subject.name, Qualifier=version)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert "division by zero" in json.loads(answer["Payload"].read())["errorMessage"]


@rule("Invoke answers ExecutedVersion; unqualified it runs $LATEST", "documented", "ministack")
def executed_version(subject: Subject) -> None:
    version = subject.code("'first'")
    subject.aws.update_function_code(
        FunctionName=subject.name,
        ZipFile=zip_of("def handler(event, context):\n    return 'newest'\n"),
    )
    subject.settle()
    subject.alias(version)
    for name, expected in (
        (subject.name, ("$LATEST", "newest")),
        (f"{subject.name}:live", (version, "first")),
    ):
        answer = subject.aws.invoke(FunctionName=name)
        assert (answer["ExecutedVersion"], json.loads(answer["Payload"].read())) == expected


@rule("LogType=Tail answers the end of the log, base64-encoded", "documented")
def log_tail(subject: Subject) -> None:
    version = subject.code("print('read', 17)")
    answer = subject.aws.invoke(FunctionName=subject.name, Qualifier=version, LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert "read 17" in lines
    assert "LogResult" not in subject.aws.invoke(FunctionName=subject.name, Qualifier=version)


@rule("DryRun answers 204 and runs nothing", "documented")
def dry_run(subject: Subject) -> None:
    version = subject.code("1 / 0")
    answer = subject.aws.invoke(
        FunctionName=subject.name, Qualifier=version, InvocationType="DryRun"
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")
    assert "FunctionError" not in answer


@rule("Invocations of an alias are drawn by weight", "documented")
def drawn_by_weight(subject: Subject) -> None:
    one, two = subject.code("1"), subject.code("2")
    subject.alias(one, {two: 0.25})
    answers = [subject.aws.invoke(FunctionName=f"{subject.name}:live") for _ in range(200)]
    drawn = [answer["ExecutedVersion"] for answer in answers].count(two)
    # Four standard deviations of 200 draws at 0.25.
    assert 25 < drawn < 75


@rule("Lambda counts by function, by Resource and by ExecutedVersion", "documented")
def counted_by_version(subject: Subject) -> None:
    subject.alias(subject.code("1 / 0"))
    subject.aws.invoke(FunctionName=f"{subject.name}:live")
    by_function = {"FunctionName": subject.name}
    by_alias = {**by_function, "Resource": f"{subject.name}:live"}
    by_version = {**by_alias, "ExecutedVersion": "1"}
    for dimensions in (by_function, by_alias, by_version):
        assert _sum(subject, "Errors", dimensions) == 1.0, dimensions
    assert _sum(subject, "Errors", {**by_function, "Resource": f"{subject.name}:1"}) is None


@rule("An invocation that did not fail is told as 0 errors, and not by silence", "documented")
def errors_of_zero(subject: Subject) -> None:
    # "Invocation metrics are binary indicators of the outcome":
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    subject.alias(subject.code("1"))
    subject.aws.invoke(FunctionName=f"{subject.name}:live")
    by_version = {"FunctionName": subject.name, "Resource": f"{subject.name}:live"}
    for version, errors in (("1", 0.0), ("2", None)):
        assert _sum(subject, "Errors", {**by_version, "ExecutedVersion": version}) == errors


def _sum(subject: Subject, metric: str, dimensions: dict[str, str]) -> float | None:
    now = time.time()
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    found = subject.cloudwatch.get_metric_data(
        StartTime=now - 600,
        EndTime=now + 60,
        MetricDataQueries=[
            {
                "Id": "m",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": metric,
                        "Dimensions": named,
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
            }
        ],
    )["MetricDataResults"][0]["Values"]
    return sum(found) if found else None


# Alarms


def _alarm(subject: Subject) -> str:
    name = f"{subject.name}-errors"
    subject.cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": subject.name}],
        Statistic="Sum",
        Period=3600,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )
    return name


def _described(subject: Subject, *names: str, **params: Any) -> list[str]:
    found = subject.cloudwatch.describe_alarms(AlarmNames=list(names), **params)
    kinds = ("MetricAlarms", "CompositeAlarms")
    return sorted(alarm["AlarmName"] for kind in kinds for alarm in found[kind])


@rule("A new alarm is in INSUFFICIENT_DATA", "documented")
def new_alarm(subject: Subject) -> None:
    found = subject.cloudwatch.describe_alarms(AlarmNames=[_alarm(subject)])["MetricAlarms"]
    assert [alarm["StateValue"] for alarm in found] == ["INSUFFICIENT_DATA"]


@rule("DescribeAlarms is silent about alarms that are not there", "documented", "ministack", "moto")
def missing_alarms(subject: Subject) -> None:
    name = _alarm(subject)
    assert _described(subject, name, f"{name}-nobody") == [name]


@rule("DescribeAlarms shows only metric alarms unless asked for others", "documented", "ministack")
def metric_alarms_only(subject: Subject) -> None:
    name = _alarm(subject)
    both = f"{name}-both"
    subject.cloudwatch.put_composite_alarm(AlarmName=both, AlarmRule=f'ALARM("{name}")')
    assert _described(subject, name, both) == [name]
    kinds = ["MetricAlarm", "CompositeAlarm"]
    assert _described(subject, name, both, AlarmTypes=kinds) == sorted([name, both])


@rule(
    "SetAlarmState changes the state and its history tells from what to what",
    "documented",
    "ministack",
)
def history_of_a_state(subject: Subject) -> None:
    name = _alarm(subject)
    subject.cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="drill")
    found = subject.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert (found["StateValue"], found["StateReason"]) == ("ALARM", "drill")
    items = subject.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")
    told = [json.loads(item["HistoryData"]) for item in items["AlarmHistoryItems"]]
    (fired,) = [data for data in told if data["newState"]["stateValue"] == "ALARM"]
    assert fired["oldState"]["stateValue"] in {"INSUFFICIENT_DATA", "OK"}


def _logged(subject: Subject, *messages: str, stream: str = "2026/11/28/[1]one") -> dict[str, Any]:
    """Events a second apart, the last one a second ago, in a group of the subject's own; returns what asks for them."""
    group = f"/aws/lambda/{subject.name}"
    with suppress(subject.logs.exceptions.ResourceAlreadyExistsException):
        subject.logs.create_log_group(logGroupName=group)
    subject.logs.create_log_stream(logGroupName=group, logStreamName=stream)
    first = int(time.time() - len(messages)) * 1000
    events = [
        {"timestamp": first + 1000 * number, "message": message}
        for number, message in enumerate(messages)
    ]
    subject.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return {"logGroupName": group, "startTime": first}


def _messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"] for event in answer["events"]]


@rule(
    "FilterLogEvents answers events between two moments, by time, a page at a time",
    "documented",
    "moto",
)
def events_by_time(subject: Subject) -> None:
    asked = _logged(subject, "a", "b", "c", "d")
    first = asked["startTime"]
    page = subject.logs.filter_log_events(**asked, endTime=first + 2000, limit=2)
    assert _messages(page) == ["a", "b"]
    assert page["events"][0]["timestamp"] == first
    assert page["events"][0]["logStreamName"] == "2026/11/28/[1]one"
    rest = subject.logs.filter_log_events(
        **asked, endTime=first + 2000, limit=2, nextToken=page["nextToken"]
    )
    assert _messages(rest) == ["c"]
    assert not rest.get("nextToken")


@rule("FilterLogEvents of a group that does not exist is refused", "documented", "moto")
def no_such_log_group(subject: Subject) -> None:
    refused(
        subject,
        subject.logs.filter_log_events,
        400,
        "ResourceNotFoundException",
        "The specified log group does not exist.",
        logGroupName="/aws/lambda/nobody",
    )


@rule("FilterLogEvents with a phrase in quotes answers what has it", "documented", "moto")
def events_with_a_phrase(subject: Subject) -> None:
    asked = _logged(subject, "END RequestId: 1", "END of it", "RequestId: 2")
    answer = subject.logs.filter_log_events(**asked, filterPattern='"END RequestId"')
    assert _messages(answer) == ["END RequestId: 1"]


@rule("FilterLogEvents takes the beginning of streams' names", "documented")
def events_by_prefix(subject: Subject) -> None:
    asked = _logged(subject, "new")
    _logged(subject, "newer", stream="2026/11/28/[11]one")
    answer = subject.logs.filter_log_events(**asked, logStreamNamePrefix="2026/11/28/[1]")
    assert _messages(answer) == ["new"]
    refused(
        subject,
        subject.logs.filter_log_events,
        400,
        "InvalidParameterException",
        "logStreamNames and logStreamNamePrefix cannot be used together",
        **asked,
        logStreamNamePrefix="2026",
        logStreamNames=["2026/11/28/[1]one"],
    )


@rule("FilterLogEvents takes a regular expression between percent signs", "documented")
def events_by_regular_expression(subject: Subject) -> None:
    asked = _logged(subject, "[ERROR] no", "KeyError: 1", "an error", "none")
    answer = subject.logs.filter_log_events(**asked, filterPattern="%ERROR|[a-z]Error%")
    assert _messages(answer) == ["[ERROR] no", "KeyError: 1"]


def subject_on(aws: Any, cloudwatch: Any, logs: Any, *, worded_by_aws: bool) -> Subject:
    """A fresh function on a server."""
    name = f"checkout-{uuid.uuid4().hex[:8]}"
    made = aws.create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="python3.12",
        Handler="index.handler",
        Code={"ZipFile": zip_of("def handler(event, context):\n    return 0\n")},
    )
    return Subject(aws, cloudwatch, logs, name, made["FunctionArn"], worded_by_aws)
