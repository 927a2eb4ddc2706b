"""Credentials for as long as the rollout lasts: an IAM role through GitHub's OIDC token, renewed in the background.

https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The role's
credentials last an hour by default and never renew themselves; GitHub's token lives for minutes, but a new
one can be asked for as long as the job runs (facts: the request token lives about six hours).
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError

from lambda_rollout.aws.calls import told_apart
from lambda_rollout.aws.clients import CONFIG
from lambda_rollout.errors import Busy, CallFailed, RolloutError, Unanswered
from lambda_rollout.patience import patiently
from lambda_rollout.stop import Clock, Stop

AUDIENCE = "sts.amazonaws.com"
LIFETIME = 3600
"""Seconds asked for: what a role allows unless it was told otherwise."""

RENEW_AT = 0.5
"""Share of the lifetime after which the background renews; a failed try is repeated until the end."""

RETRY_EVERY = 30.0
TOKEN_TIMEOUT = 5


@dataclass(frozen=True, slots=True)
class Issued:
    """One set of credentials; ``lasts`` is how long from the moment they were asked for."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    lasts: timedelta


class RenewedCredentials(Credentials):
    """Credentials that a background thread replaces long before they end.

    A call that signs never waits for a renewal while the old ones are good: a rollback is not held up. Only
    when they have ended is a renewal made on the spot, and a failed one raises CredentialRetrievalError.
    """

    def __init__(self, issue: Callable[[], Issued], clock: Clock, stop: Stop) -> None:
        """Ask for the first ones now; raises what ``issue`` raises."""
        first = issue()
        super().__init__(first.access_key, first.secret_key, first.token, method="web-identity")
        self._issue = issue
        self._clock = clock
        self._lock = threading.Lock()
        self._take(first)
        threading.Thread(target=self._keep_fresh, args=(stop,), daemon=True).start()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the newest; botocore calls this for each request that it signs."""
        if self._clock.monotonic() >= self._ends_at:
            with self._lock:
                if self._clock.monotonic() >= self._ends_at:
                    self._renew()
        return ReadOnlyCredentials(self.access_key, self.secret_key, self.token)

    def _renew(self) -> None:
        try:
            self._take(self._issue())
        except RolloutError as error:
            raise CredentialRetrievalError(provider="web-identity", error_msg=str(error)) from error

    def _take(self, issued: Issued) -> None:
        self.access_key, self.secret_key, self.token = (
            issued.access_key,
            issued.secret_key,
            issued.token,
        )
        now = self._clock.monotonic()
        self._ends_at = now + issued.lasts.total_seconds()
        self._renew_at = now + RENEW_AT * issued.lasts.total_seconds()

    def _keep_fresh(self, stop: Stop) -> None:
        while True:
            self._clock.wait(max(self._renew_at - self._clock.monotonic(), 0.0), stop)
            if stop.requested:
                return
            try:
                issued = self._issue()
            except Exception:  # noqa: BLE001 - the old ones are still good; ask again a little later
                self._clock.wait(RETRY_EVERY, stop)
                continue
            with self._lock:
                self._take(issued)


@dataclass(frozen=True, slots=True)
class WebIdentity:
    """Trades GitHub's OIDC token for the role's credentials; each call is one trade."""

    role: str
    region: str
    session_name: str
    environ: Mapping[str, str] = field(repr=False)

    def issue(self) -> Issued:
        """Trade once. Raises `RolloutError` if the job may not ask for a token, `CallFailed` otherwise."""
        sts = boto3.Session(region_name=self.region).client(
            "sts", region_name=self.region, config=CONFIG.merge(Config(signature_version=UNSIGNED))
        )
        with told_apart("AssumeRoleWithWebIdentity"):
            answer = sts.assume_role_with_web_identity(
                RoleArn=self.role,
                RoleSessionName=self.session_name,
                WebIdentityToken=self._token(),
                DurationSeconds=LIFETIME,
            )
        given = answer["Credentials"]
        return Issued(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            _lasts(given["Expiration"], answer),
        )

    def _token(self) -> str:
        url = self.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        bearer = self.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
        if not (url and bearer):
            raise RolloutError(
                f"role-to-assume: {self.role}: this job may not ask GitHub for an OIDC token.",
                "Add `permissions: id-token: write` to the job.",
            )
        separator = "&" if "?" in url else "?"
        request = urllib.request.Request(  # noqa: S310 - the runner's own address
            f"{url}{separator}{urllib.parse.urlencode({'audience': AUDIENCE})}",
            headers={"Authorization": f"bearer {bearer}", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TOKEN_TIMEOUT) as answer:  # noqa: S310
                return str(json.load(answer)["value"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unanswered("GetIdToken", type(error).__name__, str(error)) from error


def _lasts(expiration: datetime, answer: Mapping[str, object]) -> timedelta:
    """How long they last, measured on AWS's clock alone: the runner's may be minutes off."""
    from lambda_rollout.aws.calls import date_of

    asked_at = date_of(answer)
    return expiration - asked_at if asked_at else timedelta(seconds=LIFETIME)


class _Provider(CredentialProvider):
    """Hands the credentials to botocore, before every other source."""

    METHOD = "lambda-rollout"
    CANONICAL_NAME = None

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def session(
    region: str, role: str, session_name: str, environ: Mapping[str, str], clock: Clock, stop: Stop
) -> boto3.Session:
    """Return a session with the environment's credentials, or with ``role``'s if one is named.

    Raises `RolloutError` if the role cannot be assumed: before anything is changed.
    """
    if not role:
        return boto3.Session(region_name=region)
    identity = WebIdentity(role, region, session_name, environ)
    try:
        credentials = patiently(clock, stop, repeat=(Busy, Unanswered))(
            RenewedCredentials, identity.issue, clock, stop
        )
    except CallFailed as error:
        raise RolloutError(
            f"role-to-assume: {role} could not be assumed: {error}",
            "Check the role's trust policy: the provider token.actions.githubusercontent.com, the audience "
            f"{AUDIENCE}, and the subject of this repository.",
        ) from error
    core = botocore.session.Session()
    core.get_component("credential_provider").providers.insert(0, _Provider(credentials))
    return boto3.Session(botocore_session=core, region_name=region)
