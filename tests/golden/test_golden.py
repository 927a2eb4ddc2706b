"""Every report of every story is what somebody read and found good."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.golden.render import BAD_INPUTS, ERRORS, FOLDER, error_files, reports_of
from tests.support.stories import STORIES

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8")
)
NAMES = [*STORIES, BAD_INPUTS]


@pytest.mark.parametrize("story", NAMES)
def test_reports_are_as_they_were_read(story: str) -> None:
    for name, text in reports_of(story):
        file = FOLDER / name
        again = "If the change is meant: python -m tests.golden, and read what changed."
        assert file.exists(), f"There is no {name} yet. {again}"
        assert text == file.read_text(encoding="utf-8"), f"{name} is another. {again}"


def test_no_golden_file_is_left_without_a_story() -> None:
    kept = {file.stem for file in FOLDER.iterdir() if file.suffix in {".log", ".md", ".json"}}
    assert kept == set(NAMES)


def test_the_errors_of_each_runtime_are_told_as_they_were_read() -> None:
    kept = {file.name: file.read_text(encoding="utf-8") for file in ERRORS.iterdir()}
    assert dict(error_files()) == kept


@pytest.mark.parametrize("story", NAMES)
def test_the_json_report_keeps_to_its_schema(story: str) -> None:
    report = dict(reports_of(story))[f"{story}.json"]
    checker = jsonschema.Draft202012Validator(SCHEMA)
    checker.validate(json.loads(report))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
