"""A call's one deadline, against servers that go on sending a little for ever: real sockets on the loopback.

Each of them would give a good answer in the end, so that whoever waits for it gets one, and no error.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ReadTimeoutError
from botocore.httpsession import URLLib3Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambda_rollout.alias.routing import Target
from lambda_rollout.aws import connecting
from lambda_rollout.aws.aliases import LambdaAliases
from lambda_rollout.aws.clients import CONFIG, Clients
from lambda_rollout.runtime.errors import Unanswered, Unreachable
from sandbox.aws.in_process import session
from tests.support.dripping import drip, listening

BODY = b'{"AliasArn": "arn", "Name": "live", "FunctionVersion": "1", "RevisionId": "r", "Description": ""}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
GOOD = HEAD + LENGTH + BODY

Serve = Callable[[socket.socket], None]
Wrap = Callable[[Serve], Serve]


def heard(sock: socket.socket) -> bytes:
    """Read one request; empty if there is none any more."""
    text = b""
    while b"\r\n\r\n" not in text:
        part = sock.recv(65536)
        if not part:
            return b""
        text += part
    return text


def answering(at_once: bytes, slowly: bytes, rest: bytes = b"") -> Serve:
    def serve(sock: socket.socket) -> None:
        heard(sock)
        sock.sendall(at_once)
        drip(sock, slowly)
        sock.sendall(rest)

    return serve


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(BODY)

SLOW = {
    "from the first byte on": answering(b"", GOOD),
    "in a header": answering(HEAD + b"X-Long: ", b"x" * 60, b"\r\n" + LENGTH + BODY),
    "in the body": answering(HEAD + LENGTH, BODY),
    "in the body of an error": answering(REFUSAL, BODY),
    "in the body without a length": answering(HEAD + b"Connection: close\r\n\r\n", BODY),
    "in chunks": answering(CHUNKED, CHUNK),
    "before the answer": answering(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, GOOD),
}


# A certificate ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody else signed, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    private = key.private_bytes(pem, traditional, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    return path


@pytest.fixture
def over_tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Wrap:
    """Lets a server speak TLS, and clients believe it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def wrapped(serve: Serve) -> Serve:
        def session(sock: socket.socket) -> None:
            with context.wrap_socket(sock, server_side=True) as inner:
                serve(inner)

        return session

    return wrapped


# Calls -----------------------------------------------------------------------------------------------


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that have six tenths of a second in all."""
    config = CONFIG.merge(Config(connect_timeout=0.3, read_timeout=0.3))
    monkeypatch.setattr("lambda_rollout.aws.clients.CONFIG", config)


def reader(url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    aliases = LambdaAliases(Clients(session(), "eu-central-1"))
    return lambda: aliases.read(Target("checkout", "live"))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("slow", SLOW)
def test_an_answer_that_drips_is_none(slow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(SLOW[slow]) as port, pytest.raises(Unanswered, match="ReadTimeoutError"):
        reader(f"http://127.0.0.1:{port}", monkeypatch)()


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("slow", ["in a header", "in the body"])
def test_nor_is_one_over_tls(slow: str, over_tls: Wrap, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(over_tls(SLOW[slow])) as port:
        call = reader(f"https://127.0.0.1:{port}", monkeypatch)
        with pytest.raises(Unanswered, match="ReadTimeoutError"):
            call()


@pytest.mark.usefixtures("short")
def test_a_tls_handshake_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(sock: socket.socket) -> None:
        sock.recv(1)
        sock.sendall(b"\x16\x03\x03\x02\x00\x02\x00\x01\xfc")
        # It would fail for another reason in the end.
        drip(sock, b"\x03\x03" + b"x" * 60)

    with listening(serve) as port, pytest.raises(Unanswered, match="ReadTimeoutError"):
        reader(f"https://127.0.0.1:{port}", monkeypatch)()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_connection_serves_one_call_after_the_other(
    tls: bool, over_tls: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own deadline: two good answers, and one that drips."""
    connections: list[int] = []
    now, looks, drips = [0.0], [0], threading.Event()

    def serve(sock: socket.socket) -> None:
        connections.append(1)
        for _ in range(3):
            heard(sock)
            sock.sendall(GOOD)
        heard(sock)
        drips.set()
        sock.sendall(HEAD + LENGTH)
        for byte in BODY:
            # A byte for each look at the clock, that is, for each read: however the threads take turns.
            seen, pause = looks[0], threading.Event()
            for _ in range(2000):
                if looks[0] > seen:
                    break
                pause.wait(0.001)
            sock.sendall(bytes([byte]))

    class ByHand:
        def monotonic(self) -> float:
            looks[0] += 1
            now[0] += 1.0 if drips.is_set() else 0.0
            return now[0]

    monkeypatch.setattr(connecting, "_CLOCK", ByHand())
    monkeypatch.setattr(connecting, "connect", at_once)
    with listening(over_tls(serve) if tls else serve) as port:
        call = reader(f"http{'s' * tls}://127.0.0.1:{port}", monkeypatch)
        for _ in range(3):
            call()
            now[0] += 600.0
        with pytest.raises(Unanswered, match="ReadTimeoutError"):
            call()
    assert len(connections) == 1


def at_once(host: str, port: int, timeout: float, options: Any = ()) -> connecting._Plain:
    sock = connecting._Plain()
    sock.connect((host, port))
    sock.settimeout(60)
    return sock


def test_a_slow_answer_that_comes_in_time_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    serve = answering(HEAD, LENGTH[:10], LENGTH[10:] + BODY)
    with listening(serve) as port:
        reader(f"http://127.0.0.1:{port}", monkeypatch)()


@pytest.mark.usefixtures("short")
def test_a_request_that_nobody_reads_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(sock: socket.socket) -> None:
        ticks = threading.Event()
        # A little at a time, so that each send gets on.
        while sock.recv(65536):
            ticks.wait(0.05)

    with listening(serve) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        client = Clients(session(), "eu-central-1").lambda_
        with pytest.raises(BotoCoreError):
            client.update_function_code(FunctionName="checkout", ZipFile=b"x" * 50_000_000)


def test_an_answer_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting._Hurried, "room", 10_000)
    monkeypatch.setattr(connecting, "MOST", 10_000)
    long = b" " * 20_000 + BODY
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(long)
    with (
        listening(answering(head, b"", long)) as port,
        pytest.raises(Unanswered, match="ConnectionClosedError"),
    ):
        reader(f"http://127.0.0.1:{port}", monkeypatch)()


@pytest.mark.usefixtures("short")
def test_a_name_that_is_looked_up_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hangs(*_: object) -> list[object]:
        over.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    try:
        with pytest.raises(Unreachable, match="ConnectTimeoutError"):
            reader("http://lambda.eu-central-1.amazonaws.test", monkeypatch)()
    finally:
        over.set()


# Everybody else's calls ------------------------------------------------------------------------------


def test_botocores_own_calls_have_one_too() -> None:
    """Those for credentials: the container's, the instance's."""
    from botocore.awsrequest import AWSRequest

    with listening(SLOW["in the body"]) as port:
        request = AWSRequest("GET", f"http://127.0.0.1:{port}/").prepare()
        with pytest.raises(ReadTimeoutError):
            URLLib3Session(timeout=1).send(request)


# Proxies ---------------------------------------------------------------------------------------------


def relay(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


def proxy(greeting: Callable[[socket.socket], None]) -> Serve:
    """A proxy that says yes to CONNECT in this way."""

    def serve(sock: socket.socket) -> None:
        port = int(heard(sock).split()[1].rpartition(b":")[2])
        greeting(sock)
        with socket.create_connection(("127.0.0.1", port)) as beyond:
            # One call at a time: what is asked and what is answered take turns.
            threading.Thread(target=relay, args=(beyond, sock), daemon=True).start()
            relay(sock, beyond)

    return serve


def at_a_stroke(sock: socket.socket) -> None:
    sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")


@contextmanager
def through(
    serve: Serve, behind: Serve, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], object]]:
    with listening(serve) as port, listening(behind) as beyond:
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        yield reader(f"https://127.0.0.1:{beyond}", monkeypatch)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips_is_given_up(
    scheme: str, over_tls: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[int] = []

    def a_byte_at_a_time(sock: socket.socket) -> None:
        drip(sock, b"HTTP/1.1 200 Connection established\r\nVia: somebody, somewhere\r\n\r\n")
        finished.append(1)

    slow = proxy(a_byte_at_a_time)
    slow = over_tls(slow) if scheme == "https" else slow
    behind = over_tls(answering(GOOD, b""))
    with through(slow, behind, scheme, monkeypatch) as call, pytest.raises(Unanswered):
        call()
    assert not finished, "it was given up before it had said yes"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_through_a_proxy_the_connection_serves_one_call_after_the_other(
    scheme: str, over_tls: Wrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    connections: list[int] = []

    def behind(sock: socket.socket) -> None:
        connections.append(1)
        for _ in range(3):
            heard(sock)
            # Three of them together take longer than one may.
            drip(sock, GOOD[:4])
            sock.sendall(GOOD[4:])
        heard(sock)
        drip(sock, GOOD)

    quick = proxy(at_a_stroke)
    quick = over_tls(quick) if scheme == "https" else quick
    with through(quick, over_tls(behind), scheme, monkeypatch) as call:
        for _ in range(3):
            call()
        with pytest.raises(Unanswered, match="ReadTimeoutError"):
            call()
    assert len(connections) == 1
