"""Rollouts by CodeDeploy as real processes against the sandbox over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.support.live import NEW, NEXT, OLD, PATIENCE, POST, Live

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]


@pytest.fixture
def shop(scene: Live) -> Iterator[Live]:
    """A scene whose inputs ask for CodeDeploy, with an application and a group for it."""
    scene.inputs |= {
        "engine": "codedeploy",
        "codedeploy-application": "shop",
        "codedeploy-deployment-group": "prod",
        "steps": "10% 3m, 100% 1s",
    }
    scene.call("codedeploy", "CreateApplication", applicationName="shop", computePlatform="Lambda")
    scene.call(
        "codedeploy",
        "CreateDeploymentGroup",
        applicationName="shop",
        deploymentGroupName="prod",
        serviceRoleArn="arn:aws:iam::123456789012:role/deploy",
        alarmConfiguration={"enabled": True, "alarms": [{"name": "checkout-errors"}]},
        autoRollbackConfiguration={"enabled": True, "events": EVENTS},
    )
    codedeploy = scene.world.codedeploy()
    codedeploy.start_delay, codedeploy.alarm_pause = 0.2, 0.5
    yield scene
    report = sorted(scene.runner.folder.rglob("*.json"))
    schema = json.loads((ROOT / "docs" / "report.schema.json").read_text("utf-8"))
    for path in (path for path in report if ".lambda-rollout" in path.parts):
        jsonschema.validate(json.loads(path.read_text("utf-8")), schema)


def deployments(shop: Live) -> list[str]:
    with shop.world.lock:
        return [one.status for one in shop.world.codedeploy().deployments.values()]


def test_promotes_a_good_version(shop: Live) -> None:
    shop.world.codedeploy().minute = 1.0
    finished = shop.run()
    assert finished.status == 0, finished.log
    assert shop.whole_on(NEW)
    assert finished.outputs["result"] == "promoted"
    assert (finished.outputs["version"], finished.outputs["previous-version"]) == (NEW, OLD)
    assert finished.outputs["weight"] == "100"
    assert deployments(shop) == ["Succeeded"]
    events = shop.report(finished)["events"]
    told = [event["status"] for event in events if event["type"] == "deployment-changed"]
    assert told[-1] == "Succeeded"
    assert 100 in [event["percent"] for event in events if event["type"] == "weight-shifted"]
    made = [r.params["deploymentConfigName"] for r in shop.requests("CreateDeploymentConfig")]
    assert made == ["lambda-rollout-Canary10Percent3Minutes"]


def test_an_alarm_rolls_it_back(shop: Live) -> None:
    step = shop.start(steps="10% 30m, 100% 1s")
    try:
        shop.until_shifted(step)
        shop.set_alarm("ALARM")
        finished = step.wait(PATIENCE)
    finally:
        step.kill()
    assert finished.status == 1
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert json.loads(finished.outputs["failed-alarms"]) == ["checkout-errors"]
    assert finished.outputs["weight"] == "0"
    assert shop.whole_on(OLD)
    assert deployments(shop) == ["Stopped", "Succeeded"]


def test_a_cancelled_job_stops_it_with_rollback(shop: Live) -> None:
    step = shop.start(steps="10% 30m, 100% 1s")
    try:
        shop.until_shifted(step)
        step.cancel()
        finished = step.wait(PATIENCE)
    finally:
        step.kill()
    assert shop.whole_on(OLD)
    assert deployments(shop) == ["Stopped", "Succeeded"]
    assert finished.outputs["result"] == "rolled-back", finished.log


def test_a_killed_job_is_followed_by_the_next(shop: Live) -> None:
    step = shop.start(steps="10% 30m, 100% 1s")
    try:
        shop.until_shifted(step)
    finally:
        step.kill()
    killed = step.wait(PATIENCE)
    posted = shop.post(killed.state, POST)
    assert "goes on in AWS" in posted.log
    assert not shop.requests("StopDeployment")
    assert deployments(shop) == ["InProgress"]
    following = shop.start(NEXT, steps="10% 30m, 100% 1s")
    try:
        shop.until(lambda: len(shop.requests("GetDeployment", NEXT)) > 1, following)
        shop.clock.jump(30 * 60)
        finished = following.wait(PATIENCE)
    finally:
        following.kill()
    assert finished.status == 0, finished.log
    assert "is already running. This run follows it" in finished.log
    assert finished.outputs["result"] == "promoted"
    assert deployments(shop) == ["Succeeded"]
    assert len(shop.requests("CreateDeployment")) == 1
    assert shop.whole_on(NEW)


def test_a_schedule_that_codedeploy_cannot_run_names_the_nearest(shop: Live) -> None:
    finished = shop.run(steps="12.5% 90s")
    assert finished.status == 1
    assert "The nearest is Canary12Percent2Minutes" in finished.log
    assert not shop.requests()
