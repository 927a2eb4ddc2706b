"""The same entrypoint against stock ministack, a server that nobody here wrote."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.runner import Runner, Step
from tests.support.code import package
from tests.support.live import end
from tests.support.scene import NEW, OLD, OWNERS_TEXT, ROLE
from tests.support.servers import ministack

REGION = "eu-central-1"
PATIENCE = 60.0
INPUTS = {
    "function-name": "checkout",
    "alarms": "checkout-errors",
    "poll-interval": "1s",
    "comment": "off",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ministack() as served:
        yield served


@dataclass
class Elsewhere:
    """A function on version 1 behind ``checkout:live``, its next build in ``$LATEST``, one alarm that is OK."""

    url: str
    runner: Runner

    def __post_init__(self) -> None:
        self.environ = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }

    def client(self, service: str) -> Any:
        session: Any = boto3.Session("test", "test", region_name=REGION)
        return session.client(service, endpoint_url=self.url)

    def deploy(self) -> None:
        lambda_ = self.client("lambda")
        lambda_.create_function(
            FunctionName="checkout",
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": package()},
        )
        lambda_.get_waiter("function_active_v2").wait(FunctionName="checkout")
        assert lambda_.publish_version(FunctionName="checkout")["Version"] == OLD
        live = {"FunctionVersion": OLD, "Description": OWNERS_TEXT}
        lambda_.create_alias(FunctionName="checkout", Name="live", **live)
        code = package("def handler(event, context): return 2")
        lambda_.update_function_code(FunctionName="checkout", ZipFile=code)
        lambda_.get_waiter("function_updated_v2").wait(FunctionName="checkout")
        self.client("cloudwatch").put_metric_alarm(
            AlarmName="checkout-errors",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": "checkout"}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
        self.set_alarm("OK")

    def clean(self) -> None:
        self.client("lambda").delete_function(FunctionName="checkout")
        self.client("cloudwatch").delete_alarms(AlarmNames=["checkout-errors"])

    def set_alarm(self, state: str) -> None:
        asked = {"AlarmName": "checkout-errors", "StateValue": state, "StateReason": "by the test"}
        self.client("cloudwatch").set_alarm_state(**asked)

    @property
    def alias(self) -> tuple[str, dict[str, float], str]:
        seen = self.client("lambda").get_alias(FunctionName="checkout", Name="live")
        weights = seen.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return seen["FunctionVersion"], weights, seen["Description"]

    def start(self, steps: str) -> Step:
        return self.runner.start({**INPUTS, "steps": steps}, self.environ)

    def until(self, condition: Callable[[], object], step: Step) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "it never happened"
            assert not step.ended, step.wait().log
            time.sleep(0.1)


@pytest.fixture
def elsewhere(url: str, tmp_path: Path) -> Iterator[Elsewhere]:
    scene = Elsewhere(url, Runner(tmp_path))
    scene.deploy()
    yield scene
    scene.clean()


def test_promotes_there(elsewhere: Elsewhere) -> None:
    finished = end(elsewhere.start("10% 1s, 50% 1s, 100% 1s"))
    assert finished.status == 0, finished.log
    assert finished.outputs["result"] == "promoted"
    assert finished.outputs["version"] == NEW
    assert finished.outputs["weight"] == "100"
    assert elsewhere.alias == (NEW, {}, OWNERS_TEXT)


def test_rolls_back_there_on_an_alarm_in_the_middle_of_a_step(elsewhere: Elsewhere) -> None:
    step = elsewhere.start("10% 10m")
    elsewhere.until(lambda: elsewhere.alias[1] == {NEW: 0.1}, step)
    elsewhere.set_alarm("ALARM")
    finished = end(step)
    assert finished.status == 1
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert finished.outputs["failed-alarms"] == '["checkout-errors"]'
    assert elsewhere.alias == (OLD, {}, OWNERS_TEXT)


def test_an_alarm_that_came_and_went_between_two_reads_counts_there_too(
    elsewhere: Elsewhere,
) -> None:
    steps = {"steps": "10% 8s, 100% 0s", "poll-interval": "6s"}
    step = elsewhere.runner.start({**INPUTS, **steps}, elsewhere.environ)
    elsewhere.until(lambda: elsewhere.alias[1] == {NEW: 0.1}, step)
    time.sleep(2)
    elsewhere.set_alarm("ALARM")
    elsewhere.set_alarm("OK")
    finished = end(step)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert finished.outputs["failed-alarms"] == '["checkout-errors"]'
    assert elsewhere.alias == (OLD, {}, OWNERS_TEXT)
