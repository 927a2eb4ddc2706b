"""One deadline for each call: its connect and its read timeout, added up, are all the time that it has.

botocore's timeouts do not add up to that. Its read timeout is between two reads, so that an answer of which a byte
comes every other second never ends, be it the body, a header, or a proxy's answer to CONNECT; and urllib3 gives the
whole connect timeout to each address of a host, and none to the look-up of its name. GitHub kills a cancelled job ten
seconds after its first signal: no call may last longer than `lambda_rollout.aws.clients` says.

Every operation on a socket has what is left of its call's time at most. All addresses of a host share the connect
timeout with the look-up, and a next one need not wait for the one before to fail (RFC 8305, "Happy Eyeballs").
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import selectors
import socket
import ssl
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import botocore.awsrequest
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import Timeout
from urllib3.util.connection import allowed_gai_family

from lambda_rollout.runtime.clock import Clock, SystemClock

HEAD_START = 0.25
"""Seconds that an address has to answer before the next one is tried beside it; RFC 8305, section 5."""

MOST = 32 * 1024 * 1024
"""Bytes of an answer; AWS's are smaller by far. Memory is not to be filled by somebody who never ends."""

Options = Sequence[tuple[int, int, int | bytes]]

KEEP_ALIVE_AFTER = 60
"""Seconds of silence after which a connection shows that it is still there. A function may take 15 minutes to answer,
and what is between forgets a silent connection sooner (a NAT gateway of AWS's after 350 s, others after 4 minutes)."""

KEEP_ALIVE: Options = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # As Linux has them; macOS calls the first one otherwise.
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), KEEP_ALIVE_AFTER)
        for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL")
        if hasattr(socket, name)
    ),
)

_CLOCK: Clock = SystemClock()


class _Call(threading.local):
    """The call that this thread is sending right now."""

    end: float | None = None
    """On the monotonic clock; None: there is no call, or one without a deadline."""


_call = _Call()


class _Hurried:
    """A socket that takes no longer than its call has, whatever trickles in."""

    end: float | None = None
    room = MOST

    def begin(self, end: float | None) -> None:
        """Serve another call."""
        self.end, self.room = end, MOST

    def recv(self: Any, *args: Any) -> Any:
        """Do as a socket does, in time."""
        self._hurry()
        return self._counted(super().recv(*args), len)  # type: ignore[misc]

    def recv_into(self: Any, *args: Any) -> Any:
        """Do as a socket does, in time."""
        self._hurry()
        return self._counted(super().recv_into(*args), int)  # type: ignore[misc]

    def send(self: Any, *args: Any) -> Any:
        """Do as a socket does, in time."""
        self._hurry()
        return super().send(*args)  # type: ignore[misc]

    def sendall(self: Any, *args: Any) -> None:
        """Do as a socket does, in time."""
        self._hurry()
        super().sendall(*args)  # type: ignore[misc]

    def _hurry(self: Any) -> None:
        """Lower the timeout of the next operation to what is left; raises TimeoutError if that is nothing."""
        if self.end is None:
            return
        left = self.end - _CLOCK.monotonic()
        if left <= 0:
            raise TimeoutError("the call took too long")
        now = self.gettimeout()
        self.settimeout(left if now is None else min(now, left))

    def _counted(self: Any, got: Any, size: Any) -> Any:
        if self.end is not None:
            self.room -= size(got)
            if self.room < 0:
                raise OSError(errno.EMSGSIZE, "the answer is too long")
        return got


class _Plain(_Hurried, socket.socket):
    pass


class _Tls(_Hurried, ssl.SSLSocket):
    def do_handshake(self, *args: Any) -> None:
        """Begin as part of the call that this thread is sending."""
        self.begin(_call.end)
        self._hurry()
        super().do_handshake(*args)


def connect(
    host: str, port: int, timeout: float, options: Options = (), clock: Clock | None = None
) -> _Plain:
    """Return a connection to the first of a host's addresses that answers, with ``timeout`` seconds on it, too.

    Raises TimeoutError if none has answered by then, looking them up included, or the last OSError if all failed
    before.
    """
    clock = clock or _CLOCK
    end = clock.monotonic() + timeout
    waiting = deque(_addresses(host.strip("[]"), port, timeout))
    trying: set[_Plain] = set()
    failure = OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    next_at = -1.0
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or trying:
                now = clock.monotonic()
                if now >= end:
                    raise TimeoutError(f"no address of {host} answered")
                if waiting and (now >= next_at or not trying):
                    family, kind, protocol, _, address = waiting.popleft()
                    try:
                        sock = _begin(_Plain(family, kind, protocol), address, options)
                    except OSError as error:
                        failure = error
                        continue
                    trying.add(sock)
                    selector.register(sock, selectors.EVENT_WRITE)
                    next_at = now + HEAD_START
                for key, _ in selector.select((min(next_at, end) if waiting else end) - now):
                    sock = next(each for each in trying if each is key.fileobj)
                    selector.unregister(sock)
                    trying.discard(sock)
                    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if not code:
                        sock.settimeout(timeout)
                        return sock
                    sock.close()
                    failure, next_at = OSError(code, os.strerror(code)), -1.0
            raise failure
        finally:
            for each in trying:
                each.close()


def _addresses(host: str, port: int, seconds: float) -> list[Any]:
    """Look a name up. In a thread of its own, since nothing else ends a look-up that hangs.

    Raises TimeoutError after so many seconds, and what `socket.getaddrinfo` raises.
    """
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - raised by whoever waits
            answers.put(error)

    threading.Thread(target=look, name=f"look up {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise TimeoutError(f"{host} could not be looked up in time") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _begin(sock: _Plain, address: Any, options: Options) -> _Plain:
    """Set out to connect; raises OSError, and closes it, if that fails at once."""
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.setblocking(False)
        code = sock.connect_ex(address)
    except OSError:
        sock.close()
        raise
    if code not in {0, errno.EINPROGRESS}:
        sock.close()
        raise OSError(code, os.strerror(code))
    return sock


class _OneDeadline:
    """A connection whose sockets know the deadline of the call that they serve."""

    def request(self: Any, *args: Any, **kwargs: Any) -> None:
        # It may be a connection of an earlier call. Through a proxy behind TLS there is a socket within a socket.
        for sock in (self.sock, getattr(self.sock, "socket", None)):
            if isinstance(sock, _Hurried):
                sock.begin(_call.end)
        super().request(*args, **kwargs)  # type: ignore[misc]

    def _new_conn(self: Any) -> socket.socket:
        """Do what ``urllib3.connection.HTTPConnection._new_conn`` does, with `connect` in it."""
        end = _call.end
        left = self.timeout if end is None else min(self.timeout, end - _CLOCK.monotonic())
        try:
            sock = connect(
                self._dns_host, self.port, left, (*(self.socket_options or ()), *KEEP_ALIVE)
            )
        except TimeoutError as error:
            what = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, what) from error
        except (OSError, UnicodeError) as error:
            what = f"Failed to establish a new connection: {error}"
            raise NewConnectionError(self, what) from error
        sock.begin(end)
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock


class _Http(_OneDeadline, AWSHTTPConnection):  # type: ignore[misc]  # as its base has it
    pass


class _Https(_OneDeadline, AWSHTTPSConnection):  # type: ignore[misc]  # as its base has it
    pass


class _Pool:
    """Connections of which each call has its connect and its read timeout, added up, and no more."""

    def urlopen(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.get("timeout")
        with _within(given if isinstance(given, Timeout) else self.timeout):
            return super().urlopen(*args, **kwargs)  # type: ignore[misc]


class _HttpPool(_Pool, AWSHTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(_Pool, AWSHTTPSConnectionPool):
    ConnectionCls = _Https


@contextlib.contextmanager
def _within(timeout: Timeout) -> Iterator[None]:
    """Send a call from this thread. What is read of its answer later has the same deadline, by the socket."""
    both = (timeout.connect_timeout, timeout.read_timeout)
    seconds = [part for part in both if isinstance(part, int | float)]
    before = _call.end
    _call.end = _CLOCK.monotonic() + sum(seconds) if len(seconds) == len(both) else None
    try:
        yield
    finally:
        _call.end = before


def with_one_deadline() -> None:
    """Have every botocore client of this process call like this from now on."""
    botocore.awsrequest.AWSHTTPConnectionPool = _HttpPool  # type: ignore[misc]
    botocore.awsrequest.AWSHTTPSConnectionPool = _HttpsPool  # type: ignore[misc]
    # For all: urllib3 wraps for itself, a proxy's connection too. Without a call under way it is a socket as ever.
    ssl.SSLContext.sslsocket_class = _Tls
