"""Every report of every story, as text."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.report.errors import error_lines, errors_section
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout.events import LogRead
from tests.support.job import Job
from tests.support.log_payloads import PAYLOADS
from tests.support.stories import CHECKOUT, STORIES, Telling

FOLDER = Path(__file__).parent
ERRORS = FOLDER / "errors"
"""What is told of the log of a function, by its runtime."""
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


def errors_of(payload: str) -> str:
    """Show what log and summary say when a function's log holds this, and nothing else."""
    telling = Telling()
    telling.pass_time(120)
    telling.reads_log(CHECKOUT, *PAYLOADS[payload])
    story = rollout_state(telling.events)
    [read] = [event for event in telling.events if isinstance(event, LogRead)]
    lines = "\n".join(error_lines(read, story))
    return f"```text\n{lines}\n```\n\n{errors_section(story)}\n"


def error_files() -> Iterator[tuple[str, str]]:
    """Yield each file's name and text."""
    for payload in PAYLOADS:
        yield (
            f"{payload.replace(', ', ' ').replace(' ', '-').replace(chr(39), '')}.md",
            errors_of(payload),
        )
