"""README says what is true: its tables, its first workflow, its promises; and so do the pages split off from it."""

import re
from datetime import timedelta

import yaml

from lambda_rollout.alias.record import parse
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.read import DEFAULTS
from lambda_rollout.inputs.steps import parse_steps
from tests.support.pages import blocks, page, table
from tests.support.workflows import ROOT

README = page("README.md")
INPUT_ROWS = {row[0].strip("`"): row for row in table("## Inputs")}


def test_inputs_and_defaults_are_the_codes() -> None:
    words = {"required": "", "empty": ""}
    told = {name: words.get(row[1], row[1].strip("`")) for name, row in INPUT_ROWS.items()}
    assert list(told.items()) == list(DEFAULTS.items())


def test_every_input_row_has_three_cells() -> None:
    assert {name: len(row) for name, row in INPUT_ROWS.items()} == dict.fromkeys(DEFAULTS, 3)


def test_outputs_are_the_actions() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    assert [row[0].strip("`") for row in table("## Outputs")] == list(action["outputs"])


def test_the_steps_it_shows_can_be_read() -> None:
    shown = [row[0].strip("`") for row in table("### Steps")]
    assert len(shown) > 5
    for text in shown:
        parse_steps(text, timedelta(minutes=5))


def test_the_modes_it_tells_are_the_codes() -> None:
    told = {row[0].strip("`") for row in table("### The other modes")}
    assert told == {str(mode) for mode in Mode} - {"rollout"}


def test_the_record_it_shows_is_one() -> None:
    [line] = re.findall(r"^    (.*\[lambda-rollout .*)$", page("docs/record.md"), re.MULTILINE)
    text, record = parse(line)
    assert text == "What customers use"
    assert record is not None


def test_the_messages_it_quotes_are_the_codes() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "lambda_rollout").rglob("*.py"))
    said = re.sub(r'"\s*f?"', "", sources)  # literals that go on in the next line
    quoted = [
        quote
        for row in table("# When things go wrong", "docs/trouble.md")
        for quote in re.findall(r'"([^"]+)"', row[1])
    ]
    assert len(quoted) > 4
    assert [text for text in quoted if text not in said] == []


def test_all_five_promises_stand_in_it() -> None:
    """Docstrings cite them by their number."""
    promises = README.split("\n## What is promised about the alias\n", 1)[1].split("\n#", 1)[0]
    assert re.findall(r"^(\d)\. \*\*", promises, re.MULTILINE) == list("12345")
    cited = {
        number
        for path in [*(ROOT / "lambda_rollout").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
        for number in re.findall(r"\(README, promise (\d)\)", path.read_text("utf-8"))
    }
    assert cited
    assert cited <= set("12345")


def test_its_first_workflow_is_short() -> None:
    """Ten lines, not counting what every workflow has."""
    lines = blocks("yaml", "README.md")[0].splitlines()
    assert len(lines) <= 15
    assert len(lines) - lines.index("    steps:") <= 10


def test_a_stranger_finds_what_to_do_in_ten_minutes() -> None:
    """First what it does, then a workflow that works, both commands of a fresh machine, and the inputs after them."""
    at = [
        README.index(text)
        for text in (
            "watches your CloudWatch alarms",
            "```yaml",
            "make demo",
            "make test",
            "## Inputs",
        )
    ]
    assert at == sorted(at)
    assert len(README[: at[-1]].split()) < 750
    chapters = re.findall(r"^## (.*)$", README, re.MULTILINE)
    assert chapters[:2] == ["Start", "Inputs"]
    assert len(chapters) < 8, "a page in docs has room for it"
