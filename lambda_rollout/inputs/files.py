"""Files of the workspace that an input names: opened without ever leaving it.

A checkout decides what lies in the workspace, links included, and the action may be root.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lambda_rollout.inputs.text import Mistake, Mistakes

_MISSING = (
    "There is no such file. Write its path relative to the workspace; a path of the runner's own does not exist inside "
    "the action's container."
)
_PLACEHOLDERS = (
    "There is no such file, and placeholders stand for nothing here: begin a line for each function with its name and a "
    "colon."
)


@contextmanager
def opened(text: str, workspace: Path) -> Iterator[int]:
    """Open the file at a path relative to ``workspace``, for reading, as a descriptor.

    Raises:
        Mistakes: there is none, or it lies outside of the workspace.
    """
    missing = Mistakes(Mistake(text, _PLACEHOLDERS if "{function}" in text else _MISSING))
    root = workspace.resolve()
    try:
        path = (root / text).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise missing from error
    if not path.is_relative_to(root):
        raise Mistakes(Mistake(text, "It lies outside of the workspace: copy it there first."))
    try:
        descriptor = _opened(root, path.relative_to(root).parts)
    except OSError as error:
        raise missing from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(root: Path, parts: tuple[str, ...]) -> int:
    """Open a file below ``root``, following no link: whatever was put there since it was looked at.

    Raises OSError if there is none, or a link in its place.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for number, part in enumerate(parts, 1):
        kind = os.O_DIRECTORY if number < len(parts) else os.O_NONBLOCK
        try:
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder


def size_of(descriptor: int) -> int:
    """Return how many bytes there are, for what is no file 0."""
    return os.fstat(descriptor).st_size


def content_of(descriptor: int, most: int) -> bytes | None:
    """Read at most so many bytes; None if it is a device, a pipe or a folder, and no file."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(most)
