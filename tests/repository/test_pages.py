"""Every page can be followed: workflows and commands can be copied, links lead somewhere, words are the glossary's."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore import xform_name

from tests.support import cli
from tests.support.pages import DOCUMENTS, blocks, page
from tests.support.workflows import ROOT, lint, load, permissions_of, read, steps_of


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


def commands() -> Iterator[list[str]]:
    for text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


PROGRAMS = {"aws", "jq", "make"}


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
        given = set(cli.options(rest))
        checked += 1
        if (service, command) == cli.DEPLOY:
            assert given <= cli.DEPLOYS
            continue
        operation = cli.operation_of(service, command)
        members = {f"--{xform_name(name, '-')}" for name in operation.input_shape.members}
        required = {f"--{xform_name(name, '-')}" for name in operation.input_shape.required_members}
        assert required <= given <= members
    assert checked >= 5


CHECKED_WITH_OTHERS = {"lambda:PassCapacityProvider"}
"""Rights without a call of their own: AWS asks for them when a function on the capacity provider is published."""


NAMED_OTHERWISE = {"lambda:InvokeFunction": "Invoke"}
"""Rights whose call has another name."""


@pytest.mark.parametrize("text", blocks("json"))
def test_its_policies_name_calls_that_exist(text: str) -> None:
    statements = json.loads(text)["Statement"]
    for statement in statements:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            service, name = action.split(":")
            operation = NAMED_OTHERWISE.get(action, name)
            assert action in CHECKED_WITH_OTHERS or operation in cli.model(service).operation_names


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


OLD_WORDS = r"stranger'?s?\b|mend(s|ed|ing)?\b|whole (on|again)\b|one unit\b|button\b|released:"
"""The glossary's took their place: someone else, restore, not split, group, emergency rollback."""


@pytest.mark.parametrize("document", [*DOCUMENTS, "action.yml", "docs/report.schema.json"])
def test_old_words_are_gone(document: str) -> None:
    text = re.sub(r'src="[^"]*"', "", page(document))
    assert re.findall(rf"\b(?:{OLD_WORDS}|dead run\b)", text) == []


def test_old_words_are_gone_from_the_code() -> None:
    found = {
        path.name: re.findall(rf"\b(?:{OLD_WORDS}).*", path.read_text("utf-8"))
        for path in (ROOT / "lambda_rollout").rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {}
