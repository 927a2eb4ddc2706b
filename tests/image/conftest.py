"""One engine and one image for all tests of this folder, and a scene with a container runner for each."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.aws import World
from sandbox.aws.http import Server
from tests.image.container import ContainerRunner
from tests.image.engine import Engine, NoEngine, build, engine
from tests.support.live import JumpingClock, Live

GIVEN = os.environ.get("LAMBDA_ROLLOUT_IMAGE", "")
"""An image that was pushed, to be pulled and tested as it is; empty to build one."""


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with ExitStack() as until_the_end:
        try:
            running = until_the_end.enter_context(engine())
        except NoEngine as why:
            if GIVEN:
                pytest.fail(f"{GIVEN} was to be tested, and no engine can be started:\n{why}")
            pytest.skip(f"NO CONTAINER ENGINE CAN BE STARTED HERE, the image is not tested:\n{why}")
        yield running


@pytest.fixture(scope="session")
def image(docker: Engine) -> Iterator[str]:
    if GIVEN:
        docker.run("pull", GIVEN)
        yield GIVEN
        return
    tag = f"lambda-rollout-test-{os.getpid()}"
    build(docker, tag)
    yield tag
    docker.run("rmi", "--force", tag, check=False)


@pytest.fixture
def runner(docker: Engine, image: str, tmp_path: Path) -> Iterator[ContainerRunner]:
    made = ContainerRunner(tmp_path / "runner", docker=docker, image=image)
    yield made
    made.remove()


@pytest.fixture
def scene(runner: ContainerRunner) -> Iterator[Live]:
    clock = JumpingClock()
    world = World(clock=clock)
    with Server(world) as server:
        made = Live(world, clock, server.url, runner)
        made.deploy()
        yield made
        for step in made.started:
            step.kill()


@pytest.fixture
def engines_door(runner: ContainerRunner) -> Iterator[socket.socket]:
    """What GitHub mounts into every container action: a socket that leads to the engine, and so to root."""
    runner.folder.mkdir(parents=True, exist_ok=True)
    # A relative name: the path of a socket has at most 107 bytes.
    with socket.socket(socket.AF_UNIX) as door:
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(runner.folder)
            door.bind("docker.sock")
        finally:
            os.fchdir(here)
            os.close(here)
        door.listen()
        door.setblocking(False)
        yield door
