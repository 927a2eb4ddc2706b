"""README says what is true: its tables, its examples, its commands and its links."""

import functools
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from botocore import xform_name

from lambda_rollout.alias.record import parse
from lambda_rollout.inputs.choices import Mode
from lambda_rollout.inputs.read import DEFAULTS
from lambda_rollout.inputs.steps import parse_steps
from tests.support.workflows import ROOT, lint, load, permissions_of, read, steps_of

README = (ROOT / "README.md").read_text("utf-8")
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
]

Row = dict[str, str]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = README.split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


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
    from datetime import timedelta

    shown = [row[0].strip("`") for row in table("### Steps")]
    assert len(shown) > 5
    for text in shown:
        parse_steps(text, timedelta(minutes=5))


def test_the_modes_it_tells_are_the_codes() -> None:
    told = {row[0].strip("`") for row in table("### The other modes")}
    assert told == {str(mode) for mode in Mode} - {"rollout"}


def test_the_record_it_shows_is_one() -> None:
    [line] = re.findall(r"^    (.*\[lambda-rollout .*)$", README, re.MULTILINE)
    text, record = parse(line)
    assert text == "What customers use"
    assert record is not None


def test_the_messages_it_quotes_are_the_codes() -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "lambda_rollout").rglob("*.py"))
    said = re.sub(r'"\s*f?"', "", sources)  # literals that go on in the next line
    quoted = [
        q for row in table("## When things go wrong") for q in re.findall(r'"([^"]+)"', row[1])
    ]
    assert len(quoted) > 4
    assert [text for text in quoted if text not in said] == []


def test_its_workflows_can_be_copied(tmp_path: Path) -> None:
    workflows = [text for text in blocks("yaml") if "\njobs:" in text]
    assert workflows
    for index, text in enumerate(workflows):
        path = tmp_path / ".github" / "workflows" / f"{index}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        # There is no release yet whose SHA could be pinned.
        path.write_text(re.sub(r"(uses: OWNER/.*)", r"\1 # zizmor: ignore[unpinned-uses]", text))
        lint([path])
        workflow = load(text)
        steps = list(steps_of(workflow))
        assert steps
        for job, step in steps:
            read(step, job, workflow)
            assert permissions_of(job, workflow)["id-token"] == "write"


def test_its_first_workflow_is_short() -> None:
    """Ten lines, not counting what every workflow has."""
    lines = blocks("yaml")[0].splitlines()
    assert len(lines) <= 15
    assert len(lines) - lines.index("    steps:") <= 10


def test_its_other_yaml_is_templates() -> None:
    for text in blocks("yaml"):
        if "\njobs:" not in text:
            assert all(entry["Type"].startswith("AWS::") for entry in load(text).values())


@functools.cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def commands() -> Iterator[list[str]]:
    for text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def test_its_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [word for words in commands() if words[0] == "make" for word in words[1:2]]
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_aws_commands_are_awss() -> None:
    checked = 0
    for words in commands():
        if words[0] != "aws":
            assert words[0] == "make"
            continue
        service, command, *rest = words[1:]
        [operation] = [
            model(service).operation_model(name)
            for name in model(service).operation_names
            if xform_name(name, "-") == command
        ]
        members = {f"--{xform_name(name, '-')}" for name in operation.input_shape.members}
        required = {f"--{xform_name(name, '-')}" for name in operation.input_shape.required_members}
        given = {word for word in rest if word.startswith("--")}
        assert required <= given <= members
        checked += 1
    assert checked >= 3


CHECKED_WITH_OTHERS = {"lambda:PassCapacityProvider"}
"""Rights without a call of their own: AWS asks for them when a function on the capacity provider is published."""


@pytest.mark.parametrize("text", blocks("json"))
def test_its_policies_name_calls_that_exist(text: str) -> None:
    statements = json.loads(text)["Statement"]
    for statement in statements:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, operation = action.split(":")
            assert action in CHECKED_WITH_OTHERS or operation in model(service).operation_names


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(
        r"^#+ (.*)$",
        re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL),
        re.MULTILINE,
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text("utf-8")), target


def test_the_rooms_of_the_house_are_there() -> None:
    [house] = re.findall(
        r"^```\n(.*?)^```$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE | re.DOTALL
    )
    named = set(rooms(house))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    package = ROOT / "lambda_rollout"
    there = {path.parent for path in package.rglob("*.py")} | {package / "rollout/rollout.py"}
    assert {str(path.relative_to(ROOT)) for path in there} <= named


def rooms(house: str) -> Iterator[str]:
    """Paths that the map names: a folder's contents are indented by two more than the folder."""
    folders: list[str] = []
    for line in house.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        del folders[depth:]
        for name in re.findall(r"(?<![\w/.])[a-z_]+(?:\.py|/(?= |$))", line):
            yield "/".join([*folders, name.removesuffix("/")])
            if name.endswith("/"):
                folders.append(name.removesuffix("/"))
