"""GitHub's OIDC provider, as a job sees it: one GET for one token.

Source: GitHub, "OpenID Connect reference", "Methods for requesting the OIDC token".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from sandbox.aws import wire
from sandbox.aws.between import Foreign
from sandbox.aws.errors import AwsError
from sandbox.aws.world import REGION, World

PATH = "/_sandbox/oidc"


def is_meant(url: str) -> bool:
    """Whether a request is one for a token."""
    return urlsplit(url).path == PATH


def exchange(world: World, url: str, headers: Mapping[str, str]) -> tuple[wire.Reply, float]:
    """Answer a request for a token; also how many seconds late. headers: names in lower case.

    It is logged, and meets faults, as ``oidc:GetIdToken``. Raises
    `sandbox.aws.faults.Lost` where no answer comes.
    """
    audience = parse_qs(urlsplit(url).query).get("audience", [""])[0]
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    params = {"audience": audience, "bearer": bearer if scheme.lower() == "bearer" else ""}
    try:
        answer, delay = world.answer("oidc", "GetIdToken", params, REGION, "")
    except AwsError as error:
        return _json(error.status, {"code": error.code, "message": error.message}), 0.0
    except Foreign as page:
        return wire.Reply(page.status, page.headers, page.body), 0.0
    return _json(200, answer), delay


def _json(status: int, body: Mapping[str, object]) -> wire.Reply:
    return wire.Reply(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
