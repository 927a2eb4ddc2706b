"""GitHub's word on another run: is the attempt that wrote a record over?

``GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}`` (permission ``actions: read``;
https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run-attempt). The route without
``attempts`` would answer for the latest attempt, which may be another one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from lambda_rollout.alias.record import Record, RunStatus, repository_hash
from lambda_rollout.rollout.events import Run
from lambda_rollout.runtime.background import BackgroundThread

TIMEOUT = 5
"""Seconds for GitHub to connect, and to begin its answer; without one, time alone decides."""

PATIENCE = 8.0
"""Seconds for all of it: a name that is not resolved, and an answer that drips, have no other end."""


@dataclass(frozen=True, slots=True)
class GitHubRuns:
    """`lambda_rollout.rollout.ports.Runs` over PyGithub. Only runs of this repository can be asked about.

    Each attempt is asked about once, however many aliases it left, and a GitHub that did not answer in time
    never again: the aliases of a group are looked at again and again, and none may wait for GitHub anew.
    """

    run: Run
    api_url: str
    token: str = field(repr=False)
    patience: float = PATIENCE
    _statuses: dict[str, RunStatus] = field(default_factory=dict, init=False, repr=False)
    _silent: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def run_status(self, record: Record) -> RunStatus:
        """See `Runs.run_status`."""
        if not (self.token and self.api_url and self._is_of_this_repository(record)):
            return RunStatus.UNKNOWN
        path = f"/repos/{self.run.repository}/actions/runs/{record.run}/attempts/{record.attempt}"
        with self._asking:
            if path not in self._statuses:
                self._statuses[path] = self._asked(path)
            return self._statuses[path]

    def _asked(self, path: str) -> RunStatus:
        if self._silent.is_set():
            return RunStatus.UNKNOWN
        heard: list[str | None] = []
        asking = BackgroundThread("run")
        asking.start(lambda: heard.append(self._status(path)))
        if not asking.join(self.patience):
            self._silent.set()
        status = heard[0] if heard else None
        if status is None:
            return RunStatus.UNKNOWN
        return RunStatus.OVER if status == "completed" else RunStatus.IN_PROGRESS

    def _status(self, path: str) -> str | None:
        from lambda_rollout.github.pygithub import Auth, Github

        try:
            with Github(
                auth=Auth.Token(self.token), base_url=self.api_url, timeout=TIMEOUT, retry=None
            ) as github:
                _, answer = github.requester.requestJsonAndCheck("GET", path)
        except Exception:  # noqa: BLE001 - whatever it is, time alone decides
            return None
        return answer.get("status") if isinstance(answer, dict) else None

    def url(self, record: Record) -> str:
        """See `Runs.url`."""
        if not (self.run.server_url and self._is_of_this_repository(record)):
            return ""
        return f"{self.run.server_url}/{self.run.repository}/actions/runs/{record.run}/attempts/{record.attempt}"

    def _is_of_this_repository(self, record: Record) -> bool:
        return bool(record.run and self.run.repository) and record.repository == repository_hash(
            self.run.repository
        )
