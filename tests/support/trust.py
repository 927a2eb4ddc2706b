"""Whom the roles of README and examples trust, as README has it."""

from __future__ import annotations

import json
from typing import Any

from sandbox.aws.trust import ISSUER
from tests.support.pages import blocks

ROLLOUT = "arn:aws:iam::123456789012:role/rollout"
ROLLOUT_DEV = "arn:aws:iam::123456789012:role/rollout-dev"
ROLLOUT_TESTS = "arn:aws:iam::123456789012:role/rollout-tests"
UPLOAD = "arn:aws:iam::123456789012:role/upload"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"

TRUST_POLICY: dict[str, Any]
"""Of `ROLLOUT`."""
[TRUST_POLICY] = [
    policy
    for policy in map(json.loads, blocks("json", "README.md"))
    if "sts:AssumeRoleWithWebIdentity" in json.dumps(policy)
]
_ALLOW = TRUST_POLICY["Statement"][0]
_SUBJECTS = {
    "token.actions.githubusercontent.com:sub": [
        "repo:octo@123456/shop@456789:ref:refs/heads/main",
        "repo:octo/shop:ref:refs/heads/main",
    ]
}
TRUST_POLICY_OF_DEV: dict[str, Any] = {
    "Statement": {
        **_ALLOW,
        "Condition": {"StringEquals": {**_ALLOW["Condition"]["StringEquals"], **_SUBJECTS}},
    }
}
"""Of `ROLLOUT_DEV` and `ROLLOUT_TESTS`: any workflow on main, as docs/identity.md says of roles that move nothing in
production."""
TRUST_POLICY_OF_UPLOAD: dict[str, Any] = {
    "Statement": {
        **_ALLOW,
        "Condition": {
            "StringEquals": {
                **_ALLOW["Condition"]["StringEquals"],
                "token.actions.githubusercontent.com:sub": [
                    "repo:octo@123456/shop@456789:environment:upload",
                    "repo:octo/shop:environment:upload",
                ],
            }
        },
    }
}
"""Of `UPLOAD`, with which an action of somebody else's uploads code, and nobody moves an alias."""
