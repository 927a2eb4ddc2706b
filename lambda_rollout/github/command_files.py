"""The files that the runner reads when a stage is over: whole entries or none.

It fails a step whose file ends in the middle of an entry ("Matching delimiter not found"; source: actions/runner,
``FileCommandManager``), and a full disk takes the first part of what does not fit.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from pathlib import Path


def append(path: Path, data: bytes) -> None:
    """Add ``data`` at the end, all of it or nothing. Raises OSError.

    A pipe, such as ``/dev/stdout`` is to somebody who tries it by hand, can take nothing back.
    """
    with path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END) if file.seekable() else None
        try:
            _write(file, data)
        except OSError:
            if before is not None:
                with contextlib.suppress(OSError):
                    file.truncate(before)
            raise


def overwrite(path: Path, data: bytes) -> None:
    """Put ``data`` in the place of everything, in the room that is there: a full disk has no more.

    The rest becomes empty lines, which the runner skips. Raises OSError, also if ``data`` needs more room.
    """
    with path.open("r+b", buffering=0) as file:
        room = file.seek(0, os.SEEK_END) - len(data)
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        file.seek(0)
        _write(file, data + b"\n" * room)


def _write(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
