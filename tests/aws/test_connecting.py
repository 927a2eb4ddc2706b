"""A host of several addresses of which none, or not the first one, answers: real sockets on the loopback."""

from __future__ import annotations

import gc
import selectors
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from botocore.config import Config

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws import connecting
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import CONFIG, CONNECT_TIMEOUT, Clients
from lambda_rollout.aws.connecting import connect
from lambda_rollout.runtime.clock import SystemClock
from lambda_rollout.runtime.errors import Unreachable
from sandbox.aws import World
from sandbox.aws.http import Server
from sandbox.aws.in_process import session
from sandbox.clock import RealClock

Address = tuple[str, int]
HOST = "lambda.eu-central-1.amazonaws.test"
NEVER = 600.0
"""Seconds; whoever waits so long for one address does not get through the test."""


@contextmanager
def black_hole(host: str) -> Iterator[Address]:
    """An address that answers to nobody: Linux drops what comes to a listener whose queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.fixture
def holes() -> Iterator[list[Address]]:
    with ExitStack() as stack:
        yield [stack.enter_context(black_hole(f"127.0.0.{n}")) for n in (2, 3, 4)]


def refusing() -> Address:
    """An address at which nobody listens any more."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.5", 0))
        address: Address = gone.getsockname()
    return address


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets every name stand for these addresses."""

    def resolve(addresses: Sequence[Address]) -> None:
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)

    return resolve


class QuickTime(SystemClock):
    """Time that passes while a selector waits, and takes none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        quick = self

        class Selector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> Any:
                assert timeout is not None
                quick.seconds += timeout
                return super().select(0)

        monkeypatch.setattr(selectors, "DefaultSelector", Selector)

    def monotonic(self) -> float:
        return self.seconds


def test_all_addresses_together_have_the_time_of_one(
    holes: list[Address], resolve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve(holes)
    tried: list[Address] = []
    begin = connecting._begin

    def noted(sock: connecting._Plain, address: Address, options: Any) -> connecting._Plain:
        tried.append(address)
        return begin(sock, address, options)

    monkeypatch.setattr(connecting, "_begin", noted)
    quick = QuickTime(monkeypatch)
    with pytest.raises(TimeoutError):
        connect(HOST, 443, CONNECT_TIMEOUT, clock=quick)
    assert tried == holes
    assert quick.seconds == pytest.approx(CONNECT_TIMEOUT)


def test_one_that_answers_is_not_kept_waiting_by_those_that_do_not(
    holes: list[Address], resolve: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        resolve([*holes, server.getsockname()])
        with connect(HOST, 443, NEVER) as sock:
            assert sock.getpeername() == server.getsockname()
            assert sock.gettimeout() == NEVER


def test_the_first_is_taken_and_the_others_are_not_asked(resolve: Any) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.2", 0)) as second,
    ):
        resolve([first.getsockname(), second.getsockname()])
        with connect(HOST, 443, NEVER) as sock:
            assert sock.getpeername() == first.getsockname()
        second.settimeout(0)
        with pytest.raises(BlockingIOError):
            second.accept()


def test_after_a_refusal_the_next_one_is_tried(resolve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        resolve([refusing(), refusing(), server.getsockname()])
        connect(HOST, 443, NEVER).close()


def test_when_all_refuse_it_says_so(resolve: Any) -> None:
    resolve([refusing(), refusing()])
    with pytest.raises(ConnectionRefusedError):
        connect(HOST, 443, NEVER)


def test_one_that_does_not_take_an_option_is_closed(resolve: Any) -> None:
    resolve([refusing()])
    with pytest.raises(OSError, match="not available"):
        connect(HOST, 443, NEVER, [(9999, 9999, 1)])
    gc.collect()


# Through botocore ----------------------------------------------------------------------------------


def clients(connect_timeout: float, monkeypatch: pytest.MonkeyPatch) -> Clients:
    config = CONFIG.merge(Config(connect_timeout=connect_timeout))
    monkeypatch.setattr("lambda_rollout.aws.clients.CONFIG", config)
    return Clients(session(), "eu-central-1")


def test_a_call_goes_to_the_address_that_answers(
    holes: list[Address], resolve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(clock=RealClock())
    with Server(world) as server:
        port = int(server.url.rpartition(":")[2])
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}:{port}")
        resolve([*holes, ("127.0.0.1", port)])
        read = LambdaAliases(clients(NEVER, monkeypatch)).read
        with pytest.raises(Exception, match="ResourceNotFoundException"):
            read(Target("checkout", "live"))
    assert [request.operation for request in world.log] == ["GetAlias"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_call_that_nobody_answers_never_left(
    holes: list[Address], resolve: Any, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{scheme}://{HOST}")
    resolve(holes)
    read = LambdaAliases(clients(0.1, monkeypatch)).read
    with pytest.raises(Unreachable, match="ConnectTimeoutError"):
        read(Target("checkout", "live"))


@pytest.mark.parametrize(
    ("addresses", "said"),
    [([], "EndpointConnectionError"), ([refusing()], "EndpointConnectionError")],
)
def test_a_host_without_addresses_and_one_that_refuses_are_told_as_ever(
    resolve: Any, monkeypatch: pytest.MonkeyPatch, addresses: list[Address], said: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{HOST}")
    resolve(addresses)
    with pytest.raises(Unreachable, match=said):
        LambdaAliases(clients(NEVER, monkeypatch)).read(Target("checkout", "live"))


def test_a_silent_connection_shows_that_it_is_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    def noted(*args: Any) -> Any:
        made.append(connect(*args))
        return made[-1]

    monkeypatch.setattr(connecting, "connect", noted)
    with Server(World(clock=RealClock())) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(Exception, match="Function not found"):
            LambdaAliases(Clients(session(), "eu-central-1")).read(Target("nope", "live"))
    (sock,) = made
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
