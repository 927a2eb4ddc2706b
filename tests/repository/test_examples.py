"""The examples can be copied: linted, and the action takes what they give it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from sandbox.aws.trust import ISSUER, Job, accepts
from sandbox.aws.world import REGION
from tests.support.pages import blocks, table
from tests.support.trust import (
    PROVIDER,
    ROLLOUT,
    ROLLOUT_DEV,
    ROLLOUT_TESTS,
    TRUST_POLICY,
    TRUST_POLICY_OF_DEV,
    TRUST_POLICY_OF_UPLOAD,
    UPLOAD,
)
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
    """One that rolls out; a job that only asks a running rollout to go on may be replaced by the next one."""
    workflow = load(path.read_text("utf-8"))
    for job, step in steps_of(workflow):
        group = job.get("concurrency", workflow.get("concurrency", {}))
        assert group["group"]
        if step["with"].get("mode", "rollout") == "rollout":
            assert group["cancel-in-progress"] == "false"


# Identity ------------------------------------------------------------------------------------------

POLICIES = {
    ROLLOUT: TRUST_POLICY,
    ROLLOUT_DEV: TRUST_POLICY_OF_DEV,
    ROLLOUT_TESTS: TRUST_POLICY_OF_DEV,
    UPLOAD: TRUST_POLICY_OF_UPLOAD,
}
WORKFLOWS = {
    **{path.name: load(path.read_text("utf-8")) for path in EXAMPLES},
    "README.md": load(blocks("yaml", "README.md")[0]),
}
FORMS = {"with ids": (123456, 456789), "without": None}


def refs_of(workflow: Mapping[str, Any]) -> Iterator[str]:
    """The branches that the workflow is started on."""
    triggers = workflow["on"]
    # A comment's workflow runs on the default branch, whatever the pull request is for.
    if triggers == "workflow_dispatch" or {"workflow_dispatch", "issue_comment"} & set(triggers):
        yield "refs/heads/main"
    for branch in triggers["push"]["branches"] if "push" in triggers else ():
        yield f"refs/heads/{branch}"


def roles_of(workflow: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Every role that a step assumes, with its job."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            if role := step.get("with", {}).get("role-to-assume"):
                yield job, role


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_roles_trust_every_job(name: str, form: str) -> None:
    workflow = WORKFLOWS[name]
    refs = list(refs_of(workflow))
    assert refs
    for job, role in roles_of(workflow):
        policy = POLICIES[role]
        for ref in refs:
            token = Job(ids=FORMS[form], ref=ref, environment=job.get("environment", ""))
            claims = {**token.claims, "aud": "sts.amazonaws.com"}
            assert accepts(policy, PROVIDER, claims), token.subject


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "job",
    [
        {},
        {"ref": "refs/tags/production"},
        {"event": "pull_request"},
        {"environment": "production-2"},
        {"environment": "dev"},
        {"repository": "octo/shop2", "environment": "production"},
    ],
    ids=str,
)
def test_the_production_role_trusts_nobody_else(job: Mapping[str, str], form: str) -> None:
    claims = {**Job(ids=FORMS[form], **job).claims, "aud": "sts.amazonaws.com"}
    assert not accepts(TRUST_POLICY, PROVIDER, claims)
    assert "*" not in json.dumps(TRUST_POLICY["Statement"])


def test_the_rollout_has_a_job_of_its_own() -> None:
    """Every step beside it could ask for the same token; GitHub's own that hands the package over does not."""
    for path in EXAMPLES:
        workflow = load(path.read_text("utf-8"))
        for job, _ in steps_of(workflow):
            others = {step.get("uses", "a script").partition("@")[0] for step in job["steps"]}
            assert others <= {"OWNER/lambda-rollout", "actions/download-artifact"}
        for job in workflow["jobs"].values():
            asks = permissions_of(job, workflow).get("id-token") == "write"
            is_ours = any(own is job for own, _ in steps_of(workflow))
            assert asks if is_ours else not asks or _is_a_stranger_to_aws_s_roles(job)


def _is_a_stranger_to_aws_s_roles(job: Mapping[str, Any]) -> bool:
    """Whether no role that rolls out trusts the job: one with a role of its own, for tests or an upload, may ask."""
    claims = {**Job(environment=job["environment"]).claims, "aud": "sts.amazonaws.com"}
    others = {role: policy for role, policy in POLICIES.items() if role != UPLOAD}
    return not any(accepts(policy, PROVIDER, claims) for policy in others.values())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_no_text_of_others_is_part_of_a_script(path: Path) -> None:
    for job in load(path.read_text("utf-8"))["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_they_say_what_a_role_trusts_in_both_forms(path: Path) -> None:
    """As `repo:…:environment:` of the repository that README speaks of."""
    text = path.read_text("utf-8")
    for ids in FORMS.values():
        assert Job(ids=ids, environment="x").subject.removesuffix("x") in text


def test_the_subjects_that_the_page_shows_are_githubs() -> None:
    shown = {row[1].strip("`") for row in table("## Which subject is mine?", "docs/identity.md")}
    jobs: list[dict[str, str]] = [
        {},
        {"environment": "production"},
        {"ref": "refs/tags/v1"},
        {"event": "pull_request"},
    ]
    assert shown == {Job(**job).subject for job in jobs}  # type: ignore[arg-type]


def test_the_allow_list_has_every_host_of_aws() -> None:
    rows = table("## Hosts for an allow-list", "docs/identity.md")
    listed = {host for row in rows for host in re.findall(r"`([^`]+)`", row[0])}
    sources = "".join(path.read_text() for path in (ROOT / "lambda_rollout" / "aws").glob("*.py"))
    services = set(re.findall(r'client\(\s*"([a-z]+)"', sources))
    assert services >= {"lambda", "cloudwatch", "logs", "sts", "codedeploy"}
    session = botocore.session.get_session()
    urls = [session.create_client(name, REGION).meta.endpoint_url for name in services]
    assert {url.removeprefix("https://").replace(REGION, "REGION") for url in urls} <= listed
    assert f"*.{ISSUER.partition('.')[2]}" in listed
