"""The small runner treats an action as the real one does."""

import signal
import textwrap
import time
from pathlib import Path

import pytest

from sandbox.runner import Annotation, MalformedFile, Runner, Step
from sandbox.runner.files import parse
from sandbox.runner.log import Log
from sandbox.runner.runner import SIGNALS

ACTION = """
name: a
inputs:
  plain-name: {required: true}
  with space: {default: x y}
  token: {default: "${{ github.token }}"}
runs:
  post-entrypoint: /opt/a/post-entrypoint
"""


def runner(folder: Path, entrypoint: str, token: str = "") -> Runner:
    action = folder / "action"
    action.mkdir()
    (action / "action.yml").write_text(ACTION)
    for program in ("entrypoint.py", "post-entrypoint"):
        (action / program).write_text(textwrap.dedent(entrypoint))
    return Runner(folder / "runner", action, token=token)


def started(step: Step, line: str = "ready") -> Step:
    while line not in step.written:
        time.sleep(0.01)
    return step


def test_it_hands_over_inputs_with_their_defaults(tmp_path: Path) -> None:
    entrypoint = """
        import os
        print(sorted((k, v) for k, v in os.environ.items() if k.startswith("INPUT_")))
        """
    finished = runner(tmp_path, entrypoint, token="t").run({"more": "1\n2"}, post=False)
    assert finished.status == 0
    assert finished.log == (
        "[('INPUT_MORE', '1\\n2'), ('INPUT_PLAIN-NAME', ''), ('INPUT_TOKEN', 't'), "
        "('INPUT_WITH_SPACE', 'x y')]\n"
    )


def test_the_post_stage_gets_the_state_of_a_failed_main_and_files_of_its_own(
    tmp_path: Path,
) -> None:
    entrypoint = """
        import os, sys
        stage = os.path.basename(sys.argv[0])
        print(stage, os.environ.get("STATE_seen"), os.getcwd() == os.environ["GITHUB_WORKSPACE"])
        for name in ("STATE", "OUTPUT", "STEP_SUMMARY"):
            with open(os.environ[f"GITHUB_{name}"], "a") as file:
                file.write(f"seen={stage}\\n")
        sys.exit(3)
        """
    finished = runner(tmp_path, entrypoint).run({})
    assert finished.post is not None
    assert (finished.status, finished.post.status) == (3, 3)
    assert finished.log == "entrypoint.py None True\n"
    assert finished.post.log == "post-entrypoint entrypoint.py True\n"
    assert finished.outputs == finished.state == {"seen": "entrypoint.py"}
    assert finished.post.summary == "seen=post-entrypoint\n"


def test_a_cancelled_step_gets_sigint_and_may_finish(tmp_path: Path) -> None:
    entrypoint = """
        import signal, sys, threading
        over = threading.Event()
        def stop(number, frame):
            print(signal.Signals(number).name)
            over.set()
        signal.signal(signal.SIGINT, stop)
        print("ready")
        over.wait()
        sys.exit(7)
        """
    step = started(runner(tmp_path, entrypoint).start({}))
    step.cancel()
    assert step.wait().log == "ready\nSIGINT\n"
    assert step.wait().status == 7


def test_a_step_that_does_not_listen_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [(number, seconds / 20) for number, seconds in SIGNALS]
    monkeypatch.setattr("sandbox.runner.runner.SIGNALS", quick)
    entrypoint = """
        import signal, time
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: print(signal.Signals(number).name))
        print("ready")
        while True:
            time.sleep(1)
        """
    step = started(runner(tmp_path, entrypoint).start({}))
    step.cancel()
    finished = step.wait()
    assert finished.status == -signal.SIGKILL
    assert finished.log.startswith("ready\n")


def test_the_signals_are_the_real_runners() -> None:
    names = [(number.name, seconds) for number, seconds in SIGNALS]
    assert names == [("SIGINT", 7.5), ("SIGTERM", 2.5), ("SIGKILL", 0.0)]


def test_lines_arrive_while_it_runs(tmp_path: Path) -> None:
    seen: list[str] = []
    entrypoint = "print('::group::one'); print('two'); print('::endgroup::'); print('three')"
    runner(tmp_path, entrypoint).run({}, live=seen.append, post=False)
    assert seen == ["▼ one", "  two", "three"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("a=1\na=2\n", {"a": "2"}),
        ("a=b<<c\n", {"a": "b<<c"}),
        ("a<<end\none\n\ntwo=2\nend\nb=\n", {"a": "one\n\ntwo=2", "b": ""}),
        ("a<<end\nend\n", {"a": ""}),
        ("a<<end\none\u2028two\nend\n", {"a": "one\u2028two"}),
    ],
)
def test_command_files_are_read_as_the_runner_reads_them(text: str, values: dict[str, str]) -> None:
    assert parse(text) == values


@pytest.mark.parametrize(
    "text", ["a", "=1", "a<<\n", "<<end\nend\n", "a<<end\none\n", "a<<end\n end"]
)
def test_malformed_command_files_fail_the_step(text: str) -> None:
    with pytest.raises(MalformedFile):
        parse(text)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain :: text", "plain :: text"),
        ("::group::a%25b%0Ac", "▼ a%b\nc"),
        ("  ::endgroup::", None),
        ("text ##[group]more", "▼ more"),
        ("::error file=x,title=y::z", "Error: z"),
    ],
)
def test_the_viewer_obeys_commands(line: str, shown: str | None) -> None:
    assert Log().shown(line) == shown


def test_annotations_masks_and_stopped_commands() -> None:
    log = Log()
    lines = [
        "::add-mask::secret",
        "::warning title=a%3Ab%2Cc::a secret%0Aand more",
        "::stop-commands::over",
        "::error::not obeyed",
        "::over::",
        "the secret",
    ]
    assert [log.shown(line) for line in lines] == [
        None,
        "Warning: a ***\nand more",
        None,
        "::error::not obeyed",
        None,
        "the ***",
    ]
    assert log.annotations == [Annotation("warning", "a:b,c", "a ***\nand more")]
    assert log.commands == ["add-mask", "warning", "stop-commands"]


def test_a_stage_need_not_compile_the_action(tmp_path: Path) -> None:
    """It would each time, for it keeps no bytecode, and in a fresh work tree there is none."""
    made = runner(tmp_path, "import lambda_rollout\nprint(lambda_rollout.__spec__.cached)")
    package = tmp_path / "action" / "lambda_rollout"
    package.mkdir()
    (package / "__init__.py").touch()
    assert Path(made.run({}, post=False).log.strip()).exists()
