"""The log as the viewer of GitHub Actions shows it, with the workflow commands obeyed.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands; recognised as the
runner does it (actions/runner, ``ActionCommand``): ``::name …::`` at the start of a line, white space
not counting, and ``##[name …]`` anywhere in one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ANNOTATIONS = ("error", "warning", "notice")
_NEW = re.compile(
    r"\s*::(?P<name>[a-zA-Z-]+)(?: (?P<properties>.*?))?::(?P<message>.*)\Z", re.DOTALL
)
_OLD = re.compile(
    r".*?##\[(?P<name>[a-zA-Z-]+)(?: (?P<properties>[^\]]*))?\](?P<message>.*)\Z", re.DOTALL
)


@dataclass(frozen=True)
class Annotation:
    """A remark on the run's page. ``kind``: error, warning or notice."""

    kind: str
    title: str
    message: str


class Log:
    """Takes the lines of a step, one after the other."""

    def __init__(self) -> None:
        self.annotations: list[Annotation] = []
        self.commands: list[str] = []
        """Name of every command obeyed, in order."""
        self._masks: list[str] = []
        self._stopped_by = ""
        self._indent = ""

    def shown(self, line: str) -> str | None:
        """Obey the line if it is a command; return what the viewer shows, None for nothing.

        What is in a group is indented, as it is there.
        """
        match = None if self._stopped_by else (_NEW.match(line) or _OLD.match(line))
        if self._stopped_by and line.strip() == f"::{self._stopped_by}::":
            self._stopped_by = ""
            return None
        return self._indent + self._masked(line) if match is None else self._obey(match)

    def _obey(self, match: re.Match[str]) -> str | None:
        name, message = match["name"], unescape(match["message"])
        self.commands.append(name)
        if name == "group":
            self._indent = "  "
            return f"▼ {self._masked(message)}"
        if name in ANNOTATIONS:
            properties = _properties(match["properties"] or "")
            annotation = Annotation(name, properties.get("title", ""), self._masked(message))
            self.annotations.append(annotation)
            return f"{self._indent}{name.capitalize()}: {annotation.message}"
        if name == "endgroup":
            self._indent = ""
        elif name == "add-mask":
            self._masks.append(message)
        elif name == "stop-commands":
            self._stopped_by = message
        return None

    def _masked(self, text: str) -> str:
        for secret in self._masks:
            text = text.replace(secret, "***")
        return text


def unescape(text: str) -> str:
    """Undo the escaping of a command's message."""
    return text.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")


def _properties(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair)
    return {
        key.strip(): unescape(value.replace("%3A", ":").replace("%2C", ","))
        for key, _, value in pairs
    }
