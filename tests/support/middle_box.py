"""A proxy between the action and AWS, as companies have them: it forwards everything, and misbehaves where told.

It knows nothing of the sandbox behind it and uses none of its faults: a request is bytes that it delivers once,
twice, late or never, and an answer is bytes of AWS's or of its own. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import http.client
import re
import select
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import unquote, urlsplit

PATIENCE = 60.0
TICK = 0.05

SIGNATURE = "the middle box of example.com"
"""Stands in every page of its own, and in nothing that AWS says."""

LONG_AGO = "Mon, 01 Jan 2001 00:00:00 GMT"
"""Its clock is not AWS's either."""

ALIAS = r"/2015-03-31/functions/([^/]+)/aliases/[^/]+"
ROUTES = (
    ("GetAlias", "GET", ALIAS),
    ("UpdateAlias", "PUT", ALIAS),
    ("CreateAlias", "POST", r"/2015-03-31/functions/([^/]+)/aliases"),
    ("PublishVersion", "POST", r"/2015-03-31/functions/([^/]+)/versions"),
    ("UpdateFunctionCode", "PUT", r"/2015-03-31/functions/([^/]+)/code"),
    ("GetFunction", "GET", r"/2015-03-31/functions/([^/]+)"),
    ("GetFunctionConfiguration", "GET", r"/2015-03-31/functions/([^/]+)/configuration"),
    (
        "GetProvisionedConcurrencyConfig",
        "GET",
        r"/2019-09-30/functions/([^/]+)/provisioned-concurrency",
    ),
    ("GetFunctionConcurrency", "GET", r"/2019-09-30/functions/([^/]+)/concurrency"),
    ("GetPolicy", "GET", r"/2015-03-31/functions/([^/]+)/policy"),
    ("ListEventSourceMappings", "GET", r"/2015-03-31/event-source-mappings(/?)"),
)
"""Lambda's operations by method and path; the other services name theirs in the header X-Amz-Target."""


@dataclass(frozen=True)
class Answer:
    """Status, headers and body, whoever they are from."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def page(status: int, body: bytes | None = None) -> Answer:
    """An answer of the box's own, by default a page for people; none of AWS's marks are on it."""
    reason = HTTPStatus(status).phrase
    text = f"<html><title>{status} {reason}</title><h1>{reason}</h1>{SIGNATURE}</html>"
    headers = [("Content-Type", "text/html"), ("Server", "middle-box"), ("Date", LONG_AGO)]
    if status == HTTPStatus.FOUND:
        headers.append(("Location", "/login"))
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        headers.append(("Proxy-Authenticate", 'Basic realm="example"'))
    return Answer(status, tuple(headers), text.encode() if body is None else body)


class Mischief(Protocol):
    """What the box does with one request."""

    def meddle(self, exchange: Exchange) -> None:
        """Deliver it or not, and answer it or not."""
        ...


@dataclass
class Meddling:
    """A mischief for the requests of an operation, from the ``nth`` on, ``count`` of them (None: for ever)."""

    mischief: Mischief
    operation: str
    nth: int = 1
    count: int | None = 1
    caller: str = ""
    function: str = ""
    seen: int = 0
    met: int = 0
    """How many requests it has met."""

    def takes(self, operation: str, caller: str, function: str) -> bool:
        if operation != self.operation or self.caller not in {"", caller}:
            return False
        if self.function not in {"", function}:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.count is not None and self.met >= self.count):
            return False
        self.met += 1
        return True


@dataclass
class MiddleBox:
    """Forwards from `url` to ``upstream`` while it is open; see `middle_box`."""

    upstream: str
    url: str = ""
    stopping: threading.Event = field(default_factory=threading.Event)
    _meddlings: list[Meddling] = field(default_factory=list)
    _kept: list[Callable[[], Answer]] = field(default_factory=list)
    """Deliveries that wait for the next write."""
    _late: list[Callable[[], Answer]] = field(default_factory=list)
    """Deliveries that wait for `land`."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def meddle(
        self,
        mischief: Mischief,
        operation: str,
        nth: int = 1,
        count: int | None = 1,
        caller: str = "",
        function: str = "",
    ) -> Meddling:
        """Do ``mischief`` to these requests from now on; ``caller`` is an access key id."""
        meddling = Meddling(mischief, operation, nth, count, caller, function)
        with self._lock:
            self._meddlings.append(meddling)
        return meddling

    def behave(self) -> None:
        """Forward everything as it is again."""
        with self._lock:
            self._meddlings.clear()

    def land(self) -> list[Answer]:
        """Deliver what was kept until now, and return what AWS answers to it."""
        with self._lock:
            late, self._late = self._kept + self._late, []
            self._kept = []
        return [deliver() for deliver in late]

    def keep(self, delivery: Callable[[], Answer], *, for_next_write: bool) -> None:
        """Let a delivery wait for the next write of an alias, or for `land`."""
        with self._lock:
            (self._kept if for_next_write else self._late).append(delivery)

    def before(self, operation: str, caller: str, function: str) -> Mischief | None:
        """What is to be done with a request that has just come in."""
        with self._lock:
            kept: list[Callable[[], Answer]] = []
            if operation == "UpdateAlias":
                kept, self._kept = self._kept, []
            taken = [m for m in self._meddlings if m.takes(operation, caller, function)]
        for deliver in kept:
            deliver()
        return taken[0].mischief if taken else None


@dataclass
class Exchange:
    """One request that the box holds, and the connection that waits for its answer."""

    box: MiddleBox
    door: Door
    body: bytes
    # As they came: the next request on the same connection takes their place in the door.
    command: str
    path: str
    headers: Mapping[str, str]

    def deliver(self) -> Answer:
        """Send it on to AWS and return what AWS answers."""
        host = urlsplit(self.box.upstream).netloc
        connection = http.client.HTTPConnection(host, timeout=PATIENCE)
        try:
            connection.request(self.command, self.path, self.body, self.headers)
            response = connection.getresponse()
            return Answer(response.status, tuple(response.getheaders()), response.read())
        finally:
            connection.close()

    def keep(self, *, for_next_write: bool) -> None:
        """Deliver it later, once more or for the first time; nobody will see that answer."""
        self.box.keep(self.deliver, for_next_write=for_next_write)

    def answer(self, answer: Answer) -> None:
        """Answer the client."""
        self.door.wfile.write(_head(answer, len(answer.body)) + answer.body)

    def cut(self, answer: Answer) -> None:
        """Begin an answer and close the connection in the middle of its body."""
        self.door.wfile.write(
            _head(answer, len(answer.body)) + answer.body[: len(answer.body) // 2]
        )
        self.close()

    def drip(self, answer: Answer, seconds: float = 2.0) -> None:
        """Give an answer at one byte every so many seconds, until the client has had enough."""
        self.door.wfile.write(_head(answer, len(answer.body)))
        for byte in answer.body:
            if self._client_left(seconds):
                break
            self.door.wfile.write(bytes([byte]))
        self.close()

    def hang(self) -> None:
        """Say nothing until the client has had enough."""
        while not self._client_left(PATIENCE):
            pass
        self.close()

    def close(self) -> None:
        """Close the connection without another word."""
        self.door.close_connection = True

    def _client_left(self, seconds: float) -> bool:
        """Wait so long, or until the client closes its end or the box is shut down."""
        waited = 0.0
        while waited < seconds and not self.box.stopping.is_set():
            if select.select([self.door.connection], [], [], TICK)[0]:
                return True
            waited += TICK
        return self.box.stopping.is_set()


def _head(answer: Answer, length: int) -> bytes:
    """Status line and headers; AWS's own headers go through as they are."""
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    of_the_connection = {"content-length", "connection", "transfer-encoding"}
    lines += [f"{name}: {v}" for name, v in answer.headers if name.lower() not in of_the_connection]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


class Door(BaseHTTPRequestHandler):
    """One connection of a client."""

    box: MiddleBox
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _exchange(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = dict(self.headers.items())
        exchange = Exchange(self.box, self, body, self.command, self.path, headers)
        operation, function = self._operation()
        mischief = self.box.before(operation, self._caller(), function)
        try:
            if mischief is None:
                exchange.answer(exchange.deliver())
            else:
                mischief.meddle(exchange)
        except OSError:
            # The client is gone, or the sandbox behind us is.
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _exchange  # noqa: N815  the names http.server calls

    def _operation(self) -> tuple[str, str]:
        """The operation and the function that it is about; empty where the path names none."""
        target = str(self.headers.get("X-Amz-Target", ""))
        if target:
            return target.rpartition(".")[2], ""
        path = unquote(self.path.partition("?")[0])
        for operation, method, route in ROUTES:
            match = re.fullmatch(route, path)
            if match and method == self.command:
                # A name, or the ARN that AWS answered.
                return operation, match[1].rpartition(":")[2]
        return "", ""

    def _caller(self) -> str:
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        return signed[1] if signed else ""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def middle_box(upstream: str) -> Iterator[MiddleBox]:
    """A box in front of ``upstream``, open while entered."""
    box = MiddleBox(upstream)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Door", (Door,), {"box": box}))
    server.daemon_threads = True
    box.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, args=(TICK,), daemon=True)
    serving.start()
    try:
        yield box
    finally:
        box.stopping.set()
        server.shutdown()
        server.server_close()
        serving.join()
