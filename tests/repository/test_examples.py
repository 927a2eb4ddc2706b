"""The examples can be copied: linted, and the action takes what they give it."""

from pathlib import Path

import pytest

from tests.support.workflows import ROOT, lint, load, permissions_of, read, steps_of

EXAMPLES = sorted((ROOT / "examples").glob("*.yml"))


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} >= {"push-to-main.yml", "manual-with-approval.yml"}


def test_they_pass_the_linters() -> None:
    lint(EXAMPLES)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_action_takes_their_inputs(path: Path) -> None:
    workflow = load(path.read_text("utf-8"))
    steps = list(steps_of(workflow))
    assert steps
    for job, step in steps:
        inputs = read(step, job, workflow)
        assert inputs.role_to_assume
        assert permissions_of(job, workflow)["id-token"] == "write"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_a_push_or_a_second_start_does_not_cancel_a_rollout(path: Path) -> None:
    assert load(path.read_text("utf-8"))["concurrency"]["cancel-in-progress"] == "false"
