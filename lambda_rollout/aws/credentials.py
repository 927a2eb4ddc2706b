"""Credentials for as long as the rollout lasts: the job's own, or an IAM role's through GitHub's OIDC token.

Both are renewed in the background (`lambda_rollout.aws.renewal`). For the role see
https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The role's
credentials last an hour by default and never renew themselves; GitHub's token lives for minutes, but a new
one can be asked for as long as the job runs.
"""

from __future__ import annotations

import bisect
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http.client import HTTPException
from typing import Any

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import CredentialProvider, Credentials, RefreshableCredentials
from tenacity import Retrying

from lambda_rollout.aws.calls import ask, date_of, translating_errors
from lambda_rollout.aws.clients import CONFIG
from lambda_rollout.aws.environment import check_environment, flaw, misconfigured, variables_in
from lambda_rollout.aws.renewal import GET_CREDENTIALS, Issued, RenewedCredentials
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    Refused,
    RolloutError,
    Unanswered,
    Unreachable,
)
from lambda_rollout.runtime.retry import retrying

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

ENVIRONMENT = "env"
"""botocore's name for the source of keys that were issued to the job, not to us: whoever set them has them hidden."""

LIFETIME = 3600
"""Seconds asked for: what a role allows unless it was told otherwise."""

TOKEN_TIMEOUT = 5

MISTAKES = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.ProfileNotFound,
    boto.UnknownCredentialError,
)
"""What no source answers differently the next time."""

FILES = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Of a token file, or of the command of a ``credential_process``."""

CONTAINER_REMEDY = (
    "An action in a container sees the workspace and no other file of the runner: use aws-actions/configure-aws-"
    "credentials in a step before, or `role-to-assume`."
)
OWN_REMEDY = (
    "Run aws-actions/configure-aws-credentials in a step before, or set `role-to-assume`; on a runner of your own check "
    "its AWS profile, `credential_process` or web identity token file."
)


Hide = Callable[..., object]
"""Told of every secret that is issued, before it is used."""


def hide_nothing(*_issued: str) -> None:
    """Take secrets, and do nothing about them."""


class WebIdentity:
    """Trades GitHub's OIDC token for the role's credentials; each call is one trade."""

    def __init__(
        self,
        role: str,
        region: str,
        session_name: str,
        environ: Mapping[str, str],
        hide: Hide = hide_nothing,
    ) -> None:
        """Ask nobody yet; ``session_name`` is how CloudTrail will know the rollout."""
        self._role = role
        self._audiences = audiences(role)
        self._session_name = session_name
        self._environ = environ
        self._hide = hide
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
                self._hide(*issued.secrets)
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
        self._hide(bearer)
        separator = "&" if "?" in url else "?"
        request = urllib.request.Request(  # noqa: S310 - the runner's own address
            f"{url}{separator}{urllib.parse.urlencode({'audience': audience})}",
            headers={"Authorization": f"bearer {bearer}", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TOKEN_TIMEOUT) as answer:  # noqa: S310
                token = str(json.load(answer)["value"])
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
        self._hide(token)
        return token


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


class Chain:
    """The credentials that botocore finds by itself: the environment's, a profile's, a token file's, a machine's."""

    LONGEST = 7 * 24 * 3600
    """Seconds; nobody issues credentials that last longer."""

    def __init__(self, region: str, *, settles: bool = False, hide: Hide = hide_nothing) -> None:
        """Ask nobody yet. Who ``settles`` what was changed is told of nothing that it need not be tried again."""
        self._region = region
        self._settles = settles
        self._hide = hide
        self.core = _core(region)
        """A session that has found what `issue` returned first."""
        self._asked = False

    def issue(self) -> Issued:
        """Look for them anew, past whatever botocore keeps. Raises `RolloutError` if there are none, `CallFailed`.

        With a session of its own each time: one whose source hangs is locked until that ends.
        """
        core = _core(self._region) if self._asked else self.core
        self._asked = True
        with translating_errors(GET_CREDENTIALS):
            try:
                return self._issued(core.get_credentials())
            except MISTAKES as error:
                raise RolloutError(f"no AWS credentials: {error}.", OWN_REMEDY) from error
            except FILES as error:
                if self._settles:
                    raise
                what = f"no AWS credentials: {error.filename}: {error.strerror}."
                raise RolloutError(what, CONTAINER_REMEDY) from error
            except ValueError as error:
                if variables_in(error, os.environ) and not self._settles:
                    raise misconfigured(error, os.environ) from error
                raise
            except boto.ClientError as error:
                with translating_errors(error.operation_name):
                    raise

    def _issued(self, found: Credentials | None) -> Issued:
        if found is None:
            raise boto.NoCredentialsError
        lasts = None
        if isinstance(found, RefreshableCredentials):
            needed = found.refresh_needed
            # These are good until their end: when to ask for others is decided elsewhere.
            found.refresh_needed = lambda refresh_in=None: needed(0)  # type: ignore[method-assign]  # noqa: ARG005
            found.get_frozen_credentials()
            # It does not tell when they end, but whether they do within so many seconds.
            within = bisect.bisect_left(range(self.LONGEST), True, key=needed)
            lasts = timedelta(seconds=max(within - 1, 0))
        frozen = found.get_frozen_credentials()
        key, secret = frozen.access_key, frozen.secret_key
        if key is None or secret is None:
            raise boto.NoCredentialsError
        for name, value in (("key", key), ("secret key", secret), ("token", frozen.token or "")):
            if what := flaw(value):
                raise RolloutError(
                    f"no AWS credentials: the {name} of {found.method} {what}.", OWN_REMEDY
                )
        issued = Issued(key, secret, frozen.token, lasts, frozen.account_id)
        if found.method != ENVIRONMENT:
            self._hide(*issued.secrets)
        return issued


def _core(region: str) -> botocore.session.Session:
    core = botocore.session.Session()
    # STS in the same Region; boto3 would do so later.
    core.set_config_variable("region", region)
    return core


def _bundle_of_profile(region: str) -> str:
    """Return the AWS profile's ``ca_bundle``; empty if it names none, or cannot be read, of which others tell."""
    try:
        return str(_core(region).get_scoped_config().get("ca_bundle", ""))
    except boto.BotoCoreError:
        return ""


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


def session(  # noqa: PLR0913 - all that credentials depend on
    region: str,
    role: str,
    session_name: str,
    environ: Mapping[str, str],
    clock: Clock,
    stop: Stop,
    patient: Retrying | None = None,
    *,
    obeys: bool = True,
    hide: Hide = hide_nothing,
) -> boto3.Session:
    """Return a session with the environment's credentials, or with ``role``'s if one is named.

    ``stop`` ends the renewals, and the wait for the first ones if it ``obeys``. ``patient`` asks for the first ones as
    often as it thinks fit; the default gives up after a minute. ``hide`` is told of every secret that is issued, now
    and at each renewal. Raises `RolloutError` if there are none, or the role cannot be assumed, or what the environment
    says cannot work: before anything is changed.
    """
    if obeys:
        # Who settles what was changed goes on trying, whatever may be wrong.
        bundle = _bundle_of_profile(region)
        check_environment(os.environ, own_credentials=not role, profile_bundle=bundle)
    patient = patient or retrying(clock, stop)
    until = stop if obeys else Stop()
    if not role:
        chain = Chain(region, settles=not obeys, hide=hide)
        credentials = RenewedCredentials(chain.issue, clock, "lambda-rollout")
        try:
            patient(credentials.first, until)
        except CallFailed as error:
            remedy = error.remedy or OWN_REMEDY
            raise RolloutError(f"no AWS credentials: {error.what}", remedy) from error
        if credentials.last:
            return boto3.Session(botocore_session=chain.core, region_name=region)
        return _renewed(credentials, region, stop)
    try:
        identity = WebIdentity(role, region, session_name, environ, hide)
    except (boto.BotoCoreError, ValueError) as error:
        raise misconfigured(error, os.environ) from error
    credentials = RenewedCredentials(identity.issue, clock, "web-identity")
    try:
        patient(credentials.first, until)
    except CallFailed as error:
        raise RolloutError(
            f"role-to-assume: {role} could not be assumed: {error.what}", _remedy(error, role)
        ) from error
    return _renewed(credentials, region, stop)


def _renewed(credentials: RenewedCredentials, region: str, stop: Stop) -> boto3.Session:
    credentials.keep_fresh(stop)
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
    if error.remedy:
        return error.remedy
    return (
        "Check the role's trust policy: the provider token.actions.githubusercontent.com, the audience "
        f"{' or '.join(audiences(role))}, and the subject of this repository."
    )
