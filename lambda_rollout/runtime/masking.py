"""Secrets hidden in what others wrote, as GitHub hides them in a log: three asterisks.

We write none ourselves. But AWS and GitHub may repeat in a message what they were sent, and only the log has the
runner's own masking: a summary, a comment or a report has none
(https://docs.github.com/en/actions/reference/security/secure-use#use-secrets-for-sensitive-information).
Pure: works on values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

SECRETS = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "GITHUB_TOKEN",
    "INPUT_GITHUB-TOKEN",
)
"""Variables of a job whose values are secret."""

SHORTEST = 8
"""Characters. What is shorter is no secret, and hiding it would make holes in every other word."""

MASK = "***"

# AWS repeats every header that was signed, the session token among them, when a signature is wrong.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_SIGNED = re.compile(r"\s*The Canonical String for this request should have been.*", re.DOTALL)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Masks:
    """What is to be hidden."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Masks:
        """Find the secrets among a job's variables."""
        found = {environ.get(name, "").strip() for name in SECRETS}
        return cls(tuple(sorted((s for s in found if len(s) >= SHORTEST), key=len, reverse=True)))

    def text(self, text: str) -> str:
        """Return the text with every secret hidden."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text

    def of_value(self, value: Value) -> Value:
        """Return a value of dataclasses, tuples, mappings and texts with every secret hidden in it."""
        return self._masked(value) if self.secrets else value

    def _masked(self, value: Any) -> Any:
        # Only where something changes is anything made anew: an enum is a str, too.
        if type(value) is str:
            return self.text(value)
        if isinstance(value, tuple) and type(value) is tuple:
            return tuple(map(self._masked, value))
        if isinstance(value, dict):
            return {self._masked(key): self._masked(item) for key, item in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            before = {f.name: getattr(value, f.name) for f in fields(value) if f.init}
            after = {name: self._masked(item) for name, item in before.items()}
            return value if after == before else replace(value, **after)
        return value


def without_signed_headers(message: str) -> str:
    """Return AWS's message without the request that it repeats where a signature is wrong."""
    return _SIGNED.sub("", message)
