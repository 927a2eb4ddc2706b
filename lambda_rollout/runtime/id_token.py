"""GitHub's OIDC token of this job: how it is asked for, and what it says of the job.

https://docs.github.com/en/actions/reference/security/oidc. It takes the permission ``id-token: write``. Whoever is
shown the token checks its signature; here it is read only for what it says.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from lambda_rollout.runtime.errors import (
    CallFailed,
    ForeignAnswer,
    Refused,
    RolloutError,
    Unanswered,
    Unreachable,
)
from lambda_rollout.runtime.masking import Hide

GET_ID_TOKEN = "GetIdToken"  # noqa: S105 - a name
"""Our name for GitHub's call in messages; it has none of its own."""

TIMEOUT = 5
"""Seconds without a byte."""

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer; GitHub's have some two thousand."""

REFUSALS = frozenset({400, 401, 403, 404})
"""HTTP statuses with which GitHub will not give a token however often it is asked."""

_BETWEEN = "Check what is between this runner and GitHub: a proxy (HTTPS_PROXY), a load balancer, a filter."


class NoPermission(RolloutError):
    """This job may not ask for a token at all, and that does not change while it runs."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: the request bears a secret, and who is asked for the token says who gets credentials."""

    def redirect_request(self, *_: Any) -> None:
        return None


def id_token(environ: Mapping[str, str], audience: str, hide: Hide) -> str:
    """Ask GitHub once for a token that is meant for ``audience``; return it as it is sent.

    ``hide`` is told of it, and of the secret that it is asked for with. Raises `NoPermission`, or `CallFailed`. No
    message has the token, or the secret that it is asked for with.
    """
    request = _request(environ, audience)
    hide(environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=TIMEOUT) as answer:
            body = answer.read(LARGEST_ANSWER + 1)
    except urllib.error.HTTPError as error:
        with error:
            raise _of_status(error) from error
    except urllib.error.URLError as error:
        # While it was sent; what happens to the answer comes as it is.
        raise Unreachable(
            GET_ID_TOKEN,
            type(error.reason).__name__,
            str(error.reason),
            "GitHub's OIDC provider could not be reached: check the runner's way there (DNS, proxy, firewall).",
        ) from error
    except (OSError, HTTPException) as error:
        raise Unanswered(GET_ID_TOKEN, type(error).__name__, str(error)) from error
    except ValueError as error:
        # A header that cannot be sent: the words have the secret in them.
        raise Unanswered(GET_ID_TOKEN, type(error).__name__, "it could not be sent") from None
    token = _value(body)
    hide(token)
    return token


def _request(environ: Mapping[str, str], audience: str) -> urllib.request.Request:
    url = environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    bearer = environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if not (url and bearer):
        raise NoPermission(
            "this job may not ask GitHub for an OIDC token.",
            "Add `permissions: id-token: write` to the job.",
        )
    if not url.startswith(("https://", "http://")):
        raise NoPermission(
            "ACTIONS_ID_TOKEN_REQUEST_URL is no URL of a server.",
            "It is the runner's: let no step set it.",
        )
    separator = "&" if "?" in url else "?"
    return urllib.request.Request(  # noqa: S310 - the runner's own address
        f"{url}{separator}{urllib.parse.urlencode({'audience': audience})}",
        headers={"Authorization": f"bearer {bearer}", "Accept": "application/json"},
    )


def _of_status(error: urllib.error.HTTPError) -> CallFailed:
    if error.code in REFUSALS:
        return Refused(GET_ID_TOKEN, str(error.code), error.reason)
    if HTTPStatus.MULTIPLE_CHOICES <= error.code < HTTPStatus.BAD_REQUEST:
        said = "it leads elsewhere, and is not followed: the request bears a secret"
        return ForeignAnswer(GET_ID_TOKEN, str(error.code), said, _BETWEEN)
    return Unanswered(GET_ID_TOKEN, str(error.code), error.reason)


def _value(body: bytes) -> str:
    """Return the token in an answer. Raises `ForeignAnswer` if there is none."""
    if len(body) > LARGEST_ANSWER:
        raise ForeignAnswer(GET_ID_TOKEN, "TooLong", "the answer is too long", _BETWEEN)
    try:
        value = json.loads(body)["value"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(type(error).__name__) from error
    if not isinstance(value, str) or not (value.isascii() and value.isprintable() and value):
        raise _unreadable("NoToken")
    return value


def _unreadable(code: str) -> ForeignAnswer:
    return ForeignAnswer(
        GET_ID_TOKEN, code, "this is not GitHub's answer: no token in it", _BETWEEN
    )


def claims_of(token: str) -> Mapping[str, Any]:
    """Return what a JSON Web Token says. Raises ValueError if it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("no JSON Web Token")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except RecursionError:
        raise ValueError("no JSON Web Token") from None
    return claims if isinstance(claims, Mapping) else {}


def claim(claims: Mapping[str, Any], name: str) -> str:
    """Return a claim that is a text, or a list of one; empty for any other, and for none."""
    value = claims.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else ""
