"""The routes: requests and answers as GitHub's OpenAPI description has them, or it is the sandbox's bug."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.github.faults import Effect, Fault
from sandbox.github.openapi import violations
from sandbox.github.shapes import shaped
from sandbox.github.world import CHARACTERS, COMMENT_LIMIT, Comment, GitHub, PullRequest, Token

Params = Mapping[str, str]
_NUMBERS = frozenset({"per_page", "page"})
PAGE = 30


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """GitHub says no."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reply = Reply(
            status,
            {
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": str(status),
            },
            headers or {},
        )


@dataclass(frozen=True, slots=True)
class Call:
    """A request to one route."""

    github: GitHub
    token: Token
    base: str
    path: Params
    query: Params
    body: Any

    @property
    def repository(self) -> str:
        return f"{self.path['owner']}/{self.path['repo']}"


def answer(github: GitHub, base: str, verb: str, target: str, token: str, body: bytes) -> Reply:
    """Answer one request; ``base`` is the address that links in the answer begin with.

    Raises:
        BadCall: the request, or our answer, is not what GitHub describes.
    """
    try:
        return _answer(github, base, verb, target, token, body)
    except Refusal as refusal:
        return refusal.reply


class BadCall(Exception):
    """The client or the sandbox left GitHub's description."""


def _answer(github: GitHub, base: str, verb: str, target: str, token: str, body: bytes) -> Reply:
    split = urlsplit(target)
    who = github.tokens.get(token)
    if who is None or who.expired:
        raise Refusal(401, "Bad credentials")
    limits = _spend(github)
    if split.path in ("/graphql", "/api/graphql"):
        return Reply(200, _viewer(who, json.loads(body)), limits)
    path = split.path.removeprefix("/api/v3")
    operation, found = _find(verb, path)
    query = {name: values[-1] for name, values in parse_qs(split.query).items()}
    given = json.loads(body) if body else None
    if github.checks:
        _check(operation, "query", {k: int(v) if k in _NUMBERS else v for k, v in query.items()})
        if verb in ("POST", "PATCH"):
            _check(operation, "request", given)
    call = Call(github, who, base, found, query, given)
    if call.repository != github.repository:
        raise Refusal(404, "Not Found", limits)
    reply = _ROUTES[operation](call)
    if github.checks:
        _check(operation, str(reply.status), reply.body)
    return Reply(reply.status, reply.body, {**limits, **reply.headers})


def _check(operation: str, part: str, value: object) -> None:
    if found := violations(operation, part, value):
        raise BadCall("\n".join(found))


def _find(verb: str, path: str) -> tuple[str, Params]:
    for operation in _ROUTES:
        described_verb, template = operation.split()
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
        if described_verb == verb and (found := re.fullmatch(pattern, path)):
            return operation, found.groupdict()
    raise Refusal(404, "Not Found")


def _spend(github: GitHub) -> dict[str, str]:
    now = github.clock.now()
    if github.resets_at is None or now >= github.resets_at:
        if github.resets_at is not None:
            github.remaining = github.limit
        github.resets_at = now + timedelta(hours=1)
    headers = {
        "X-RateLimit-Limit": str(github.limit),
        "X-RateLimit-Remaining": str(max(0, github.remaining - 1)),
        "X-RateLimit-Reset": str(int(github.resets_at.timestamp())),
    }
    if github.remaining <= 0:
        raise Refusal(403, "API rate limit exceeded for installation.", headers)
    github.remaining -= 1
    return headers


def _viewer(who: Token, asked: Any) -> Any:
    if "viewer" not in asked["query"]:
        raise BadCall(f"GraphQL: {asked['query']}")
    return {"data": {"viewer": {"login": who.login}}}


def _pulls_of_commit(call: Call) -> Reply:
    sha = call.path["commit_sha"]
    found = [pull for pull in call.github.pulls.values() if pull.has(sha)]
    return _page(call, [_pull(call, pull) for pull in found])


def _pulls(call: Call) -> Reply:
    state = call.query.get("state", "open")
    head = call.query.get("head")
    found = [
        pull
        for pull in call.github.pulls.values()
        if state in ("all", pull.state) and head in (None, _head_label(call.github, pull))
    ]
    return _page(call, [_pull(call, pull) for pull in found])


def _head_label(github: GitHub, pull: PullRequest) -> str:
    owner = (pull.head_repository or github.repository).partition("/")[0]
    return f"{owner}:{pull.head_ref}"


def _comments(call: Call) -> Reply:
    number = _existing(call)
    return _page(call, [_comment(call, each) for each in call.github.comments_on(number)])


def _create_comment(call: Call) -> Reply:
    number = _existing(call)
    _may_write(call, number)
    made = call.github.add_comment(number, call.body["body"], call.token.login, call.token.type)
    return Reply(201, _comment(call, made))


def _edit_comment(call: Call) -> Reply:
    comment = call.github.comments.get(int(call.path["comment_id"]))
    if comment is None:
        raise Refusal(404, "Not Found")
    _may_write(call, comment.number)
    comment.bodies.append((call.github.clock.now(), call.body["body"]))
    return Reply(200, _comment(call, comment))


def _delete_comment(call: Call) -> Reply:
    comment = call.github.comments.get(int(call.path["comment_id"]))
    if comment is None:
        raise Refusal(404, "Not Found")
    if not call.token.may_comment:
        raise Refusal(403, "Resource not accessible by integration")
    del call.github.comments[comment.id]
    return Reply(204, None)


def _existing(call: Call) -> int:
    number = int(call.path["issue_number"])
    if number not in call.github.pulls:
        raise Refusal(404, "Not Found")
    return number


def _may_write(call: Call, number: int) -> None:
    if not call.token.may_comment:
        raise Refusal(403, "Resource not accessible by integration")
    if call.github.pulls[number].locked:
        raise Refusal(403, "Unable to create comment because issue is locked.")
    body = call.body["body"]
    if not body.strip() or len(body) > CHARACTERS or len(body.encode()) > COMMENT_LIMIT:
        raise Refusal(422, "Validation Failed")


def _run(call: Call) -> Reply:
    if not call.token.may_read_runs:
        raise Refusal(403, "Resource not accessible by integration")
    wanted = (int(call.path["run_id"]), int(call.path["attempt_number"]))
    status = call.github.runs.get(wanted)
    if status is None:
        raise Refusal(404, "Not Found")
    return Reply(200, shaped("workflow-run", {"id": wanted[0], "status": status}))


def _page(call: Call, items: Sequence[Any]) -> Reply:
    size = min(100, int(call.query.get("per_page", PAGE)))
    page = int(call.query.get("page", 1))
    shown = list(items[(page - 1) * size : page * size])
    if page * size >= len(items):
        return Reply(200, shown)
    # GitHub's links keep the other parameters of the request.
    others = "".join(f"{k}={v}&" for k, v in call.query.items() if k != "page")
    here = call.base + _path_of(call)
    return Reply(200, shown, {"Link": f'<{here}?{others}page={page + 1}>; rel="next"'})


def _path_of(call: Call) -> str:
    if "issue_number" in call.path:
        return f"/repos/{call.repository}/issues/{call.path['issue_number']}/comments"
    if "commit_sha" in call.path:
        return f"/repos/{call.repository}/commits/{call.path['commit_sha']}/pulls"
    return f"/repos/{call.repository}/pulls"


def _comment(call: Call, comment: Comment) -> Any:
    root = f"{call.base}/repos/{call.repository}/issues"
    return shaped(
        "issue-comment",
        {
            "id": comment.id,
            "url": f"{root}/comments/{comment.id}",
            "issue_url": f"{root}/{comment.number}",
            "html_url": f"https://github.test/{call.repository}/pull/{comment.number}#issuecomment-{comment.id}",
            "user": {"login": comment.login, "type": comment.type},
            "body": comment.body,
            "created_at": _moment(comment.created_at),
            "updated_at": _moment(comment.bodies[-1][0]),
        },
    )


def _pull(call: Call, pull: PullRequest) -> Any:
    head = pull.head_repository or call.repository
    return shaped(
        "pull-request-simple",
        {
            "number": pull.number,
            "state": pull.state,
            "merged_at": _moment(pull.merged_at) if pull.merged_at else None,
            "merge_commit_sha": pull.merge_commit_sha,
            "head": {"sha": pull.head_sha, "ref": pull.head_ref, "repo": {"full_name": head}},
            "base": {"ref": pull.base_ref, "repo": {"full_name": call.repository}},
        },
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


_ROUTES: Mapping[str, Callable[[Call], Reply]] = {
    "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls": _pulls_of_commit,
    "GET /repos/{owner}/{repo}/pulls": _pulls,
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments": _comments,
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments": _create_comment,
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}": _edit_comment,
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}": _delete_comment,
    "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}": _run,
}


def failed(fault: Fault) -> Reply | None:
    """Return the answer that a fault gives in place of the real one, if it gives one."""
    if fault.effect in (Effect.ANSWER, Effect.FAIL_LATE):
        return Refusal(fault.status, fault.message, fault.headers).reply
    return None
