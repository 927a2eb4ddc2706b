"""Lines on their way to the runner, and the thread that hands them on.

Whoever reads the log may stop reading at any time, and a write to a full pipe then takes until he goes on. So the
story only queues its lines.
"""

from __future__ import annotations

import errno
import io
import os
import select
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from lambda_rollout.github.commands import command
from lambda_rollout.runtime.background import BackgroundThread

QUEUE_LIMIT = 1 << 20
"""Bytes that wait for a reader: some ten thousand lines, many more than a reader who is alive leaves unread."""

_GONE = frozenset({errno.EPIPE, errno.EBADF, errno.ECONNRESET})
"""After these nobody will ever read again. After others, such as a full disk, somebody may."""

_GROUP, _END_OF_GROUP = command("group").encode(), command("endgroup").encode()


class Stream(Protocol):
    """Where lines go: what ``sys.stdout`` can do."""

    def write(self, text: str, /) -> object:
        """Write ``text``."""
        ...

    def flush(self) -> object:
        """Hand on what was written."""
        ...


class Lines:
    """Writes whole lines, each at once. A stream that is gone is no error: nobody reads it any more."""

    def __init__(self, stream: Stream) -> None:
        """Write to ``stream`` until it breaks."""
        self._stream = stream
        self._broken = False

    def write(self, *lines: str) -> None:
        """Write lines and hand them on; never raises. All of one call are shown, or none of them."""
        if self._broken:
            return
        try:
            self._put("".join(f"{line}\n" for line in lines))
        except Exception:  # noqa: BLE001 - OSError, ValueError for a closed one, whatever it is
            self._broken = True

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        self._stream.flush()


class BackgroundStream:
    """A `Stream` whose `write` returns at once: a daemon thread does the writing, in the same order.

    What has no room any more is dropped, the oldest first, so that the verdict is kept; how many lines that were is
    written in their place. Each text is written whole or not at all: one that was begun is never dropped, so an
    end of `stop-commands` that is in the same text as its beginning cannot be lost. A group that was opened before a
    gap is closed there, because the viewer would fold away all that follows.
    """

    def __init__(self, descriptor: int, limit: int = QUEUE_LIMIT) -> None:
        """Write to a file descriptor of this process; ``limit`` in bytes."""
        self._descriptor = descriptor
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._begun = memoryview(b"")
        """What is left of the text that is being written."""
        self._group_is_open = False
        self._gone = False
        self._writer: BackgroundThread | None = None
        """None while nothing is being written."""

    def write(self, text: str, /) -> object:
        """Queue ``text``, which is one or more whole lines; returns at once."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            if self._gone:
                return None
            self._waiting.append(data)
            self._size += len(data)
            while self._size > self._limit and len(self._waiting) > 1:
                self._dropped += self._pop().count(b"\n")
        self._go_on()
        return None

    def flush(self) -> object:
        """Do nothing: every text is handed on as soon as that is possible."""
        return None

    def drain(self, seconds: float) -> None:
        """Give what is queued at most ``seconds`` to be written. What is not by then is lost."""
        self._go_on()
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.join(seconds)

    def _pop(self) -> bytes:
        data = self._waiting.popleft()
        self._size -= len(data)
        return data

    def _go_on(self) -> None:
        with self._lock:
            if self._writer is not None:
                return
            self._writer = BackgroundThread("log")
            try:
                self._writer.start(self._run)
            except RuntimeError:  # no thread to be had: the next line tries again
                self._writer = None

    def _run(self) -> None:
        while data := self._next():
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:  # somebody who shares it has made it so
                select.select([], [self._descriptor], [])
            except OSError as error:
                self._stopped(error)
                return
            else:
                with self._lock:
                    self._begun = data[written:]

    def _stopped(self, error: OSError) -> None:
        with self._lock:
            self._writer = None
            if error.errno in _GONE:
                self._gone = True
                self._waiting.clear()

    def _next(self) -> memoryview:
        """Return what is to be written next; nothing, and this thread is over."""
        with self._lock:
            while not self._begun and (self._dropped or self._waiting):
                self._begun = memoryview(self._gap() if self._dropped else self._shown(self._pop()))
            if not self._begun:
                self._writer = None
            return self._begun

    def _gap(self) -> bytes:
        dropped, self._dropped = self._dropped, 0
        end = _END_OF_GROUP + b"\n" if self._group_is_open else b""
        self._group_is_open = False
        return end + f"({dropped} lines are missing here: they could not be written.)\n".encode()

    def _shown(self, data: bytes) -> bytes:
        """Return the text as it is to be shown; the end of a group that is not open any more is not."""
        if data.startswith(_END_OF_GROUP) and not self._group_is_open:
            return b""
        if data.startswith((_GROUP, _END_OF_GROUP)):
            self._group_is_open = data.startswith(_GROUP)
        return data


class ForeignText(io.TextIOBase):
    """Stands for ``sys.stdout`` and ``sys.stderr``: takes what libraries print, line by line, and never blocks."""

    _LONGEST = 10_000
    """Characters of a line; the rest is another line."""

    def __init__(self, take: Callable[[str], None]) -> None:
        """Hand each line, without its end, to ``take``."""
        self._take = take
        self._line = ""

    def write(self, text: str, /) -> int:
        """See `io.TextIOBase.write`."""
        *whole, self._line = (self._line + text).split("\n")
        if len(self._line) > self._LONGEST:
            whole, self._line = [*whole, self._line], ""
        for line in whole:
            self._take(line)
        return len(text)
