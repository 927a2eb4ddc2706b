"""The runner's side of a job: outputs, state, summary, report file, and who runs this.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files.
Every file may be absent, as it is outside of GitHub. A file that cannot be written, or not in time, costs a warning
and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lambda_rollout.github import command_files
from lambda_rollout.github.background_file import BackgroundFile
from lambda_rollout.github.commands import command, inert
from lambda_rollout.github.stream import Lines
from lambda_rollout.report.wording import clean, visible
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.masking import Masks

if TYPE_CHECKING:
    from lambda_rollout.rollout.events import Run

REPORT_FOLDER = ".lambda-rollout"

OWNER_ONLY = 0o600
"""Mode of the report: it tells of an account, and a runner of one's own may have other users. The owner is whose the
workspace is, that is, who runs the next steps of the job."""

CONTAINER_WORKSPACE = "/github/workspace"
"""Where a container action finds the workspace; the steps after it run outside and see another path."""


@dataclass(frozen=True, slots=True)
class FileLimit:
    """How long a file may take, in seconds."""

    usual: float
    cancelled: float
    """Once the job is cancelled: the runner kills it 10 s later, and the alias comes first."""


# Together the ones for a cancelled job are 5.5 s, in the worst case that all of them hang; the comment has 3 s more.
STATE_LIMIT = FileLimit(2.0, 0.5)
"""Before a write to the alias."""
OUTPUT_LIMIT = FileLimit(30.0, 3.0)
"""At the end, where nothing else is at stake: later steps go wrong without the outputs."""
REPORT_LIMIT = SUMMARY_LIMIT = FileLimit(5.0, 1.0)


@dataclass(frozen=True, slots=True)
class Runner:
    """What the runner gave us, by its environment variables; ``lines`` is the log it reads.

    ``stop`` tells whether the job is cancelled.
    """

    environ: Mapping[str, str]
    lines: Lines
    container_workspace: str = CONTAINER_WORKSPACE
    stop: Stop | None = None
    masks: Masks = field(init=False, repr=False)
    """What nobody may read: the secrets among the variables, and those that `hide` adds."""
    _saved: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _warned: set[str] = field(default_factory=set, init=False, repr=False)
    _entry_files: dict[str, BackgroundFile[Mapping[str, str]]] = field(
        default_factory=dict, init=False, repr=False
    )
    _summary_files: dict[str, BackgroundFile[str]] = field(
        default_factory=dict, init=False, repr=False
    )
    _opening: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    """The rollout and its comment save state each from a thread of their own."""

    def __post_init__(self) -> None:
        """Hide what is secret from the first."""
        object.__setattr__(self, "masks", Masks.of(self.environ))

    @property
    def run(self) -> Run:
        """The workflow run that this is part of; every field is empty outside GitHub."""
        from lambda_rollout.rollout.events import Run

        return Run(
            server_url=self.environ.get("GITHUB_SERVER_URL", ""),
            repository=self.environ.get("GITHUB_REPOSITORY", ""),
            run_id=self.environ.get("GITHUB_RUN_ID", ""),
            attempt=self.environ.get("GITHUB_RUN_ATTEMPT", ""),
            actor=self.environ.get("GITHUB_ACTOR", ""),
            sha=self.environ.get("GITHUB_SHA", ""),
        )

    def hide(self, *issued: str) -> None:
        """Hide what was just issued to us, from now on and wherever we write, and have the runner hide it in the log.

        Only a runner takes the line for a command; anywhere else it would show what it is to hide.
        """
        self.masks.add(*issued)
        if self.environ.get("GITHUB_ACTIONS") == "true":
            self.lines.write(*(command("add-mask", each) for each in issued if each))

    def write_outputs(self, values: Mapping[str, str]) -> None:
        """Set the step's outputs; returns when they are written, or after `OUTPUT_LIMIT`."""
        if problem := self._write_entries("GITHUB_OUTPUT", values, OUTPUT_LIMIT, self._append):
            self._warn(
                f"The outputs could not be written: {problem}. Later steps of this job find them empty; what "
                "happened is in the log, and the exit status says how it ended. Look at the runner's disk."
            )

    def save_state(self, values: Mapping[str, str]) -> str:
        """Save what the post stage will find with `state`; the last value of a name counts.

        It is with the kernel when this returns. No fsync: whatever ends the machine ends the post stage too.

        Returns:
            Why it is not saved after `STATE_LIMIT`; empty if it is.
        """
        return self._write_entries("GITHUB_STATE", values, STATE_LIMIT, self._append_or_rewrite)

    def state(self, name: str) -> str | None:
        """Return what an earlier stage saved under ``name``, None if it saved nothing."""
        return self.environ.get(f"STATE_{name}")

    def append_summary(self, markdown: str) -> None:
        """Add to the job summary; returns when it is written, or after `SUMMARY_LIMIT`."""
        if path := self.environ.get("GITHUB_STEP_SUMMARY", ""):
            with self._opening:
                file = self._summary_files.setdefault(path, _summary_file(Path(path)))
            if problem := file.write(markdown, lambda: self._seconds(SUMMARY_LIMIT)):
                self._warn(
                    f"The job summary could not be written: GITHUB_STEP_SUMMARY: {problem}. What it would show is "
                    "in the log. Look at the runner's disk."
                )

    def quote(self, lines: Sequence[str]) -> None:
        """Write somebody else's lines, such as a traceback, of which the runner is to obey nothing."""
        token = secrets.token_hex(16)
        # Each is harmless alone, too; and all are one text, of which no end can get lost.
        self.lines.write(
            command("stop-commands", token), *map(self._harmless, lines), command(token)
        )

    def echo(self, line: str) -> None:
        """Write one line of somebody else's, such as a library's warning."""
        for part in line.splitlines():
            self.lines.write(self._harmless(part))

    def _harmless(self, line: str) -> str:
        return inert(visible(self.masks.text(line)))

    def write_report(self, text: str) -> str:
        """Write the JSON report to a file of its own.

        Returns:
            Its path as the next steps of the job see it: inside a container relative to the workspace,
            otherwise absolute; empty if it could not be written.
        """
        paths: list[str] = []
        file = BackgroundFile[str](
            "report", lambda texts: paths.extend(map(self._write_report, texts))
        )
        if problem := file.write(text, lambda: self._seconds(REPORT_LIMIT)):
            self.note(f"The report could not be written: {problem}")
            return ""
        return paths[0]

    def _write_report(self, text: str) -> str:
        workspace = self.environ.get("GITHUB_WORKSPACE", "")
        run = self.run
        parts = ("rollout", run.run_id, run.attempt, secrets.token_hex(4))
        name = "-".join(part for part in parts if part.isalnum())
        if not _is_folder(workspace):
            temporary = self.environ.get("RUNNER_TEMP", "")
            folder = Path(temporary if _is_folder(temporary) else tempfile.gettempdir()).absolute()
            return str(_write_new(folder / f"{name}.json", text, OWNER_ONLY))
        folder = _report_folder(Path(workspace).absolute())
        written = _write_new(folder / f"{name}.json", text, OWNER_ONLY)
        _give_away(written, Path(workspace))
        if workspace.rstrip("/") == self.container_workspace:
            return str(written.relative_to(workspace))
        return str(written)

    def note(self, text: str) -> None:
        """Write one plain line to the log, without secrets."""
        self.lines.write(inert(clean(self.masks.text(text))))

    def _warn(self, text: str) -> None:
        """Write an annotation, each but once."""
        if text not in self._warned:
            self._warned.add(text)
            told = clean(self.masks.text(text))
            self.lines.write(command("warning", told, title="Lambda rollout"))

    def _seconds(self, limit: FileLimit) -> float:
        return limit.cancelled if self.stop is not None and self.stop.requested else limit.usual

    def _write_entries(
        self,
        variable: str,
        values: Mapping[str, str],
        limit: FileLimit,
        put: Callable[[Path, Mapping[str, str]], None],
    ) -> str:
        """Add to the file that a variable names; return why it could not be done, empty if it was."""
        name = self.environ.get(variable, "")
        if not name:
            return ""
        with self._opening:
            file = self._entry_files.setdefault(
                variable, BackgroundFile(variable, lambda pieces: put(Path(name), _newest(pieces)))
            )
        problem = file.write(values, lambda: self._seconds(limit))
        return f"{variable}: {problem}" if problem else ""

    def _append(self, path: Path, values: Mapping[str, str]) -> None:
        command_files.append(path, _entries(values).encode("utf-8", "replace"))

    def _append_or_rewrite(self, path: Path, values: Mapping[str, str]) -> None:
        self._saved.update(values)
        try:
            self._append(path, values)
        except (OSError, ValueError) as error:
            # A full disk still has the room that the older values take.
            with contextlib.suppress(OSError, ValueError):
                command_files.overwrite(path, _entries(self._saved).encode("utf-8", "replace"))
                return
            raise error from None


def _summary_file(path: Path) -> BackgroundFile[str]:
    def put(texts: list[str]) -> None:
        command_files.append(path, "".join(texts).encode("utf-8", "replace"))

    return BackgroundFile("summary", put)


def _newest(pieces: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return the last value of each name: what hung for long is written as it is now."""
    return {name: value for piece in pieces for name, value in piece.items()}


def _entries(values: Mapping[str, str]) -> str:
    return "".join(_entry(name, value) for name, value in values.items())


def _entry(name: str, value: str) -> str:
    # What the value holds is somebody else's: a delimiter they know would let them set any output.
    delimiter = f"end-{secrets.token_hex(16)}"
    while delimiter in value or delimiter in name:
        delimiter = f"end-{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


def _is_folder(path: str) -> bool:
    """Whether a variable names a folder that is there: outside of GitHub it may be left over from anywhere."""
    return bool(path) and Path(path).is_dir()


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


def _write_new(path: Path, text: str, mode: int = 0o644) -> Path:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def _give_away(path: Path, workspace: Path) -> None:
    """Give what root made to the workspace's owner, whose next checkout could not remove it otherwise."""
    if os.geteuid() == 0:
        owner = workspace.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
