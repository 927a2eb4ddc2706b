"""The deployment environment of a job, read off its OIDC token."""

from __future__ import annotations

import base64
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from lambda_rollout.github.comment.environment import environment
from lambda_rollout.runtime.masking import Hide, hide_nothing


def token_with(claims: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"head.{middle}.signature"


@pytest.mark.parametrize("name", ["production", "prod/eu", "a b", "häfen", "x", "xy", "xyz"])
def test_the_environment_is_a_claim_of_the_token(name: str) -> None:
    assert asked_for(token_with({"sub": "repo:o/r", "environment": name})) == name


def test_a_job_without_one_has_none() -> None:
    assert asked_for(token_with({"sub": "repo:o/r"})) == ""
    assert asked_for(token_with(["environment"])) == ""
    assert environment({}, hide_nothing) == ""


@pytest.mark.parametrize("answer", [b"", b"{}", b'{"value": 7}', b'{"value": "a.b"}', b"\xff"])
def test_an_odd_answer_is_no_environment(answer: bytes) -> None:
    assert asked_with(answer) == ""


def test_the_runner_is_asked_with_its_own_token() -> None:
    assert asked_for(token_with({"environment": "production"})) == "production"


def test_what_was_issued_is_hidden() -> None:
    hidden: list[str] = []
    value = token_with({"environment": "production"})
    asked_with(json.dumps({"value": value}).encode(), hidden.append)
    assert hidden == ["secret", value]


def asked_for(token: str) -> str:
    return asked_with(json.dumps({"value": token}).encode())


def asked_with(answer: bytes, hide: Hide = hide_nothing) -> str:
    class Runner(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.headers["Authorization"] == "bearer secret" and "audience=" in self.path
            self.send_response_only(200 if good else 403)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Runner) as server:
        thread = Thread(target=server.handle_request, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/token?x=1"
        variables = {"URL": url, "TOKEN": "secret"}
        named = {f"ACTIONS_ID_TOKEN_REQUEST_{name}": text for name, text in variables.items()}
        found = environment(named, hide)
        thread.join()
        return found
