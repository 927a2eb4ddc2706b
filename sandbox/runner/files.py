"""The files through which a step talks to the runner.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#environment-files;
read as the runner reads them (actions/runner, ``FileCommandManager``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary; a larger one is not shown at all."""


class MalformedFile(Exception):
    """The runner fails the step for a file like this."""


@dataclass(frozen=True)
class Files:
    """The command files of one stage of one step: the runner makes new ones for each."""

    folder: Path

    NAMES = ("OUTPUT", "STATE", "STEP_SUMMARY", "ENV", "PATH")

    def make(self) -> dict[str, str]:
        """Make them, empty, and return the variables that name them."""
        self.folder.mkdir(parents=True)
        for name in self.NAMES:
            self._path(name).touch()
        return {f"GITHUB_{name}": str(self._path(name)) for name in self.NAMES}

    @property
    def outputs(self) -> dict[str, str]:
        """What GITHUB_OUTPUT says. Raises `MalformedFile`."""
        return parse(self._text("OUTPUT"))

    @property
    def state(self) -> dict[str, str]:
        """What GITHUB_STATE says. Raises `MalformedFile`."""
        return parse(self._text("STATE"))

    @property
    def summary(self) -> str:
        """The job summary in Markdown, empty if it is over the limit."""
        text = self._text("STEP_SUMMARY")
        return text if len(text.encode()) <= SUMMARY_LIMIT else ""

    def _path(self, name: str) -> Path:
        return self.folder / name.lower()

    def _text(self, name: str) -> str:
        return self._path(name).read_bytes().decode("utf-8")


def parse(text: str) -> dict[str, str]:
    """Read ``key=value`` and ``key<<delimiter`` entries; the last value of a key counts.

    Raises `MalformedFile`.
    """
    values: dict[str, str] = {}
    lines = iter(text.replace("\r\n", "\n").split("\n"))
    for line in lines:
        if not line:
            continue
        plain, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (plain < 0 or heredoc < plain):
            key, _, delimiter = line.partition("<<")
            if not key or not delimiter:
                raise MalformedFile(
                    f"Invalid format {line!r}. Name and delimiter must not be empty"
                )
            values[key] = "\n".join(_until(delimiter, lines))
        elif plain > 0:
            key, _, value = line.partition("=")
            values[key] = value
        else:
            raise MalformedFile(f"Invalid format {line!r}")
    return values


def _until(delimiter: str, lines: Iterator[str]) -> list[str]:
    found: list[str] = []
    for line in lines:
        if line == delimiter:
            return found
        found.append(line)
    raise MalformedFile(f"Invalid value. Matching delimiter not found {delimiter!r}")
