"""A server on 127.0.0.1 that answers whatever bytes a test wants, and clients that ask it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3

from lambda_rollout.aws.clients import Clients
from sandbox.aws.world import REGION
from tests.support.seam import SkippingClock

TOKEN_PATH = "/token"
"""Here it is GitHub's OIDC provider, and always a good one."""


WAY = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "HTTP_PROXY", "HTTPS_PROXY"}
"""Variables that say where a client asks."""


@dataclass(frozen=True)
class Said:
    """One answer. length: what Content-Length says, if not the truth."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None


@dataclass
class Stranger:
    """Answers each request with the next of ``answers``, then for ever with the last one."""

    url: str = ""
    answers: Sequence[Said] = ()
    asked: list[str] = field(default_factory=list)

    def say(self, *answers: Said) -> None:
        self.answers, self.asked = answers, []

    def next(self, path: str) -> Said:
        if path.startswith(TOKEN_PATH):
            return Said(200, b'{"value": "a.b.c"}')
        self.asked.append(path)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


@contextmanager
def stranger() -> Iterator[Stranger]:
    """Serve until the block is left."""
    said = Stranger()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = said.next(self.path)
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.length is not None

        do_GET = do_PUT = do_POST = do_CONNECT = _answer  # noqa: N815 - as the base class wants them

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        said.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield said
        finally:
            server.shutdown()


def clients() -> Clients:
    """Clients as a rollout has them; where they ask is the environment's. The same ones while that is the same."""
    return _clients(tuple(sorted((k, v) for k, v in os.environ.items() if k in WAY)))


@cache
def _clients(_: tuple[tuple[str, str], ...]) -> Clients:
    # To make one takes longer than a hundred calls.
    return of_session(boto3.Session("AKIASANDBOX", "sandbox", region_name=REGION))


def of_session(session: boto3.Session) -> Clients:
    """Clients whose waits for a turn take no time."""
    return Clients(session, REGION, SkippingClock())
