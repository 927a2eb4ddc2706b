"""Trouble on the way, end to end: lost answers, refusals that pass, and somebody else at the alias."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from sandbox.aws.faults import (
    AccessDenied,
    DropAnswer,
    Fault,
    Hang,
    RefuseConnection,
    ServerError,
    Throttle,
)
from sandbox.runner.files import Files
from sandbox.runner.runner import INTERPRETER
from tests.support.live import MAIN, NEW, OLD, OWNERS_TEXT, PATIENCE, Live, end

LOST: dict[str, Fault] = {
    "a 5xx after the effect": ServerError(after_effect=True, status=502),
    "a dropped answer": DropAnswer(),
    "silence after the effect": Hang(effect="before"),
}
UNDONE: dict[str, Fault] = {
    "throttled": Throttle(),
    "a 5xx": ServerError(status=503),
    "no connection": RefuseConnection(),
    "silence": Hang(effect="never"),
    "silence, and the effect comes late": Hang(effect="late", lands_after=4.5),
}
FIRST_OF_THREE = (1, 3, 5)
"""Every write fails once: the 50%, the 100%, and taking the record off."""


def edit(scene: Live, **change: Any) -> None:
    """Somebody's UpdateAlias without a RevisionId, as Terraform sends it."""
    scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **change)


@pytest.mark.parametrize("name", LOST)
def test_no_answer_to_any_write_is_needed_to_promote(scene: Live, name: str) -> None:
    scene.world.faults.add(LOST[name], operation="UpdateAlias", count=None)
    finished = scene.run(steps="50% 0s, 100% 0s")
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)
    # Each write is recognised by reading, so that none is made twice.
    assert scene.changes() == [{NEW: 0.5}, {}, {}]
    assert len(scene.requests("UpdateAlias")) == 3


@pytest.mark.parametrize("name", LOST)
def test_no_answer_to_the_rollback_is_needed(scene: Live, name: str) -> None:
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    scene.world.faults.add(LOST[name], operation="UpdateAlias", count=None)
    scene.set_alarm("ALARM")
    finished = end(step)
    assert finished.outputs["result"] == "rolled-back", finished.log
    assert scene.whole_on(OLD)
    assert scene.changes() == [{NEW: 0.5}, {}]


@pytest.mark.parametrize("name", UNDONE)
def test_every_write_is_tried_again(scene: Live, name: str) -> None:
    for nth in FIRST_OF_THREE:
        scene.world.faults.add(UNDONE[name], operation="UpdateAlias", nth=nth)
    finished = scene.run(steps="50% 0s, 100% 0s")
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)
    assert scene.weights() == [{NEW: 0.5}, {}]


def test_every_read_is_tried_again(scene: Live) -> None:
    reads = (
        "GetAlias",
        "DescribeAlarms",
        "GetFunction",
        "GetFunctionConfiguration",
        "PublishVersion",
    )
    for operation in reads:
        for nth in (1, 3):
            scene.world.faults.add(Throttle(), operation=operation, nth=nth)
    finished = scene.run(steps="50% 2s, 100% 0s")
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.whole_on(NEW)


def test_a_lost_answer_makes_neither_two_versions_nor_two_aliases(scene: Live) -> None:
    for operation in ("PublishVersion", "CreateAlias"):
        scene.world.faults.add(DropAnswer(), operation=operation)
    finished = scene.run(alias="canary", create_alias="true")
    assert finished.outputs["result"] == "promoted", finished.log
    assert finished.outputs["version"] == NEW
    versions = scene.call("lambda", "ListVersionsByFunction", FunctionName="checkout")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", OLD, NEW]
    created = scene.call("lambda", "GetAlias", FunctionName="checkout", Name="canary")
    assert created["FunctionVersion"] == NEW


# Somebody else at the alias ---------------------------------------------------------------------


def test_a_foreign_split_is_left_as_it_is(scene: Live) -> None:
    step = scene.start(steps="10% 3s, 100% 0s")
    scene.until_shifted(step)
    edit(scene, FunctionVersion=OLD, RoutingConfig={"AdditionalVersionWeights": {NEW: 0.3}})
    theirs = scene.alias
    finished = end(step)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "30"
    assert finished.outputs["reason"] == (
        "somebody else changed the routing of checkout:live: it was 90% on version 1, 10% on version 2, "
        "it is 70% on version 1, 30% on version 2"
    )
    assert scene.alias == theirs
    assert "STILL SENDS 30% TO VERSION 2, 70% TO VERSION 1" in finished.shown
    mend = "aws lambda update-alias --region eu-central-1 --function-name checkout --name live "
    assert f"{mend}--function-version 1" in finished.shown


def test_an_alias_that_terraform_put_back_is_left_as_it_is(scene: Live) -> None:
    step = scene.start(steps="10% 3s, 100% 0s")
    scene.until_shifted(step)
    whole: dict[str, Any] = {"RoutingConfig": {"AdditionalVersionWeights": {}}}
    edit(scene, FunctionVersion=OLD, Description="managed by Terraform", **whole)
    finished = end(step)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "0"
    assert scene.alias == (OLD, {}, "managed by Terraform")


def test_an_edited_description_stops_the_rollout_and_is_kept(scene: Live) -> None:
    step = scene.start(steps="10% 3s, 100% 0s")
    scene.until_shifted(step)
    edit(scene, Description="edited by hand")
    finished = end(step)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert finished.outputs["weight"] == "0"
    assert "somebody else edited checkout:live" in finished.outputs["reason"]
    assert scene.alias == (OLD, {}, "edited by hand")
    assert "checkout:live sends 100% to version 1 again" in finished.shown


def test_a_description_edited_during_the_last_watch_is_kept(scene: Live) -> None:
    step = scene.start(steps="10% 0s, 100% 3s")
    scene.until(lambda: scene.alias[0] == NEW, step)
    edit(scene, Description="edited by hand")
    finished = end(step)
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.alias == (NEW, {}, "edited by hand")


# The runner's side ------------------------------------------------------------------------------


def test_a_log_that_nobody_reads_changes_nothing(scene: Live) -> None:
    files = Files(scene.runner.folder / "files")
    variables = {
        **scene.runner._variables(),
        **files.make(),
        **scene.as_caller(MAIN),
        **scene.runner._inputs({**scene.inputs, "steps": "50% 1s, 100% 0s"}),
    }
    readable, writable = os.pipe()
    os.close(readable)
    try:
        status = subprocess.run(
            [*INTERPRETER, str(scene.runner.action / "entrypoint.py")],
            env=variables,
            cwd=variables["GITHUB_WORKSPACE"],
            stdout=writable,
            stderr=writable,
            timeout=PATIENCE,
            check=False,
        ).returncode
    finally:
        os.close(writable)
    assert status == 0
    assert scene.whole_on(NEW)
    assert files.outputs["result"] == "promoted"
    assert files.summary


NOT_SAVED = "State could not be saved"


@pytest.mark.parametrize("path", ["/dev/full", "/", "/missing/file"])
def test_files_that_cannot_be_written_change_nothing_and_cost_a_warning_each(
    scene: Live, path: str
) -> None:
    scene.environ |= dict.fromkeys(("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"), path)
    finished = scene.run(steps="50% 0s, 100% 0s")
    assert finished.status == 0, finished.log
    assert scene.whole_on(NEW)
    unsaved, outputs, summary = (
        a.message for a in finished.annotations if "could not be" in a.message
    )
    assert unsaved.startswith(f"{NOT_SAVED} (GITHUB_STATE: ")
    assert "`mode: rollback`" in unsaved
    assert outputs.startswith("The outputs could not be written: GITHUB_OUTPUT: ")
    assert summary.startswith("The job summary could not be written: GITHUB_STEP_SUMMARY: ")


def test_state_that_cannot_be_saved_is_told_before_the_first_shift(scene: Live) -> None:
    scene.environ["GITHUB_STATE"] = "/"
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias")
    finished = scene.run(steps="50% 0s, 100% 0s")
    assert finished.outputs["result"] == "failed", finished.log
    assert finished.shown.index(NOT_SAVED) < finished.shown.index("Step 1 of 2")
    assert NOT_SAVED in finished.summary


def test_the_owners_text_is_kept_whole_through_all_of_it(scene: Live) -> None:
    scene.run(steps="50% 0s, 100% 0s")
    texts = [request.params["Description"] for request in scene.requests("UpdateAlias")]
    assert all(text.startswith(f"{OWNERS_TEXT} [lambda-rollout 1>2 run ") for text in texts[:-1])
    assert texts[-1] == OWNERS_TEXT
