"""Writing beside the story: a file system that hangs must not keep it from going back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lambda_rollout.runtime.background import BackgroundThread

_T = TypeVar("_T")

TOO_LATE = "writing it takes too long"

_GLANCE = 0.1
"""Seconds between two looks at how much time is left."""


@dataclass
class _Piece(Generic[_T]):
    value: _T
    over: threading.Event = field(default_factory=threading.Event)
    problem: str = ""


class BackgroundFile(Generic[_T]):
    """One file, written by one daemon thread: in order, one write at a time, and whoever asks waits only so long.

    What could not be written in time is not taken back: it is written when the file allows it, before what
    is asked for later.
    """

    def __init__(self, name: str, put: Callable[[list[_T]], None]) -> None:
        """``put`` writes what has gathered, in order, all or nothing; it may raise, and may hang."""
        self._name = name
        self._put = put
        self._lock = threading.Lock()
        self._waiting: list[_Piece[_T]] = []
        self._writing = False
        self._late = False

    def write(self, value: _T, seconds: Callable[[], float]) -> str:
        """Write ``value`` and wait for that, but not while the file hangs that was waited for before.

        ``seconds``: how long to wait at most; asked again and again, because less may be left once a job is
        cancelled.

        Returns:
            Why it is not written; empty if it is.
        """
        piece = _Piece(value)
        with self._lock:
            self._waiting.append(piece)
            begin, self._writing = not self._writing, True
            waits = not self._late
        if begin:
            self._begin()
        waited = 0.0
        while waits and waited < seconds() and not piece.over.wait(_GLANCE):
            waited += _GLANCE
        with self._lock:
            if piece.over.is_set():
                return piece.problem
            self._late = True
        return TOO_LATE

    def _begin(self) -> None:
        try:
            BackgroundThread(self._name).start(self._run)
        except RuntimeError:  # no thread to be had
            self._run()

    def _run(self) -> None:
        while pieces := self._gathered():
            problem = self._problem_with([piece.value for piece in pieces])
            with self._lock:
                self._late = False
                for piece in pieces:
                    piece.problem = problem
                    piece.over.set()

    def _gathered(self) -> list[_Piece[_T]]:
        with self._lock:
            pieces, self._waiting = self._waiting, []
            self._writing = bool(pieces)
            return pieces

    def _problem_with(self, values: list[_T]) -> str:
        try:
            self._put(values)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for the answer
            return str(error) or type(error).__name__
        return ""
