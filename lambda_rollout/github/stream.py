"""Lines on their way to the runner."""

from __future__ import annotations

from typing import Protocol


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

    def write(self, line: str) -> None:
        """Write one line and hand it on; never raises."""
        if self._broken:
            return
        try:
            self._put(line + "\n")
        except Exception:  # noqa: BLE001 - OSError, ValueError for a closed one, whatever it is
            self._broken = True

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        self._stream.flush()
