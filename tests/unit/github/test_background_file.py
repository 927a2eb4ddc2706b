"""A file's thread; what hangs here hangs until the test lets it go on."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from lambda_rollout.github.background_file import TOO_LATE, BackgroundFile
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.runtime.clock import Stop
from tests.support.job import Job, read_entries


def long() -> float:
    return 60.0


def at_once() -> float:
    return 0.0


def never() -> float:
    raise AssertionError("nobody waits")


class Hanging:
    """A place that takes nothing until it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.begun = threading.Event()
        self.puts: list[list[str]] = []

    def put(self, values: list[str]) -> None:
        self.begun.set()
        assert self.may.wait(60.0)
        self.puts.append(values)


def test_it_is_written_when_it_says_so() -> None:
    puts: list[list[str]] = []
    file = BackgroundFile("x", puts.append)
    assert file.write("a", long) == ""
    assert puts == [["a"]]


def test_what_hangs_is_waited_for_once_and_then_written_in_order() -> None:
    place = Hanging()
    file = BackgroundFile("x", place.put)
    assert file.write("a", at_once) == TOO_LATE
    assert place.begun.wait(60.0)
    assert file.write("b", never) == TOO_LATE
    assert file.write("c", never) == TOO_LATE
    place.may.set()
    while file._late:
        time.sleep(0.01)
    assert file.write("d", long) == ""
    written = [value for values in place.puts for value in values]
    assert written == ["a", "b", "c", "d"]


def test_less_time_is_left_once_the_job_is_cancelled() -> None:
    place = Hanging()
    file = BackgroundFile("x", place.put)
    left = iter([60.0, 60.0])
    assert file.write("a", lambda: next(left, 0.0)) == TOO_LATE
    place.may.set()


def test_whatever_goes_wrong_is_answered_and_the_next_is_tried_again() -> None:
    problems: list[Exception] = [OSError("no room"), LookupError()]

    def put(_: list[str]) -> None:
        if problems:
            raise problems.pop(0)

    file = BackgroundFile("x", put)
    assert [file.write("a", long) for _ in range(3)] == ["no room", "LookupError", ""]


def test_without_a_thread_it_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    puts: list[list[str]] = []
    assert BackgroundFile("x", puts.append).write("a", at_once) == ""
    assert puts == [["a"]]


def test_the_newest_state_of_each_name_is_written_whole_once_the_file_can_be_opened(
    tmp_path: Path,
) -> None:
    job = Job(tmp_path)
    fifo = tmp_path / "state"
    os.mkfifo(fifo)
    stop = Stop()
    stop.request("cancelled")
    runner = Runner(job.environ, Lines(job.stream), stop=stop)
    for values in (
        {"rollout": "moving"},
        {"comment": "7"},
        {"rollout": "rolling-back", "other": "8"},
    ):
        assert runner.save_state(values) == f"GITHUB_STATE: {TOO_LATE}"
    reads = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    while runner.save_state({"rollout": "done"}):
        time.sleep(0.01)
    copy = tmp_path / "copy"
    copy.write_bytes(os.read(reads, 65536))
    os.close(reads)
    assert read_entries(copy) == {"rollout": "done", "comment": "7", "other": "8"}
    assert copy.read_text().startswith("rollout<<")
