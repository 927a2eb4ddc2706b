"""GitHub's word on another run; whatever it answers, nothing is raised into the story."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lambda_rollout.alias.record import Record, RunStatus, repository_hash
from lambda_rollout.github.runs import GitHubRuns
from lambda_rollout.rollout.events import Run
from lambda_rollout.runtime.parallel import several_at_once
from sandbox.github import Effect, Fault, GitHub, Server

UNTIL = datetime(2026, 11, 23, 5, 10, tzinfo=UTC)
RECORD = Record(
    old="7",
    new="8",
    run="77",
    attempt="1",
    repository=repository_hash("octo/shop"),
    rollout_id="3fa94c7d",
    until=UNTIL,
)


def word(github: GitHub, patience: float = 60.0) -> RunStatus:
    with Server(github) as server:
        run = Run("https://github.test", "octo/shop", "78", "1")
        return GitHubRuns(run, server.url, "ghs_sandbox", patience).run_status(RECORD)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("completed", RunStatus.OVER),
        ("in_progress", RunStatus.IN_PROGRESS),
        ("queued", RunStatus.IN_PROGRESS),
    ],
)
def test_it_is_taken_at_its_word(status: str, said: RunStatus) -> None:
    github = GitHub()
    github.runs[77, 1] = status
    assert word(github) is said


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=301, headers={"Location": "https://github.test/elsewhere"}),
        Fault(status=301, headers={"Location": "http://moved.test/elsewhere"}),
        Fault(status=403, message="Resource not accessible by integration"),
        Fault(status=404),
        Fault(status=500),
        Fault(Effect.RESET),
        Fault(Effect.LOSE),
    ],
    ids=["other scheme", "other host", "403", "404", "500", "reset", "lost"],
)
def test_without_one_time_alone_decides(fault: Fault) -> None:
    github = GitHub()
    github.runs[77, 1] = "completed"
    github.faults.add(fault)
    assert word(github) is RunStatus.UNKNOWN


def test_it_is_not_waited_for_longer_than_patience_lasts() -> None:
    github = GitHub()
    github.runs[77, 1] = "completed"
    github.faults.add(Fault(Effect.DELAY, seconds=600))
    assert word(github, patience=0.1) is RunStatus.UNKNOWN


def test_a_hundred_functions_ask_about_each_run_but_once() -> None:
    github = GitHub()
    github.runs[77, 1] = github.runs[78, 1] = "completed"
    assert set(words_of_a_hundred(github)) == {RunStatus.OVER}
    assert len(github.saw("GET", "/actions/runs/")) == 2


def test_a_github_that_hangs_is_waited_for_but_once() -> None:
    github = GitHub()
    github.runs[77, 1] = github.runs[78, 1] = "completed"
    github.faults.add(Fault(Effect.DELAY, seconds=600))
    assert set(words_of_a_hundred(github, patience=0.2)) == {RunStatus.UNKNOWN}
    assert len(github.saw("GET", "/actions/runs/")) <= 1


def words_of_a_hundred(github: GitHub, patience: float = 60.0) -> list[RunStatus]:
    run = Run("https://github.test", "octo/shop", "79", "1")
    records = [replace(RECORD, run=str(77 + number // 50)) for number in range(100)]
    with Server(github) as server:
        runs = GitHubRuns(run, server.url, "ghs_sandbox", patience)
        return several_at_once(runs.run_status, records)


def test_what_was_said_of_one_attempt_is_not_said_of_another() -> None:
    github = GitHub()
    github.runs[77, 1] = "completed"
    github.runs[77, 2] = "in_progress"
    run = Run("https://github.test", "octo/shop", "78", "1")
    with Server(github) as server:
        runs = GitHubRuns(run, server.url, "ghs_sandbox")
        assert runs.run_status(RECORD) is RunStatus.OVER
        assert runs.run_status(replace(RECORD, attempt="2")) is RunStatus.IN_PROGRESS
