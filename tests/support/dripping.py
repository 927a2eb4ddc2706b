"""Servers on 127.0.0.1 that answer, but a byte at a time."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAUSE = 0.05
"""Seconds between two bytes: no timeout between two reads is as short."""


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a listener each of whose connections is given to ``serve``, in a thread of its own."""

    def session(sock: socket.socket) -> None:
        # The client goes away: that is what is tested.
        with sock, suppress(OSError):
            serve(sock)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                threading.Thread(target=session, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener,), daemon=True)
        thread.start()
        port: int = listener.getsockname()[1]
        try:
            yield port
        finally:
            # Closing alone does not wake who accepts.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def drip(sock: socket.socket, text: bytes, pause: float = PAUSE) -> None:
    """Send a byte at a time."""
    ticks = threading.Event()
    for byte in text:
        sock.sendall(bytes([byte]))
        ticks.wait(pause)


@dataclass
class Front:
    """Stands before an endpoint, passes all on, and lets the answers to some requests drip."""

    upstream: str
    """``HOST:PORT``."""
    operations: set[str] = field(default_factory=set)
    """Those of `GetAlias`, `UpdateAlias`, `DescribeAlarms` whose answers drip from now on."""
    pause: float = 2.0
    dripping: list[str] = field(default_factory=list)
    """The operations whose answers have begun to drip, in order."""
    url: str = ""


@contextmanager
def front(upstream: str) -> Iterator[Front]:
    """A `Front` before the endpoint of this URL."""
    made = Front(upstream.removeprefix("http://"))
    door = type("_Door", (_Door,), {"front": made})
    server = ThreadingHTTPServer(("127.0.0.1", 0), door)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Door(BaseHTTPRequestHandler):
    front: Front
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        operation = self._operation(body)
        upstream = http.client.HTTPConnection(self.front.upstream)
        headers = {name: text for name, text in self.headers.items() if name != "Connection"}
        upstream.request(self.command, self.path, body, headers)
        with upstream.getresponse() as answer:
            content = answer.read()
            self.send_response_only(answer.status)
            for name, text in answer.getheaders():
                self.send_header(name, text)
        upstream.close()
        self.end_headers()
        with suppress(OSError):
            if operation in self.front.operations:
                self.front.dripping.append(operation)
                drip(self.connection, content, self.front.pause)
            else:
                self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  the names http.server calls

    def _operation(self, body: bytes) -> str:
        if "/aliases/" in self.path:
            return {"GET": "GetAlias", "PUT": "UpdateAlias"}.get(self.command, "")
        named = f"{self.path} {self.headers.get('X-Amz-Target', '')} ".encode() + body
        return "DescribeAlarms" if b"DescribeAlarms" in named.replace(b"History", b"") else ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
