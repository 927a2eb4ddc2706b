"""Whole rollouts: the entrypoint as a process with the runner's variables, against the sandbox over HTTP."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from sandbox.aws.request import Request
from sandbox.runner import Finished
from tests.support.live import NEW, OLD, OWNERS_TEXT, Live, end

STEPS = "10% 1s, 50% 1s, 100% 1s"
PLANNED = [{NEW: 0.1}, {NEW: 0.5}, {}]


def read_only(request: Request) -> bool:
    return request.operation.startswith(("Get", "Describe", "List"))


def failed_alarms(finished: Finished) -> list[Any]:
    alarms: list[Any] = json.loads(finished.outputs["failed-alarms"])
    return alarms


def test_promotes_a_good_version(scene: Live) -> None:
    finished = scene.run(steps=STEPS)
    assert finished.status == 0, finished.log
    assert scene.weights() == PLANNED
    assert scene.whole_on(NEW)
    outputs = dict(finished.outputs)
    assert scene.report(finished)["result"] == "promoted"
    del outputs["report"]
    assert outputs == {
        "result": "promoted",
        "version": NEW,
        "previous-version": OLD,
        "weight": "100",
        "reason": "",
        "failed-alarms": "[]",
        "pr-number": "",
    }
    assert not [a for a in finished.annotations if a.kind == "error"]
    assert "promoted" in finished.summary.splitlines()[0].lower()


def test_publishes_with_repository_and_commit_as_description(scene: Live) -> None:
    scene.run(steps="100% 0s")
    version = scene.call(
        "lambda", "GetFunctionConfiguration", FunctionName="checkout", Qualifier=NEW
    )
    assert version["Description"] == "octo/shop@9f2c1ab"


def test_rolls_back_on_its_alarm(scene: Live) -> None:
    step = scene.start(steps="10% 30s, 100% 30s")
    scene.until_shifted(step)
    scene.set_alarm("ALARM")
    finished = end(step)
    assert finished.status == 1
    assert scene.weights() == [{NEW: 0.1}, {}]
    assert scene.whole_on(OLD)
    assert finished.outputs["result"] == "rolled-back"
    assert finished.outputs["weight"] == "0"
    assert finished.outputs["version"] == NEW
    assert finished.outputs["previous-version"] == OLD
    assert finished.outputs["reason"] == "alarm checkout-errors fired: by the test"
    assert failed_alarms(finished) == ["checkout-errors"]
    # Back first, everything else later: the call after the alarm's is the rollback.
    operations = [request.operation for request in scene.requests()]
    back = len(operations) - 1 - operations[::-1].index("UpdateAlias")
    assert operations[back - 1] == "DescribeAlarms"


def test_rolls_back_at_a_hundred_percent(scene: Live) -> None:
    step = scene.start(steps="10% 0s, 100% 30s")
    scene.until(lambda: scene.alias[0] == NEW, step)
    scene.set_alarm("ALARM")
    finished = end(step)
    assert finished.status == 1
    assert scene.whole_on(OLD)
    assert finished.outputs["result"] == "rolled-back"
    assert finished.outputs["weight"] == "0"
    assert scene.requests("UpdateAlias")[-2].params["FunctionVersion"] == NEW


def test_an_alarm_that_recovered_between_two_reads_counts(scene: Live) -> None:
    step = scene.start(steps="10% 10s", poll_interval="5m")
    scene.until_shifted(step)
    scene.set_alarm("ALARM")
    scene.set_alarm("OK")
    finished = end(step)
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)
    assert scene.requests("DescribeAlarmHistory")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_step_rolls_back(scene: Live, number: signal.Signals) -> None:
    step = scene.start(steps="10% 10m")
    scene.until_shifted(step)
    step.send(number)
    finished = end(step)
    assert finished.status == 1
    assert scene.whole_on(OLD)
    assert finished.outputs["result"] == "rolled-back"
    assert finished.outputs["reason"] == f"cancelled ({number.name})"
    assert finished.summary


def test_cancelled_before_the_first_shift_has_changed_nothing(scene: Live) -> None:
    scene.world.lambda_().activation_delay = 600.0
    step = scene.start(steps="10% 10m")
    scene.until(lambda: scene.requests("PublishVersion"), step)
    step.send(signal.SIGINT)
    finished = end(step)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "0"
    assert scene.whole_on(OLD)
    assert not scene.requests("UpdateAlias")


def test_creates_a_missing_alias(scene: Live) -> None:
    finished = scene.run(alias="canary", create_alias="true", steps=STEPS)
    assert finished.status == 0, finished.log
    assert finished.outputs["result"] == "promoted"
    assert finished.outputs["previous-version"] == ""
    created = scene.call("lambda", "GetAlias", FunctionName="checkout", Name="canary")
    assert created["FunctionVersion"] == NEW
    assert "RoutingConfig" not in created
    assert not scene.requests("UpdateAlias")
    assert scene.whole_on(OLD)


def test_a_missing_alias_is_an_error_unless_it_may_be_created(scene: Live) -> None:
    finished = scene.run(alias="canary", steps=STEPS)
    assert finished.status == 1
    assert finished.outputs["reason"] == "function checkout has no alias canary."
    assert "create-alias: true" in finished.log
    assert all(map(read_only, scene.requests()))


def test_an_alias_that_is_there_already_is_unchanged(scene: Live) -> None:
    finished = scene.run(version=OLD, steps=STEPS)
    assert finished.status == 0
    assert finished.outputs["result"] == "unchanged"
    assert finished.outputs["version"] == OLD
    assert all(map(read_only, scene.requests()))


def test_publishing_the_same_code_again_is_unchanged(scene: Live) -> None:
    assert scene.run(steps="100% 0s").outputs["result"] == "promoted"
    before = len(scene.requests("UpdateAlias"))
    finished = scene.run(steps=STEPS)
    assert finished.outputs["result"] == "unchanged"
    assert finished.outputs["version"] == NEW
    assert len(scene.requests("UpdateAlias")) == before


def test_rolls_out_the_version_that_is_named(scene: Live) -> None:
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.world.run_due()
    finished = scene.run(version=NEW, steps=STEPS)
    assert finished.status == 0
    assert finished.outputs["version"] == NEW
    assert scene.weights() == PLANNED
    assert not scene.requests("PublishVersion")


@pytest.mark.parametrize(
    "more", [{}, {"version": OLD}, {"alias": "canary", "create-alias": "true"}]
)
def test_a_plan_only_reads(scene: Live, more: dict[str, str]) -> None:
    finished = scene.run(mode="plan", steps="10% 5m, 50% 10m", interval="7m", **more)
    assert finished.status == 0, finished.log
    assert finished.outputs["result"] == "planned"
    assert scene.requests()
    assert all(map(read_only, scene.requests())), [r.operation for r in scene.requests()]
    assert scene.whole_on(OLD)
    schedule = "10% for 5m, 50% for 10m, 100% for 7m; 22m in all"
    assert schedule in finished.shown
    for row in (
        "| 1 | at once | 10% | 5m |",
        "| 2 | after 5m | 50% | 10m |",
        "| 3 | after 15m | 100% | 7m |",
    ):
        assert row in finished.summary.replace("&nbsp;", " ")


def test_a_plan_says_that_an_alarm_would_refuse_it(scene: Live) -> None:
    scene.set_alarm("ALARM")
    finished = scene.run(mode="plan", steps=STEPS)
    assert finished.outputs["result"] == "planned"
    assert "A rollout would be refused now. In ALARM: checkout-errors" in finished.shown


def test_an_alarm_at_the_start_fails(scene: Live) -> None:
    scene.set_alarm("ALARM")
    finished = scene.run(steps=STEPS)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert "in ALARM before anything was shifted: checkout-errors" in finished.outputs["reason"]
    assert all(map(read_only, scene.requests()))


def test_an_alarm_at_the_start_is_waited_for(scene: Live) -> None:
    scene.set_alarm("ALARM")
    step = scene.start(steps=STEPS, alarm_at_start="wait")
    scene.until(lambda: len(scene.requests("DescribeAlarms")) > 1, step)
    scene.set_alarm("OK")
    finished = end(step)
    assert finished.outputs["result"] == "promoted", finished.log


def test_an_alarm_that_stays_on_is_waited_for_in_vain(scene: Live) -> None:
    scene.set_alarm("ALARM")
    finished = scene.run(steps=STEPS, alarm_at_start="wait", evidence_timeout="2s")
    assert finished.outputs["result"] == "failed"
    assert len(scene.requests("DescribeAlarms")) > 1
    assert all(map(read_only, scene.requests()))


def test_an_alarm_that_cloudwatch_does_not_evaluate_is_no_guard(scene: Live) -> None:
    with scene.world.lock:
        why = "the query has no result column"
        cloudwatch = scene.world.cloudwatch()
        cloudwatch.set_evaluation_state("checkout-errors", "EVALUATION_ERROR", why)
    finished = scene.run(steps=STEPS)
    assert finished.outputs["result"] == "failed"
    assert f"checkout-errors (EVALUATION_ERROR: {why})" in finished.outputs["reason"]
    finished = scene.run(steps=STEPS, alarm_at_start="ignore-until-ok")
    assert finished.outputs["result"] == "promoted", finished.log
    assert "No alarm watched it." in finished.summary


def test_an_alarm_that_never_was_ok_did_not_guard(scene: Live) -> None:
    scene.set_alarm("ALARM")
    finished = scene.run(steps=STEPS, alarm_at_start="ignore-until-ok")
    assert finished.outputs["result"] == "promoted", finished.log
    assert "checkout-errors did not guard" in finished.shown
    assert "did not guard" in finished.summary


def test_an_ignored_alarm_counts_once_it_was_ok(scene: Live) -> None:
    scene.set_alarm("ALARM")
    step = scene.start(steps="10% 10m", alarm_at_start="ignore-until-ok")
    scene.until_shifted(step)
    scene.set_alarm("OK")
    reads = len(scene.requests("DescribeAlarms"))
    scene.until(lambda: len(scene.requests("DescribeAlarms")) > reads, step)
    scene.set_alarm("ALARM")
    finished = end(step)
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)


def test_insufficient_data_fails_where_it_must_not_be(scene: Live) -> None:
    scene.set_alarm("INSUFFICIENT_DATA")
    given = {"insufficient-data": "fail", "evidence-timeout": "2s"}
    finished = scene.run(steps=STEPS, **given)
    assert finished.outputs["result"] == "rolled-back"
    assert scene.weights() == [{NEW: 0.1}, {}]
    assert "ran out: INSUFFICIENT_DATA" in finished.outputs["reason"]
    assert failed_alarms(finished) == ["checkout-errors"]


def test_insufficient_data_is_ignored_otherwise(scene: Live) -> None:
    scene.set_alarm("INSUFFICIENT_DATA")
    assert scene.run(steps=STEPS).outputs["result"] == "promoted"


def test_needs_nothing_from_github(scene: Live) -> None:
    runner = scene.runner
    # The runner's own variables can only be blanked here, which must be the same as absent.
    scene.environ |= {name: "" for name in runner._variables() if name.startswith("GITHUB_")}
    files = ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY", "GITHUB_EVENT_PATH")
    scene.environ |= dict.fromkeys(files, "")
    scene.environ |= {"GITHUB_WORKSPACE": str(runner.folder / "workspace")}
    finished = scene.run(steps=STEPS)
    assert finished.status == 0, finished.log
    assert scene.whole_on(NEW)
    assert (
        scene.requests("UpdateAlias")[0]
        .params["Description"]
        .startswith(f"{OWNERS_TEXT} [lambda-rollout 1>2 run local id ")
    )
