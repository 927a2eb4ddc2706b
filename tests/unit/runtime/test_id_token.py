"""GitHub's token: asked for without following anybody elsewhere, and told to nobody."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from lambda_rollout.runtime.errors import CallFailed, ForeignAnswer, Refused, Unanswered
from lambda_rollout.runtime.id_token import (
    LARGEST_ANSWER,
    NoPermission,
    claim,
    claims_of,
    id_token,
)
from lambda_rollout.runtime.masking import hide_nothing

SECRET = "request-secret"


@dataclass
class Provider:
    """Answers each request in turn, the last one for ever; keeps who came with which secret."""

    url: str = ""
    status: int = 200
    body: bytes = json.dumps({"value": "a.b.c"}).encode()
    location: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?x=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET,
        }

    def get(self) -> str:
        return id_token(self.environ, "sts.amazonaws.com", hide_nothing)


def serve(provider: Provider) -> tuple[ThreadingHTTPServer, Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append((self.path, self.headers["Authorization"]))
            self.send_response_only(provider.status)
            if provider.location:
                self.send_header("Location", provider.location)
            self.send_header("Content-Length", str(len(provider.body)))
            self.end_headers()
            self.wfile.write(provider.body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    return server, provider


@pytest.fixture
def start() -> Iterator[Callable[[], Provider]]:
    servers: list[ThreadingHTTPServer] = []

    def started() -> Provider:
        server, provider = serve(Provider())
        servers.append(server)
        return provider

    yield started
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def provider(start: Callable[[], Provider]) -> Provider:
    return start()


def failure(provider: Provider) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        provider.get()
    assert SECRET not in str(caught.value)
    return caught.value


def test_it_is_asked_for_with_the_runners_secret(provider: Provider) -> None:
    assert provider.get() == "a.b.c"
    assert provider.asked == [("/token?x=1&audience=sts.amazonaws.com", f"bearer {SECRET}")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    start: Callable[[], Provider], provider: Provider, status: int
) -> None:
    elsewhere = start()
    provider.status, provider.location = status, f"{elsewhere.url}/mine"
    error = failure(provider)
    assert isinstance(error, ForeignAnswer)
    assert f"GetIdToken: {status}: " in error.what
    assert not elsewhere.asked


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Refused), (401, Refused), (403, Refused), (404, Refused), (503, Unanswered)]
)  # fmt: skip
def test_statuses(provider: Provider, status: int, kind: type[CallFailed]) -> None:
    provider.status = status
    assert type(failure(provider)) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"{}",
        b"[]",
        b'{"value": 7}',
        b'{"value": ""}',
        b'{"value": "a\\nb"}',
        b'{"value": "\xc3\xa4"}',
        b"[" * 20_000,
    ],
)
def test_an_answer_without_a_token_is_none(provider: Provider, body: bytes) -> None:
    provider.body = body
    assert isinstance(failure(provider), ForeignAnswer)


def test_an_answer_has_a_greatest_size(provider: Provider) -> None:
    around = len(json.dumps({"value": ""}))
    token = "x" * (LARGEST_ANSWER - around)
    provider.body = json.dumps({"value": token}).encode()
    assert provider.get() == token
    provider.body = json.dumps({"value": token + "x"}).encode()
    assert "too long" in failure(provider).what


def test_a_secret_that_cannot_be_sent_is_not_told() -> None:
    environ = {
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": f"{SECRET}\nx",
    }
    with pytest.raises(CallFailed) as caught:
        id_token(environ, "sts.amazonaws.com", hide_nothing)
    assert SECRET not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://127.0.0.1/x", "token"])
def test_where_there_is_nobody_to_ask_that_is_said_at_once(url: str) -> None:
    environ = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": SECRET}
    with pytest.raises(NoPermission) as caught:
        id_token(environ, "sts.amazonaws.com", hide_nothing)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "token", ["", "a.b", "a.b.c.d", "a.!.c", "a.e30x.c", f"a.{'W1tb' * 9000}.c"]
)
def test_what_is_no_token_says_nothing(token: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        claims_of(token)


def test_a_claim_is_a_text() -> None:
    claims = claims_of("a.eyJzdWIiOiAieCIsICJhdWQiOiBbInkiXSwgImlhdCI6IDd9.c")
    assert [claim(claims, name) for name in ("sub", "aud", "iat", "none")] == ["x", "y", "", ""]
    assert claims_of("a.W10.c") == {}
