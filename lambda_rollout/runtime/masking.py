"""Secrets hidden in what others wrote, as GitHub hides them in a log: three asterisks.

We write none ourselves. But AWS and GitHub may repeat in a message what they were sent, and only the log has the
runner's own masking: a summary, a comment or a report has none
(https://docs.github.com/en/actions/reference/security/secure-use#use-secrets-for-sensitive-information). What there
is to hide grows: a role's credentials and GitHub's tokens are issued again and again.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "GITHUB_TOKEN",
    "INPUT_GITHUB-TOKEN",
)
"""Variables of a job whose values are secret."""

SHORTEST = 8
"""Characters. What is shorter is no secret, and hiding it would make holes in every other word."""

HEAD = 16
"""Characters of a longer secret by which it is found: a message may have been cut inside it."""

MASK = "***"

# AWS repeats every header that was signed, the session token among them, when a signature is wrong.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
_SIGNED = re.compile(r"\s*The Canonical String for this request should have been.*", re.DOTALL)

Hide = Callable[..., object]
"""Told of every secret that is issued, before it is used."""

Value = TypeVar("Value")


def hide_nothing(*_issued: str) -> None:
    """Take secrets, and do nothing about them."""


class Masks:
    """What is to be hidden. May be used, and added to, from several threads."""

    def __init__(self, *secrets: str) -> None:
        """Hide these, and what is added later."""
        self.secrets: tuple[str, ...] = ()
        """Longer ones first: one may begin with another."""
        self._adding = threading.Lock()
        self.add(*secrets)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Masks:
        """Hide the secrets among a job's variables."""
        return cls(*(environ.get(name, "") for name in SECRETS))

    def add(self, *secrets: str) -> None:
        """Hide these, too, as they are and as they stand in a URL; what is too short for a secret is left alone."""
        given = {each.strip() for each in secrets}
        written = {form for each in given for form in (each, quote(each, safe=""))}
        with self._adding:
            known = {*self.secrets, *(each for each in written if len(each) >= SHORTEST)}
            self.secrets = tuple(sorted(known, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return the text with every secret hidden, and the beginning of one of which the rest was cut off."""
        secrets = self.secrets
        for head in dict.fromkeys(secret[:HEAD] for secret in secrets):
            while (at := text.find(head)) >= 0:
                # Many begin alike: all session tokens do, and one and its form in a URL.
                alike = (secret for secret in secrets if secret.startswith(head))
                length = max(_agreeing(secret, text[at:]) for secret in alike)
                text = text[:at] + MASK + text[at + length :]
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


def _agreeing(secret: str, text: str) -> int:
    """Return with how many characters of ``secret`` the text begins."""
    pairs = zip(secret, text, strict=False)
    return next(
        (at for at, (one, other) in enumerate(pairs) if one != other), min(len(secret), len(text))
    )


def without_signed_headers(message: str) -> str:
    """Return AWS's message without the request that it repeats where a signature is wrong."""
    return _SIGNED.sub("", message)
