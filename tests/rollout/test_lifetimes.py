"""What is said before a rollout that may outlast its credentials."""

from __future__ import annotations

import pytest

from lambda_rollout.inputs.choices import AlarmAtStart, Mode
from lambda_rollout.rollout.lifetimes import warnings
from tests.support.scene import rollout_spec

ROLE = "arn:aws:iam::123456789012:role/deploy"
MINUTE = 60


def said(steps: str, *, temporary: bool = False, **asked: object) -> str:
    return " ".join(warnings(rollout_spec(steps, **asked), temporary=temporary))


@pytest.mark.parametrize(
    ("steps", "timeout", "warned"),
    [
        ("10% 5m, 100% 10m", 15, ""),
        ("10% 3h, 100% 2h30m", 15, ""),
        ("10% 3h, 100% 2h45m", 15, "6h 15m"),
        ("10% 5h50m, hold", 15, "6h 5m"),
        # A hold counts, and is not extended.
        ("10% 5m, hold 5h", 15, ""),
        ("10% 5m, hold 5h30m", 15, "6h 10m"),
        ("10% 1h, 100% 1h", 180, "8h"),
        ("10% 100h", 0, "100h 5m"),
    ],
)
def test_a_role_is_renewed_for_six_hours(steps: str, timeout: int, warned: str) -> None:
    text = said(steps, role_to_assume=ROLE, evidence_timeout=timeout * MINUTE)
    assert (f"may take {warned}, " in text) if warned else not text
    assert not text or ("`mode: promote` in another job" in text and "runners of your own" in text)


def test_a_wait_for_an_alarm_counts() -> None:
    text = said(
        "10% 3h, 100% 2h30m",
        role_to_assume=ROLE,
        evidence_timeout=15 * MINUTE,
        alarm_at_start=AlarmAtStart.WAIT,
    )
    assert "6h 15m" in text


def test_of_a_promotion_only_its_own_step_counts() -> None:
    steps = "10% 100h, 100% 5m"
    assert said(steps, role_to_assume=ROLE)
    assert not said(steps, role_to_assume=ROLE, mode=Mode.PROMOTE)
    assert not said(steps, role_to_assume=ROLE, mode=Mode.ROLLBACK)


def test_the_environments_last_an_hour_for_all_that_is_known() -> None:
    assert "temporary credentials usually last (1h)" in said("10% 55m", temporary=True)
    assert not said("10% 30m, 100% 5m", temporary=True)
    assert not said("10% 55m")
    assert not said("10% 55m", temporary=True, role_to_assume=ROLE)
