"""Which pull request a workflow run belongs to, by the event that started it.

Payloads: https://docs.github.com/en/webhooks/webhook-events-and-payloads. What GITHUB_SHA is with each event:
https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows. Where the event is
about another commit than that one, the payload's counts. For events that name no pull
request, those of the commit are asked for
(https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit). A fork's
commits are unknown there, so a fork's branch is looked for by its name
(https://docs.github.com/en/rest/pulls/pulls#list-pull-requests).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from lambda_rollout.github.payload import Payload, event_payload

_QUEUE = re.compile(r"/pr-(\d+)-[0-9a-f]{40,64}$")
_BRANCH = "refs/heads/"


@dataclass(frozen=True, slots=True)
class Named:
    """The event, or the input ``pr-number``, says which one it is."""

    number: int


@dataclass(frozen=True, slots=True)
class ByCommit:
    """The event names a commit; its pull requests are to be asked for."""

    sha: str
    branch: str = ""
    """The branch that the commit was pushed to, which a merged pull request had as its base."""
    fork_head: str = ""
    """``owner:branch`` of a fork; empty for the repository's own commits."""


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The event leads to no pull request; ``why`` is half a sentence."""

    why: str


Lead = Named | ByCommit | Nowhere


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pull request as GitHub lists it for a commit or a branch."""

    number: int
    is_open: bool
    is_merged: bool
    head_sha: str
    merge_sha: str
    base: str


class PullRequests(Protocol):
    """What is asked of GitHub. Errors are the transport's own."""

    def of_commit(self, sha: str) -> Iterable[Candidate]:
        """List the pull requests that a commit belongs to."""
        ...

    def of_head(self, head: str) -> Iterable[Candidate]:
        """List the pull requests, open or not, from ``owner:branch``."""
        ...


def lead(number: int | None, environ: Mapping[str, str]) -> Lead:
    """Say where the event leads; ``number`` is the ``pr-number`` input, which overrides it."""
    if number is not None:
        return Named(number)
    event = environ.get("GITHUB_EVENT_NAME", "")
    payload = event_payload(environ)
    if (named := payload.number("pull_request", "number")) is not None:
        return Named(named)
    match event:
        case "issue_comment" | "issues":
            return _of_issue(payload)
        case "workflow_run" | "check_run" | "check_suite":
            return _of_other_run(event, payload, environ.get("GITHUB_REPOSITORY", ""))
        case "merge_group":
            return _of_queue(payload.text("merge_group", "head_ref"), payload, environ)
        case "status":
            return _of_status(payload)
        case _:
            return _of_commit(payload, environ)


def choose_pull_request(candidates: Iterable[Candidate], wanted: ByCommit) -> int | None:
    """Return the number of the pull request that the commit came from, None if there is none.

    Merged ones count: a deployment follows the merge. One that was closed unmerged never does. The one whose
    merge made the commit comes first, then the one whose newest commit it is, then the one that went
    to the pushed branch, then an open one, then the newest.
    """

    def fit(each: Candidate) -> tuple[bool, bool, bool, bool, int]:
        return (
            each.is_merged and each.merge_sha == wanted.sha,
            each.head_sha == wanted.sha,
            bool(wanted.branch) and each.base == wanted.branch,
            each.is_open,
            each.number,
        )

    alive = [each for each in candidates if each.is_open or each.is_merged]
    return max(alive, key=fit).number if alive else None


def find(wanted: Lead, asked: PullRequests) -> int | None:
    """Follow the lead; at most two requests."""
    match wanted:
        case Named():
            return wanted.number
        case ByCommit():
            found = choose_pull_request(asked.of_commit(wanted.sha), wanted)
            if found is None and wanted.fork_head:
                of_fork = asked.of_head(wanted.fork_head)
                found = choose_pull_request(
                    (e for e in of_fork if e.head_sha == wanted.sha), wanted
                )
            return found
        case Nowhere():
            return None


def why_none(wanted: Lead) -> str:
    """Say why there is no comment, as half a sentence."""
    match wanted:
        case ByCommit():
            return f"commit {wanted.sha[:7]} belongs to no pull request"
        case Nowhere():
            return wanted.why
        case Named():
            return f"there is no pull request {wanted.number}"


def _of_issue(payload: Payload) -> Lead:
    number = payload.number("issue", "number")
    if number is None or payload.at("issue", "pull_request") is None:
        return Nowhere("the event is about an issue and not about a pull request")
    return Named(number)


def _of_other_run(event: str, payload: Payload, repository: str) -> Lead:
    """Follow an event that is about another run, which has a commit of its own: not GITHUB_SHA."""
    named = payload.at(event, "pull_requests")
    for index in range(len(named) if isinstance(named, list) else 0):
        # A branch of this repository may also be the head of a pull request somewhere else.
        base = payload.text(event, "pull_requests", index, "base", "repo", "url")
        number = payload.number(event, "pull_requests", index, "number")
        if number is not None and _is_of(base, repository):
            return Named(number)
    sha = payload.text(event, "head_sha")
    if not sha:
        return Nowhere(f"the {event} event names no commit")
    branch = payload.text(event, "head_branch")
    if queued := _queued(branch or payload.text(event, "check_suite", "head_branch")):
        return queued
    owner = payload.text(event, "head_repository", "owner", "login")
    head = payload.text(event, "head_repository", "full_name")
    foreign = bool(owner and branch) and head.lower() != repository.lower()
    if foreign:
        return ByCommit(sha, fork_head=f"{owner}:{branch}")
    return ByCommit(sha, branch=branch)


def _is_of(api_url: str, repository: str) -> bool:
    return not api_url or api_url.lower().endswith(f"/repos/{repository.lower()}")


def _of_queue(ref: str, payload: Payload, environ: Mapping[str, str]) -> Lead:
    return _queued(ref) or _queued(environ.get("GITHUB_REF", "")) or _of_commit(payload, environ)


def _queued(ref: str) -> Named | None:
    """Return the pull request that a branch of a merge queue is for; its commit is of no pull request."""
    found = _QUEUE.search(ref)
    return Named(int(found[1])) if found else None


def _of_status(payload: Payload) -> Lead:
    """Follow a commit's status. GITHUB_SHA and GITHUB_REF are the default branch's, whatever the commit is."""
    sha = payload.text("sha")
    if not sha:
        return Nowhere("the status event names no commit")
    branches = payload.at("branches")
    for index in range(len(branches) if isinstance(branches, list) else 0):
        if queued := _queued(payload.text("branches", index, "name")):
            return queued
    return ByCommit(sha)


def _of_commit(payload: Payload, environ: Mapping[str, str]) -> Lead:
    sha = payload.text("deployment", "sha") or environ.get("GITHUB_SHA", "")
    ref = environ.get("GITHUB_REF", "") or payload.text("deployment", "ref")
    if not sha or set(sha) == {"0"}:
        return Nowhere("the event names no commit")
    if queued := _queued(ref):
        return queued
    return ByCommit(sha, branch=ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else "")
