"""Until when newer credentials are waited for."""

from __future__ import annotations

import math

import pytest

from lambda_rollout.analysis.credentials import CredentialsLife

HOUR = 3600.0
FAILS = "AssumeRoleWithWebIdentity: no answer"


def test_those_that_do_not_end_are_waited_for_for_ever() -> None:
    assert CredentialsLife().act_at == math.inf


@pytest.mark.parametrize("lifetime", [HOUR, 12 * HOUR])
def test_a_renewal_that_fails_leaves_eight_minutes(lifetime: float) -> None:
    assert CredentialsLife(HOUR, lifetime, FAILS).act_at == HOUR - 8 * 60


@pytest.mark.parametrize(("lifetime", "left"), [(900.0, 300.0), (60.0, 20.0)])
def test_of_a_short_life_a_third(lifetime: float, left: float) -> None:
    """It is renewed after half of it: the first try that fails must not be the last."""
    assert CredentialsLife(HOUR, lifetime, FAILS).act_at == HOUR - left < HOUR - lifetime / 4


@pytest.mark.parametrize(("lifetime", "left"), [(6 * HOUR, 120.0), (HOUR, 120.0), (60.0, 5.0)])
def test_a_source_that_has_nothing_newer_is_asked_for_longer(lifetime: float, left: float) -> None:
    """A machine's has newer ones 5 minutes before the end, and is asked once more within them."""
    assert CredentialsLife(HOUR, lifetime).act_at == HOUR - left
