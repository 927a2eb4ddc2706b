"""The log's thread, on real pipes; nothing here depends on how fast it is."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambda_rollout.github.commands import command
from lambda_rollout.github.stream import BackgroundStream, ForeignText, Lines

LONG = 60.0
FILLER = b"~\n"


def missing(line: str) -> int:
    """How many lines this one says are missing; 0 if it is any other."""
    found = re.fullmatch(r"\((\d+) lines are missing here: they could not be written\.\)", line)
    return int(found[1]) if found else 0


class Pipe:
    """A pipe that nobody reads yet."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self.writes, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.writes, FILLER * 512)
        os.set_blocking(self.writes, True)

    def drained(self, stream: BackgroundStream) -> list[str]:
        """Read all that the stream still writes."""
        read: list[bytes] = []

        def everything() -> None:
            while data := os.read(self.reads, 65536):
                read.append(data)

        reader = threading.Thread(target=everything)
        reader.start()
        stream.drain(LONG)
        self.shut()
        reader.join()
        return b"".join(read).replace(FILLER, b"").decode().splitlines()

    def shut(self) -> None:
        os.close(self.writes)
        self.writes = -1

    def close(self) -> None:
        for descriptor in (self.reads, self.writes):
            if descriptor >= 0:
                os.close(descriptor)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_a_reader_who_is_alive_gets_every_line_in_order(pipe: Pipe) -> None:
    stream = BackgroundStream(pipe.writes)
    lines = [f"line {number}" for number in range(2000)]
    for line in lines:
        Lines(stream).write(line)
    assert pipe.drained(stream) == lines


def test_while_nobody_reads_the_oldest_are_dropped_and_counted_in_their_place(pipe: Pipe) -> None:
    pipe.fill()
    stream = BackgroundStream(pipe.writes, limit=100)
    lines = Lines(stream)
    for number in range(1000):
        lines.write(f"line {number:04}")
    shown = pipe.drained(stream)
    # Something may have been under way already, be it a line or the count of the first that were dropped.
    assert len(shown) in {11, 12}
    kept = [int(line.removeprefix("line ")) for line in shown if not missing(line)]
    assert kept[-10:] == list(range(990, 1000))
    assert missing(shown[-11])
    assert sum(map(missing, shown)) + len(kept) == 1000


def test_what_is_written_together_is_dropped_together(pipe: Pipe) -> None:
    pipe.fill()
    stream = BackgroundStream(pipe.writes, limit=60)
    lines = Lines(stream)
    lines.write("first")
    for number in range(50):
        lines.write("::stop-commands::t", f"foreign {number}", "::t::")
    shown = pipe.drained(stream)
    assert shown.count("::stop-commands::t") == shown.count("::t::")
    assert shown[-3:] == ["::stop-commands::t", "foreign 49", "::t::"]
    assert sum(map(missing, shown)) + sum(not missing(line) for line in shown) == 151


def test_the_newest_is_kept_however_long_it_is(pipe: Pipe) -> None:
    pipe.fill()
    stream = BackgroundStream(pipe.writes, limit=10)
    for line in ("a", "b", "c" * 200_000):
        Lines(stream).write(line)
    assert pipe.drained(stream)[-1] == "c" * 200_000


def test_a_gap_closes_the_group_that_was_open_and_nothing_closes_it_again(pipe: Pipe) -> None:
    stream = BackgroundStream(pipe.writes, limit=40)
    lines = Lines(stream)
    lines.write(command("group", "Step 1"))
    stream.drain(LONG)
    pipe.fill()
    for number in range(20):
        lines.write(f"line {number}")
    lines.write(command("endgroup"))
    lines.write("verdict")
    shown = pipe.drained(stream)
    assert shown[0] == "::group::Step 1"
    assert shown.count("::endgroup::") == 1
    gap = next(index for index, line in enumerate(shown) if missing(line))
    assert shown[gap - 1] == "::endgroup::"
    assert shown[-1] == "verdict"


def test_groups_are_left_as_they_are_where_nothing_is_missing(pipe: Pipe) -> None:
    stream = BackgroundStream(pipe.writes)
    told = [command("group", "1"), "a", command("endgroup"), command("group", "2")]
    for line in (*told, command("endgroup")):
        Lines(stream).write(line)
    assert pipe.drained(stream) == [*told, "::endgroup::"]


def test_a_reader_who_went_away_is_no_error_and_nothing_is_kept_for_him(pipe: Pipe) -> None:
    os.close(pipe.reads)
    pipe.reads = -1
    stream = BackgroundStream(pipe.writes)
    stream.write("a\n")
    stream.drain(LONG)
    stream.write("b\n")
    assert stream._gone
    assert not stream._waiting


def test_a_pipe_that_somebody_made_non_blocking_is_waited_for(pipe: Pipe) -> None:
    pipe.fill()
    os.set_blocking(pipe.writes, False)
    BackgroundStream(pipe.writes).write("a\n")
    read = b""
    while b"a\n" not in read:
        assert select.select([pipe.reads], [], [], LONG)[0], "it never came"
        read += os.read(pipe.reads, 65536)


def test_a_full_disk_breaks_no_text_in_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk did not take of a text is what it is given first, once it has room again."""
    room = [7]
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(descriptor, bytes(data)[: room[0]])
        room[0] -= written
        return written

    path = tmp_path / "log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    monkeypatch.setattr(os, "write", write)
    stream = BackgroundStream(descriptor)
    lines = Lines(stream)
    lines.write("::stop-commands::t", "foreign", "::t::")
    stream.drain(LONG)
    assert path.read_text() == "::stop-"
    room[0] = 1000
    lines.write("verdict")
    stream.drain(LONG)
    os.close(descriptor)
    assert path.read_text().splitlines() == ["::stop-commands::t", "foreign", "::t::", "verdict"]


def test_lone_surrogates_are_written_somehow(pipe: Pipe) -> None:
    stream = BackgroundStream(pipe.writes)
    stream.write("a\ud800b\n")
    assert pipe.drained(stream) == ["a\\ud800b"]


def test_what_libraries_print_comes_line_by_line() -> None:
    taken: list[str] = []
    text = ForeignText(taken.append)
    print("one\ntwo", "three", file=text)
    text.write("fo")
    text.write("ur\nfive")
    text.flush()
    assert taken == ["one", "two three", "four"]


def test_a_line_without_an_end_does_not_grow_for_ever() -> None:
    taken: list[str] = []
    text = ForeignText(taken.append)
    for _ in range(30):
        text.write("x" * 1000)
    assert len(taken) == 2
