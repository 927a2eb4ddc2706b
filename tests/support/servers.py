"""Servers for tests, each a process of its own on 127.0.0.1, ended by its process id."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


@contextmanager
def ministack() -> Iterator[str]:
    """The URL of a stock ministack."""
    port = free_port()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    with _running([sys.executable, "-m", "ministack"], port, "/_ministack/health", settings) as url:
        yield url


@contextmanager
def moto() -> Iterator[str]:
    """The URL of a stock moto server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, port, "/moto-api/", {}) as url:
        yield url


@contextmanager
def sandbox() -> Iterator[str]:
    """The URL of ``python -m sandbox.aws``."""
    port = free_port()
    command = [sys.executable, "-m", "sandbox.aws", "--port", str(port)]
    with _running(command, port, "/_sandbox/clock", {"PYTHONPATH": str(ROOT)}) as url:
        yield url


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def _running(
    command: list[str], port: int, probe: str, settings: Mapping[str, str]
) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryFile() as log:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, **settings}
        started = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
        try:
            _await(url + probe, started)
            yield url
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            started.terminate()
            try:
                started.wait(5)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def _await(url: str, started: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError as error:
            error.close()
            return
        except OSError:
            if started.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{started.args!r} does not answer at {url}") from None
            time.sleep(0.05)
        else:
            return
