"""An IAM role's credentials for GitHub's OIDC token.

https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws and
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html. The role's credentials last an
hour by default and never renew themselves; GitHub's token lives for minutes, but a new one can be asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from lambda_rollout.aws.calls import ask, date_of
from lambda_rollout.aws.clients import CONFIG
from lambda_rollout.aws.renewal import Issued
from lambda_rollout.aws.sessions import core_session
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    InvalidRequest,
    Refused,
    Unanswered,
    Unreachable,
)
from lambda_rollout.runtime.id_token import GET_ID_TOKEN, claims_of, id_token
from lambda_rollout.runtime.masking import Hide, hide_nothing
from lambda_rollout.runtime.trust import accepting, check_trust, claims_told

AUDIENCE = "sts.amazonaws.com"
AUDIENCES = {"aws-cn": ("sts.amazonaws.com.cn", AUDIENCE)}
"""For whom GitHub's token is meant, by the partition in the role's ARN; the likelier first, any other has `AUDIENCE`.

aws-actions/configure-aws-credentials has its users in China set the first (its README, "OIDC audience"), and some say
that the second works for them (cdklabs/cdk-pipelines-github#1091): it is the one with which their provider was set up.
Tried in order, since nobody here has an account there to see it.
"""

BAD_TOKEN = "InvalidIdentityToken"  # noqa: S105 - AWS's code
_NO_PROVIDER = "no openidconnect provider"
"""AWS's words with that code where the audience has nothing to do with it."""

LIFETIME = 3600
"""Seconds asked for: what a role allows unless it was claims_told otherwise."""

_NAME = "lambda-rollout"
_LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^\w+=,.@-]+", re.ASCII)


def session_name(run_id: str, attempt: str, repository: str) -> str:
    """Return how CloudTrail knows a run: ``lambda-rollout-1234567890-1-octo.shop``. Empty texts are left out.

    AWS takes 2 to 64 letters, digits and ``_+=,.@-`` (API_AssumeRoleWithWebIdentity.html, RoleSessionName). No owner
    has a dot in its name, so the first one ends it; what is too long loses its end, and never run or attempt.
    """
    run = "-".join(filter(None, (_NAME, run_id or "local", attempt if run_id else "")))
    name = "-".join(filter(None, (run, repository.replace("/", ".", 1))))
    return _NOT_IN_NAMES.sub("-", name)[:_LONGEST_NAME].rstrip("-")


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
        # No file of the job's has a say in where the token goes.
        made = boto3.Session(botocore_session=core_session(region), region_name=region)
        self._sts = made.client(
            "sts", region_name=region, config=CONFIG.merge(Config(signature_version=UNSIGNED))
        )

    def issue(self) -> Issued:
        """Trade once. Raises `lambda_rollout.runtime.id_token.NoPermission`, `CallFailed` otherwise."""
        refusals: list[Refused] = []
        for audience in self._audiences:
            token = id_token(self._environ, audience, self._hide)
            try:
                issued = self._trade(token)
            except Refused as error:
                refusals.append(_with_claims(error, self._role, token))
                if not _may_be_the_audience(error):
                    break
            else:
                self._hide(*issued.secrets)
                self._audiences = (audience,)
                return issued
        # Refused for another reason than the audience tells more.
        raise min(
            refusals, key=lambda error: error.code == BAD_TOKEN and _may_be_the_audience(error)
        )

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


def audiences(role: str) -> tuple[str, ...]:
    """Return for whom GitHub's token may be meant, to be tried in this order; ``role`` is an ARN."""
    partition = role.split(":")[1] if ":" in role else ""
    return AUDIENCES.get(partition, (AUDIENCE,))


def _may_be_the_audience(error: Refused) -> bool:
    """Whether the provider, or the trust policy's condition, may want the token for another audience."""
    return _NO_PROVIDER not in error.message.lower()


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


# What to do about a refusal ------------------------------------------------------------------------


def _with_claims(error: Refused, role: str, token: str) -> Refused:
    """Add to a refusal what the token says of this job: STS does not say what it has held against the policy."""
    if isinstance(error, InvalidRequest):
        return error
    try:
        claims = claims_of(token)
    except ValueError:
        return error
    first = error.remedy or check_trust(role, claims)
    # Where AWS's words tell another cause than provider or policy, the claims are enough.
    accepts = accepting(claims) if not error.remedy or error.code == BAD_TOKEN else ""
    remedy = " ".join(filter(None, (first, claims_told(claims), _other_audience(role), accepts)))
    return type(error)(error.operation, error.code, error.message, remedy)


def _other_audience(role: str) -> str:
    found = audiences(role)
    return f"The identity provider's audience may be {' or '.join(found)}." if found[1:] else ""


def remedy_for_role(error: CallFailed, role: str) -> str:
    """Say what to do where the credentials of ``role`` could not be had."""
    if error.operation == GET_ID_TOKEN and isinstance(error, Refused):
        return "GitHub gave no OIDC token: check the job's `permissions: id-token: write`."
    if isinstance(error, Unreachable) or error.remedy:
        return error.remedy
    if isinstance(error, Busy | Unanswered):
        return "There was no good answer: start again."
    return (
        "Check the role's trust policy: the provider token.actions.githubusercontent.com, the audience "
        f"{' or '.join(audiences(role))}, and the subject of this repository."
    )
