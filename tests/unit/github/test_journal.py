"""The record and its reports, whatever happens to them."""

from pathlib import Path

import pytest

from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.rollout import events as e
from tests.golden.render import PROBLEMS
from tests.support.job import Job, StandingClock
from tests.support.stories import CHECKOUT, ERRORS_OK, START, STORIES, Telling


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_finish_writes_everything_once(job: Job) -> None:
    journal = job.journal()
    for event in STORIES["promoted"]():
        journal.emit(event)
    journal.finish()
    written = (job.log, job.summary, job.outputs)
    journal.finish()
    assert (job.log, job.summary, job.outputs) == written
    assert job.outputs["result"] == "promoted"
    assert job.report["result"] == "promoted"
    assert journal.events == tuple(STORIES["promoted"]())


def test_a_record_without_an_end_gets_one(job: Job) -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    journal = job.journal()
    for event in tell.events:
        journal.emit(event)
    journal.finish("internal error: KeyError", "Report it.")
    outputs = job.outputs
    assert outputs["result"] == "failed"
    assert outputs["reason"] == "internal error: KeyError"
    assert (outputs["version"], outputs["weight"]) == ("8", "10")
    assert isinstance(journal.events[-1], e.Finished)
    assert "Report it." in job.summary


def test_nothing_at_all_can_be_finished(job: Job) -> None:
    job.journal().finish()
    assert job.outputs["result"] == "failed"
    assert job.outputs["version"] == ""
    assert job.summary.startswith("## ❌ The rollout failed")


def test_bad_inputs_are_told_everywhere(job: Job) -> None:
    journal = job.journal()
    journal.input_problems(PROBLEMS)
    journal.finish()
    assert job.outputs["result"] == "failed"
    assert "steps" in job.outputs["reason"]
    problems = job.report["input-problems"]
    assert isinstance(problems, list)
    assert len(problems) == len(PROBLEMS.problems)
    assert job.summary.count("\n| ") == 2 + len(PROBLEMS.problems)


def test_one_report_that_fails_takes_no_other_with_it(job: Job) -> None:
    job.environ["GITHUB_STEP_SUMMARY"] = str(job.workspace)
    (job.workspace / ".lambda-rollout").touch()
    journal = job.journal()
    for event in STORIES["rolled-back-in-step-1"]():
        journal.emit(event)
    journal.finish()
    assert job.outputs["result"] == "rolled-back"
    assert job.outputs["report"] == ""
    assert "The job summary could not be written" in job.log
    assert "The report could not be written" in job.log


class Lost(Exception):
    """Something nobody thought of."""


class BadStream:
    def write(self, text: str, /) -> object:
        raise Lost

    def flush(self) -> object:
        raise Lost


def test_no_reporter_can_fail_a_rollout(job: Job) -> None:
    journal = Journal(Runner(job.environ, Lines(BadStream())), StandingClock())
    for event in STORIES["promoted"]():
        journal.emit(event)
    journal.finish()
    assert job.outputs["result"] == "promoted"
    assert job.summary.startswith("## ✅")


def test_a_failure_of_a_reporter_is_told_once(job: Job) -> None:
    journal = job.journal()
    tell = Telling()
    tell.starts()
    for _ in range(3):  # an event that no report can make sense of
        tell.events.append(e.StepExtended(at=START, number=1, until=None, why="x"))  # type: ignore[arg-type]
    for event in tell.events:
        journal.emit(event)
    journal.finish()
    assert job.log.count("The log failed") == 1
    assert job.outputs["result"] == "failed"


def test_a_tool_that_fails_is_named_once_and_keeps_nobody_from_being_told(job: Job) -> None:
    def broken(_event: e.Event) -> None:
        raise ValueError("no answer")

    told: list[e.Event] = []
    journal = job.journal()
    journal.also_tell("pager", broken)
    journal.also_tell("comment", told.append)
    for event in STORIES["promoted"]():
        journal.emit(event)
    assert job.log.count("The pager failed: ValueError: no answer") == 1
    assert "The comment failed" not in job.log
    assert told == list(journal.events)


def test_outputs_are_there_before_the_rest_is_tried(job: Job) -> None:
    seen: list[str] = []

    class Watching(dict[str, str]):
        def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
            seen.append(key)
            return super().get(key, default)

    journal = Journal(Runner(Watching(job.environ), Lines(job.stream)), StandingClock())
    journal.emit(e.AliasMissing(at=START, target=CHECKOUT))
    seen.clear()
    journal.finish()
    assert seen[0] == "GITHUB_OUTPUT"
