"""One engine and one image for all tests of this folder."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.image.engine import Engine, NoEngine, build, engine


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with ExitStack() as until_the_end:
        try:
            running = until_the_end.enter_context(engine())
        except NoEngine as why:
            pytest.skip(f"no container engine can be started here:\n{why}")
        yield running


@pytest.fixture(scope="session")
def image(docker: Engine) -> Iterator[str]:
    tag = f"lambda-rollout-test-{os.getpid()}"
    build(docker, tag)
    yield tag
    docker.run("rmi", "--force", tag, check=False)
