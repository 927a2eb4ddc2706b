"""Whose answer it is: AWS's own bears marks, a middle box's page does not.

Marks are a request id (a header, or in the body of XML) and, on an error, a code out of AWS's header or body. Of a
page botocore makes a code too, from the status: ``404``. Each protocol has its own places
(https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization, and its siblings);
botocore finds the code in each, and the request id where the protocol has it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from html import unescape
from http import HTTPStatus
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

import botocore.loaders

REQUEST_IDS = ("x-amzn-requestid", "x-amz-request-id")
SOURCE = "lambda_rollout"
"""Our key in an answer's ResponseMetadata, with what `keep_source` has kept."""

PAGE = 2000
"""Bytes of an answer that are looked at for what it says."""

EXCERPT = 120
WORD = 40
"""Characters of a page that are told, and of a word in it: a proxy may repeat the session token that it was sent."""

_CODE = re.compile(r"[A-Za-z][\w.]*")
_MARKUP = re.compile(r"<(script|style)\b.*?(</\1>|$)|<[^>]*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)

Answer = Mapping[str, Any]


def keep_source(http_response: Any, parsed: dict[str, Any], model: Any, **_: object) -> None:
    """Keep in an answer where it came from and what it was; a handler of botocore's ``after-call`` event.

    A stream is not kept: to look at it would leave nothing for whoever reads the answer.
    """
    metadata = parsed.setdefault("ResponseMetadata", {})
    streams = model.has_streaming_output and "Error" not in parsed
    metadata[SOURCE] = {
        "url": http_response.url,
        "body": None if streams else http_response.content,
    }


def error_code(answer: Answer) -> str:
    """Return the code that AWS gave, empty if there is none or botocore made it from the status."""
    code = str(answer.get("Error", {}).get("Code") or "")
    return code if _CODE.fullmatch(code) else ""


def has_request_id(answer: Answer) -> bool:
    """Whether an answer bears a request id as AWS's do, in a header or in its body."""
    metadata = answer.get("ResponseMetadata", {})
    headers = {
        str(name).lower() for name, value in metadata.get("HTTPHeaders", {}).items() if value
    }
    return bool(metadata.get("RequestId")) or not headers.isdisjoint(REQUEST_IDS)


def is_marked_error(answer: Answer) -> bool:
    """Whether an error answer is AWS's own."""
    return bool(error_code(answer)) and has_request_id(answer)


def is_marked_object(answer: Answer) -> bool:
    """Whether an answer without any member is AWS's own: its request id is there, and its body was not cut."""
    if not has_request_id(answer):
        return False
    body = _source(answer).get("body")
    if body is None:
        return True
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def own_endpoint(answer: Answer) -> str:
    """Return the host of an endpoint of somebody's own that answered, empty if it was one of AWS's or is not known."""
    host = urlsplit(str(_source(answer).get("url", ""))).hostname or ""
    return "" if host.endswith(_suffixes()) else host


@cache
def _suffixes() -> tuple[str, ...]:
    """How the names of AWS's own hosts end, in every partition that botocore knows."""
    partitions = botocore.loaders.create_loader().load_data("partitions")["partitions"]
    names = ("dnsSuffix", "dualStackDnsSuffix")
    return tuple(sorted({f".{each['outputs'][name]}" for each in partitions for name in names}))


def status(answer: Answer) -> int:
    """Return the HTTP status, 0 if it is not known."""
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def excerpt(answer: Answer) -> str:
    """Return the beginning of what an answer says, as text, for a message; empty if it says nothing.

    Nothing of a JSON that was to be a good answer: half of AWS's own may show a function's environment.
    """
    body = _source(answer).get("body")
    if body is None:
        body = str(answer.get("Error", {}).get("Message") or "").encode()
    if status(answer) < HTTPStatus.MULTIPLE_CHOICES and body.lstrip()[:1] in {b"{", b"["}:
        return ""
    return cleaned(body[:PAGE])


def cleaned(page: str | bytes) -> str:
    """Return a page without markup, control characters, line ends and words that are long enough for a secret."""
    text = page.decode(errors="replace") if isinstance(page, bytes) else page
    text = unescape(_MARKUP.sub(" ", text))
    printable = "".join(char if char.isprintable() else " " for char in text)
    words = (word if len(word) <= WORD else "…" for word in printable.split())
    return shorten(" ".join(words), EXCERPT, placeholder="…")


def _source(answer: Answer) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer.get("ResponseMetadata", {}).get(SOURCE, {})
    return found
