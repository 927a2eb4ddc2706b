"""The condition that accepts a token: it accepts that one, and no other."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rollout.runtime.trust import condition, trust_policy
from sandbox.aws.trust import ISSUER, accepts

PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
CLAIMS = {"iss": f"https://{ISSUER}", "aud": "sts.amazonaws.com"}
texts = st.text(min_size=1, max_size=40) | st.lists(
    st.sampled_from(["${", "}", "$", "*", "?", "${*}", "repo:o/r:environment:", '"', "\n", "`"]),
    min_size=1,
    max_size=6,
).map("".join)


@given(texts, texts)
@example("repo:o/r:environment:${aws:username}", "repo:o/r:environment:x")
@example("repo:o/r:*", "repo:o/r:ref")
def test_it_accepts_this_subject_and_no_other(subject: str, other: str) -> None:
    told = condition({**CLAIMS, "sub": subject})
    assert told.isascii()
    assert told.isprintable()
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": json.loads(told),
    }
    policy = {"Statement": statement}
    assert accepts(policy, PROVIDER, {**CLAIMS, "sub": subject})
    assert accepts(policy, PROVIDER, {**CLAIMS, "sub": other}) is (other == subject)
    assert not accepts(policy, PROVIDER, {**CLAIMS, "aud": "other", "sub": subject})


@given(texts, texts)
@example("repo:o/r:environment:##[error]x", "x")
def test_the_whole_policy_does_the_same(subject: str, other: str) -> None:
    told = trust_policy({**CLAIMS, "sub": subject}, "aws", "123456789012")
    assert told.isascii()
    assert "##[" not in told
    policy = json.loads(told)
    assert accepts(policy, PROVIDER, {**CLAIMS, "sub": subject})
    assert accepts(policy, PROVIDER, {**CLAIMS, "sub": other}) is (other == subject)
