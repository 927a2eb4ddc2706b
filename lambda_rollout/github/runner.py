"""The runner's side of a job: outputs, state, summary, report file, and who runs this.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files.
Every file may be absent, as it is outside of GitHub. A file that cannot be written costs a warning and nothing
else.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lambda_rollout.events import Run
from lambda_rollout.github import command_files
from lambda_rollout.github.commands import command, inert
from lambda_rollout.github.stream import Lines
from lambda_rollout.masking import Masks

REPORT_FOLDER = ".lambda-rollout"

CONTAINER_WORKSPACE = "/github/workspace"
"""Where a container action finds the workspace; the steps after it run outside and see another path."""


@dataclass(frozen=True, slots=True)
class Runner:
    """What the runner gave us, by its environment variables; ``lines`` is the log it reads."""

    environ: Mapping[str, str]
    lines: Lines
    container_workspace: str = CONTAINER_WORKSPACE
    _saved: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _warned: set[str] = field(default_factory=set, init=False, repr=False)
    _writing: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    """The rollout and its comment save state each from a thread of their own."""

    @property
    def run(self) -> Run:
        """The workflow run that this is part of; every field is empty outside GitHub."""
        return Run(
            server_url=self.environ.get("GITHUB_SERVER_URL", ""),
            repository=self.environ.get("GITHUB_REPOSITORY", ""),
            run_id=self.environ.get("GITHUB_RUN_ID", ""),
            attempt=self.environ.get("GITHUB_RUN_ATTEMPT", ""),
            actor=self.environ.get("GITHUB_ACTOR", ""),
            sha=self.environ.get("GITHUB_SHA", ""),
        )

    @property
    def masks(self) -> Masks:
        """What nobody may read."""
        return Masks.of(self.environ)

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Set the step's outputs."""
        if problem := self._append("GITHUB_OUTPUT", _entries(values)):
            self._warn(
                f"The outputs could not be written: {problem}. Later steps of this job find them empty; what "
                "happened is in the log, and the exit status says how it ended. Look at the runner's disk."
            )

    def save_state(self, values: Mapping[str, str]) -> str:
        """Save what the post stage will find with `state`; the last value of a name counts.

        Returns:
            Why it could not be saved; empty if it was.
        """
        with self._writing:
            self._saved.update(values)
        problem = self._append("GITHUB_STATE", _entries(values))
        if not problem:
            return ""
        # A full disk still has the room that the older values take.
        with self._writing, contextlib.suppress(OSError, ValueError):
            path = Path(self.environ["GITHUB_STATE"])
            command_files.overwrite(path, _entries(self._saved).encode("utf-8", "replace"))
            return ""
        return problem

    def state(self, name: str) -> str | None:
        """Return what an earlier stage saved under ``name``, None if it saved nothing."""
        return self.environ.get(f"STATE_{name}")

    def append_summary(self, markdown: str) -> None:
        """Add to the job summary."""
        if problem := self._append("GITHUB_STEP_SUMMARY", markdown):
            self._warn(
                f"The job summary could not be written: {problem}. What it would show is in the log. Look at the "
                "runner's disk."
            )

    def add_mask(self, secret: str) -> None:
        """Have every line of a secret hidden in what the log shows from now on."""
        for line in secret.splitlines():
            if line.strip():
                self.lines.write(command("add-mask", line))

    @contextlib.contextmanager
    def commands_stopped(self) -> Iterator[None]:
        """Have the runner obey nothing that is written meanwhile, such as a traceback."""
        token = secrets.token_hex(16)
        self.lines.write(command("stop-commands", token))
        try:
            yield
        finally:
            self.lines.write(command(token))

    def write_report(self, text: str) -> str:
        """Write the JSON report to a file of its own.

        Returns:
            Its path as the next steps of the job see it: inside a container relative to the workspace,
            otherwise absolute; empty if it could not be written.
        """
        try:
            return self._write_report(text)
        except (OSError, ValueError) as error:
            self.note(f"The report could not be written: {error}")
            return ""

    def _write_report(self, text: str) -> str:
        workspace = self.environ.get("GITHUB_WORKSPACE", "")
        run = self.run
        parts = ("rollout", run.run_id, run.attempt, secrets.token_hex(4))
        name = "-".join(part for part in parts if part.isalnum())
        if not workspace:
            folder = Path(self.environ.get("RUNNER_TEMP") or tempfile.gettempdir()).absolute()
            return str(_write_new(folder / f"{name}.json", text))
        folder = _report_folder(Path(workspace).absolute())
        written = _write_new(folder / f"{name}.json", text)
        _give_away(written, Path(workspace))
        if workspace.rstrip("/") == self.container_workspace:
            return str(written.relative_to(workspace))
        return str(written)

    def note(self, text: str) -> None:
        """Write one plain line to the log, without secrets."""
        self.lines.write(inert(self.masks.text(" ".join(text.split()))))

    def _warn(self, text: str) -> None:
        """Write an annotation, each but once."""
        if text not in self._warned:
            self._warned.add(text)
            self.lines.write(command("warning", self.masks.text(text), title="Lambda rollout"))

    def _append(self, variable: str, text: str) -> str:
        """Add to the file that a variable names; return why it could not be done, empty if it was."""
        path = self.environ.get(variable, "")
        if not path:
            return ""
        try:
            with self._writing:
                command_files.append(Path(path), text.encode("utf-8", "replace"))
        except (OSError, ValueError) as error:
            return f"{variable}: {error}"
        return ""


def _entries(values: Mapping[str, str]) -> str:
    return "".join(_entry(name, value) for name, value in values.items())


def _entry(name: str, value: str) -> str:
    # What the value holds is somebody else's: a delimiter they know would let them set any output.
    delimiter = f"end-{secrets.token_hex(16)}"
    while delimiter in value or delimiter in name:
        delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _report_folder(workspace: Path) -> Path:
    """Make the folder inside the workspace, with a ``.gitignore`` so that nobody commits a report."""
    folder = workspace / REPORT_FOLDER
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        # A checkout decides what lies in the workspace, and we may be root.
        raise OSError(f"{folder} is a link")
    _give_away(folder, workspace)
    with contextlib.suppress(FileExistsError):
        _give_away(_write_new(folder / ".gitignore", "*\n"), workspace)
    return folder


def _write_new(path: Path, text: str) -> Path:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path


def _give_away(path: Path, workspace: Path) -> None:
    """Give what root made to the workspace's owner, whose next checkout could not remove it otherwise."""
    if os.geteuid() == 0:
        owner = workspace.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
