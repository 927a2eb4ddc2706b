"""Trust policies: which of GitHub's subjects a condition accepts, and which it does not."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws.trust import ISSUER, Job, accepts

PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
NOW, BEFORE = (
    "repo:octo@123456/shop@456789:ref:refs/heads/main",
    "repo:octo/shop:ref:refs/heads/main",
)


def policy(condition: Any, **other: Any) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition,
    }
    return {"Version": "2012-10-17", "Statement": [{**statement, **other}]}


def sub(operator: str, *values: str) -> dict[str, Any]:
    return {operator: {f"{ISSUER}:sub": list(values)}}


@pytest.mark.parametrize(
    ("job", "subject"),
    [
        (Job(), NOW),
        (Job(ids=None), BEFORE),
        (Job(environment="production"), "repo:octo@123456/shop@456789:environment:production"),
        (
            Job(ids=None, environment="eu:1", ref="refs/tags/v1"),
            "repo:octo/shop:environment:eu%3A1",
        ),
        (Job(ids=None, ref="refs/tags/v1"), "repo:octo/shop:ref:refs/tags/v1"),
        (Job(event="pull_request"), "repo:octo@123456/shop@456789:pull_request"),
    ],
)
def test_subjects(job: Job, subject: str) -> None:
    assert job.subject == subject
    assert job.claims["sub"] == subject


@pytest.mark.parametrize(
    ("condition", "now", "before"),
    [
        (sub("StringEquals", NOW), True, False),
        (sub("StringEquals", BEFORE), False, True),
        (sub("StringEquals", NOW, BEFORE), True, True),
        (sub("StringEquals", "repo:octo*"), False, False),
        (sub("StringEqualsIgnoreCase", NOW.upper()), True, False),
        (sub("StringLike", "repo:octo/shop:*"), False, True),
        (sub("StringLike", "repo:octo@??????/shop@*:ref:refs/heads/main"), True, False),
        (sub("StringLike", "repo:octo*"), True, True),
        (sub("StringLike", "octo*"), False, False),
        (sub("StringLike", "repo:octo${*}"), False, False),
        (sub("StringLike", "${aws:username}*"), False, False),
        (sub("StringNotEquals", NOW), False, True),
        (sub("StringNotLike", "repo:octo@*"), False, True),
        (sub("ForAnyValue:StringLike", "repo:octo@*"), True, False),
        ({**sub("StringLike", "*"), "StringEquals": {f"{ISSUER}:aud": "elsewhere"}}, False, False),
        (
            {"StringEquals": {f"{ISSUER}:SUB": NOW, f"{ISSUER}:repository": "octo/shop"}},
            True,
            False,
        ),
        ({"StringEquals": {"accounts.google.com:sub": NOW}}, False, False),
        ({"StringEquals": {f"{ISSUER}:environment": "production"}}, False, False),
        ({"StringEqualsIfExists": {f"{ISSUER}:environment": "production"}}, True, True),
        ({"ForAllValues:StringEquals": {f"{ISSUER}:environment": "production"}}, True, True),
        ({"StringNotEquals": {f"{ISSUER}:environment": "production"}}, True, True),
        ({}, True, True),
    ],
)
def test_conditions(condition: dict[str, Any], *, now: bool, before: bool) -> None:
    aud = {"aud": "sts.amazonaws.com"}
    found = [accepts(policy(condition), PROVIDER, {**job.claims, **aud}) for job in JOBS]
    assert found == [now, before]


JOBS = (Job(), Job(ids=None))


@pytest.mark.parametrize(
    "other",
    [
        {"Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/gitlab.com"}},
        {"Principal": {"AWS": "*"}},
        {"Action": "sts:AssumeRole"},
        {"Effect": "Deny"},
    ],
)
def test_who_else_and_what_else_is_meant_is_not_let_in(other: dict[str, Any]) -> None:
    assert not accepts(policy({}, **other), PROVIDER, Job().claims)


def test_a_deny_outweighs() -> None:
    both = policy({})["Statement"] + policy(sub("StringEquals", NOW), Effect="Deny")["Statement"]
    assert not accepts({"Statement": both}, PROVIDER, Job().claims)
    assert accepts({"Statement": both}, PROVIDER, Job(ids=None).claims)


def test_what_is_not_known_is_not_guessed() -> None:
    for unknown in (policy({"ArnLike": {"x": "y"}}), policy({}, NotAction="sts:*")):
        with pytest.raises(ValueError, match="not known"):
            accepts(unknown, PROVIDER, Job().claims)
