"""Lambda's model where no emulator can be asked: states, packages, drawing, counting."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws import AwsError, World
from sandbox.aws.in_process import client
from sandbox.aws.lambda_ import Fate, zip_of
from sandbox.aws.traffic import Traffic
from tests.sandbox.conftest import deploy, live, publish, returning, update


def configuration(world: World, qualifier: str) -> dict[str, Any]:
    params = {"FunctionName": "checkout", "Qualifier": qualifier}
    return world.call("lambda", "GetFunctionConfiguration", params)


def invoke(world: World, name: str = "checkout:live", payload: Any = None) -> dict[str, Any]:
    body = json.dumps({} if payload is None else payload).encode()
    return world.call("lambda", "Invoke", {"FunctionName": name, "Payload": body})


def package(modules: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, source in modules.items():
            archive.writestr(name, source)
    return buffer.getvalue()


def test_what_becomes_of_a_version_can_be_decided_beforehand(world: World) -> None:
    fate = Fate("Failed", "Error while initializing.", "FunctionError", after=30)
    world.lambda_().next_version("checkout", fate)
    params = {"FunctionName": "checkout", "ZipFile": returning("3")}
    world.call("lambda", "UpdateFunctionCode", params)
    world.clock.advance(1)
    world.call("lambda", "PublishVersion", {"FunctionName": "checkout"})
    world.clock.advance(29)
    assert configuration(world, "3")["State"] == "Pending"
    world.clock.advance(1)
    failed = configuration(world, "3")
    assert (failed["State"], failed["StateReason"], failed["StateReasonCode"]) == (
        "Failed",
        "Error while initializing.",
        "FunctionError",
    )
    assert publish(world, returning("4")) == "4"
    assert configuration(world, "4")["State"] == "Active"


def test_an_idle_version_becomes_inactive_and_is_not_invoked(world: World) -> None:
    world.lambda_().set_state("checkout", "1", Fate("Inactive", "The function is idle.", "Idle"))
    assert configuration(world, "live")["StateReasonCode"] == "Idle"
    with pytest.raises(AwsError, match="state: Inactive"):
        invoke(world)


def test_the_invocation_that_fails_wakes_an_idle_version(world: World) -> None:
    world.lambda_().set_state("checkout", "1", Fate("Inactive", "The function is idle.", "Idle"))
    with pytest.raises(AwsError, match="state: Inactive"):
        invoke(world)
    assert configuration(world, "1")["State"] == "Pending"
    assert configuration(world, "1")["StateReasonCode"] == "Restoring"
    world.clock.advance(1)
    assert configuration(world, "1")["State"] == "Active"
    assert invoke(world)["StatusCode"] == 200


def test_snap_start_is_on_once_the_version_is_active() -> None:
    world = World()
    deploy(world, returning("1"), SnapStart={"ApplyOn": "PublishedVersions"})
    world.lambda_().next_version("checkout", Fate(after=60))
    world.call("lambda", "PublishVersion", {"FunctionName": "checkout"})
    assert configuration(world, "1")["SnapStart"]["OptimizationStatus"] == "Off"
    world.clock.advance(60)
    assert configuration(world, "1")["SnapStart"]["OptimizationStatus"] == "On"
    assert configuration(world, "$LATEST")["SnapStart"]["OptimizationStatus"] == "Off"


def test_answers_are_no_way_into_the_model(world: World) -> None:
    configuration(world, "1")["TracingConfig"]["Mode"] = "Active"
    update(world, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    live(world)["RoutingConfig"]["AdditionalVersionWeights"]["2"] = 0.9
    assert configuration(world, "1")["TracingConfig"]["Mode"] == "PassThrough"
    assert live(world)["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}


def test_lists_come_in_pages() -> None:
    world = World()
    deploy(world, returning("0"))
    for number in range(1, 8):
        publish(world, returning(str(number)))
    pages = client("lambda", world).get_paginator("list_versions_by_function")
    numbers = [
        version["Version"]
        for page in pages.paginate(FunctionName="checkout", PaginationConfig={"PageSize": 3})
        for version in page["Versions"]
    ]
    assert numbers == ["$LATEST", "1", "2", "3", "4", "5", "6", "7"]


def test_aliases_are_listed_by_either_version(world: World) -> None:
    update(world, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    for version, expected in (("1", ["live"]), ("2", ["live"]), ("3", [])):
        params = {"FunctionName": "checkout", "FunctionVersion": version}
        listed = world.call("lambda", "ListAliases", params)["Aliases"]
        assert [alias["Name"] for alias in listed] == expected


@given(weight=st.floats(0, 0.99), seed=st.integers(0, 50))
def test_the_same_seed_draws_the_same_versions(weight: float, seed: int) -> None:
    def drawn() -> list[str]:
        world = World(seed=seed)
        deploy(world, returning("1"))
        publish(world)
        publish(world, returning("2"))
        params = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": "1"}
        world.call("lambda", "CreateAlias", params)
        update(world, RoutingConfig={"AdditionalVersionWeights": {"2": weight}})
        return [invoke(world)["ExecutedVersion"] for _ in range(20)]

    once = drawn()
    assert once == drawn()
    assert weight > 0 or set(once) == {"1"}


def test_each_version_has_modules_of_its_own() -> None:
    counting = (
        "count = []\ndef handler(event, context):\n    count.append(1)\n    return len(count)\n"
    )
    world = World()
    deploy(world, zip_of(counting))
    assert [invoke(world, "checkout")["Payload"] for _ in range(2)] == [b"1", b"2"]
    publish(world)
    assert invoke(world, "checkout:1")["Payload"] == b"1"
    assert invoke(world, "checkout")["Payload"] == b"3"


def test_a_package_imports_its_own_modules_before_others() -> None:
    world = World()
    code = package(
        {
            "index.py": "import json, shop.prices\nfrom shop import tax\n"
            "def handler(event, context):\n    return [json.mine, shop.prices.of(2), tax.rate]\n",
            "json.py": "mine = True\n",
            "shop/__init__.py": "",
            "shop/prices.py": "from . import tax\nfrom .tax import rate\n"
            "def of(n):\n    return n * tax.rate * rate\n",
            "shop/tax.py": "rate = 3\n",
        }
    )
    deploy(world, code)
    assert json.loads(invoke(world, "checkout")["Payload"]) == [True, 18, 3]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("def handler(e, c):\n    raise ValueError('no')", "ValueError", "no"),
        ("import nothing_like_it", "ModuleNotFoundError", "No module named 'nothing_like_it'"),
        ("def other(e, c): ...", "AttributeError", "module 'index' has no attribute 'handler'"),
        ("def handler(e, c):\n    return {1}", "TypeError", "set is not JSON serializable"),
        ("def handler(:", "SyntaxError", "invalid syntax"),
    ],
)
def test_whatever_goes_wrong_in_a_package_is_a_function_error(
    source: str, kind: str, message: str
) -> None:
    world = World()
    deploy(world, zip_of(source))
    answer = invoke(world, "checkout")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    told = json.loads(answer["Payload"])
    assert told["errorType"] == kind
    assert message in told["errorMessage"]


def test_an_error_that_a_runtime_has_handled_is_said_to_be() -> None:
    world = World()
    source = (
        "class Told(Exception):\n    function_error = 'Handled'\n"
        "def handler(e, c):\n    raise Told('no')"
    )
    deploy(world, zip_of(source))
    answer = invoke(world, "checkout")
    assert (answer["FunctionError"], json.loads(answer["Payload"])["errorType"]) == (
        "Handled",
        "Told",
    )


def test_the_log_is_what_one_run_printed_and_its_last_4_kb() -> None:
    world = World()
    source = "def handler(e, c):\n    print('run', e, sep='=', end='!\\n')\n    print('é' * e)\n"
    deploy(world, zip_of(source))
    tails = []
    for payload in (1, 5000):
        asked = {"FunctionName": "checkout", "Payload": json.dumps(payload), "LogType": "Tail"}
        answer = world.call("lambda", "Invoke", asked)
        tails.append(base64.b64decode(answer["LogResult"]))
    assert b"run=1!" in tails[0]
    assert len(tails[1]) == 4096
    assert b"run=" not in tails[1]


def test_too_much_is_refused_and_too_long_an_answer_is_an_error() -> None:
    world = World()
    deploy(world, zip_of("def handler(e, c):\n    return 'x' * (6 * 1024 * 1024)"))
    assert b"ResponseSizeTooLarge" in invoke(world, "checkout")["Payload"]
    asked = {"FunctionName": "checkout", "Payload": b'"' + b"x" * 6 * 1024 * 1024 + b'"'}
    with pytest.raises(AwsError, match="too large"):
        world.call("lambda", "Invoke", asked)


def test_bytes_that_are_no_zip_file_are_refused() -> None:
    with pytest.raises(AwsError, match="Could not unzip uploaded file"):
        deploy(World(), b"no zip")


def test_invocations_errors_and_durations_are_counted_by_version(world: World) -> None:
    slow = "import time\ndef handler(event, context):\n    time.sleep(0.25)\n    raise OSError\n"
    bad = publish(world, zip_of(slow))
    update(world, FunctionVersion=bad)
    started = world.clock.now()
    for _ in range(3):
        invoke(world)
    assert world.clock.now() == started
    world.clock.advance(60)
    found = {}
    for metric, statistic in (("Invocations", "Sum"), ("Errors", "Sum"), ("Duration", "p99")):
        for version in ("1", bad):
            dimensions = {"FunctionName": "checkout", "Resource": "checkout:live"}
            found[metric, version] = values(
                world, metric, statistic, {**dimensions, "ExecutedVersion": version}
            )
    assert found == {
        ("Invocations", "1"): [],
        ("Invocations", bad): [3.0],
        ("Errors", "1"): [],
        ("Errors", bad): [3.0],
        ("Duration", "1"): [],
        ("Duration", bad): [pytest.approx(251.0)],
    }


def values(world: World, metric: str, statistic: str, dimensions: dict[str, str]) -> list[float]:
    query = {
        "Id": "m",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/Lambda",
                "MetricName": metric,
                "Dimensions": [{"Name": n, "Value": v} for n, v in dimensions.items()],
            },
            "Period": 3600,
            "Stat": statistic,
        },
    }
    found = client("cloudwatch", world).get_metric_data(
        StartTime="2026-11-23T05:00:00Z", EndTime="2026-11-23T06:00:00Z", MetricDataQueries=[query]
    )
    result: list[float] = found["MetricDataResults"][0]["Values"]
    return result


def test_a_bad_version_raises_its_alarm_and_a_good_one_lets_it_recover(world: World) -> None:
    """The loop that the sandbox exists for."""
    bad = publish(world, returning("1 / 0"))
    cloudwatch = client("cloudwatch", world)
    cloudwatch.put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[
            {"Name": "FunctionName", "Value": "checkout"},
            {"Name": "Resource", "Value": "checkout:live"},
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )

    def state() -> str:
        alarm = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]
        return str(alarm["StateValue"])

    traffic = Traffic(world, "checkout:live", per_second=10)
    assert state() == "INSUFFICIENT_DATA"
    world.clock.advance(300)
    assert state() == "OK"
    update(world, RoutingConfig={"AdditionalVersionWeights": {bad: 0.1}})
    world.clock.advance(180)
    assert state() == "ALARM"
    assert traffic.failed[bad] == traffic.answered[bad] > 0
    assert traffic.failed["1"] == 0
    update(world, FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}})
    world.clock.advance(300)
    assert state() == "OK"


def test_traffic_keeps_its_pace_until_it_is_stopped(world: World) -> None:
    limited = Traffic(world, "checkout:live", per_second=4, seconds=5)
    endless = Traffic(world, "checkout:nobody", per_second=1)
    world.clock.advance(10)
    endless.stop()
    world.clock.advance(10)
    assert limited.answered == {"1": 20}
    assert endless.refused == {"ResourceNotFoundException": 11}
    assert world.log == []
