"""What a role's trust policy must say to accept this job's OIDC token. Pure.

GitHub's subjects are of two forms, and a repository may have one of its own besides: so what to write there stands in
the token alone. https://docs.github.com/en/actions/reference/security/oidc#oidc-token-claims;
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lambda_rollout.runtime.id_token import claim

ISSUER = "token.actions.githubusercontent.com"
"""GitHub's own; a GitHub Enterprise has another, which the token names."""

LONGEST_CLAIM = 1024
"""Characters of a claim that are told. Longer ones are nobody's subject."""

_POLICY_VARIABLE = "${"


def provider_of(claims: Mapping[str, Any]) -> str:
    """Return the identity provider as IAM names it: the issuer without its scheme."""
    issuer = claim(claims, "iss").removeprefix("https://")
    return issuer if 0 < len(issuer) <= LONGEST_CLAIM else ISSUER


def condition(claims: Mapping[str, Any]) -> str:
    """Return the ``Condition`` of a trust policy that accepts these claims, as JSON on one line.

    Empty if none can be told. All of it is ASCII, so that what is seen is what it says.
    """
    named = {name: claim(claims, name) for name in ("aud", "sub")}
    if not all(0 < len(text) <= LONGEST_CLAIM for text in named.values()):
        return ""
    provider = provider_of(claims)
    equals = {f"{provider}:{name}": _literal(text) for name, text in named.items()}
    return _without_commands(json.dumps({"StringEquals": equals}))


def subject_of(claims: Mapping[str, Any]) -> str:
    """Return the token's subject; empty if there is none that can be told."""
    subject = claim(claims, "sub")
    return subject if len(subject) <= LONGEST_CLAIM else ""


def trust_policy(claims: Mapping[str, Any], partition: str, account: str) -> str:
    """Return the whole trust policy of a role in ``account`` that accepts these claims, as indented JSON.

    Empty if none can be told. Like `condition`, ASCII alone.
    """
    accepted = condition(claims)
    if not accepted:
        return ""
    provider = f"arn:{partition}:iam::{account}:oidc-provider/{provider_of(claims)}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": json.loads(accepted),
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)
    return _without_commands(text)


def _without_commands(text: str) -> str:
    """Write JSON in which no runner finds a command: it would obey ##[…] anywhere in a line."""
    return text.replace("##[", "##\\u005b")


def _literal(text: str) -> str:
    """Write a value of which nothing is a policy variable.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return text.replace(_POLICY_VARIABLE, "${$}{")


def claims_told(claims: Mapping[str, Any]) -> str:
    """Say what this job's token says of itself; empty if it says nothing that can be told."""
    said = [
        f"{name} {json.dumps(text)}"
        for name in ("sub", "aud")
        if (text := claim(claims, name)) and len(text) <= LONGEST_CLAIM
    ]
    return f"This job's token says {', '.join(said)}." if said else ""


def check_trust(role: str, claims: Mapping[str, Any]) -> str:
    """Say what to look at where STS refuses ``role`` (an ARN) to this job without a reason."""
    provider = provider_of(claims)
    parts = role.split(":")
    arn = f"arn:{parts[1]}:iam::{parts[4]}:oidc-provider/{provider}" if len(parts) > 5 else provider
    return (
        f"Check that the role exists, and that its trust policy has the principal {arn} and a condition that accepts this "
        "job."
    )


def accepting(claims: Mapping[str, Any]) -> str:
    """Say which condition accepts this job, to be copied; empty if none can be told."""
    found = condition(claims)
    return f"This condition accepts it: {found}" if found else ""
