"""What a rollout is called in CloudTrail. How a role is assumed: tests/aws/test_credentials_sources.py."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.aws.web_identity import session_name

LONG = f"{'o' * 39}/{'r' * 100}"


@pytest.mark.parametrize(
    ("run", "attempt", "repository", "name"),
    [
        ("1234567890", "2", "octo/shop", "lambda-rollout-1234567890-2-octo.shop"),
        ("1234567890", "2", "octo/.github", "lambda-rollout-1234567890-2-octo..github"),
        ("1234567890", "", "", "lambda-rollout-1234567890"),
        ("", "1", "octo/shop", "lambda-rollout-local-octo.shop"),
        ("", "", "", "lambda-rollout-local"),
        ("1", "1", "a b/ä/c", "lambda-rollout-1-1-a-b.-c"),
        ("12345678901234567890", "9", LONG, f"lambda-rollout-12345678901234567890-9-{'o' * 26}"),
    ],
)
def test_it_names_run_attempt_and_repository(
    run: str, attempt: str, repository: str, name: str
) -> None:
    assert session_name(run, attempt, repository) == name


@given(st.text(max_size=70), st.text(max_size=70), st.text(max_size=150))
def test_aws_takes_it(run: str, attempt: str, repository: str) -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html."""
    name = session_name(run, attempt, repository)
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII)
