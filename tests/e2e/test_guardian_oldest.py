"""The guardian with the oldest boto3 that Lambda's runtime may bring it: oldest-boto3.in says which, and why.

That one knows no log alarms, and its urllib3 is of the first major version.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.aws.events import scheduled
from sandbox.runner.guardian import Guardian, runtime_in
from scripts.guardian import build
from tests.support.guardian import ARN, CALLER, TOPIC
from tests.support.live import NEW, OLD, Live, live
from tests.support.workflows import ROOT

ALARM = "checkout-faults"
"""A metric alarm; the one that is there already is a log alarm."""


@pytest.fixture(scope="module")
def packages() -> Path:
    """Where it is installed, apart from all others."""
    found = list(ROOT.glob("build/oldest-boto3/lib/python*/site-packages"))
    if not found and not os.environ.get("CI"):
        pytest.skip("make build/oldest-boto3/.installed installs it")
    [path] = found
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.world.sns.topics.add(TOPIC)
        metric = {"Namespace": "Shop", "MetricName": "Faults", "Statistic": "Sum", "Period": 60}
        rule = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
        # Without data it stays as SetAlarmState has it.
        kept = {"Threshold": 1.0, "TreatMissingData": "ignore", "AlarmActions": [ARN]}
        made.call("cloudwatch", "PutMetricAlarm", AlarmName=ALARM, **metric, **rule, **kept)
        yield made


@pytest.fixture
def guardian(scene: Live, packages: Path, tmp_path: Path) -> Guardian:
    package = tmp_path / "guardian.zip"
    build(package)
    settings = {
        "FUNCTION_NAME": "checkout",
        "ALARMS": f"checkout-errors,{ALARM}",
        "PREVIOUS_ALIAS": "live-previous",
        "BAKE": "1h",
        "TOPIC": TOPIC,
    }
    runtime = runtime_in(tmp_path / "runtime", packages)
    made = Guardian(package, ARN, {**scene.as_caller(CALLER), **settings}, runtime)
    scene.world.deliveries.programs[ARN] = made
    return made


def test_it_is_older_than_log_alarms(packages: Path) -> None:
    [found] = packages.glob("botocore-*.dist-info")
    assert found.name == "botocore-1.34.42.dist-info"
    [model] = packages.glob("botocore/data/cloudwatch/*/service-2.json.gz")
    assert b"LogAlarm" not in gzip.decompress(model.read_bytes())


def test_all_that_it_does_it_does_with_that_one_and_says_which_alarm_it_cannot_see(
    scene: Live, guardian: Guardian
) -> None:
    assert scene.run(steps="10% 0s, hold").outputs["result"] == "held"
    scene.set_alarm("ALARM")
    scene.world.deliveries.send(ARN, scheduled(scene.clock.now()))
    scene.until(lambda: guardian.logs)
    [(succeeded, log)] = guardian.logs
    assert not succeeded
    assert "alarms that do not exist: checkout-errors" in log
    assert "of log alarms only boto3 1.44.5 and later knows" in log
    assert scene.alias[1] == {NEW: 0.1}
    # What it did not see keeps no other alarm from being heard.
    fired = {"AlarmName": ALARM, "StateValue": "ALARM", "StateReason": "by the test"}
    scene.call("cloudwatch", "SetAlarmState", **fired)
    scene.until(lambda: scene.whole_on(OLD))
    told = "checkout:live rolled back to version 1"
    scene.until(lambda: told in [message.subject for message in scene.world.sns.messages])
    assert f"held, and alarm {ALARM} fired" in scene.world.sns.messages[-1].text
