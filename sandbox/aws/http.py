"""The door over HTTP, on 127.0.0.1: one endpoint for all services (AWS_ENDPOINT_URL)."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from sandbox.aws import oidc, wire
from sandbox.aws.between import Dripping
from sandbox.aws.control import Control
from sandbox.aws.errors import AwsError
from sandbox.aws.faults import Lost, Refused, Silent, Unreachable
from sandbox.aws.in_process import exchange
from sandbox.aws.world import World
from sandbox.clock import TICK, RealClock

FOREVER = 3600.0


class Server:
    """Serves a world while entered; `url` is its endpoint.

    With a `RealClock` the world's timeline is kept going; with a `ManualClock` it moves when
    the owner of the world, or ``POST /_sandbox/advance``, says so.
    """

    def __init__(self, world: World, port: int = 0) -> None:
        self.world = world
        self.stopping = threading.Event()
        door = type(
            "Door", (Door,), {"world": world, "control": Control(world), "stopping": self.stopping}
        )
        self._http = ThreadingHTTPServer(("127.0.0.1", port), door)
        self._http.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._http.serve_forever, args=(TICK,), daemon=True)
        ]
        if isinstance(world.clock, RealClock):
            self._threads.append(threading.Thread(target=self._tick, daemon=True))

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        for thread in self._threads:
            thread.join()

    def _tick(self) -> None:
        while not self.stopping.wait(TICK):
            self.world.run_due()


class Door(BaseHTTPRequestHandler):
    """One connection."""

    world: World
    control: Control
    stopping: threading.Event

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = FOREVER

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        try:
            headers = {name.lower(): value for name, value in self.headers.items()}
            if oidc.is_meant(self.path):
                reply, delay = oidc.exchange(self.world, self.path, headers)
            elif self.path.startswith("/_sandbox/"):
                reply, delay = self._controlled(body), 0.0
            else:
                reply, delay = exchange(self.world, self.command, self.path, headers, body)
            self.stopping.wait(delay)
            self._reply(reply)
        except Lost as loss:
            self._lose(loss)
        except ConnectionError:
            self.close_connection = True
        except Exception:  # noqa: BLE001  a mistake of the sandbox must be seen, not retried
            problem = AwsError("SandboxBug", traceback.format_exc(), 501)
            print(problem.message, file=sys.stderr)
            self._reply(wire.error(None, problem, self.world.clock.now()))

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  the names http.server calls

    def _controlled(self, body: bytes) -> wire.Reply:
        route = self.path.removeprefix("/_sandbox/").partition("?")[0]
        if (self.command, route) not in self.control.routes:
            return wire.Reply(404, {}, b'{"error": "no such control route"}')
        answer = self.control.answer(self.command, route, json.loads(body or b"null"))
        return wire.Reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _lose(self, loss: Lost) -> None:
        """Let the client see what it would see on a bad network."""
        if isinstance(loss, Dripping):
            self._drip(loss)
        elif isinstance(loss, Silent):
            self.stopping.wait(loss.seconds)
        elif isinstance(loss, Unreachable):
            self.stopping.wait(FOREVER)
        elif isinstance(loss, Refused):
            # Too late to refuse; a reset is the nearest that an accepted connection can do.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _drip(self, loss: Dripping) -> None:
        """Send an answer of which the first byte of JSON never comes."""
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        left = loss.seconds
        with suppress(ConnectionError):
            while left > 0 and not self.stopping.wait(min(loss.every, left)):
                left -= loss.every
                self.wfile.write(b" ")

    def _reply(self, reply: wire.Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing; the world's log has it all."""
