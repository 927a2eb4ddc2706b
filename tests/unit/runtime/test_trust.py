"""What is told of a token. What the condition accepts: tests/property/test_trust.py."""

from __future__ import annotations

from lambda_rollout.runtime.trust import (
    ISSUER,
    LONGEST_CLAIM,
    accepting,
    check_trust,
    claims_told,
    condition,
)

ROLE = "arn:aws-cn:iam::123456789012:role/path/deploy"
PROVIDER = f"arn:aws-cn:iam::123456789012:oidc-provider/{ISSUER}"
CLAIMS = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com"}


def test_another_issuer_is_another_provider() -> None:
    claims = {**CLAIMS, "sub": "repo:o/r:ref:x", "iss": "https://ghe.example/_services/token"}
    assert '"ghe.example/_services/token:sub": "repo:o/r:ref:x"' in condition(claims)
    provider = "arn:aws-cn:iam::123456789012:oidc-provider/ghe.example/_services/token"
    assert provider in check_trust(ROLE, claims)


def test_of_a_token_that_says_nothing_nothing_is_told() -> None:
    for claims in ({}, {**CLAIMS, "sub": 7}, {**CLAIMS, "sub": "x" * (LONGEST_CLAIM + 1)}):
        assert accepting(claims) == ""
    assert claims_told({"sub": ["a", "b"]}) == ""
    assert claims_told({"sub": ["a"], "aud": "b"}) == 'This job\'s token says sub "a", aud "b".'
    assert PROVIDER in check_trust(ROLE, {})
