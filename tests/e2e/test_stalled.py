"""Whoever reads the log stops reading, or the runner's files hang: neither stops the story nor changes how it ends.

A full pipe stands for a reader that stalls, and a FIFO that nobody reads for a disk that hangs: to open it takes
until somebody does.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.runner import Finished, Step
from sandbox.runner.files import parse
from tests.support.live import NEW, OLD, Live, live

FILES = ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
NOT_SAVED = "State could not be saved (GITHUB_STATE: writing it takes too long)"


class Reader:
    """A FIFO's other end."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # Open for both: whoever writes neither waits for a reader nor loses him.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def stall(self) -> None:
        """Leave no room in it, and read nothing."""
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(self.descriptor, b"x\n" * 512)

    def read(self) -> str:
        """Read what has come so far."""
        read = b""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.descriptor, 65536):
                read += data
        return read.decode().replace("x\n", "")

    def leave(self) -> None:
        """Close this end."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path / "stdout")
    yield made
    made.leave()


# No shell: some lose variables such as INPUT_FUNCTION-NAME.
REDIRECT = """
import os, sys

def to(path):
    opened = os.open(path, os.O_WRONLY)
    os.dup2(opened, 1)
    os.dup2(opened, 2)

def close(*descriptors):
    for descriptor in descriptors:
        os.close(descriptor)

{}
os.execv(sys.argv[1], sys.argv[1:])
"""


@contextlib.contextmanager
def writing(redirected: str, folder: Path) -> Iterator[Live]:
    """A scene whose action writes elsewhere."""
    through = (sys.executable, "-c", REDIRECT.format(redirected))
    with live(folder, through=through) as scene:
        yield scene


@pytest.fixture
def piped(tmp_path: Path, reader: Reader) -> Iterator[Live]:
    """A scene whose action writes into the reader's pipe."""
    with writing(f"to({str(tmp_path / 'stdout')!r})", tmp_path) as scene:
        yield scene


def ended(scene: Live, how: str, step: Step) -> Finished:
    """Have it end that way."""
    scene.until_shifted(step)
    if how == "rolled-back":
        scene.set_alarm("ALARM")
    finished = step.wait(60)
    assert finished.outputs["result"] == how
    assert scene.whole_on(NEW if how == "promoted" else OLD)
    return finished


def cancelled(step: Step) -> Finished:
    """Cancel it as the runner does."""
    step.cancel()
    finished = step.wait(60)
    assert finished.status == 1
    return finished


STEPS = {"promoted": "50% 2s, 100% 0s", "rolled-back": "50% 10m, 100% 0s"}
ENDS = pytest.mark.parametrize(("how", "status"), [("promoted", 0), ("rolled-back", 1)])


# The log -----------------------------------------------------------------------------------------------


@ENDS
@pytest.mark.parametrize("redirected", ["close(1)", "close(0, 1, 2)", "to('/dev/full')"])
def test_the_exit_status_is_that_of_the_rollout_without_a_log(
    tmp_path: Path, redirected: str, how: str, status: int
) -> None:
    with writing(redirected, tmp_path) as scene:
        assert ended(scene, how, scene.start(steps=STEPS[how])).status == status


def test_nothing_that_is_opened_later_takes_the_place_of_a_log_that_is_closed(
    tmp_path: Path,
) -> None:
    """Lines of the log would be written to it: to the pipe that says that the job is cancelled, or to AWS."""
    with writing("close(0, 1, 2)", tmp_path) as scene:
        step = scene.start(steps=STEPS["rolled-back"])
        scene.until_shifted(step)
        opened = Path(f"/proc/{step.pid}/fd")
        assert {str((opened / name).readlink()) for name in "012"} == {os.devnull}
        assert cancelled(step).outputs["result"] == "rolled-back"


@ENDS
def test_the_exit_status_is_that_of_the_rollout_when_nobody_reads(
    piped: Live, reader: Reader, how: str, status: int
) -> None:
    reader.stall()
    assert ended(piped, how, piped.start(steps=STEPS[how])).status == status
    assert reader.read() == ""


@ENDS
def test_the_exit_status_is_that_of_the_rollout_when_the_reader_leaves(
    piped: Live, reader: Reader, how: str, status: int
) -> None:
    step = piped.start(steps=STEPS[how])
    piped.until(lambda: "::group::Step 1 of 2" in reader.read(), step)
    reader.leave()
    assert ended(piped, how, step).status == status


@pytest.mark.parametrize("when", ["from the start", "in the watch"])
def test_a_signal_is_obeyed_while_nobody_reads(piped: Live, reader: Reader, when: str) -> None:
    if when == "from the start":
        reader.stall()
    step = piped.start(steps=STEPS["rolled-back"])
    piped.until_shifted(step)
    reader.stall()
    finished = cancelled(step)
    assert finished.outputs["result"] == "rolled-back"
    assert piped.whole_on(OLD)


def test_a_reader_who_comes_back_gets_all_that_there_was_room_for(
    piped: Live, reader: Reader
) -> None:
    reader.stall()
    step = piped.start(steps=STEPS["rolled-back"])
    piped.until_shifted(step)
    log = reader.read()
    piped.set_alarm("ALARM")
    while not step.ended:
        log += reader.read()
    log += reader.read()
    assert "missing" not in log
    assert log.index("::group::Step 1 of 2") < log.index("::endgroup::") < log.index("↩️")
    assert log.splitlines()[-1].startswith("::error title=")


# The runner's files ------------------------------------------------------------------------------------


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path) as made:
        made.inputs["steps"] = STEPS["rolled-back"]
        yield made


def hang(scene: Live, folder: Path, *variables: str) -> None:
    """Have these files hang."""
    for variable in variables:
        path = folder / f"hangs-{variable}"
        os.mkfifo(path)
        scene.environ[variable] = str(path)


@ENDS
def test_state_that_hangs_is_told_once_before_the_first_shift_and_stops_nothing(
    scene: Live, tmp_path: Path, how: str, status: int
) -> None:
    hang(scene, tmp_path, "GITHUB_STATE")
    finished = ended(scene, how, scene.start(steps=STEPS[how]))
    assert finished.status == status
    assert [a.message for a in finished.annotations if NOT_SAVED in a.message]
    assert finished.log.count(NOT_SAVED) == 1
    assert finished.log.index(NOT_SAVED) < finished.log.index("::group::Step 1 of 2")


def test_a_signal_is_obeyed_while_all_the_files_hang(scene: Live, tmp_path: Path) -> None:
    hang(scene, tmp_path, *FILES)
    step = scene.start()
    scene.until_shifted(step)
    finished = cancelled(step)
    assert scene.whole_on(OLD)
    messages = [a.message for a in finished.annotations]
    for variable in FILES:
        told = [message for message in messages if f"{variable}: " in message]
        assert len(told) == 1, finished.log
    assert "rolled back to version 1" in finished.shown


def test_a_signal_is_obeyed_when_state_begins_to_hang_in_the_watch(
    scene: Live, tmp_path: Path
) -> None:
    """What is saved before going back is waited for, but not for long."""
    state = tmp_path / "state"
    scene.environ["GITHUB_STATE"] = str(state)
    step = scene.start()
    scene.until_shifted(step)
    assert "moving" in state.read_text()
    state.unlink()
    os.mkfifo(state)
    finished = cancelled(step)
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)
    assert finished.log.count(NOT_SAVED) == 1


def test_outputs_are_written_whole_as_soon_as_their_file_allows_it(
    scene: Live, tmp_path: Path
) -> None:
    hang(scene, tmp_path, "GITHUB_OUTPUT")
    step = scene.start(steps="50% 0s, 100% 0s")
    scene.until(lambda: any("✅" in line for line in step.written), step)
    reads = os.open(tmp_path / "hangs-GITHUB_OUTPUT", os.O_RDONLY)
    text = b""
    while b"report<<" not in text or step.ended is False:
        text += os.read(reads, 65536)
    finished = step.wait(60)
    os.close(reads)
    assert finished.status == 0
    assert "could not be written" not in finished.log
    outputs = parse(text.decode())
    assert outputs["result"] == "promoted"
    assert Path(outputs["report"]).is_file()
