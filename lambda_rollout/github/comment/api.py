"""Comments on a pull request, one try for each call.

https://docs.github.com/en/rest/issues/comments. PyGithub's own retry is off: it repeats a POST whose answer
was a 5xx, which is a second comment. Who we are is asked of GraphQL, because ``GET /user`` is refused to
a job's token. Imported late, and only by the thread that sends comments: PyGithub takes 0.3 s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import requests

from lambda_rollout.github.comment.errors import Lasts, NotThere, Trouble, trouble_of_status
from lambda_rollout.github.comment.pull_request import Candidate
from lambda_rollout.github.pygithub import Auth, Github, GithubException

if TYPE_CHECKING:
    from github.IssueComment import IssueComment
    from github.PullRequest import PullRequest

TIMEOUT = 8
"""Seconds for GitHub to connect, and to begin its answer."""

JOBS_LOGIN = "github-actions[bot]"
"""Whom a job's own token speaks for; assumed where GitHub does not say."""


class GitHubComments:
    """One repository's pull requests and their comments. Every method raises `Trouble`."""

    def __init__(self, token: str, api_url: str, repository: str) -> None:
        """``repository`` is ``owner/name``."""
        self._github = Github(
            auth=Auth.Token(token),
            base_url=api_url,
            timeout=TIMEOUT,
            retry=None,
            per_page=100,
            lazy=True,
            # The pace is ours. PyGithub's sleeps by the wall clock, for as long as that was put back.
            seconds_between_requests=None,
            seconds_between_writes=None,
        )
        self._repository = self._github.get_repo(repository)

    def of_commit(self, sha: str) -> Iterable[Candidate]:
        """See `PullRequests.of_commit`."""
        with _troubles():
            return [_candidate(each) for each in self._repository.get_commit(sha).get_pulls()]

    def of_head(self, head: str) -> Iterable[Candidate]:
        """See `PullRequests.of_head`."""
        with _troubles():
            found = self._repository.get_pulls(state="all", head=head)
            return [_candidate(each) for each in found]

    def login(self) -> str:
        """Return whom our comments are by."""
        try:
            with _troubles():
                _, answer = self._github.requester.graphql_query("{viewer{login}}", {})
        except Trouble as trouble:
            if trouble.lasts is Lasts.NOW:
                # Under a wrong name none of our comments would be found, and a second one posted.
                raise
            return JOBS_LOGIN
        try:
            login = answer["data"]["viewer"]["login"]
        except (KeyError, TypeError):
            return JOBS_LOGIN
        return login if isinstance(login, str) and login else JOBS_LOGIN

    def of_author(self, number: int, login: str) -> Iterator[tuple[int, str]]:
        """Yield id and body of each comment that ``login`` wrote, oldest first, over all pages."""
        with _troubles():
            for comment in self._repository.get_issue(number).get_comments():
                _sane(comment.id)
                # GitHub gives no user for an account that was deleted since.
                if getattr(comment.user, "login", None) == login:
                    yield comment.id, comment.body or ""

    def create(self, number: int, body: str) -> int:
        """Post a comment and return its id. After a `Trouble` it may be there all the same."""
        with _troubles():
            comment: IssueComment = self._repository.get_issue(number).create_comment(body)
            return _sane(comment.id)

    def edit(self, comment: int, body: str) -> None:
        """Replace a comment's text. Not lazily fetched first: that would be a request more."""
        path = f"{self._repository.url}/issues/comments/{comment}"
        try:
            with _troubles():
                asked = {"body": body}
                _, edited = self._github.requester.requestJsonAndCheck("PATCH", path, input=asked)
                _sane(edited["id"])
        except NotThere as gone:
            raise Trouble("somebody deleted the comment", Lasts.THIS_COMMENT) from gone

    def delete(self, comment: int) -> None:
        """Delete a comment; none is there afterwards."""
        path = f"{self._repository.url}/issues/comments/{comment}"
        with contextlib.suppress(NotThere), _troubles():
            self._github.requester.requestJsonAndCheck("DELETE", path)


def _sane(id_: object) -> int:
    """Return a comment's id. PyGithub takes whatever comes with a 200, a proxy's page for one, and gives None."""
    if not isinstance(id_, int):
        raise TypeError("a comment without an id")
    return id_


def _candidate(pull: PullRequest) -> Candidate:
    return Candidate(
        number=pull.number,
        is_open=pull.state == "open",
        is_merged=pull.merged_at is not None,
        head_sha=pull.head.sha,
        merge_sha=pull.merge_commit_sha or "",
        base=pull.base.ref,
    )


@contextlib.contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except GithubException as error:
        headers: Mapping[str, str] = error.headers or {}
        raise trouble_of_status(error.status, str(error.message or error.data), headers) from error
    except requests.Timeout as error:
        raise Trouble("GitHub did not answer in time") from error
    except requests.RequestException as error:
        raise Trouble(f"GitHub could not be reached: {type(error).__name__}") from error
    except Trouble:
        raise
    except Exception as error:
        # Half an answer, or a proxy's page in place of one: PyGithub stumbles over it in many ways.
        raise Trouble(f"GitHub's answer made no sense: {type(error).__name__}") from error
