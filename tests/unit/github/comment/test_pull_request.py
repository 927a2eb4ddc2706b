"""Every event leads where GitHub's own example payloads say."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.github.comment.pull_request import (
    ByCommit,
    Candidate,
    Lead,
    Named,
    Nowhere,
    choose_pull_request,
    find,
    lead,
    why_none,
)

PAYLOADS = json.loads((Path(__file__).parents[3] / "github/payloads/payloads.json").read_text())
SHA = "9f2c1abd5e6f708192a3b4c5d6e7f8091a2b3c4d"
OTHER = "b" * 40
MAIN = {"GITHUB_REPOSITORY": "octo/shop", "GITHUB_SHA": SHA, "GITHUB_REF": "refs/heads/main"}


QUEUED = f"gh-readonly-queue/main/pr-104-{OTHER}"


def lead_of(
    event: str, payload: object, folder: Path, number: int | None = None, **more: str
) -> Lead:
    file = folder / "event.json"
    file.write_text(json.dumps(payload))
    environ = {**MAIN, "GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(file), **more}
    return lead(number, environ)


def changed(event: str, index: int = 0, **more: Any) -> dict[str, Any]:
    """An example payload with some fields of its main part set."""
    payload: dict[str, Any] = json.loads(json.dumps(PAYLOADS[event][index]))
    part = "issue" if event == "issue_comment" else event
    payload[part].update(more)
    return payload


@pytest.mark.parametrize(
    "event", ["pull_request", "pull_request_review", "pull_request_review_comment"]
)
def test_events_of_a_pull_request_name_it(event: str, tmp_path: Path) -> None:
    for payload in PAYLOADS[event]:
        wanted = Named(payload["pull_request"]["number"])
        assert lead_of(event, payload, tmp_path) == wanted


def test_pull_request_target_has_the_payload_of_pull_request(tmp_path: Path) -> None:
    payload = PAYLOADS["pull_request"][0]
    found = lead_of("pull_request_target", payload, tmp_path)
    assert found == Named(payload["pull_request"]["number"])


def test_a_comment_on_an_issue_leads_nowhere(tmp_path: Path) -> None:
    found = lead_of("issue_comment", PAYLOADS["issue_comment"][0], tmp_path)
    assert isinstance(found, Nowhere)
    assert "issue" in why_none(found)


def test_a_comment_on_a_pull_request_leads_to_it(tmp_path: Path) -> None:
    url = {"url": "https://api.github.com/repos/octo/shop/pulls/1347"}
    payload = changed("issue_comment", number=1347, pull_request=url)
    assert lead_of("issue_comment", payload, tmp_path) == Named(1347)


def with_pulls() -> dict[str, Any]:
    [found] = [each for each in PAYLOADS["workflow_run"] if each["workflow_run"]["pull_requests"]]
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def test_a_workflow_run_names_its_pull_request(tmp_path: Path) -> None:
    found = lead_of(
        "workflow_run", with_pulls(), tmp_path, GITHUB_REPOSITORY="Codertocat/Hello-World"
    )
    assert found == Named(2)


def test_another_repositorys_pull_request_is_not_taken(tmp_path: Path) -> None:
    payload = with_pulls()
    found = lead_of("workflow_run", payload, tmp_path)
    assert isinstance(found, ByCommit)
    assert found.sha == payload["workflow_run"]["head_sha"] != SHA


def test_a_forks_workflow_run_is_looked_for_by_its_branch(tmp_path: Path) -> None:
    payload = PAYLOADS["workflow_run"][0]
    run = payload["workflow_run"]
    found = lead_of("workflow_run", payload, tmp_path)
    assert found == ByCommit(run["head_sha"], fork_head=f"octo-org:{run['head_branch']}")


def test_a_merge_queue_names_it_in_its_ref(tmp_path: Path) -> None:
    assert lead_of("merge_group", PAYLOADS["merge_group"][0], tmp_path) == Named(104)


def test_a_merge_queues_ref_is_enough(tmp_path: Path) -> None:
    ref = f"refs/heads/gh-readonly-queue/pr-7-{OTHER}/pr-31-{SHA}"
    assert lead_of("push", {}, tmp_path, GITHUB_REF=ref) == Named(31)


@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_checks_name_their_pull_request(event: str, tmp_path: Path) -> None:
    for payload in PAYLOADS[event]:
        for named in payload[event]["pull_requests"]:
            home = named["base"]["repo"]["url"].partition("/repos/")[2]
            found = lead_of(event, payload, tmp_path, GITHUB_REPOSITORY=home)
            assert found == Named(named["number"])


@pytest.mark.parametrize(
    "event", ["push", "workflow_dispatch", "release", "repository_dispatch", "schedule"]
)
def test_other_events_lead_to_the_commit(event: str, tmp_path: Path) -> None:
    for payload in PAYLOADS.get(event, [{}]):
        assert lead_of(event, payload, tmp_path) == ByCommit(SHA, "main")


def test_a_deployment_has_its_own_commit(tmp_path: Path) -> None:
    payload = PAYLOADS["deployment"][0]
    found = lead_of("deployment", payload, tmp_path)
    assert found == ByCommit(payload["deployment"]["sha"], "main")


@pytest.mark.parametrize("event", ["deployment", "deployment_status"])
def test_a_deployment_of_a_queue_s_branch_leads_to_its_pull_request(
    event: str, tmp_path: Path
) -> None:
    payload = json.loads(json.dumps(PAYLOADS[event][0]))
    payload["deployment"]["ref"] = QUEUED
    # Of a deployment that was created by its commit, GITHUB_REF is empty.
    assert lead_of(event, payload, tmp_path, GITHUB_REF="") == Named(104)


def test_a_status_is_about_its_own_commit_and_not_the_default_branch(tmp_path: Path) -> None:
    for payload in PAYLOADS["status"]:
        assert payload["sha"] != SHA
        assert lead_of("status", payload, tmp_path) == ByCommit(payload["sha"])


def test_a_status_of_a_queue_s_commit_leads_to_its_pull_request(tmp_path: Path) -> None:
    payload = {**PAYLOADS["status"][0], "branches": [{"name": "main"}, {"name": QUEUED}]}
    assert lead_of("status", payload, tmp_path) == Named(104)


def test_a_status_without_a_commit_leads_nowhere(tmp_path: Path) -> None:
    assert isinstance(lead_of("status", {}, tmp_path), Nowhere)


@pytest.mark.parametrize(
    ("event", "suite"),
    [
        ("workflow_run", {"head_branch": QUEUED}),
        ("check_suite", {"head_branch": QUEUED}),
        ("check_run", {"check_suite": {"head_branch": QUEUED}}),
    ],
)
def test_another_run_for_a_merge_queue_leads_to_its_pull_request(
    event: str, suite: dict[str, Any], tmp_path: Path
) -> None:
    payload = changed(event, pull_requests=[], **suite)
    assert lead_of(event, payload, tmp_path) == Named(104)


def test_every_event_that_starts_a_workflow_leads_somewhere_known(tmp_path: Path) -> None:
    """What an event is about, where that is another commit than GITHUB_SHA, is never GITHUB_SHA's."""
    own = {"check_run", "check_suite", "deployment", "deployment_status", "status", "workflow_run"}
    for event, payloads in PAYLOADS.items():
        for payload in payloads:
            found = lead_of(event, payload, tmp_path)
            if isinstance(found, ByCommit):
                assert (found.sha == SHA) is (event not in own), event
            elif isinstance(found, Nowhere):
                assert event in {"issues", "issue_comment"}


def test_a_tag_is_no_branch(tmp_path: Path) -> None:
    assert lead_of("push", {}, tmp_path, GITHUB_REF="refs/tags/v1") == ByCommit(SHA)


def test_the_input_comes_before_the_event(tmp_path: Path) -> None:
    assert lead_of("pull_request", PAYLOADS["pull_request"][0], tmp_path, number=9) == Named(9)


def test_without_an_event_there_is_nothing_to_look_for() -> None:
    assert isinstance(lead(None, {}), Nowhere)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["number", "pull_request", "issue", "head_sha", "pull_requests", "base"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
events = st.sampled_from([*PAYLOADS, "schedule", "pull_request_target", ""])


@given(event=events, value=json_values)
def test_a_payload_of_any_shape_is_survived(
    event: str, value: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    for payload in (value, {event: value}, {"pull_request": value}):
        found = lead_of(event, payload, folder)
        assert isinstance(found, Named | ByCommit | Nowhere)


@dataclass
class Listed:
    """What GitHub would list, and what it was asked."""

    commits: Mapping[str, Iterable[Candidate]] = field(default_factory=dict)
    heads: Mapping[str, Iterable[Candidate]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def of_commit(self, sha: str) -> Iterable[Candidate]:
        self.asked.append(sha)
        return self.commits.get(sha, ())

    def of_head(self, head: str) -> Iterable[Candidate]:
        self.asked.append(head)
        return self.heads.get(head, ())


def pull(number: int, state: str = "open", head: str = OTHER, merge: str = "") -> Candidate:
    merged = state == "merged"
    return Candidate(number, state == "open", merged, head, merge, "main")


def test_a_merged_one_is_taken_and_a_closed_one_is_not() -> None:
    wanted = ByCommit(SHA, "main")
    assert choose_pull_request([pull(1, "merged", merge=SHA)], wanted) == 1
    assert choose_pull_request([pull(1, "closed", head=SHA)], wanted) is None


def test_the_merge_that_made_the_commit_comes_first() -> None:
    pulls = [pull(3), pull(1, "merged", merge=SHA), pull(2, head=SHA)]
    assert choose_pull_request(pulls, ByCommit(SHA)) == 1


def test_of_stacked_ones_the_one_that_ends_with_the_commit_is_taken() -> None:
    assert choose_pull_request([pull(5), pull(4, head=SHA), pull(6)], ByCommit(SHA)) == 4


def test_the_newest_comes_before_the_older() -> None:
    assert choose_pull_request([pull(5), pull(6)], ByCommit(SHA)) == 6


def test_a_forks_branch_counts_only_with_its_commit() -> None:
    wanted = ByCommit(SHA, fork_head="eve:patch-1")
    listed = Listed(heads={"eve:patch-1": [pull(8, head=OTHER), pull(7, head=SHA)]})
    assert find(wanted, listed) == 7
    assert listed.asked == [SHA, "eve:patch-1"]


def test_a_named_one_is_not_asked_for() -> None:
    listed = Listed()
    assert find(Named(3), listed) == 3
    assert listed.asked == []


def test_a_commit_without_one_is_told() -> None:
    assert find(ByCommit(SHA), Listed()) is None
    assert why_none(ByCommit(SHA)) == "commit 9f2c1ab belongs to no pull request"
