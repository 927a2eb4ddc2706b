"""The account that an alias is in, against the one that was asked for."""

from __future__ import annotations

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.inputs.names import account_of, account_of_function
from lambda_rollout.rollout.accounts import account_of_credentials, check_account
from lambda_rollout.runtime.errors import RolloutError

OURS, THEIRS = "111111111111", "222222222222"
ALIAS = f"arn:aws:lambda:eu-central-1:{OURS}:function:checkout:live"
ROLE = "arn:aws:iam::{}:role/deploy"


@pytest.mark.parametrize(
    ("text", "account"),
    [(ALIAS, OURS), (ROLE.format(THEIRS), THEIRS), ("checkout", ""), ("arn:aws:cloudwatch", "")],
)
def test_the_account_of_an_arn(text: str, account: str) -> None:
    assert account_of(text) == account


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("checkout", ""),
        (f"{OURS}:function:checkout", OURS),
        (f"arn:aws:lambda:eu-central-1:{OURS}:function:checkout", OURS),
        ("arn:aws:lambda", ""),
    ],
)
def test_the_account_of_a_function(text: str, account: str) -> None:
    assert account_of_function(text) == account


@pytest.mark.parametrize(
    ("function", "role", "by"),
    [
        ("checkout", "", ""),
        ("checkout", ROLE.format(OURS), ""),
        ("checkout", ROLE.format(THEIRS), "role-to-assume"),
        (f"{OURS}:function:checkout", ROLE.format(THEIRS), ""),
        (f"{THEIRS}:function:checkout", ROLE.format(OURS), "function-name"),
        (f"arn:aws:lambda:eu-central-1:{THEIRS}:function:checkout", "", "function-name"),
    ],
)
def test_another_account_than_was_asked_for_ends_it(function: str, role: str, by: str) -> None:
    target = Target(function, "live")
    if not by:
        check_account(target, ALIAS, role)
        return
    with pytest.raises(
        RolloutError, match=f"is in account {OURS}, and `{by}` names account {THEIRS}"
    ):
        check_account(target, ALIAS, role)


def test_whose_the_credentials_are_is_not_asked_for() -> None:
    assert account_of_credentials(ROLE.format(OURS), ()) == OURS
    assert account_of_credentials("", ()) == ""
