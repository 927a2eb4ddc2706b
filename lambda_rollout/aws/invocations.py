"""Lambda's Invoke: a function's code runs, and says something. One call, one try.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html. It is POST and not idempotent: what was not answered may
have run, may not have, or may run later. So whoever asks decides what of it may be repeated.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from lambda_rollout.analysis.invocation import Invocation
from lambda_rollout.aws import marks
from lambda_rollout.aws.calls import ask
from lambda_rollout.aws.clients import Clients

TAIL = 4096
"""Bytes of the log that LogType=Tail answers at most."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
"""Lambda writes a line's end inside a Node.js message as a carriage return."""


class LambdaInvocations:
    """`lambda_rollout.rollout.ports.Invocations` over boto3."""

    def __init__(self, clients: Clients) -> None:
        """Make no call yet."""
        self._clients = clients

    def invoke(
        self, function: str, qualifier: str, payload: bytes, read_timeout: float
    ) -> Invocation:
        """See `Invocations.invoke`."""
        client = self._clients.invoking(ceil(read_timeout))
        return ask(
            "Invoke",
            lambda: _received(
                client.invoke(
                    FunctionName=self._clients.names.of(function),
                    InvocationType="RequestResponse",
                    LogType="Tail",
                    Payload=payload,
                    **_qualified(qualifier),
                )
            ),
            _invocation,
        )

    def check(self, function: str, qualifier: str) -> None:
        """See `Invocations.check`."""
        ask(
            "Invoke",
            lambda: _received(
                self._clients.lambda_.invoke(
                    FunctionName=self._clients.names.of(function),
                    InvocationType="DryRun",
                    **_qualified(qualifier),
                )
            ),
            _checked,
        )


def _qualified(qualifier: str) -> dict[str, Any]:
    return {"Qualifier": qualifier} if qualifier else {}


def _received(answer: Any) -> Mapping[str, Any]:
    """Read the payload, a stream, whoever sent it: half of one is no answer, and one unread keeps its connection."""
    stream = answer.get("Payload")
    return {**answer, "Payload": stream.read() if stream is not None else b""}


def _checked(answer: Mapping[str, Any]) -> None:
    if marks.status(answer) not in {0, HTTPStatus.NO_CONTENT}:
        raise ValueError(f"HTTP {marks.status(answer)} to DryRun")


def _invocation(answer: Mapping[str, Any]) -> Invocation:
    """Read an answer.

    The payload may be anything, so headers tell AWS's answer from a page in its place: one is asked for, the other AWS
    always sends.
    """
    if not (answer.get("LogResult") or answer.get("ExecutedVersion")):
        raise ValueError("without LogResult and ExecutedVersion")
    return Invocation(
        payload=answer["Payload"],
        function_error=answer.get("FunctionError", ""),
        log_tail=_log(answer.get("LogResult", "")),
        executed_version=answer.get("ExecutedVersion", ""),
    )


def _log(encoded: str) -> str:
    """Decode the log's tail; one that cannot be decoded fails nothing.

    One that was cut begins anywhere, perhaps in the middle of a secret, which nobody would know to hide: its first line
    is left out.
    """
    try:
        tail = base64.b64decode(encoded)
    except binascii.Error:
        return ""
    if len(tail) >= TAIL:
        tail = _LINE_END.split(tail, maxsplit=1)[-1]
    return tail.decode(errors="replace")
