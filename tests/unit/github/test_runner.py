"""The runner's files, real ones in a folder."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lambda_rollout.github.journal import Journal
from lambda_rollout.github.runner import Runner
from lambda_rollout.github.stream import Lines
from lambda_rollout.rollout.events import Run, Warned
from lambda_rollout.runtime.masking import HEAD
from tests.support.job import Job, StandingClock
from tests.support.stories import RUN


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_outputs_and_state_come_back_as_they_were(job: Job) -> None:
    values = {"reason": "a\nb<<end\nresult=promoted\n", "version": "8", "weight": ""}
    job.runner.write_outputs(values)
    job.runner.save_state({"owner": "x\ny"})
    assert job.outputs == values
    assert job.state == {"owner": "x\ny"}


def test_the_last_value_of_a_name_counts(job: Job) -> None:
    job.runner.write_outputs({"report": ""})
    job.runner.write_outputs({"report": "r.json"})
    assert job.outputs == {"report": "r.json"}


def test_delimiters_cannot_be_guessed(job: Job) -> None:
    job.runner.write_outputs({"a": "1", "b": "2"})
    text = (job.folder / "output").read_text(encoding="utf-8")
    delimiters = {line.partition("<<")[2] for line in text.splitlines() if "<<" in line}
    assert len(delimiters) == 2
    assert all(len(delimiter) >= 32 for delimiter in delimiters)


def test_saved_state_is_read_by_the_post_stage(job: Job) -> None:
    job.environ["STATE_owner"] = "x"
    assert job.runner.state("owner") == "x"
    assert job.runner.state("other") is None


def test_the_run(job: Job) -> None:
    assert job.runner.run == RUN
    job.environ.clear()
    assert job.runner.run == Run()


SECRET = "FwoGZXIvYXdzEBYaDK//one+that=was%issued"


def test_what_is_issued_is_hidden_in_all_that_is_written_from_then_on(job: Job) -> None:
    runner = job.runner
    journal = Journal(runner, StandingClock())
    runner.hide("another one", SECRET)
    runner.note(f"noted {SECRET}")
    runner.echo(f"echoed {SECRET}")
    runner.quote(["Traceback (most recent call last):", f"ValueError: {SECRET}"])
    journal.emit(Warned(text=f"AWS said {SECRET}"))
    journal.finish(f"it failed: {SECRET}", f"use {SECRET}")
    written = [job.log, job.summary, str(job.outputs), str(job.report)]
    assert not [text for text in written if SECRET in text or SECRET[:HEAD] in text]
    for text in ("noted ***", "echoed ***", "ValueError: ***", "AWS said ***", "it failed: ***"):
        assert text in job.log


@pytest.mark.parametrize("actions", ["true", "True", "TRUE", "1", " true", "false", "", None])
def test_the_runner_is_told_and_nobody_who_would_show_it(job: Job, actions: str | None) -> None:
    if actions is not None:
        job.environ["GITHUB_ACTIONS"] = actions
    job.runner.hide(SECRET, "")
    told = f"::add-mask::{SECRET.replace('%', '%25')}\n" if actions == "true" else ""
    assert job.log == told


def test_outside_of_github_nothing_is_written_and_nothing_is_said(job: Job) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"):
        del job.environ[name]
    job.runner.write_outputs({"a": "b"})
    job.runner.save_state({"a": "b"})
    job.runner.append_summary("# x")
    assert job.log == ""
    assert list(job.folder.iterdir()) == [job.workspace]


@pytest.mark.parametrize("path", ["/dev/full", "."])
def test_a_file_that_cannot_be_written_costs_one_warning(job: Job, path: str) -> None:
    job.environ["GITHUB_OUTPUT"] = job.environ["GITHUB_STEP_SUMMARY"] = path
    runner = job.runner
    for _ in range(2):
        runner.write_outputs({"a": "b"})
        runner.append_summary("c")
    outputs, summary = job.log.splitlines()
    assert outputs.startswith("::warning title=Lambda rollout::The outputs could not be written: ")
    assert summary.startswith("::warning title=Lambda rollout::The job summary could not be")


@contextmanager
def no_room_beyond(size: int) -> Iterator[None]:
    """A disk that is full once a file has so many bytes; what would go beyond is cut off, as there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_no_half_entry_for_which_the_runner_would_fail_the_step(
    job: Job,
) -> None:
    job.runner.write_outputs({"result": "promoted"})
    with no_room_beyond((job.folder / "output").stat().st_size + 30):
        job.runner.write_outputs({"report": "r.json"})
    assert job.outputs == {"result": "promoted"}


def test_on_a_full_disk_the_newest_state_takes_the_place_of_the_older_one(job: Job) -> None:
    """An older one would have the post stage take back what main has promoted."""
    runner = job.runner
    assert runner.save_state({"comment": "7"}) == ""
    assert runner.save_state({"rollout": "moving"}) == ""
    with no_room_beyond((job.folder / "state").stat().st_size + 30):
        assert runner.save_state({"rollout": "done"}) == ""
    assert job.state == {"comment": "7", "rollout": "done"}
    assert job.log == ""


def test_state_that_has_no_room_at_all_is_told_to_the_caller(job: Job) -> None:
    runner = job.runner
    with no_room_beyond(30):
        assert "GITHUB_STATE: " in runner.save_state({"rollout": "moving"})
    assert job.state == {}


def test_lone_surrogates_are_written_somehow(job: Job) -> None:
    job.runner.append_summary("a\ud800b")
    assert job.summary == "a?b"


def test_the_report_lies_in_the_workspace_and_is_not_committed(job: Job) -> None:
    path = Path(job.runner.write_report("{}"))
    assert path.is_absolute()
    assert path.parent == job.workspace / ".lambda-rollout"
    assert path.read_text(encoding="utf-8") == "{}"
    assert (path.parent / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert job.runner.write_report("{}") != str(path)


def test_the_report_is_for_its_owner_alone_and_the_folder_can_still_be_cleaned(job: Job) -> None:
    in_workspace = Path(job.runner.write_report("{}"))
    del job.environ["GITHUB_WORKSPACE"]
    job.environ["RUNNER_TEMP"] = str(job.folder)
    for path in (in_workspace, Path(job.runner.write_report("{}"))):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Every git that goes through the workspace reads this one.
    assert (in_workspace.parent / ".gitignore").stat().st_mode & 0o044


def test_in_a_container_the_path_is_relative_because_the_next_steps_run_outside(job: Job) -> None:
    runner = Runner(job.environ, Lines(job.stream), container_workspace=str(job.workspace))
    path = runner.write_report("{}")
    assert path.startswith(".lambda-rollout/")
    assert (job.workspace / path).read_text(encoding="utf-8") == "{}"


def test_without_a_workspace_the_runners_temporary_folder_serves(job: Job) -> None:
    del job.environ["GITHUB_WORKSPACE"]
    job.environ["RUNNER_TEMP"] = str(job.folder)
    path = Path(job.runner.write_report("{}"))
    assert path.parent == job.folder
    assert path.read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize("workspace", ["gone", "file"])
def test_a_workspace_that_is_no_folder_is_none(job: Job, workspace: str) -> None:
    (job.folder / "file").touch()
    job.environ["GITHUB_WORKSPACE"] = str(job.folder / workspace)
    job.environ["RUNNER_TEMP"] = str(job.folder)
    path = Path(job.runner.write_report("{}"))
    assert path.parent == job.folder
    job.environ["RUNNER_TEMP"] = str(job.folder / "gone")
    path = Path(job.runner.write_report("{}"))
    assert path.read_text(encoding="utf-8") == "{}"
    path.unlink()


def test_a_link_that_a_checkout_left_is_not_followed(job: Job) -> None:
    elsewhere = job.folder / "elsewhere"
    elsewhere.mkdir()
    (job.workspace / ".lambda-rollout").symlink_to(elsewhere)
    assert job.runner.write_report("{}") == ""
    assert list(elsewhere.iterdir()) == []
    assert "could not be written" in job.log


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_workspaces_owner(job: Job) -> None:
    os.chown(job.workspace, 1001, 1002)
    path = Path(job.runner.write_report("{}"))
    for each in (path, path.parent, path.parent / ".gitignore"):
        assert (each.stat().st_uid, each.stat().st_gid) == (1001, 1002)
    assert stat.S_ISREG(path.stat().st_mode)


HOSTILE = "\x1b[31mred\u202e\u200b\x07"
SEEN = "\ufffd[31mred\ufffd\ufffd\ufffd"


def test_nothing_in_a_line_of_others_acts_on_a_terminal_or_is_unseen(job: Job) -> None:
    job.runner.note(f"note: {HOSTILE}")
    job.runner.echo(f"  echo: {HOSTILE}")
    job.runner.quote([f"  quote: {HOSTILE}"])
    note, echo, _, quote, _ = job.log.splitlines()
    assert (note, echo, quote) == (f"note: {SEEN}", f"  echo: {SEEN}", f"  quote: {SEEN}")


def test_a_note_is_one_line_of_a_length_that_can_be_read(job: Job) -> None:
    job.runner.note("a\n\n::error::b" + "x" * 100_000)
    [line] = job.log.splitlines()
    assert line.startswith("a ::error::bxxx")
    assert len(line) == 1000


def test_quoted_lines_are_obeyed_by_nobody_and_their_end_is_in_the_same_text(job: Job) -> None:
    job.runner.quote(["::error::not obeyed", "a ##[group]b"])
    stop, first, second, go = job.log.splitlines()
    token = stop.removeprefix("::stop-commands::")
    assert len(token) >= 32
    assert first == ": :error::not obeyed"
    assert second == "a # #[group]b"
    assert go == f"::{token}::"


def test_a_pipe_takes_outputs_too(job: Job) -> None:
    reads, writes = os.pipe()
    job.environ["GITHUB_OUTPUT"] = f"/dev/fd/{writes}"
    job.runner.write_outputs({"weight": "10"})
    os.close(writes)
    with os.fdopen(reads) as pipe:
        assert "\n10\n" in pipe.read()
    assert job.log == ""
