"""Connecting to AWS within one deadline, however many addresses a host has.

urllib3 tries a host's addresses one after the other and gives each the whole connect timeout: three of them behind a
dead route take six seconds, and GitHub kills a cancelled job before the rollback is sent. Here all of them together
have it, and a next one need not wait for the one before to fail (RFC 8305, "Happy Eyeballs"). Looking the name up is
the system's, and not part of it.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family

from lambda_rollout.stop import Clock, SystemClock

HEAD_START = 0.25
"""Seconds that an address has to answer before the next one is tried beside it; RFC 8305, section 5."""

Options = Sequence[tuple[int, int, int | bytes]]


def connect(
    host: str, port: int, timeout: float, options: Options = (), clock: Clock | None = None
) -> socket.socket:
    """Return a connection to the first of a host's addresses that answers, with ``timeout`` seconds on it, too.

    Raises TimeoutError if none has answered by then, or the last OSError if all failed before.
    """
    clock = clock or SystemClock()
    end = clock.monotonic() + timeout
    waiting = deque(
        socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(), socket.SOCK_STREAM)
    )
    trying: set[socket.socket] = set()
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
                        sock = _begin(socket.socket(family, kind, protocol), address, options)
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


def _begin(sock: socket.socket, address: Any, options: Options) -> socket.socket:
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
    """What ``urllib3.connection.HTTPConnection._new_conn`` does, with `connect` in it."""

    def _new_conn(self: Any) -> socket.socket:
        try:
            sock = connect(self._dns_host, self.port, self.timeout, self.socket_options or ())
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            what = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, what) from error
        except (OSError, UnicodeError) as error:
            what = f"Failed to establish a new connection: {error}"
            raise NewConnectionError(self, what) from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return sock


class _Http(_OneDeadline, AWSHTTPConnection):  # type: ignore[misc]  # as its base has it
    pass


class _Https(_OneDeadline, AWSHTTPSConnection):  # type: ignore[misc]  # as its base has it
    pass


def with_one_deadline() -> None:
    """Have every botocore client of this process connect like this from now on."""
    AWSHTTPConnectionPool.ConnectionCls = _Http
    AWSHTTPSConnectionPool.ConnectionCls = _Https
