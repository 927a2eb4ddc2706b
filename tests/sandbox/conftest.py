"""A world with a function `checkout`, two versions of it and the alias `live`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.aws.lambda_ import zip_of

ROLE = "arn:aws:iam::123456789012:role/checkout"


def returning(expression: str) -> bytes:
    """A package whose handler returns `expression`."""
    return zip_of(f"def handler(event, context):\n    return {expression}\n")


def deploy(world: World, code: bytes, name: str = "checkout", **settings: Any) -> None:
    """Create a function and wait for it."""
    params = {
        "FunctionName": name,
        "Role": ROLE,
        "Runtime": "python3.12",
        "Handler": "index.handler",
        "Code": {"ZipFile": code},
        **settings,
    }
    world.call("lambda", "CreateFunction", params)
    world.clock.advance(1)


def publish(world: World, code: bytes | None = None, name: str = "checkout") -> str:
    """Upload code, publish it and wait; the version's number."""
    if code is not None:
        world.call("lambda", "UpdateFunctionCode", {"FunctionName": name, "ZipFile": code})
        world.clock.advance(1)
    version: str = world.call("lambda", "PublishVersion", {"FunctionName": name})["Version"]
    world.clock.advance(1)
    return version


def update(world: World, **params: Any) -> dict[str, Any]:
    """UpdateAlias of `live`."""
    return world.call(
        "lambda", "UpdateAlias", {"FunctionName": "checkout", "Name": "live", **params}
    )


def live(world: World) -> dict[str, Any]:
    """GetAlias of `live`."""
    return world.call("lambda", "GetAlias", {"FunctionName": "checkout", "Name": "live"})


def refusal(call: Any) -> tuple[str, str]:
    """Code and message of the error that a call of boto3's ends with."""
    with pytest.raises(ClientError) as refused:
        call()
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def world() -> World:
    world = World(seed=1)
    deploy(world, returning("1"))
    one = publish(world)
    publish(world, returning("2"))
    params = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": one}
    world.call("lambda", "CreateAlias", params)
    world.log.clear()
    return world


@pytest.fixture
def served(world: World) -> Iterator[str]:
    """The world's address over HTTP."""
    with Server(world) as server:
        yield server.url
