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
from http.client import HTTPException
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials, ReadOnlyCredentials
from botocore.exceptions import CredentialRetrievalError
from tenacity import Retrying

from lambda_rollout.aws.calls import ask, date_of, says_expired
from lambda_rollout.aws.clients import CONFIG
from lambda_rollout.errors import Busy, CallFailed, Refused, RolloutError, Unanswered, Unreachable
from lambda_rollout.patience import patiently
from lambda_rollout.stop import Clock, Stop

AUDIENCE = "sts.amazonaws.com"
AUDIENCES = {"aws-cn": ("sts.amazonaws.com.cn", AUDIENCE)}
"""For whom GitHub's token is meant, by the partition in the role's ARN; the likelier first, any other has `AUDIENCE`.

aws-actions/configure-aws-credentials has its users in China set the first (its README, "OIDC audience"), and some say
that the second works for them (cdklabs/cdk-pipelines-github#1091): it is the one with which their provider was set up.
Tried in order, since nobody here has an account there to see it.
"""

WRONG_AUDIENCE = "InvalidIdentityToken"
GET_ID_TOKEN = "GetIdToken"  # noqa: S105 - a name
"""Our name for GitHub's call in messages; it has none of its own."""

REFUSALS = frozenset({400, 401, 403, 404})
"""HTTP statuses with which GitHub will not give a token however often it is asked."""

LIFETIME = 3600
"""Seconds asked for: what a role allows unless it was told otherwise."""

RENEW_AT = 0.5
"""Share of the lifetime after which the background renews; a failed try is repeated until the end."""

RETRY_EVERY = 30.0
RETRY_SHARE = 0.05
"""A failed renewal is tried again after so many seconds, or after this share of the lifetime if that is less."""

MARGIN = 5.0
"""Seconds before their end from which they are not used any more: a request takes a while to arrive."""

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
        self._issue = issue
        self._clock = clock
        self._lock = threading.Lock()
        first, asked_at = self._asked()
        super().__init__(first.access_key, first.secret_key, first.token, method="web-identity")
        self._take(first, asked_at)
        threading.Thread(target=self._keep_fresh, args=(stop,), daemon=True).start()

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the newest; botocore calls this for each request that it signs."""
        if self._clock.monotonic() >= self._ends_at:
            with self._lock:
                if self._clock.monotonic() >= self._ends_at:
                    self._renew()
        return self._signing

    def heed(self, **answer: Any) -> None:
        """Take AWS's word that they have ended, whatever our clock says; botocore's ``after-call`` event.

        A machine that was suspended, for one, has slept through their time.
        """
        if says_expired(answer["parsed"]):
            self._ends_at = self._clock.monotonic()

    def _renew(self) -> None:
        try:
            self._take(*self._asked())
        except RolloutError as error:
            raise CredentialRetrievalError(provider="web-identity", error_msg=error.what) from error

    def _asked(self) -> tuple[Issued, float]:
        at = self._clock.monotonic()
        return self._issue(), at

    def _take(self, issued: Issued, asked_at: float) -> None:
        lasts = issued.lasts.total_seconds()
        # One assignment: a thread that signs must not see the key of one and the secret of another.
        self._signing = ReadOnlyCredentials(issued.access_key, issued.secret_key, issued.token)
        self._ends_at = asked_at + lasts - min(MARGIN, lasts / 10)
        self._renew_at = asked_at + RENEW_AT * lasts
        self._retry_after = min(RETRY_EVERY, RETRY_SHARE * lasts)

    def _keep_fresh(self, stop: Stop) -> None:
        while True:
            self._clock.wait(max(self._renew_at - self._clock.monotonic(), 0.0), stop)
            if stop.requested:
                return
            try:
                issued, at = self._asked()
            except Exception:  # noqa: BLE001 - the old ones are still good; ask again a little later
                self._clock.wait(self._retry_after, stop)
                continue
            with self._lock:
                self._take(issued, at)


class WebIdentity:
    """Trades GitHub's OIDC token for the role's credentials; each call is one trade."""

    def __init__(
        self, role: str, region: str, session_name: str, environ: Mapping[str, str]
    ) -> None:
        """Ask nobody yet; ``session_name`` is how CloudTrail will know the rollout."""
        self._role = role
        self._audiences = audiences(role)
        self._session_name = session_name
        self._environ = environ
        # Made once: a renewal in the background must not take the processor from the watch.
        self._sts = boto3.Session(region_name=region).client(
            "sts", region_name=region, config=CONFIG.merge(Config(signature_version=UNSIGNED))
        )

    def issue(self) -> Issued:
        """Trade once. Raises `RolloutError` if the job may not ask for a token, `CallFailed` otherwise."""
        refusals: list[Refused] = []
        for audience in self._audiences:
            token = self._token(audience)
            try:
                issued = self._trade(token)
            except Refused as error:
                refusals.append(error)
            else:
                self._audiences = (audience,)
                return issued
        # Refused for another reason than the audience tells more.
        raise min(refusals, key=lambda error: error.code == WRONG_AUDIENCE)

    def _trade(self, token: str) -> Issued:
        return ask(
            "AssumeRoleWithWebIdentity",
            lambda: self._sts.assume_role_with_web_identity(
                RoleArn=self._role,
                RoleSessionName=self._session_name,
                WebIdentityToken=token,
                DurationSeconds=LIFETIME,
            ),
            _issued,
        )

    def _token(self, audience: str) -> str:
        url = self._environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        bearer = self._environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
        if not (url and bearer):
            raise RolloutError(
                f"role-to-assume: {self._role}: this job may not ask GitHub for an OIDC token.",
                "Add `permissions: id-token: write` to the job.",
            )
        separator = "&" if "?" in url else "?"
        request = urllib.request.Request(  # noqa: S310 - the runner's own address
            f"{url}{separator}{urllib.parse.urlencode({'audience': audience})}",
            headers={"Authorization": f"bearer {bearer}", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TOKEN_TIMEOUT) as answer:  # noqa: S310
                return str(json.load(answer)["value"])
        except urllib.error.HTTPError as error:
            with error:
                kind = Refused if error.code in REFUSALS else Unanswered
                raise kind(GET_ID_TOKEN, str(error.code), error.reason) from error
        except urllib.error.URLError as error:
            # While it was sent; what happens to the answer comes as it is.
            raise Unreachable(
                GET_ID_TOKEN,
                type(error.reason).__name__,
                str(error.reason),
                "GitHub's OIDC provider could not be reached: check the runner's way there (DNS, proxy, firewall).",
            ) from error
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise Unanswered(GET_ID_TOKEN, type(error).__name__, str(error)) from error


def _issued(answer: Mapping[str, Any]) -> Issued:
    given = answer["Credentials"]
    return Issued(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        given["SessionToken"],
        _lasts(given["Expiration"], answer),
    )


def _lasts(expiration: datetime, answer: Mapping[str, object]) -> timedelta:
    """How long they last, measured on AWS's clock alone: the runner's may be minutes off."""
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


def audiences(role: str) -> tuple[str, ...]:
    """Return for whom GitHub's token may be meant, to be tried in this order; ``role`` is an ARN."""
    partition = role.split(":")[1] if ":" in role else ""
    return AUDIENCES.get(partition, (AUDIENCE,))


def session(
    region: str,
    role: str,
    session_name: str,
    environ: Mapping[str, str],
    clock: Clock,
    stop: Stop,
    patient: Retrying | None = None,
) -> boto3.Session:
    """Return a session with the environment's credentials, or with ``role``'s if one is named.

    ``stop`` ends the renewals. ``patient`` asks for the first ones as often as it thinks fit; the default gives up
    after a minute. Raises `RolloutError` if the role cannot be assumed: before anything is changed.
    """
    if not role:
        return boto3.Session(region_name=region)
    identity = WebIdentity(role, region, session_name, environ)
    patient = patient or patiently(clock, stop)
    try:
        credentials = patient(RenewedCredentials, identity.issue, clock, stop)
    except CallFailed as error:
        raise RolloutError(
            f"role-to-assume: {role} could not be assumed: {error.what}", _remedy(error, role)
        ) from error
    core = botocore.session.Session()
    core.get_component("credential_provider").providers.insert(0, _Provider(credentials))
    core.register("after-call", credentials.heed)
    return boto3.Session(botocore_session=core, region_name=region)


def _remedy(error: CallFailed, role: str) -> str:
    if isinstance(error, Unreachable):
        return error.remedy
    if isinstance(error, Busy | Unanswered):
        return "There was no good answer: start again."
    if error.operation == GET_ID_TOKEN:
        return "GitHub gave no OIDC token: check the job's `permissions: id-token: write`."
    return (
        "Check the role's trust policy: the provider token.actions.githubusercontent.com, the audience "
        f"{' or '.join(audiences(role))}, and the subject of this repository."
    )
