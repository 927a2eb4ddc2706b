"""A job as the runner sets it up: real files in a folder, and the variables that name them."""

from __future__ import annotations

import io
import json
import re
from datetime import datetime
from pathlib import Path

from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.runtime.clock import Stop
from tests.support.stories import RUN, START


class StandingClock:
    """A clock on which no time passes."""

    def now(self) -> datetime:
        return START

    def monotonic(self) -> float:
        return 0.0

    def wait(self, seconds: float, stop: Stop | None) -> None:
        raise AssertionError("no report waits")


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.stream = io.StringIO()
        self.environ = {
            "GITHUB_OUTPUT": str(folder / "output"),
            "GITHUB_STATE": str(folder / "state"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_SERVER_URL": RUN.server_url,
            "GITHUB_REPOSITORY": RUN.repository,
            "GITHUB_RUN_ID": RUN.run_id,
            "GITHUB_RUN_ATTEMPT": RUN.attempt,
            "GITHUB_ACTOR": RUN.actor,
            "GITHUB_SHA": RUN.sha,
        }

    @property
    def runner(self) -> Runner:
        return Runner(self.environ, Lines(self.stream))

    def journal(self) -> Journal:
        return Journal(self.runner, StandingClock())

    @property
    def log(self) -> str:
        return self.stream.getvalue()

    @property
    def outputs(self) -> dict[str, str]:
        return read_entries(self.folder / "output")

    @property
    def state(self) -> dict[str, str]:
        return read_entries(self.folder / "state")

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text(encoding="utf-8")

    @property
    def report(self) -> dict[str, object]:
        loaded = json.loads(Path(self.outputs["report"]).read_text(encoding="ascii"))
        assert isinstance(loaded, dict)
        return loaded


def read_entries(path: Path) -> dict[str, str]:
    """Read ``name<<delimiter`` entries as the runner does: strictly, the last one of a name counts."""
    entries: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").split("\n"))
    for line in lines:
        if not line:
            continue
        name, arrow, delimiter = line.partition("<<")
        assert re.fullmatch("[a-z-]+", name), line
        assert arrow, line
        assert delimiter, line
        value = []
        for inside in lines:
            if inside == delimiter:
                break
            value.append(inside)
        else:
            raise AssertionError(f"no {delimiter} for {name}")
        entries[name] = "\n".join(value)
    return entries
