"""What in the job's environment no waiting puts right: told at once and by name, before anything is changed.

botocore reads these variables itself, some only inside a call, and what it stumbles over there looks like an outage.
Which: https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html#EVarSettings.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from botocore.utils import is_valid_endpoint_url
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from lambda_rollout.runtime.errors import RolloutError

ENDPOINTS = (
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_CLOUDWATCH",
    "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
    "AWS_ENDPOINT_URL_CODEDEPLOY",
    "AWS_ENDPOINT_URL_LAMBDA",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_STS",
)
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")

INTO_THE_WORKSPACE = (
    "An action in a container sees the workspace and no other file of the runner: copy it there in a step before, and "
    "set {name} to /github/workspace/FILE."
)
UNSET = "Correct it, or take it out of the job's environment."

_SECRET = ("KEY", "SECRET", "TOKEN")
"""What is in the name of a variable whose value is told to nobody."""

Problem = tuple[str, str]
"""What is wrong, and what is to be done."""


def check_environment(
    environ: Mapping[str, str], *, own_credentials: bool, profile_bundle: str = ""
) -> None:
    """Raise `RolloutError` if calls cannot work whatever AWS does, naming all that is wrong.

    ``own_credentials``: whether the environment's are used, and not a role's. ``profile_bundle`` is the AWS profile's
    ``ca_bundle``.
    """
    problems = [
        *_endpoints(environ),
        *_proxies(environ),
        *_certificates(environ, profile_bundle),
    ]
    if own_credentials:
        problems += [*_keys(environ), *_token_files(environ)]
    if problems:
        remedies = dict.fromkeys(remedy for _, remedy in problems)
        raise RolloutError(f"{'; '.join(what for what, _ in problems)}.", " ".join(remedies))


def _endpoints(environ: Mapping[str, str]) -> Iterator[Problem]:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return
    for name in ENDPOINTS:
        url = environ.get(name, "")
        if url and not _is_http(url):
            yield (
                f"{name} is no URL: {_shown(url)}",
                "Write it with its scheme: https://HOST[:PORT].",
            )


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # The number of a port is looked at only when it is asked for.
        return parts.scheme in {"http", "https"} and is_valid_endpoint_url(url) and parts.port != 0
    except ValueError:
        return False


def _proxies(environ: Mapping[str, str]) -> Iterator[Problem]:
    if environ.get("NO_PROXY") or environ.get("no_proxy"):
        # Whether AWS is reached through it is for botocore to say.
        return
    for name in PROXIES:
        url = environ.get(name, "")
        try:
            usable = not url or bool(parse_url(url if "//" in url else f"http://{url}").host)
        except LocationParseError:
            usable = False
        if not usable:
            # A proxy's password may be in it.
            yield f"{name} is no URL of a proxy", "Write it as http://HOST:PORT."


def _certificates(environ: Mapping[str, str], of_profile: str) -> Iterator[Problem]:
    # botocore heeds each only where there is none before it.
    given = {
        "AWS_CA_BUNDLE": environ.get("AWS_CA_BUNDLE"),
        "ca_bundle": of_profile or None,
        "REQUESTS_CA_BUNDLE": environ.get("REQUESTS_CA_BUNDLE"),
    }
    name, path = next(((n, path) for n, path in given.items() if path is not None), ("", ""))
    if not path.strip() or environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        yield f"{name}: {_shown(path)} holds no certificates", "Name a file of certificates (PEM)."
    except OSError as error:
        why = error.strerror or type(error).__name__
        yield f"{name}: {_shown(path)}: {why}", INTO_THE_WORKSPACE.format(name=name)


def _keys(environ: Mapping[str, str]) -> Iterator[Problem]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if what := flaw(environ.get(name, "")):
            yield f"{name} {what}", "Set the secret again, exactly as AWS gave it."


def flaw(key: str) -> str:
    """Say what is in a key, a secret or a token that is in none that AWS gives; empty if nothing is.

    One with a newline cannot be sent at all; with a blank at an end AWS calls the signature wrong.
    """
    if not key.strip():
        # Emptied by aws-actions/configure-aws-credentials when a job ends.
        return "holds nothing but blanks" if key else ""
    outside = "at an end" if key.strip() != key else "in it"
    if "\n" in key or "\r" in key:
        return f"has a newline {outside}"
    if any(char.isspace() for char in key):
        return f"has a blank {outside}"
    return "" if key.isascii() and key.isprintable() else "has a character that is in no key"


def _token_files(environ: Mapping[str, str]) -> Iterator[Problem]:
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        # Before all files.
        return
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        path = environ.get(name, "")
        if path and not Path(path).is_file():
            what = f"{name}: there is no file {_shown(path)}"
            yield what, INTO_THE_WORKSPACE.format(name=name)


def misconfigured(error: Exception, environ: Mapping[str, str]) -> RolloutError:
    """Say that no call can be made, and by which variable, as far as what botocore said tells."""
    names = variables_in(error, environ)
    by = f" ({', '.join(names)})" if names else ""
    return RolloutError(
        f"AWS cannot be called with this environment{by}: {error}",
        UNSET if names else "Check the AWS_* variables of the job, and its AWS profile.",
    )


def variables_in(error: Exception, environ: Mapping[str, str]) -> list[str]:
    """Name the AWS_* variables whose value botocore complains of; such as it names are in its words, too."""
    words = str(error)
    return sorted(
        name
        for name, value in environ.items()
        if name.startswith("AWS_")
        and not any(secret in name for secret in _SECRET)
        and (_is_word_in(value.strip(), words) or (name in words and not value.strip()))
    )


def _is_word_in(value: str, words: str) -> bool:
    """Whether a value stands in what was said, and not only as a part of a word."""
    return bool(value) and bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", words))


def _shown(text: str) -> str:
    return f"{text[:100]!r}"
