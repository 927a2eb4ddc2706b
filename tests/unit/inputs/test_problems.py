"""Inputs with more mistakes than anybody reads: an input of commas alone has one for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambda_rollout.inputs.problems import InputErrors, InputProblem
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.text import Mistake, Mistakes
from lambda_rollout.report.comment.comment import comment_of_input_problems
from lambda_rollout.report.comment.record import CommentRecord, Entry, Key
from lambda_rollout.rollout.events import Run
from tests.support.job import Job

MANY = 30_000
RIGHT = {"function-name": "checkout", "aws-region": "eu-central-1"}
LISTS = {
    "function-name": "," * MANY,
    "alarms": "," * MANY,
    "steps": "," * MANY,
    "guards": "x\n" * (MANY // 2),
}


def wrong(inputs: dict[str, str]) -> InputErrors:
    with pytest.raises(InputErrors) as raised:
        read_inputs({variable(name): text for name, text in {**RIGHT, **inputs}.items()})
    return raised.value


def problems(name: str, number: int) -> list[InputProblem]:
    return [InputProblem(name, f"{name} {at}", "Write it.") for at in range(number)]


@pytest.mark.parametrize("name", LISTS)
def test_the_first_mistakes_of_a_list_are_told_and_how_many_more_there_are(name: str) -> None:
    errors = wrong({name: LISTS[name]})
    assert errors.count == len(errors.problems) >= MANY // 2
    assert len(errors.told) == 100
    more = errors.count - 100
    assert errors.told[-1].remedy.endswith(f"This input has {more} more mistakes, not shown here.")
    assert len(str(errors)) < 40_000


def test_of_many_wrong_inputs_fewer_are_told_of_each_but_the_first_of_every_one() -> None:
    names = [f"input-{number}" for number in range(27)]
    errors = InputErrors(tuple(problem for name in names for problem in problems(name, 50)))
    assert len(errors.told) == 81
    assert [problem for problem in errors.told if problem.given.endswith(" 0")] == [
        problems(name, 1)[0] for name in names
    ]


def test_one_too_many_is_one_mistake() -> None:
    told = InputErrors(tuple(problems("steps", 101))).told
    assert told[-1].remedy == "Write it. This input has 1 more mistake, not shown here."


def test_few_are_told_as_they_are_and_so_are_those_that_are_told_already() -> None:
    few = tuple(problems("steps", 50) + problems("alarms", 50))
    assert InputErrors(few).told == few
    told = InputErrors(tuple(problems("steps", 500))).told
    again = InputErrors(told, 500)
    assert (again.told, again.count) == (told, 500)


def test_what_all_the_mistakes_of_one_text_say_is_short() -> None:
    mistakes = Mistakes(*[Mistake("," * MANY, "Remove a comma.")] * MANY)
    assert len(mistakes.mistakes) == MANY
    assert len(str(mistakes)) < 10_000
    assert str(mistakes).endswith(f" And {MANY - 20} more.")


def test_no_report_of_any_kind_is_large(tmp_path: Path) -> None:
    errors = wrong(LISTS)
    job = Job(tmp_path)
    job.journal().input_problems(errors)
    comment = comment_of_input_problems(
        errors, Run(), Key("a", "b"), CommentRecord(Entry("id", "❌", "wrong", "now"))
    )
    for text in (job.log, job.summary, comment):
        assert len(text) < 65_000
    assert job.log.count("::error ") + job.log.count("error: ") <= 101
    report = Path(job.outputs["report"]).read_text()
    assert len(report) < 200_000
    assert f", ({MANY} characters)" in report.replace("\\u2026", "")
    assert f"{errors.count} mistakes in the inputs" in job.outputs["reason"]
    for text in (job.log, job.summary, comment, report):
        assert "more mistakes, not shown here" in text
