"""Workflow commands: lines in the log that the runner obeys.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands. The runner reads
stdout and stderr alike. A line that starts with ``::name``, white space in front not counting, is a
command; so is ``##[name]`` anywhere in a line. Text of others must become neither.
"""

from __future__ import annotations

ANNOTATIONS_SHOWN = 10
"""GitHub shows this many annotations of each kind for a step, and drops the rest."""

ANNOTATION_LIMIT = 4096
"""Characters of an annotation's message that GitHub keeps."""


def command(name: str, message: str = "", **properties: str) -> str:
    """Return the line that makes the runner obey, with everything escaped as it unescapes."""
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items() if value)
    return f"::{name}{' ' + given if given else ''}::{_data(message)}"


def inert(line: str) -> str:
    """Return ``line`` so that the runner shows it and obeys nothing in it.

    The line must hold no line break. A ``::`` in the middle is harmless and stays, because ARNs have it.
    """
    shown = line.replace("##[", "# #[")
    return shown.replace("::", ": :", 1) if shown.lstrip().startswith("::") else shown


def _data(text: str) -> str:
    # ##[ is looked for before anything is unescaped, so it has to go here too.
    broken = text.replace("##[", "# #[")
    return broken.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
