"""The built container, started as GitHub's runner starts a container action."""

import io
import json
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.clock import RealClock
from tests.image.engine import Engine

pytestmark = pytest.mark.image

FILES = ("GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
POST = "/opt/lambda-rollout/post-entrypoint"


@dataclass
class Job:
    """What the runner keeps between the stages of one action: its mounts and command files."""

    docker: Engine
    image: str
    home: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def command(self, inputs: Mapping[str, str], post: bool = False, **env: str) -> list[str]:
        """`docker run` with the mounts, the working directory and the variables of the runner.

        https://github.com/actions/runner (ContainerActionHandler)
        """
        for folder in ("workspace", "home", "workflow", "file_commands", "runner_temp"):
            (self.home / folder).mkdir(exist_ok=True)
        for name in FILES:
            self.file(name).touch()
        variables = {
            "HOME": "/github/home",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_RUN_ID": "1234567890",
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SHA": "0123456789abcdef0123456789abcdef01234567",
            "RUNNER_TEMP": "/github/runner_temp",
            **{name: f"/github/file_commands/{name}" for name in FILES},
            **{f"INPUT_{name.upper().replace(' ', '_')}": text for name, text in inputs.items()},
            **self.env,
            **env,
        }
        return self.docker.command(
            *("run", "--rm", "--network", "host", "--workdir", "/github/workspace"),
            *(part for name, text in variables.items() for part in ("-e", f"{name}={text}")),
            *(
                part
                for folder in self.home.iterdir()
                for part in ("-v", f"{folder}:/github/{folder.name}")
            ),
            *(("--entrypoint", POST) if post else ()),
            self.image,
        )

    def run(
        self, inputs: Mapping[str, str], post: bool = False, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(inputs, post, **env),
            env=self.docker.environment(),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def file(self, name: str) -> Path:
        return self.home / "file_commands" / name

    def keys(self, name: str) -> dict[str, str]:
        """A command file as the runner reads it: `key<<delimiter`, lines, `delimiter`."""
        found = {}
        lines = iter(self.file(name).read_text().splitlines())
        for line in lines:
            key, mark, delimiter = line.partition("<<")
            if mark:
                body = iter(lambda: next(lines), delimiter)
                found[key] = "\n".join(body)
            else:
                key, _, found[key] = line.partition("=")
        return found


@pytest.fixture
def world() -> World:
    """A function with version 1, `live` whole on it, and new code in `$LATEST`."""
    world = World(clock=RealClock())
    world.call("lambda", "CreateFunction", function("return 'one'"))
    until_settled(world)
    world.call("lambda", "PublishVersion", {"FunctionName": "checkout"})
    live = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": "1"}
    world.call("lambda", "CreateAlias", live)
    code = {"FunctionName": "checkout", "ZipFile": package("return 'two'")}
    world.call("lambda", "UpdateFunctionCode", code)
    until_settled(world)
    return world


def function(body: str) -> dict[str, object]:
    return {
        "FunctionName": "checkout",
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::123456789012:role/checkout",
        "Handler": "app.answer",
        "Code": {"ZipFile": package(body)},
    }


def package(body: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", f"def answer(event, context):\n    {body}\n")
    return packed.getvalue()


def until_settled(world: World) -> None:
    for _ in range(200):
        now = world.call("lambda", "GetFunctionConfiguration", {"FunctionName": "checkout"})
        if now["State"] == "Active" and now.get("LastUpdateStatus") != "InProgress":
            return
        time.sleep(0.05)
    raise AssertionError("the function never became Active")


def alias(world: World) -> tuple[str, dict[str, float]]:
    live = world.call("lambda", "GetAlias", {"FunctionName": "checkout", "Name": "live"})
    weights = live.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return live["FunctionVersion"], weights


@pytest.fixture
def job(docker: Engine, image: str, tmp_path: Path, world: World) -> Iterator[Job]:
    with Server(world) as server:
        yield Job(
            docker,
            image,
            tmp_path,
            {
                "AWS_ENDPOINT_URL": server.url,
                "AWS_REGION": "eu-central-1",
                "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                "AWS_SECRET_ACCESS_KEY": "secret",
            },
        )


def test_a_good_version_is_promoted_and_the_post_stage_has_nothing_to_do(
    job: Job, world: World
) -> None:
    inputs = {"function-name": "checkout", "steps": "50% 1s\n100% 1s\n", "poll-interval": "1s"}
    main = job.run(inputs)
    assert main.returncode == 0, main.stdout + main.stderr
    outputs = job.keys("GITHUB_OUTPUT")
    assert (outputs["result"], outputs["version"], outputs["previous-version"]) == (
        "promoted",
        "2",
        "1",
    )
    assert alias(world) == ("2", {})
    assert "promoted" in job.file("GITHUB_STEP_SUMMARY").read_text().lower()

    writes = [request for request in world.log if request.operation == "UpdateAlias"]
    saved = {f"STATE_{key}": text for key, text in job.keys("GITHUB_STATE").items()}
    post = job.run(inputs, post=True, **saved)
    assert post.returncode == 0, post.stdout + post.stderr
    assert alias(world) == ("2", {})
    assert [request for request in world.log if request.operation == "UpdateAlias"] == writes


def test_mistakes_are_told_and_nothing_is_changed(job: Job, world: World) -> None:
    seen = len(world.log)
    run = job.run({"function-name": "checkout:3", "steps": "50% 1\n20% 1s\n"})
    assert run.returncode == 1
    assert job.keys("GITHUB_OUTPUT")["result"] == "failed"
    assert "function-name" in run.stdout
    assert "steps" in run.stdout
    assert world.log[seen:] == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda sent: sent.name)
def test_a_signal_to_the_client_rolls_back(job: Job, world: World, sent: signal.Signals) -> None:
    inputs = {"function-name": "checkout", "steps": "50% 10m", "poll-interval": "1s"}
    client = subprocess.Popen(
        job.command(inputs),
        env=job.docker.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(600):
        if alias(world)[1] or client.poll() is not None:
            break
        time.sleep(0.05)
    split = alias(world)
    client.send_signal(sent)
    said, _ = client.communicate(timeout=60)
    assert split == ("1", {"2": 0.5}), said
    assert alias(world) == ("1", {}), said
    assert client.returncode == 1, said
    assert job.keys("GITHUB_OUTPUT")["result"] == "rolled-back"


def test_the_job_s_own_python_path_is_for_the_job_s_own_code(job: Job) -> None:
    job.command({})
    for name in ("boto3", "tenacity", "lambda_rollout"):
        (job.home / "workspace" / f"{name}.py").write_text("raise SystemExit(99)\n")
    run = job.run({}, PYTHONPATH="/github/workspace", PYTHONWARNINGS="error")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "function-name" in run.stdout


def test_the_container_needs_neither_a_writable_disk_nor_capabilities(job: Job) -> None:
    command = job.command({})
    at = command.index("--rm")
    command[at:at] = ["--read-only", "--cap-drop", "ALL"]
    run = subprocess.run(
        command, env=job.docker.environment(), check=False, capture_output=True, text=True
    )
    assert run.returncode == 1
    assert "function-name" in run.stdout


def test_the_image_holds_the_action_and_nothing_else(docker: Engine, image: str) -> None:
    shell = ("run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", image, "-c")
    held = docker.run(*shell, "ls -A /opt/lambda-rollout").stdout.split()
    assert sorted(held) == ["__pycache__", "entrypoint.py", "lambda_rollout", "post-entrypoint"]
    assert "pip" not in docker.run(*shell, "ls /opt/venv/bin /opt/venv/lib/*/site-packages").stdout
    config = json.loads(docker.run("inspect", image).stdout)[0]["Config"]
    assert config["Entrypoint"][0].startswith("/")
    assert config["User"] in {"", "root"}


def test_nothing_is_compiled_at_start(docker: Engine, image: str) -> None:
    """A fresh container that compiles what it imports starts a second later."""
    probe = (
        "import sys, pathlib; sys.path.insert(0, '/opt/lambda-rollout');"
        "import boto3, github, tenacity, lambda_rollout.app;"
        "boto3.client('lambda', region_name='eu-central-1');"
        "print([m.__file__ for m in list(sys.modules.values())"
        " if getattr(m, '__cached__', None) and not pathlib.Path(m.__cached__).exists()])"
    )
    shown = docker.run(
        *("run", "--rm", "--network", "none", "--entrypoint", "/opt/venv/bin/python"),
        *(image, "-Bc", probe),
    )
    assert shown.stdout.strip() == "[]"
