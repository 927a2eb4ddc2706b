"""Every report of every story, as text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lambda_rollout.inputs.problems import InputErrors, InputProblem
from tests.support.job import Job
from tests.support.stories import STORIES

FOLDER = Path(__file__).parent
BAD_INPUTS = "bad-inputs"

PROBLEMS = InputErrors(
    (
        InputProblem(
            "function-name", "checkout:live", "Leave the qualifier out and write alias: live."
        ),
        InputProblem("steps", "10%", "Percentages ascend: after 50% comes a higher one."),
        InputProblem("steps", "5", "Add a unit to '5': 5s, 5m or 5h."),
        InputProblem("aws-region", "", "Set aws-region, or AWS_REGION in the job's environment."),
    )
)


def golden_files() -> Iterator[tuple[str, str]]:
    """Yield each file's name and text."""
    for name in (*STORIES, BAD_INPUTS):
        yield from reports_of(name)


def reports_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield the files of one story."""
    with tempfile.TemporaryDirectory() as folder:
        job = Job(Path(folder))
        journal = job.journal()
        if name == BAD_INPUTS:
            journal.input_problems(PROBLEMS)
        else:
            for event in STORIES[name]():
                journal.emit(event)
            journal.finish()
        outputs = job.outputs
        report = Path(outputs["report"]).read_text(encoding="ascii")
        outputs["report"] = "(its path)"
        yield f"{name}.log", job.log
        yield f"{name}.md", job.summary
        yield f"{name}.json", report
        yield f"{name}.outputs", "".join(f"{key}={value}\n" for key, value in outputs.items())
