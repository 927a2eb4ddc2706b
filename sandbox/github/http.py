"""The small GitHub's door over HTTP, on 127.0.0.1 (GITHUB_API_URL)."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from sandbox.github.faults import Effect
from sandbox.github.routes import Reply, answer, failed
from sandbox.github.world import GitHub, Request

TICK = 0.05


class Server:
    """Serves a GitHub while entered; `url` is what GITHUB_API_URL is to be."""

    def __init__(self, github: GitHub, port: int = 0, prefix: str = "") -> None:
        """``prefix`` is ``/api/v3`` for a GitHub Enterprise Server."""
        self.stopping = threading.Event()
        self._prefix = prefix
        made = {"github": github, "stopping": self.stopping, "lock": threading.Lock()}
        door = type("Door", (Door,), made)
        self._http = ThreadingHTTPServer(("127.0.0.1", port), door)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(TICK,), daemon=True)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, with the prefix."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{self._prefix}"

    def __enter__(self) -> Self:
        self._thread.start()
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
        self._thread.join()


class Door(BaseHTTPRequestHandler):
    """One connection."""

    github: GitHub
    stopping: threading.Event
    lock: threading.Lock

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.stopping.is_set():
                # Connections that were open outlive the listening socket; a server that is gone answers none.
                self._reset()
                return
            if self.path.startswith("/_sandbox/"):
                self._send(self._controlled(body))
                return
            self._serve(body)
        except ConnectionError:
            self.close_connection = True
        except Exception:  # noqa: BLE001  a mistake of the sandbox must be seen
            problem = traceback.format_exc()
            print(problem, file=sys.stderr)
            self._log(body, 501)
            self._send(Reply(501, {"message": problem}))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815  the names http.server calls

    def _serve(self, body: bytes) -> None:
        fault = self.github.faults.take(self.command, self.path)
        if fault and fault.effect is Effect.RESET:
            self._log(body, 0)
            self._reset()
            return
        reply = failed(fault) if fault and fault.effect is Effect.ANSWER else None
        if reply is None:
            reply = self._real(body)
        if fault and fault.effect is Effect.FAIL_LATE:
            reply = failed(fault) or reply
        if fault and fault.effect is Effect.LOSE:
            self._log(body, 0)
            self._reset()
            return
        self._log(body, reply.status)
        if fault and fault.effect is Effect.DELAY:
            self.stopping.wait(fault.seconds)
        self._send(reply)

    def _real(self, body: bytes) -> Reply:
        scheme, _, token = (self.headers.get("Authorization") or "").partition(" ")
        known = token if scheme.lower() in ("token", "bearer") else ""
        prefix = "/api/v3" if self.path.startswith("/api/v3") else ""
        base = f"http://{self.headers['Host']}{prefix}"
        with self.lock:
            return answer(self.github, base, self.command, self.path, known, body)

    def _log(self, body: bytes, status: int) -> None:
        said = json.loads(body) if body else None
        seen = Request(self.github.clock.now(), self.command, self.path, said, status)
        self.github.log.append(seen)

    def _controlled(self, body: bytes) -> Reply:
        route = f"{self.command} {self.path.removeprefix('/_sandbox/')}"
        match route:
            case "POST faults":
                self.github.faults.add_described(json.loads(body))
                return Reply(200, {})
            case "GET log":
                seen = [[each.verb, each.path, each.status] for each in self.github.log]
                return Reply(200, seen)
            case "GET comments":
                return Reply(200, [_history(each) for each in self.github.comments.values()])
            case _:
                return Reply(404, {"message": "no such control route"})

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _send(self, reply: Reply) -> None:
        body = b"" if reply.status == 204 else json.dumps(reply.body).encode()
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing; the log has it all."""


def _history(comment: Any) -> dict[str, Any]:
    bodies = [{"at": at.isoformat(), "body": body} for at, body in comment.bodies]
    return {"id": comment.id, "number": comment.number, "login": comment.login, "bodies": bodies}
