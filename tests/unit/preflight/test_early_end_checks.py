"""Steps that may end early, and the alarms that must have had their time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.early_end_checks import alarms_need
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import (
    DENIED,
    MINUTE,
    alarm,
    composite,
    facts,
    found,
    metric,
    only,
)

FAST, SLOW = alarm(), alarm(metric(period=5 * MINUTE), name="slow", datapoints_to_alarm=2)
UNKNOWN = replace(alarm(name="odd"), period=timedelta())
RANGE = "10% 5m..30m, 50% 15m..30m, 100% 15m"


def test_the_slowest_alarm_decides() -> None:
    assert alarms_need(facts(alarms=())) == timedelta()
    assert alarms_need(facts(alarms=(FAST,))) == 3 * MINUTE
    assert alarms_need(facts(alarms=(FAST, SLOW))) == 12 * MINUTE
    # Any of those below it fires a composite one: the fastest is enough.
    assert alarms_need(facts(alarms=(composite(FAST, SLOW),))) == 3 * MINUTE


@pytest.mark.parametrize(
    "alarms", [DENIED, (FAST, UNKNOWN), (FAST, composite(FAST, rule="what is this"))]
)
def test_one_that_is_not_known_is_not_guessed(alarms: object) -> None:
    assert alarms_need(facts(alarms=alarms)) is None


def test_an_end_that_is_put_off_is_a_note() -> None:
    finding = only(facts(steps=RANGE, alarms=(FAST, SLOW)))
    assert (finding.code, finding.level) == (Code.EARLY_END_WAITS, Level.NOTE)
    assert finding.alarm == "slow"
    assert finding.seen == (
        "It needs at least 12m to fire, so `10% 5m..30m` lasts at least so long."
    )


def test_a_step_that_never_ends_early_is_a_warning() -> None:
    [finding] = [
        each
        for each in examine(facts(steps=RANGE, alarms=(UNKNOWN,)))
        if each.code is Code.EARLY_END_WAITS
    ]
    assert (finding.level, finding.alarm) == (Level.WARNING, "odd")
    assert "`10% 5m..30m` and `50% 15m..30m` are always watched to the end" in finding.seen


def test_without_a_range_or_with_fast_alarms_there_is_nothing_to_say() -> None:
    assert Code.EARLY_END_WAITS not in found(facts(steps="10% 5m", alarms=(UNKNOWN,)))
    assert found(facts(steps=RANGE, alarms=(FAST,))) == []
    assert found(facts(steps=RANGE, alarms=())) == []
