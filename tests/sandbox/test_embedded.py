"""The embedded metric format: what a function prints is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws import World
from sandbox.aws.lambda_ import zip_of
from sandbox.aws.lambda_.embedded import Value, embedded
from tests.sandbox.conftest import publish

DOCUMENT: dict[str, Any] = {
    "_aws": {
        "Timestamp": 0,
        "CloudWatchMetrics": [
            {
                "Namespace": "Shop",
                "Dimensions": [["service", "version"], ["service"]],
                "Metrics": [{"Name": "Orders", "Unit": "Count"}, {"Name": "Price"}],
            }
        ],
    },
    "service": "checkout",
    "version": 8,
    "Orders": [1, 2],
    "Price": 9.5,
    "note": "no metric",
}


def test_every_value_under_every_set_of_dimensions() -> None:
    both, one = {"service": "checkout", "version": "8"}, {"service": "checkout"}
    assert list(embedded(json.dumps(DOCUMENT))) == [
        Value("Shop", "Orders", both, 1.0, "Count"),
        Value("Shop", "Orders", both, 2.0, "Count"),
        Value("Shop", "Price", both, 9.5, "None"),
        Value("Shop", "Orders", one, 1.0, "Count"),
        Value("Shop", "Orders", one, 2.0, "Count"),
        Value("Shop", "Price", one, 9.5, "None"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "{}",
        "[1]",
        '{"_aws": 1}',
        json.dumps({**DOCUMENT, "Price": "dear"}),
        json.dumps({key: value for key, value in DOCUMENT.items() if key != "service"}),
    ],
)
def test_anything_else_is_a_line_of_the_log(line: str) -> None:
    assert list(embedded(line)) == []


def test_what_a_version_prints_is_counted_at_its_invocation(world: World) -> None:
    source = f"import json\ndef handler(event, context):\n    print(json.dumps({DOCUMENT!r}))\n"
    version = publish(world, zip_of(source))
    began = world.clock.now()
    for _ in range(3):
        world.call("lambda", "Invoke", {"FunctionName": f"checkout:{version}"})
    world.clock.advance(60)
    metric = {
        "Namespace": "Shop",
        "MetricName": "Orders",
        "Dimensions": [{"Name": "service", "Value": "checkout"}],
    }
    query = {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}
    asked = {"MetricDataQueries": [query], "StartTime": began, "EndTime": world.clock.now()}
    [found] = world.call("cloudwatch", "GetMetricData", asked)["MetricDataResults"]
    assert sum(found["Values"]) == 9.0
