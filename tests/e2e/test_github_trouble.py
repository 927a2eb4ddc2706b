"""Whatever becomes of GitHub, what AWS sees is the same; and what GitHub sees is one comment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lambda_rollout.report.comment.record import read_record
from sandbox.github import Effect, Fault, GitHub, PullRequest, Server
from sandbox.runner import Finished
from tests.support.live import NEW, OLD, PATIENCE, POST, Live, live

HANG = 30.0
STEPS = "10% 1s, 50% 1s, 100% 1s"
BOTH = {"comment": "auto", "pr_number": "12"}


@dataclass
class Scene:
    """An account, a runner, and a GitHub that can be switched off."""

    github: GitHub
    aws: Live
    server: ExitStack = field(default_factory=ExitStack)

    def switch_off(self) -> None:
        """From now on nobody listens there."""
        self.server.close()


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    github = GitHub()
    github.add_pull(PullRequest(12, "9f2c1ab0d3e45f60718293a4b5c6d7e8f9012345"))
    with ExitStack() as server:
        url = server.enter_context(Server(github)).url
        with live(folder, token="ghs_sandbox", api_url=url) as aws:
            yield Scene(github, aws, server)


def well(scene: Scene) -> None:
    pass


def refuses_connections(scene: Scene) -> None:
    scene.switch_off()


def answers_after_30_s(scene: Scene) -> None:
    scene.github.faults.add(Fault(Effect.DELAY, seconds=HANG))


def answers_500(scene: Scene) -> None:
    scene.github.faults.add(Fault(status=500))


def answers_403(scene: Scene) -> None:
    message = "Resource not accessible by integration"
    scene.github.faults.add(Fault(status=403, message=message))


def hangs_after_the_first_comment(scene: Scene) -> None:
    scene.github.faults.add(Fault(Effect.DELAY, "PATCH", seconds=HANG))


def limits_the_rate(scene: Scene) -> None:
    scene.github.remaining = 2


TROUBLES = [
    well,
    refuses_connections,
    answers_after_30_s,
    answers_500,
    answers_403,
    hangs_after_the_first_comment,
    limits_the_rate,
]
Trouble = Callable[[Scene], None]


def troubles(*in_long: Trouble) -> list[Any]:
    """All of them, some only with `make test-long`: the simulator has every kind, at any moment."""
    return [
        pytest.param(each, marks=pytest.mark.long if each in in_long else ()) for each in TROUBLES
    ]


def is_not_late(scene: Scene) -> bool:
    """Whether the alias was settled while GitHub's first delayed answer was still to come."""
    last = scene.aws.requests("UpdateAlias")[-1].at
    return last < scene.github.log[0].at + timedelta(seconds=HANG)


@pytest.mark.parametrize("trouble", troubles(answers_500, answers_403, limits_the_rate))
def test_a_good_version_is_promoted_all_the_same(trouble: Trouble, tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        trouble(opened)
        finished = opened.aws.run(steps=STEPS, **BOTH)
        assert finished.status == 0, finished.log
        assert opened.aws.weights() == [{NEW: 0.1}, {NEW: 0.5}, {}]
        assert opened.aws.whole_on(NEW)
        assert opened.github.log == [] or is_not_late(opened)
        assert len(list(opened.github.comments_on(12))) <= 1


@pytest.mark.parametrize("trouble", troubles(refuses_connections, hangs_after_the_first_comment))
def test_a_bad_version_is_rolled_back_all_the_same(trouble: Trouble, tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        aws = opened.aws
        trouble(opened)
        step = aws.start(steps="50% 10m", **BOTH)
        try:
            aws.until_shifted(step)
            aws.set_alarm("ALARM")
            finished = step.wait(PATIENCE)
        finally:
            step.kill()
        assert finished.status == 1
        assert finished.outputs["result"] == "rolled-back"
        assert aws.weights() == [{NEW: 0.5}, {}]
        assert aws.whole_on(OLD)
        # The request after the read that showed the alarm is the rollback, whatever GitHub does.
        asked = [each.operation for each in aws.requests()]
        first = asked.index("UpdateAlias", asked.index("UpdateAlias") + 1)
        assert asked[first - 1] == "DescribeAlarms"
        assert opened.github.log == [] or is_not_late(opened)
        assert len(list(opened.github.comments_on(12))) <= 1


def test_github_may_die_in_the_middle(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        aws = opened.aws
        step = aws.start(steps="50% 10m", **BOTH)
        try:
            aws.until(lambda: list(opened.github.comments_on(12)), step)
            aws.until_shifted(step)
            opened.switch_off()
            aws.set_alarm("ALARM")
            finished = step.wait(PATIENCE)
        finally:
            step.kill()
        assert finished.outputs["result"] == "rolled-back"
        assert aws.whole_on(OLD)
        assert finished.outputs["pr-number"] == "12"
        assert "Pull request comment: " in finished.log


def notes(finished: Finished) -> list[str]:
    return [line for line in finished.log.splitlines() if line.startswith("Pull request comment")]


def test_a_fork_is_told_once_what_to_do(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        opened.github.tokens["ghs_sandbox"].may_comment = False
        finished = opened.aws.run(steps=STEPS, **BOTH)
        assert finished.status == 0
        [line] = notes(finished)
        assert "pull-requests: write" in line
        assert "No pull request comment" in finished.summary
        assert finished.outputs["pr-number"] == ""


def test_without_a_pull_request_it_is_said_where_it_would_have_been(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        opened.github.pulls.clear()
        finished = opened.aws.run(steps=STEPS, comment="auto")
        assert finished.status == 0
        [line] = notes(finished)
        assert "belongs to no pull request" in line
        assert "belongs to no pull request" in finished.summary


def test_off_is_off(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        finished = opened.aws.run(steps="100% 0s", comment="off", pr_number="12")
        assert finished.status == 0
        assert opened.github.log == []


def saved_by(aws: Live) -> str:
    """Everything in the files that the runner gave the step."""
    files = (each for each in (aws.runner.folder / "_temp").rglob("*") if each.is_file())
    return "".join(each.read_text("utf-8", "replace") for each in files)


def test_a_killed_run_is_finished_on_the_pull_request_by_its_post_stage(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        aws = opened.aws
        inputs = {"steps": "50% 10m", "comment": "auto", "pr-number": "12"}
        step = aws.runner.start({**aws.inputs, **inputs}, aws.as_caller("AKIAMAIN"))
        aws.until_shifted(step)
        aws.until(lambda: '"comment": ' in saved_by(aws), step)
        step.kill()
        after = aws.runner.post({**aws.inputs, **inputs}, step.wait().state, aws.as_caller(POST))
        assert aws.whole_on(OLD), after.log
        [comment] = opened.github.comments_on(12)
        record = read_record(comment.body)
        assert record is not None
        assert record.now.over
        assert record.earlier == ()
        assert "rolled back" in record.now.headline


def test_wrong_inputs_are_told_there(tmp_path: Path) -> None:
    with scene(tmp_path) as opened:
        event = {"pull_request": {"number": 12}}
        opened.aws.runner.event_name, opened.aws.runner.event = "pull_request", event
        finished = opened.aws.run(steps="50%, 10%", comment="auto")
        assert finished.status == 1
        [comment] = opened.github.comments_on(12)
        assert "`steps`" in comment.body
        assert json.dumps(finished.outputs["pr-number"]) == '"12"'
        assert opened.aws.requests() == [] or not opened.aws.changes()
