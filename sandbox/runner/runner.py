"""The runner: variables, files, stages and signals of a container action, without the container.

Source: actions/runner, ``ContainerActionHandler`` and ``ProcessInvoker``;
https://docs.github.com/en/actions/reference/workflows-and-actions/variables.
"""

from __future__ import annotations

import compileall
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from sandbox.runner.files import Files
from sandbox.runner.log import Annotation, Log

ROOT = Path(__file__).resolve().parents[2]

INTERPRETER = (sys.executable, "-EsuB")
"""As the image's ENTRYPOINT has it."""

MAIN = "entrypoint.py"
"""The program that the image's ENTRYPOINT names; the post stage's is named by action.yml."""

SIGNALS = ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 0.0))
"""What a cancelled step gets, each with the seconds until the next."""


@cache
def compiled(action: Path = ROOT) -> None:
    """Compile the action, once in this process, as the Dockerfile does.

    A stage does not keep the bytecode that it makes (-B), and to make it takes a quarter of the stage's time. Where it
    cannot be kept, each stage makes its own.
    """
    compileall.compile_dir(action / "lambda_rollout", quiet=2)


class Outputs(dict[str, str]):
    """The outputs of a stage; asked for one that was not written, it shows the stage's log."""

    def __init__(self, outputs: Mapping[str, str], log: str) -> None:
        super().__init__(outputs)
        self._log = log

    def __missing__(self, name: str) -> str:
        raise AssertionError(f"no output {name} was written; the log:\n{self._log}")


@dataclass(frozen=True)
class Finished:
    """What a stage of the step left behind."""

    status: int
    """Exit status; minus the signal's number if one ended it."""
    log: str
    """Every line as it was written, commands included."""
    shown: str
    """The log as the viewer shows it."""
    outputs: Mapping[str, str]
    summary: str
    state: Mapping[str, str]
    annotations: tuple[Annotation, ...]
    commands: tuple[str, ...]
    """Names of the workflow commands that the runner obeyed."""
    post: Finished | None = None
    """The post stage, if it was run."""


@dataclass
class Runner:
    """One machine with one checkout of the action.

    folder: where workspace, temporary and command files go; made if it is missing. action: the folder
    of action.yml. token: what ``${{ github.token }}`` is. api_url: GitHub's REST API; empty, there is none.
    through: a command that begins with the entrypoint as its arguments, such as a shell that redirects its output.
    """

    folder: Path
    action: Path = ROOT
    repository: str = "octo/shop"
    run_id: str = "1234567890"
    attempt: str = "1"
    sha: str = "9f2c1ab0d3e45f60718293a4b5c6d7e8f9012345"
    token: str = ""
    api_url: str = ""
    event_name: str = "push"
    event: Mapping[str, Any] = field(default_factory=dict)
    through: tuple[str, ...] = ()
    _stages: itertools.count[int] = field(default_factory=itertools.count, repr=False)

    def run(
        self,
        inputs: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        *,
        live: Callable[[str], None] | None = None,
        post: bool = True,
    ) -> Finished:
        """Run the step to its end, and then its post stage unless told not to.

        inputs: what stands under ``with:``. environ: the job's own variables, such as AWS_REGION.
        live: is given each line as the viewer shows it. post=False: the machine died.
        """
        step = self.start(inputs, environ, live=live)
        try:
            finished = step.wait()
        except BaseException:
            step.kill()
            raise
        if not post:
            return finished
        after = self.post(inputs, finished.state, environ, live=live)
        return Finished(**{**vars(finished), "post": after})

    def start(
        self,
        inputs: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        *,
        live: Callable[[str], None] | None = None,
    ) -> Step:
        """Start the main stage."""
        return self._start(MAIN, inputs, environ or {}, live)

    def post(
        self,
        inputs: Mapping[str, str],
        state: Mapping[str, str],
        environ: Mapping[str, str] | None = None,
        *,
        live: Callable[[str], None] | None = None,
    ) -> Finished:
        """Run the post stage; ``state`` is what main saved, laid over ``environ``; the inputs are evaluated anew."""
        saved = {f"STATE_{name}": value for name, value in state.items()}
        program = PurePosixPath(self._declared()["runs"]["post-entrypoint"]).name
        return self._start(program, inputs, {**(environ or {}), **saved}, live).wait()

    def _start(
        self,
        program: str,
        inputs: Mapping[str, str],
        environ: Mapping[str, str],
        live: Callable[[str], None] | None,
    ) -> Step:
        compiled(self.action)
        files = Files(self.folder / "_temp" / f"stage-{next(self._stages)}")
        variables = {**self._variables(), **files.make(), **environ, **self._inputs(inputs)}
        return Step(
            [*self.through, *INTERPRETER, str(self.action / program)],
            variables,
            Path(variables["GITHUB_WORKSPACE"]),
            files,
            live,
        )

    def _inputs(self, given: Mapping[str, str]) -> dict[str, str]:
        """Apply the defaults of action.yml; ``required`` is not enforced."""
        declared = self._declared()["inputs"]
        defaults = {
            name: str(entry.get("default", "")).replace("${{ github.token }}", self.token)
            for name, entry in declared.items()
        }
        return {
            f"INPUT_{name.upper().replace(' ', '_')}": value
            for name, value in {**defaults, **given}.items()
        }

    def _declared(self) -> Any:
        return yaml.safe_load((self.action / "action.yml").read_text("utf-8"))

    def _variables(self) -> dict[str, str]:
        workspace, home, temp = (self._made(name) for name in ("workspace", "home", "_temp"))
        event = temp / "event.json"
        event.write_text(json.dumps(self.event), "utf-8")
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": self.api_url,
            "GITHUB_EVENT_NAME": self.event_name,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_JOB": "rollout",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": self.repository,
            "GITHUB_RUN_ATTEMPT": self.attempt,
            "GITHUB_RUN_ID": self.run_id,
            "GITHUB_RUN_NUMBER": "42",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": self.sha,
            "GITHUB_WORKFLOW": "deploy",
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_TEMP": str(temp),
        }

    def _made(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path


class Step:
    """A stage of the action while it runs."""

    def __init__(
        self,
        command: list[str],
        environ: Mapping[str, str],
        workspace: Path,
        files: Files,
        live: Callable[[str], None] | None,
    ) -> None:
        self._files = files
        self._live = live
        self._log = Log()
        self._written: list[str] = []
        self._shown: list[str] = []
        # A session of its own: a Ctrl-C meant for us must not reach it behind our back.
        self._process = subprocess.Popen(
            command,
            env=dict(environ),
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id of the entrypoint."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._process.poll() is not None

    @property
    def saved(self) -> Mapping[str, str]:
        """What it has saved for its post stage so far."""
        return self._files.state

    @property
    def written(self) -> tuple[str, ...]:
        """The lines so far."""
        return tuple(self._written)

    def wait(self, seconds: float | None = None) -> Finished:
        """Wait for its end. Raises subprocess.TimeoutExpired if it lasts longer than that."""
        status = self._process.wait(seconds)
        self._reader.join()
        log = "".join(f"{line}\n" for line in self._written)
        return Finished(
            status=status,
            log=log,
            shown="".join(f"{line}\n" for line in self._shown),
            outputs=Outputs(self._files.outputs, log),
            summary=self._files.summary,
            state=self._files.state,
            annotations=tuple(self._log.annotations),
            commands=tuple(self._log.commands),
        )

    def cancel(self) -> None:
        """Do what a cancelled job does to its step; returns when the step is over."""
        for number, seconds in SIGNALS:
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds or None)
                return

    def send(self, number: signal.Signals) -> None:
        """Send one signal, and nothing after it."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, as when the machine dies."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")
                self._written.append(line)
                shown = self._log.shown(line)
                if shown is not None:
                    self._shown.append(shown)
                    if self._live is not None:
                        self._live(shown)
