"""The function that the demo deploys, its alarm, and the customers who keep it busy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3

from sandbox.aws import World
from sandbox.aws.lambda_.code import zip_of
from sandbox.aws.traffic import Traffic
from sandbox.aws.world import REGION

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

FUNCTION, ALIAS, ALARM = "checkout", "live", "checkout-errors"

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "AKIADEMO", "AWS_SECRET_ACCESS_KEY": "demo"}

FIRST = """
def handler(event, context):
    return {"total": sum(event["prices"])}
"""

GOOD = """
def handler(event, context):
    prices = event["prices"]
    return {"total": sum(prices), "items": len(prices)}
"""

BAD = """
def handler(event, context):
    prices = event["prices"]
    return {"total": sum(prices), "average": sum(prices) / len(prices)}
"""
"""Nobody thought of the empty basket."""

MENDED = """
def handler(event, context):
    prices = event["prices"]
    print("prices:", prices)
    average = sum(prices) / len(prices) if prices else None
    return {"total": sum(prices), "items": count, "average": average}
"""
"""The empty basket is thought of, but `count` is nowhere."""

SMOKE_TEST, SMOKE_EXPECT = '{"prices": []}', '{"total": 0, "items": 0}'

BASKETS: tuple[tuple[list[float], float], ...] = (([9.5, 20.0], 30.0), ([], 15.0))
"""What customers have in their baskets, and how many of them come in a second."""


class Shop:
    """One function behind one alias, watched by one alarm, with customers."""

    def __init__(self, world: World, url: str, actions: Sequence[str] = ()) -> None:
        """Set it up in ``world``, which answers at ``url``. ``actions``: what the alarm invokes when it fires."""
        self._world = world
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._lambda: LambdaClient = session.client("lambda", endpoint_url=url)
        self._create()
        # A datapoint that is recorded after the end of its period would come too late otherwise.
        world.cloudwatch().metric_delay = timedelta(seconds=1)
        session.client("cloudwatch", endpoint_url=url).put_metric_alarm(
            AlarmName=ALARM,
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[
                {"Name": "FunctionName", "Value": FUNCTION},
                {"Name": "Resource", "Value": f"{FUNCTION}:{ALIAS}"},
            ],
            Statistic="Sum",
            Period=1,
            EvaluationPeriods=3,
            DatapointsToAlarm=2,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=actions,
        )
        with world.lock:
            self._traffic = [
                Traffic(world, f"{FUNCTION}:{ALIAS}", per_second, {"prices": prices})
                for prices, per_second in BASKETS
            ]

    def _create(self) -> None:
        self._lambda.create_function(
            FunctionName=FUNCTION,
            Runtime="python3.13",
            Role="arn:aws:iam::123456789012:role/checkout",
            Handler="app.handler",
            Code={"ZipFile": zip_of(FIRST, "app")},
        )
        self._lambda.get_waiter("function_active_v2").wait(FunctionName=FUNCTION)
        version = self._lambda.publish_version(FunctionName=FUNCTION)["Version"]
        self._lambda.create_alias(
            FunctionName=FUNCTION,
            Name=ALIAS,
            FunctionVersion=version,
            Description="What customers use",
        )

    def upload(self, code: str) -> None:
        """Put new code into ``$LATEST``, as the step before the action does in a workflow."""
        self._lambda.update_function_code(FunctionName=FUNCTION, ZipFile=zip_of(code, "app"))
        self._lambda.get_waiter("function_updated_v2").wait(FunctionName=FUNCTION)

    def served(self) -> dict[str, tuple[int, int]]:
        """Return the requests that each version has answered so far, and the errors among them."""
        with self._world.lock:
            answered = sum((traffic.answered for traffic in self._traffic), Counter[str]())
            failed = sum((traffic.failed for traffic in self._traffic), Counter[str]())
        return {version: (answered[version], failed[version]) for version in sorted(answered)}

    def alias(self) -> str:
        """Say what the alias does now: a version alone, or how the traffic is split."""
        alias = self._lambda.get_alias(FunctionName=FUNCTION, Name=ALIAS)
        weights = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return f"{alias['FunctionVersion']} and {weights}" if weights else alias["FunctionVersion"]
