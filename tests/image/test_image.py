"""The built container, started as GitHub's runner starts a container action."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest

from sandbox.runner import Finished, Step
from tests.image.container import ContainerRunner, workspace_file
from tests.image.engine import BASE, Engine, pinned_base
from tests.support.live import MAIN, NEW, OLD, POST, Live

pytestmark = pytest.mark.image

PATIENCE = 120.0
MOST_BYTES = 32_000_000
"""Over the base. It has 31 million; more than this should be a decision."""
MOUNT_POINTS = {"/github", "/run", "/var", "/var/run"}
"""Folders that the engine makes for the runner's mounts, or changes by making them."""


def end(step: Step) -> Finished:
    return step.wait(PATIENCE)


def runs(docker: Engine, container: str) -> bool:
    shown = docker.run("inspect", "--format", "{{.State.Running}}", container, check=False)
    return shown.stdout.strip() == "true"


def test_a_good_version_is_promoted_and_nothing_but_the_runners_files_is_written(
    scene: Live, runner: ContainerRunner, engines_door: socket.socket
) -> None:
    runner.keep = True
    finished = scene.run(steps="50% 1s\n100% 1s\n", alarms="checkout-errors\n")
    assert finished.status == 0, finished.log
    outputs = finished.outputs
    assert (outputs["result"], outputs["version"], outputs["previous-version"]) == (
        "promoted",
        NEW,
        OLD,
    )
    assert scene.whole_on(NEW)
    assert scene.changes() == [{NEW: 0.5}, {}, {}]
    assert "promoted" in finished.summary.lower()
    report = json.loads(workspace_file(runner, outputs["report"]).read_text("utf-8"))
    assert report["result"] == "promoted"

    written = {
        path
        for path in runner.changed_files()
        if path not in MOUNT_POINTS and not path.startswith(("/github/", "/run/", "/var/run/"))
    }
    assert written == set()
    with pytest.raises(BlockingIOError):
        engines_door.accept()

    post = scene.post(finished.state)
    assert post.status == 0, post.log
    assert not scene.requests(caller=POST)


def test_the_methods_of_dataclasses_are_compiled(docker: Engine, image: str) -> None:
    asked = "from lambda_rollout.runtime.precompiled import use; print(use())"
    shown = docker.run(
        *("run", "--rm", "--network", "none", "--workdir", "/opt/lambda-rollout"),
        *("--entrypoint", "/opt/venv/bin/python", image, "-EsB", "-c", asked),
    )
    assert int(shown.stdout) > 200


def test_what_stands_in_the_inputs_arrives_whatever_it_is(scene: Live) -> None:
    description = 'a "quoted" text, with $HOME, `dashes` -- and = signs\nin two lines: ü'
    finished = scene.run(description=description)
    assert finished.status == 0, finished.log
    published = scene.requests("PublishVersion")[0].params
    assert published["Description"] == description


def test_mistakes_are_told_and_nothing_is_changed(scene: Live) -> None:
    finished = scene.run(function_name="checkout:3", steps="50% 1\n20% 1s\n")
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert {annotation.title for annotation in finished.annotations} >= {
        "Input function-name",
        "Input steps",
    }
    assert not scene.requests()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
def test_a_signal_to_the_client_rolls_back(
    scene: Live, runner: ContainerRunner, docker: Engine, sent: signal.Signals
) -> None:
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    seen = len(scene.requests())
    step.send(sent)
    finished = end(step)
    assert finished.status == 1, finished.log
    assert finished.outputs["result"] == "rolled-back"
    assert scene.whole_on(OLD)
    # A read may have been under way; the first new request of a stopped rollout is the rollback.
    after = [request.operation for request in scene.requests()[seen:]]
    assert "UpdateAlias" in after[:3], after
    assert not runs(docker, runner.names[-1])


def test_a_cancelled_job_ends_within_the_time_that_the_runner_gives(scene: Live) -> None:
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    step.cancel()
    finished = end(step)
    # A client that was killed in the end would say -9.
    assert finished.status == 1, finished.log
    assert scene.whole_on(OLD)


def test_a_killed_client_leaves_main_alive_and_the_post_stage_wins(
    scene: Live, runner: ContainerRunner, docker: Engine
) -> None:
    step = scene.start(steps="50% 10m")
    scene.until_shifted(step)
    main = runner.names[-1]
    step.kill()
    assert runs(docker, main)
    post = scene.post(step.saved)
    assert scene.whole_on(OLD), post.log
    # Main wakes up to its next write at the latest now, and must find itself outrun.
    scene.set_alarm("ALARM")
    scene.until(lambda: not runs(docker, main))
    assert scene.whole_on(OLD)
    taken = [request for request in scene.requests("UpdateAlias") if request.outcome == "ok"]
    first = next(index for index, request in enumerate(taken) if request.caller == POST)
    assert not any(request.caller == MAIN for request in taken[first:])


def test_a_whole_rollout_needs_neither_a_writable_disk_nor_capabilities(
    scene: Live, runner: ContainerRunner
) -> None:
    runner.options += ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    finished = scene.run()
    assert finished.outputs["result"] == "promoted", finished.log
    assert scene.post(finished.state).status == 0


def test_without_a_network_the_error_is_clear_and_comes_soon(
    scene: Live, runner: ContainerRunner
) -> None:
    runner.options = ("--network", "none")
    scene.environ["AWS_ENDPOINT_URL"] = ""
    finished = scene.start().wait(PATIENCE)
    assert finished.status == 1
    assert finished.outputs["result"] == "failed"
    assert "lambda.eu-central-1.amazonaws.com" in finished.outputs["reason"], finished.log
    assert "aws-region" in finished.shown
    assert "Traceback" not in finished.log


def test_the_job_s_own_python_path_is_for_the_job_s_own_code(
    scene: Live, runner: ContainerRunner
) -> None:
    workspace = Path(runner.folder / "workspace")
    workspace.mkdir(parents=True)
    for name in ("boto3", "tenacity", "lambda_rollout", "json"):
        (workspace / f"{name}.py").write_text("raise SystemExit(99)\n")
    scene.environ |= {"PYTHONPATH": "/github/workspace", "PYTHONWARNINGS": "error"}
    finished = scene.run()
    assert finished.outputs["result"] == "promoted", finished.log


def test_the_image_holds_the_action_and_nothing_else(docker: Engine, image: str) -> None:
    shell = ("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", image, "-c")
    held = docker.run(*shell, "ls -A /opt/lambda-rollout").stdout.split()
    assert sorted(held) == ["__pycache__", "entrypoint.py", "lambda_rollout", "post-entrypoint"]
    pip = "-iname pip -o -iname 'pip[-3]*' -o -name ensurepip"
    assert docker.run(*shell, f"find / -xdev \\( {pip} \\)").stdout == ""
    compiled = "find /opt -name 'cryptography*' -o -name '*nacl*' -o -name '*cffi*'"
    assert docker.run(*shell, compiled).stdout == ""
    config = docker.inspect(image)["Config"]
    assert config["Entrypoint"][0].startswith("/")
    assert config["User"] in {"", "root"}


def size(docker: Engine, image: str) -> int:
    """Bytes of all layers, unpacked. (What `inspect` says depends on how the engine stores images.)"""
    layers = docker.run("history", "--human=false", "--format", "{{.Size}}", image).stdout.split()
    return sum(map(int, layers))


def test_the_image_is_no_larger_than_it_has_to_be(docker: Engine, image: str) -> None:
    base = pinned_base() if docker.pulls else BASE
    if docker.pulls:
        docker.run("pull", base)
    over = size(docker, image) - size(docker, base)
    assert 0 < over <= MOST_BYTES


def test_nothing_is_compiled_at_start(docker: Engine, image: str) -> None:
    """A fresh container that compiles what it imports starts a second later."""
    probe = (
        "import sys, pathlib; sys.path.insert(0, '/opt/lambda-rollout');"
        "import boto3, tenacity, lambda_rollout.app, lambda_rollout.github.comment.api;"
        "boto3.client('lambda', region_name='eu-central-1');"
        "print([m.__file__ for m in list(sys.modules.values())"
        " if getattr(m, '__cached__', None) and not pathlib.Path(m.__cached__).exists()])"
    )
    shown = docker.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python"),
        *(image, "-Bc", probe),
    )
    assert shown.stdout.strip() == "[]"
