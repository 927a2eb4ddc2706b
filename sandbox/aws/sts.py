"""STS and GitHub's OIDC provider: tokens for credentials, both with an end.

Sources: STS API reference, AssumeRoleWithWebIdentity (DurationSeconds 900 to 43,200, one
hour unless told; its error codes); GitHub, "OpenID Connect reference" (the request to
`ACTIONS_ID_TOKEN_REQUEST_URL` and its answer).
"""

from __future__ import annotations

import base64
import json
import random as random_module
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.trust import ISSUER, Job, Policy, accepts
from sandbox.clock import Clock

AUDIENCE = "sts.amazonaws.com"
SHORTEST, LONGEST = 900, 43_200

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Session:
    """Temporary credentials. identity: the ARN that they act as."""

    identity: str
    expires: datetime


class Sts:
    """Who may call, and for how long.

    sessions: access key id -> what it stands for; add any to let plain credentials expire.
    job: whose token GitHub's provider gives. trusts: role ARNs that may be assumed, None for all. policies: the trust
    policies of roles, held against the token; a role without one trusts everybody. audience: the identity provider's
    only one. strict: refuse access keys that nobody issued. lifetime: seconds that new credentials
    live whatever was asked for, None for what was asked for. request_token, token_lifetime
    (seconds): of the OIDC provider. issued: every key, secret, session token and OIDC token so
    far, in order.
    """

    def __init__(self, clock: Clock, random: random_module.Random, account: str) -> None:
        self.clock = clock
        self.random = random
        self.account = account
        self.sessions: dict[str, Session] = {}
        self.job = Job()
        self.trusts: set[str] | None = None
        self.policies: dict[str, Policy] = {}
        self.audience = AUDIENCE
        self.strict = False
        self.lifetime: float | None = None
        self.request_token = "sandbox-request-token"
        self.token_lifetime = 300.0
        self.issued: list[str] = []

    def let_expire(self, access_key_id: str, seconds: float) -> None:
        """Make credentials that somebody has end `seconds` from now."""
        user = f"arn:aws:sts::{self.account}:assumed-role/deploy/GitHubActions"
        expires = self.clock.now() + timedelta(seconds=seconds)
        self.sessions[access_key_id] = Session(user, expires)

    def refusal(self, service: str, access_key_id: str) -> AwsError | None:
        """Why a request signed with this key is refused before it is looked at, if it is."""
        if not access_key_id:
            return None
        json_error = service in {"lambda", "codedeploy"}
        session = self.sessions.get(access_key_id)
        if session is None:
            if not self.strict:
                return None
            return AwsError(
                "UnrecognizedClientException" if json_error else "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                403,
            )
        if self.clock.now() < session.expires:
            return None
        return AwsError(
            "ExpiredTokenException" if json_error else "ExpiredToken",
            "The security token included in the request is expired",
            403,
        )

    def account_of(self, access_key_id: str) -> str:
        """The account that a key is of: this one, unless it stands for an identity of another."""
        session = self.sessions.get(access_key_id)
        return session.identity.split(":")[4] if session else self.account

    def get_caller_identity(self, access_key_id: str) -> dict[str, Any]:
        """GetCallerIdentity: needs no permission."""
        session = self.sessions.get(access_key_id)
        identity = session.identity if session else f"arn:aws:iam::{self.account}:user/sandbox"
        return {
            "UserId": f"AIDA{access_key_id or 'SANDBOX'}",
            "Account": self.account_of(access_key_id),
            "Arn": identity,
        }

    def get_id_token(self, params: Params) -> dict[str, Any]:
        """GitHub's answer to a request for an OIDC token (no AWS operation).

        params: ``audience`` and ``bearer``, as the request had them.
        """
        if params.get("bearer") != self.request_token:
            raise AwsError("Unauthorized", "The request token is not valid", 401)
        now = self.clock.now()
        claims = {
            "iss": f"https://{ISSUER}",
            "aud": params.get("audience") or "https://github.com/octo-org",
            **self.job.claims,
            "jti": f"{self.random.getrandbits(64):016x}",
            "iat": now.timestamp(),
            "exp": now.timestamp() + self.token_lifetime,
        }
        parts = [_base64({"alg": "RS256", "typ": "JWT"}), _base64(claims), "unsigned"]
        value = ".".join(parts)
        self.issued.append(value)
        return {"count": len(value), "value": value}

    def assume_role_with_web_identity(self, params: Params) -> dict[str, Any]:
        """AssumeRoleWithWebIdentity."""
        role, name = params["RoleArn"], params["RoleSessionName"]
        self._check_names(role, name)
        asked = params.get("DurationSeconds", 3600)
        if not SHORTEST <= asked <= LONGEST:
            bound = f"greater than or equal to {SHORTEST}"
            if asked > LONGEST:
                bound = f"less than or equal to {LONGEST}"
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{asked}' at 'durationSeconds' failed to "
                f"satisfy constraint: Member must have value {bound}",
            )
        claims = self._claims(params["WebIdentityToken"])
        if not self._trusts(role, claims):
            raise AwsError(
                "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403
            )
        lifetime = asked if self.lifetime is None else self.lifetime
        expires = self.clock.now() + timedelta(seconds=lifetime)
        key = f"ASIA{self.random.getrandbits(64):016X}"
        role_name = role.rpartition("/")[2]
        identity = f"arn:aws:sts::{self.account}:assumed-role/{role_name}/{name}"
        self.sessions[key] = Session(identity, expires)
        secret, token = f"{self.random.getrandbits(160):040x}", f"session-{key}"
        self.issued += [key, secret, token]
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": secret,
                "SessionToken": token,
                "Expiration": expires,
            },
            "SubjectFromWebIdentityToken": claims["sub"],
            "AssumedRoleUser": {"AssumedRoleId": f"AROASANDBOX:{name}", "Arn": identity},
            "Provider": f"arn:aws:iam::{self.account}:oidc-provider/{ISSUER}",
            "Audience": claims["aud"],
        }

    def _trusts(self, role: str, claims: Mapping[str, Any]) -> bool:
        if self.trusts is not None and role not in self.trusts:
            return False
        partition = role.split(":")[1]
        provider = f"arn:{partition}:iam::{self.account}:oidc-provider/{ISSUER}"
        policy = self.policies.get(role)
        return policy is None or accepts(policy, provider, claims)

    def _check_names(self, role: str, session_name: str) -> None:
        if not re.match(rf"arn:aws(-cn|-us-gov)?:iam::{self.account}:role/", role):
            raise AwsError("ValidationError", f"{role} is invalid")
        if not 2 <= len(session_name) <= 64:
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{session_name}' at 'roleSessionName' failed "
                "to satisfy constraint: Member must have length between 2 and 64",
            )
        if not re.fullmatch(r"[\w+=,.@-]*", session_name, re.ASCII):
            raise AwsError(
                "ValidationError",
                f"1 validation error detected: Value '{session_name}' at 'roleSessionName' failed "
                "to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
            )

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            payload = token.split(".")[1]
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
            audience, expires = claims["aud"], claims["exp"]
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise AwsError(
                "InvalidIdentityToken",
                "The ID Token provided is not a valid JWT. (You may see this error if you sent "
                "an Access Token)",
            ) from error
        if audience != self.audience:
            raise AwsError("InvalidIdentityToken", "Incorrect token audience")
        now = self.clock.now().timestamp()
        if now >= expires:
            raise AwsError(
                "ExpiredTokenException",
                f"Token expired: current date/time {int(now)} must be before the expiration "
                f"date/time {int(expires)}",
            )
        return claims


def _base64(value: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
