"""The runner, with the container: mounts, variables and `docker run` as GitHub's runner has them.

Source: actions/runner, ``ContainerActionHandler`` and ``DockerCommandManager``.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.runner import Runner, Step
from sandbox.runner.files import Files
from sandbox.runner.runner import MAIN
from tests.image.engine import ROOT, Engine

SOCKET = "/var/run/docker.sock"
POST: str = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["post-entrypoint"]


@dataclass
class ContainerRunner(Runner):
    """Starts each stage in a new container.

    docker: the engine. image: its tag. options: more of `docker run`'s. keep: leave the containers behind
    when they are over, to be looked at; `remove` ends that.
    """

    docker: Engine = field(default_factory=Engine)
    image: str = ""
    options: tuple[str, ...] = ("--network", "host")
    keep: bool = False
    names: list[str] = field(default_factory=list)
    _runs: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    def _start(
        self,
        program: str,
        inputs: Mapping[str, str],
        environ: Mapping[str, str],
        live: Callable[[str], None] | None,
    ) -> Step:
        outside = {**self._variables(), "GITHUB_WORKFLOW": "deploy"}
        del outside["PATH"]
        files = Files(self.folder / "_temp" / f"stage-{next(self._runs)}")
        outside |= files.make()
        mounts = self._mounts(files)
        inside = {name: _inside(value, mounts) for name, value in outside.items()}
        variables = {**inside, **environ, **self._inputs(inputs)}
        self.names.append(f"lambda-rollout-{os.getpid()}-{secrets.token_hex(4)}")
        entrypoint = () if program == MAIN else ("--entrypoint", POST)
        command = self.docker.command(
            *("run", "--name", self.names[-1], "--workdir", "/github/workspace"),
            *(() if self.keep else ("--rm",)),
            *(part for name in variables for part in ("-e", name)),
            *(part for place, seen in mounts.items() for part in ("-v", f"{place}:{seen}")),
            *entrypoint,
            *self.options,
            self.image,
        )
        # As the runner does: the client's own environment holds the values, its arguments the names.
        client = {**self.docker.environment(), **variables}
        return Step(command, client, self.folder, files, live)

    def _mounts(self, files: Files) -> dict[str, str]:
        temp = self._made("_temp")
        places = {
            str(files.folder): "/github/file_commands",
            str(self._made("workflow")): "/github/workflow",
            str(self._made("home")): "/github/home",
            str(self._made("workspace")): "/github/workspace",
            str(temp): "/github/runner_temp",
        }
        socket = self.folder / "docker.sock"
        return {**places, **({str(socket): SOCKET} if socket.exists() else {})}

    def inspect(self) -> Any:
        """What the engine knows of the newest container."""
        return self.docker.inspect(self.names[-1])

    def changed_files(self) -> set[str]:
        """Files that the newest container, which was kept, added, changed or removed in its own layer."""
        lines = self.docker.run("diff", self.names[-1]).stdout.splitlines()
        return {line.partition(" ")[2] for line in lines}

    def remove(self) -> None:
        """End and remove every container that was started."""
        if self.names:
            self.docker.run("rm", "--force", *self.names, check=False)


def _inside(value: str, mounts: Mapping[str, str]) -> str:
    for place, seen in mounts.items():
        if value == place or value.startswith(f"{place}{os.sep}"):
            return seen + value.removeprefix(place)
    return value


def workspace_file(runner: Runner, shown: str) -> Path:
    """Where a path that an output names is to be found by the next steps of the job."""
    return runner.folder / "workspace" / shown
