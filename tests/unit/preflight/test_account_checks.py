"""A function that another account's credentials roll out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import facts, target

OURS, THEIRS = "123456789012", "222222222222"


@pytest.mark.parametrize("account", ["", OURS])
def test_in_the_account_of_the_credentials_nothing_is_found(account: str) -> None:
    given = replace(facts(target()), account=account)
    assert Code.OTHER_ACCOUNT not in {finding.code for finding in examine(given)}


@pytest.mark.parametrize(
    "alias", ["", f"arn:aws:lambda:eu-central-1:{OURS}:function:checkout:live"]
)
def test_what_is_watched_in_another_account_is_a_warning(alias: str) -> None:
    """Also of an alias that is still to be created, where the function's ARN says it."""
    each = Target(f"{OURS}:function:checkout", "live")
    given = replace(facts(target(target=each, alias_arn=alias)), account=THEIRS)
    [finding] = [found for found in examine(given) if found.code is Code.OTHER_ACCOUNT]
    assert finding.level is Level.WARNING
    assert f"in account {OURS}, and the credentials are of account {THEIRS}" in finding.seen
