"""Both doors: what real clients send is understood, what they get is AWS's form."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World, wire
from sandbox.aws.faults import Meanwhile
from sandbox.aws.http import Server
from sandbox.aws.in_process import client, connect, session
from sandbox.aws.wire.models import BadAnswer
from sandbox.clock import RealClock
from tests.sandbox.conftest import ROLE, returning
from tests.support.servers import ROOT

ALARM = {
    "AlarmName": "errors",
    "Namespace": "AWS/Lambda",
    "MetricName": "Errors",
    "Dimensions": [
        {"Name": "FunctionName", "Value": "checkout"},
        {"Name": "Resource", "Value": "checkout:live"},
    ],
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 3,
    "DatapointsToAlarm": 2,
    "Threshold": 1.5,
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
}


def http_client(service: str, url: str, region: str = "eu-central-1") -> Any:
    made: Any = boto3.Session("AKIDHTTP", "secret", region_name=region)
    return made.client(service, endpoint_url=url)


def query(url: str, action: str, fields: dict[str, str], version: str = "2010-08-01") -> ET.Element:
    """What SDKs older than CloudWatch's JSON protocol send, answered in XML."""
    form = urllib.parse.urlencode({"Action": action, "Version": version, **fields}).encode()
    try:
        with urllib.request.urlopen(url, form) as answer:
            return ET.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return ET.fromstring(error.read())


def bare(answer: Any) -> Any:
    """An answer without what is new in each: transport, ids, times."""
    if isinstance(answer, dict):
        changing = {"ResponseMetadata", "RevisionId", "LastModified"}
        return {key: bare(value) for key, value in answer.items() if key not in changing}
    if isinstance(answer, list):
        return [bare(item) for item in answer]
    return answer.read() if hasattr(answer, "read") else answer


def test_both_doors_answer_alike() -> None:
    def told(aws: Any, cloudwatch: Any, world: World) -> list[Any]:
        calls: list[tuple[Any, dict[str, Any]]] = [
            (
                aws.create_function,
                {
                    "FunctionName": "checkout",
                    "Role": ROLE,
                    "Runtime": "python3.12",
                    "Handler": "index.handler",
                    "Environment": {"Variables": {"STAGE": "prod"}},
                    "Code": {"ZipFile": returning("event['n'] + 1")},
                },
            ),
            (aws.publish_version, {"FunctionName": "checkout"}),
            (aws.publish_version, {"FunctionName": "checkout"}),
            (
                aws.create_alias,
                {"FunctionName": "checkout", "Name": "live", "FunctionVersion": "1"},
            ),
            (aws.invoke, {"FunctionName": "checkout:live", "Payload": b'{"n": 41}'}),
            (aws.invoke, {"FunctionName": "checkout:live"}),
            (aws.invoke, {"FunctionName": "checkout", "InvocationType": "DryRun"}),
            (aws.list_aliases, {"FunctionName": "checkout", "MaxItems": 1}),
            (cloudwatch.put_metric_alarm, ALARM),
            (cloudwatch.describe_alarms, {"AlarmTypes": ["MetricAlarm", "LogAlarm"]}),
            (aws.get_function, {"FunctionName": "checkout", "Qualifier": "live"}),
            (aws.get_function, {"FunctionName": "nobody"}),
            (aws.delete_function, {"FunctionName": "checkout"}),
        ]
        answers = []
        for call, params in calls:
            try:
                answers.append(bare(call(**params)))
            except ClientError as error:
                answers.append([error.response["Error"], bare(error.response)])
            world.run_due()
            assert not isinstance(world.clock, RealClock)
            world.clock.advance(1)
        return answers

    one, other = World(seed=3), World(seed=3)
    inside = told(client("lambda", one), client("cloudwatch", one), one)
    with Server(other) as server:
        outside = told(
            http_client("lambda", server.url), http_client("cloudwatch", server.url), other
        )
    assert inside == outside
    assert inside[4]["Payload"] == b"42"
    assert [request.operation for request in one.log] == [r.operation for r in other.log]


def test_every_answer_has_awss_date_and_a_request_id(world: World, served: str) -> None:
    for aws in (client("lambda", world), http_client("lambda", served)):
        metadata = aws.list_aliases(FunctionName="checkout")["ResponseMetadata"]
        assert parsedate_to_datetime(metadata["HTTPHeaders"]["date"]) == world.clock.now()
        assert len(metadata["RequestId"]) == 36
        with pytest.raises(ClientError) as caught:
            aws.get_alias(FunctionName="checkout", Name="nobody")
        assert "date" in caught.value.response["ResponseMetadata"]["HTTPHeaders"]


def test_region_and_caller_come_from_the_signature(world: World, served: str) -> None:
    with pytest.raises(ClientError, match=r"lambda:us-west-2:123456789012:function:checkout"):
        http_client("lambda", served, "us-west-2").get_function(FunctionName="checkout")
    assert (world.log[-1].region, world.log[-1].caller) == ("us-west-2", "AKIDHTTP")
    assert world.log[-1].outcome == "ResourceNotFoundException"


def test_every_client_of_a_connected_session_speaks_to_the_world(world: World) -> None:
    any_session: Any = connect(session("eu-central-1"), world)
    any_session.client("lambda").get_alias(FunctionName="checkout", Name="live")
    any_session.client("cloudwatch", region_name="us-east-1").describe_alarms()
    assert [(r.service, r.region) for r in world.log] == [
        ("lambda", "eu-central-1"),
        ("cloudwatch", "us-east-1"),
    ]


def test_an_operation_that_is_not_there_is_refused(world: World, served: str) -> None:
    for aws in (client("lambda", world), http_client("lambda", served)):
        with pytest.raises(ClientError, match="The sandbox has no lambda:ListLayers") as caught:
            aws.list_layers()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    with pytest.raises(ClientError, match="501"):
        http_client("s3", served).list_buckets()
    with pytest.raises(ClientError, match="The sandbox does not know"):
        http_client("kms", served).list_keys()


@pytest.mark.parametrize("name", ["Record", "SetState", "Init"])
def test_what_a_model_offers_besides_is_no_operation(served: str, name: str) -> None:
    headers = {"X-Amz-Target": f"GraniteServiceVersion20100801.{name}"}
    request = urllib.request.Request(served, b"{}", headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        assert (error.status, error.headers["x-amzn-ErrorType"]) == (
            501,
            "UnknownOperationException",
        )


def test_cloudwatch_still_speaks_query(served: str) -> None:
    fields = {key: str(value) for key, value in ALARM.items() if key != "Dimensions"}
    fields |= {
        "Dimensions.member.1.Name": "FunctionName",
        "Dimensions.member.1.Value": "checkout",
        "Dimensions.member.2.Name": "Resource",
        "Dimensions.member.2.Value": "checkout:live",
    }
    query(served, "PutMetricAlarm", fields)
    root = query(served, "DescribeAlarms", {"AlarmNames.member.1": "errors"})
    space = {"": "http://monitoring.amazonaws.com/doc/2010-08-01/"}
    (alarm,) = root.findall("DescribeAlarmsResult/MetricAlarms/member", space)
    assert alarm.findtext("Threshold", "", space) == "1.5"
    assert alarm.findtext("DatapointsToAlarm", "", space) == "2"
    names = alarm.findall("Dimensions/member/Name", space)
    assert [name.text for name in names] == ["FunctionName", "Resource"]
    updated = datetime.fromisoformat(alarm.findtext("StateUpdatedTimestamp", "", space))
    assert updated.tzinfo == UTC
    by_json = http_client("cloudwatch", served).describe_alarms()["MetricAlarms"]
    assert [found["Threshold"] for found in by_json] == [1.5]


def test_errors_keep_their_code_in_every_protocol(served: str) -> None:
    cloudwatch = http_client("cloudwatch", served)
    with pytest.raises(cloudwatch.exceptions.ResourceNotFound) as caught:
        cloudwatch.set_alarm_state(AlarmName="nobody", StateValue="ALARM", StateReason="drill")
    by_json = caught.value.response["Error"]
    fields = {"AlarmName": "nobody", "StateValue": "ALARM", "StateReason": "drill"}
    root = query(served, "SetAlarmState", fields)
    error = root.find("{*}Error")
    assert error is not None
    assert [error.findtext(f"{{*}}{tag}") for tag in ("Code", "Message", "Type")] == [
        "ResourceNotFound",
        by_json["Message"],
        "Sender",
    ]
    assert by_json["Code"] == "ResourceNotFound"


@pytest.mark.parametrize(
    ("path", "headers", "body", "text"),
    [
        ("/2015-03-31/functions/checkout/aliases/live", {}, b'{"Weight": 1}', "has no ['Weight']"),
        ("/2015-03-31/functions/checkout/aliases", {}, b'{"Name": "a"}', "at 'functionVersion'"),
        ("/2015-03-31/functions/checkout/elsewhere", {}, b"", "does not know"),
        ("/2015-03-31/functions/checkout/aliases/live", {}, b"{", "SerializationException"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    served: str, path: str, headers: dict[str, str], body: bytes, text: str
) -> None:
    method = "POST" if path.endswith("aliases") else "PUT"
    request = urllib.request.Request(served + path, body, headers, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as error:
        assert text in error.read().decode() + error.headers["x-amzn-ErrorType"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"Alias": "live"}, "Unknown parameter"),
        ({"FunctionVersion": 1}, "Invalid type"),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"2": "0.1"}}}, "Invalid type"),
    ],
)
def test_an_answer_that_aws_could_not_give_is_not_given(answer: Any, text: str) -> None:
    call = wire.Call("rest-json", "lambda", "GetAlias")
    with pytest.raises(BadAnswer, match=text):
        wire.write(call, answer, datetime.now(UTC))


def test_nor_one_with_a_value_that_no_enum_has() -> None:
    call = wire.Call("rest-json", "lambda", "GetFunctionConfiguration")
    wire.write(call, {"State": "Active"}, datetime.now(UTC))
    with pytest.raises(BadAnswer, match="'Ready' is none of State's values"):
        wire.write(call, {"State": "Ready"}, datetime.now(UTC))


def test_an_alarms_evaluation_state_is_set_over_http_and_read_by_any_client(
    world: World, served: str
) -> None:
    cloudwatch = http_client("cloudwatch", served)
    cloudwatch.put_metric_alarm(**ALARM)

    def put(state: str | None, reason: str = "") -> None:
        body = json.dumps({"alarm": "errors", "state": state, "reason": reason}).encode()
        urllib.request.urlopen(f"{served}/_sandbox/evaluation", body).close()

    def told() -> Any:
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
        return alarm.get("EvaluationState"), alarm["StateReason"]

    for state in ("EVALUATION_ERROR", "IN_WARM_UP", "WHAT_AWS_MAY_ADD"):
        put(state, f"because of {state}")
        assert told() == (state, f"because of {state}")
    put(None)
    assert told() == (None, "because of WHAT_AWS_MAY_ADD")


def test_requests_are_served_one_at_a_time(world: World, served: str) -> None:
    """While one request is being worked on, another gets no answer."""
    aws = http_client("lambda", served)
    name = {"FunctionName": "checkout", "Name": "live"}
    meanwhile: list[int] = []
    with ThreadPoolExecutor() as pool:

        def act(_: World) -> None:
            other = pool.submit(aws.get_alias, **name)
            meanwhile.append(len(wait([other], timeout=0.3).done))

        world.faults.add(Meanwhile(act), operation="UpdateAlias")
        aws.update_alias(**name, Description="first")
    assert meanwhile == [0]
    assert [r.operation for r in world.log] == ["UpdateAlias", "GetAlias"]


def test_a_real_clock_keeps_the_world_going_unasked() -> None:
    world = World(RealClock())
    done: list[str] = []
    with Server(world):
        with world.lock:
            world.schedule(world.clock.now(), lambda: done.append("due"))
        end = time.monotonic() + 30
        while not done and time.monotonic() < end:
            time.sleep(0.01)
    assert done == ["due"]


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "sandbox.aws", "--seed", "4", "--port-file", str(port_file)]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        line = started.stdout.readline()
        url = f"http://127.0.0.1:{port_file.read_text()}"
        assert line == f"AWS_ENDPOINT_URL={url}\n"
        assert http_client("cloudwatch", url).describe_alarms()["MetricAlarms"] == []
        with urllib.request.urlopen(f"{url}/_sandbox/log") as answer:
            assert [request["operation"] for request in json.load(answer)] == ["DescribeAlarms"]
        started.send_signal(signal.SIGTERM)
    assert started.returncode == 0
