"""Durable functions: a rollback does not stop what runs, so it says how much that is."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lambda_rollout.inputs.choices import Mode
from lambda_rollout.report.json_report import document
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.verdict import executions_left, happenings
from lambda_rollout.rollout.events import ExecutionsLeft, Finished, Result, RolledBack
from lambda_rollout.rollout.rollback import rollback
from sandbox.aws.faults import AccessDenied, Fault, Hang, ServerError
from tests.support.scene import NEW, OLD, TARGET, Scene, rollout_spec
from tests.support.stories import START

LIST = (
    "aws lambda list-durable-executions-by-function --region eu-central-1 --function-name checkout "
    "--qualifier 2 --statuses RUNNING"
)


@pytest.fixture
def scene() -> Scene:
    made = Scene.ready()
    made.call(
        "lambda",
        "UpdateFunctionConfiguration",
        FunctionName="checkout",
        DurableConfig={"ExecutionTimeout": 3600},
    )
    made.clock.advance(2)
    made.world.log.clear()
    return made


def begin(scene: Scene, version: str, count: int) -> None:
    for _ in range(count):
        scene.world.lambda_().begin_execution("checkout", version)


def rolled_back(scene: Scene, running: int = 3, **asked: Any) -> Finished:
    """The alarm fires in the first step, while so many executions run on the new version."""
    scene.after(20, lambda: begin(scene, NEW, running))
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    return scene.roll_out(rollout_spec(**asked))


def left(scene: Scene) -> list[ExecutionsLeft]:
    return [event for event in scene.events if isinstance(event, ExecutionsLeft)]


def words(event: ExecutionsLeft) -> str:
    return " ".join(executions_left(event))


def test_a_rollback_counts_what_runs_on_the_version_that_it_left(scene: Scene) -> None:
    begin(scene, OLD, 5)
    assert rolled_back(scene).result is Result.ROLLED_BACK
    [event] = left(scene)
    assert (event.version, event.running, event.more, event.command) == (NEW, 3, False, LIST)
    kinds = [type(e) for e in scene.events if isinstance(e, RolledBack | ExecutionsLeft)]
    assert kinds == [RolledBack, ExecutionsLeft]
    told = " ".join(happenings(rollout_state(scene.events)))
    assert "3 durable executions are still running on version 2 of checkout" in told
    assert LIST in told
    assert "pause-durable-execution" in told
    assert "stop-durable-execution" in told


def test_what_has_ended_is_not_counted(scene: Scene) -> None:
    def stop_one() -> None:
        arn = scene.world.lambda_().executions[0].arn
        scene.call("lambda", "StopDurableExecution", DurableExecutionArn=arn)

    scene.after(25, stop_one)
    rolled_back(scene)
    assert [event.running for event in left(scene)] == [2]


def test_nothing_is_told_where_nothing_runs(scene: Scene) -> None:
    assert rolled_back(scene, running=0).result is Result.ROLLED_BACK
    assert left(scene) == []
    assert "durable" not in " ".join(happenings(rollout_state(scene.events)))


def test_a_great_many_are_told_as_more_than_a_thousand(scene: Scene) -> None:
    rolled_back(scene, running=1001)
    [event] = left(scene)
    assert (event.running, event.more) == (1000, True)
    assert words(event).startswith("More than 1000 durable executions are")


@pytest.mark.parametrize("fault", [AccessDenied(), ServerError(), Hang(100)])
def test_no_answer_is_told_and_changes_nothing(scene: Scene, fault: Fault) -> None:
    scene.world.faults.add(fault, operation="ListDurableExecutionsByFunction", count=None)
    assert rolled_back(scene).result is Result.ROLLED_BACK
    [event] = left(scene)
    assert event.running is None
    assert event.why
    assert words(event).startswith("An unknown number of durable executions are")
    assert len(scene.requests("ListDurableExecutionsByFunction")) == 1


def test_an_ordinary_rollback_makes_no_such_call() -> None:
    counted = []
    for fires in (False, True):
        scene = Scene.ready()
        if fires:
            scene.after(30, lambda at=scene: at.set_alarm("checkout-errors", "ALARM"))  # type: ignore[misc]
        scene.roll_out(rollout_spec())
        counted.append(Counter(request.operation for request in scene.world.log))
    assert "ListDurableExecutionsByFunction" not in counted[1]
    assert counted[1]["GetFunctionConfiguration"] == counted[0]["GetFunctionConfiguration"]


def test_the_emergency_button_counts_too(scene: Scene) -> None:
    assert scene.roll_out(rollout_spec("10% 60s, hold")).result is Result.HELD
    begin(scene, NEW, 1)
    wanted = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id="00000001")
    scene.events.clear()
    assert rollback(wanted, scene.ports(wanted)).result is Result.ROLLED_BACK
    [event] = left(scene)
    assert event.running == 1
    assert words(event).startswith("1 durable execution is still running")


def test_a_cancelled_job_has_no_time_for_it(scene: Scene) -> None:
    scene.after(20, lambda: begin(scene, NEW, 1))
    scene.after(30, lambda: scene.stop.request("SIGTERM"))
    assert scene.roll_out(rollout_spec()).result is Result.ROLLED_BACK
    assert left(scene) == []
    assert not scene.requests("ListDurableExecutionsByFunction")


def test_why_it_could_not_be_read_is_told() -> None:
    event = ExecutionsLeft(
        at=START,
        target=TARGET,
        version=NEW,
        running=None,
        why="AccessDenied: not you",
        command=LIST,
    )
    assert "(AccessDenied: not you)" in words(event)


def test_the_json_report_keeps_to_its_schema(scene: Scene) -> None:
    rolled_back(scene)
    schema = json.loads(Path("docs/report.schema.json").read_text(encoding="utf-8"))
    report = json.loads(document(rollout_state(scene.events), scene.events))
    jsonschema.Draft202012Validator(schema).validate(report)
    [told] = [event for event in report["events"] if event["type"] == "executions-left"]
    assert (told["version"], told["running"], told["command"]) == (NEW, 3, LIST)
