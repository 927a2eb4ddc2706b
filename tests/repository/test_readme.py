"""README and the pages in docs say what is true: their tables, examples, commands and links."""

import ast
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
from tests.repository.test_import_table import OUTSIDE, TABLE
from tests.support.workflows import ROOT, lint, load, permissions_of, read, steps_of

DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "tests/README.md",
    *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md"))),
]

Row = dict[str, str]


def page(document: str) -> str:
    return (ROOT / document).read_text("utf-8")


README = page("README.md")


def blocks(language: str, *documents: str) -> list[str]:
    """Code of all documents, or of some."""
    pattern = rf"^```{language}\n(.*?)^```$"
    found = [
        re.findall(pattern, page(document), re.MULTILINE | re.DOTALL)
        for document in documents or DOCUMENTS
    ]
    return [text for texts in found for text in texts]


def table(heading: str, document: str = "README.md") -> list[list[str]]:
    """The cells of the first table under a heading."""
    section = f"\n{page(document)}".split(f"\n{heading}\n", 1)[1].split("\n#", 1)[0]
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


def test_single_steps_can_be_copied() -> None:
    lists = [text for text in blocks("yaml") if text.startswith("- ")]
    assert len(lists) > 1
    for text in lists:
        job = {"steps": load(text), "env": {"AWS_REGION": "eu-central-1"}}
        found = list(steps_of({"jobs": {"rollout": job}}))
        assert found
        for _, step in found:
            read(step, job, {})


def test_other_yaml_is_templates() -> None:
    templates = [
        load(text) for text in blocks("yaml") if "\njobs:" not in text and not text.startswith("- ")
    ]
    assert templates
    for template in templates:
        assert all(entry["Type"].startswith("AWS::") for entry in template.values())


@functools.cache
def model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def commands() -> Iterator[list[str]]:
    for text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


PROGRAMS = {"aws", "jq", "make"}
SERVICES = {"deploy": "codedeploy"}
"""The CLI's names of services that have another one in the API."""


def test_its_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [word for words in commands() if words[0] == "make" for word in words[1:2]]
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_aws_commands_are_awss() -> None:
    checked = 0
    for words in commands():
        assert words[0] in PROGRAMS
        if words[0] != "aws":
            continue
        service, command, *rest = words[1:]
        service = SERVICES.get(service, service)
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
    assert checked >= 5


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
    text = path.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img src="([^"]+)"', text)
    for target in targets:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked.read_text("utf-8")), target


def test_every_page_is_linked_from_readme_or_from_a_page_that_is() -> None:
    linked, found = set(), ["README.md"]
    while found:
        document = found.pop()
        linked.add(document)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", page(document)):
            path = (ROOT / document).parent.joinpath(target).resolve().relative_to(ROOT)
            if str(path) not in linked:
                found.append(str(path))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_the_rooms_of_the_house_are_there() -> None:
    [house] = re.findall(
        r"^```\n(.*?)^```$", page("docs/architecture.md"), re.MULTILINE | re.DOTALL
    )
    named = set(rooms(house))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
    package = ROOT / "lambda_rollout"
    there = {path.parent for path in package.rglob("*.py")} | {package / "rollout/rollout.py"}
    assert {str(path.relative_to(ROOT)) for path in there} <= named


def test_the_files_that_the_architecture_names_are_there() -> None:
    named = re.findall(r"`([\w/.-]+/[\w.-]*|[\w/-]+\.(?:py|yml))`", page("docs/architecture.md"))
    places = [ROOT, ROOT / "lambda_rollout", ROOT / "tests"]
    assert len(named) > 30
    lost = {name for name in named if not any((place / name).exists() for place in places)}
    assert lost == set()


OF_OTHERS = {"ExpiredToken", "GITHUB_STATE", "Invoke", "UpdateAlias"}
TO_COME = {"hooks", "invoke"}
"""What the walk about a hook adds."""


def test_the_names_that_the_architecture_cites_are_the_codes() -> None:
    prose = re.sub(r"^```.*?^```$", "", page("docs/architecture.md"), flags=re.M | re.S)
    cited = {name.split(".")[-1] for name in re.findall(r"`([A-Za-z_][\w.]*)`", prose)}
    known = {*names_in_the_package(), *TABLE, *OF_OTHERS, *TO_COME, "py", "yml"}
    assert len(cited) > 60
    assert cited - known == set()


def test_the_import_table_is_the_tests() -> None:
    rows = table("## Who may import whom", "docs/architecture.md")
    told = {row[0].strip("`"): set(re.findall(r"`([\w.]+)`", row[1])) for row in rows}
    assert told["app"] == set()
    assert told | {"app": TABLE["app"]} == TABLE
    assert TABLE["app"] == set(TABLE) - {"app"}
    outside = {row[0].strip("`"): set(re.findall(r"\w+", row[2])) for row in rows}
    assert {entry: names for entry, names in outside.items() if names} == OUTSIDE


def test_the_words_of_the_glossary_are_the_codes() -> None:
    words = table("## Words", "docs/architecture.md")
    assert len(words) > 20
    assert len({row[0] for row in words}) == len(words)
    known = set(names_in_the_package())
    assert [row[2] for row in words if not set(re.findall(r"`(\w+)`", row[2])) & known] == []
    assert {name for row in words for name in re.findall(r"`(\w+)`", row[2])} <= known


@pytest.mark.parametrize("document", [*DOCUMENTS, "action.yml"])
def test_old_words_are_gone(document: str) -> None:
    """The glossary's took their place: someone else, restore, not split, group, emergency rollback."""
    old = r"\b(stranger'?s?\b|mend(s|ed|ing)?\b|whole (on|again)\b|one unit\b|button\b|released:|dead run\b)"
    text = re.sub(r'src="[^"]*"', "", page(document))
    assert [found.group() for found in re.finditer(old, text)] == []


def names_in_the_package() -> Iterator[str]:
    """Classes, functions, constants and fields."""
    for path in (ROOT / "lambda_rollout").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    yield name
                case ast.Assign(targets=[ast.Name(id=name)]):
                    yield name
                case ast.AnnAssign(target=ast.Name(id=name) | ast.Attribute(attr=name)):
                    yield name


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
