"""What guards look at: a shop that prints its own metrics, and traffic that is told as counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tests.support.scene import NEW, OLD, Scene

SHOP = """
import json, random
draw = random.Random(1)
def handler(event, context):
    failed = draw.random() < {rate}
    print(json.dumps({{
        "_aws": {{"Timestamp": 0, "CloudWatchMetrics": [{{
            "Namespace": "Shop",
            "Dimensions": [["service", "version"]],
            "Metrics": [{{"Name": "Orders"}}, {{"Name": "OrdersFailed"}}, {{"Name": "Wait"}}],
        }}]}},
        "service": "checkout", "version": context.function_version,
        "Orders": 1, "OrdersFailed": int(failed), "Wait": {wait},
    }}))
"""
"""Answers every order with success: what fails is known to the shop alone."""

WHERE = "{service=checkout, version=$VERSION}"
RATIO = f"sum(Shop/OrdersFailed{WHERE}) / sum(Shop/Orders{WHERE})"


def shop(rate: float, wait: int = 5) -> Scene:
    """Version 2 fails 1% of the orders, what is to be rolled out, version 3, as many as told."""
    made = Scene.ready(1, alarms=())
    made.build(SHOP.format(rate=0.01, wait=5))
    made.call("lambda", "PublishVersion", FunctionName="checkout")
    made.clock.advance(2)
    made.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", FunctionVersion="2")
    made.build(SHOP.format(rate=rate, wait=wait) + "# new\n")
    made.world.log.clear()
    return made


A_MINUTE = {OLD: (900, 1), NEW: (100, 0)}
"""By version: invocations and errors, of 1,000 requests a minute."""


def served(made: Scene, counts: Mapping[str, tuple[int, int | None]] = A_MINUTE) -> None:
    """Let CloudWatch have each minute's counts when it is over; errors of None are not told, not even that none is."""

    def publish() -> None:
        at = made.clock.now() - timedelta(seconds=30)
        for version, (invocations, errors) in counts.items():
            values = [("Invocations", 1.0, invocations), ("Duration", 10.0, invocations)]
            if errors is not None:
                values += [("Errors", 1.0, errors), ("Errors", 0.0, invocations - errors)]
            data = [
                {
                    "MetricName": name,
                    "Timestamp": at,
                    "Values": [value],
                    "Counts": [float(count)],
                    "Dimensions": [
                        {"Name": "FunctionName", "Value": "checkout"},
                        {"Name": "Resource", "Value": "checkout:live"},
                        {"Name": "ExecutedVersion", "Value": version},
                    ],
                }
                for name, value, count in values
                if count
            ]
            made.call("cloudwatch", "PutMetricData", Namespace="AWS/Lambda", MetricData=data)
        made.after(60, publish)

    made.after(60 - made.clock.now().second, publish)
