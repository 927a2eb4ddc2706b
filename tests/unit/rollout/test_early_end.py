"""When a step may end before its time is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lambda_rollout.analysis.alarms import AlarmReading, AlarmState
from lambda_rollout.inputs.steps import Step
from lambda_rollout.rollout.early_end import alarms_allow_it, least_time

FIVE, SEVEN, THIRTY = (timedelta(minutes=number) for number in (5, 7, 30))
RANGE = Step(Decimal(10), THIRTY, earliest=FIVE)
OK = AlarmReading(
    arn="arn:aws:cloudwatch:eu-central-1:123456789012:alarm:errors",
    name="errors",
    region="eu-central-1",
    state=AlarmState.OK,
    reason="",
    transitioned_at=datetime(2026, 11, 23, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("step", "alarms_need", "least"),
    [
        (RANGE, timedelta(), FIVE),
        (RANGE, FIVE, FIVE),
        (RANGE, SEVEN, SEVEN),
        (RANGE, None, None),
        (Step(Decimal(10), THIRTY), timedelta(), None),
    ],
)
def test_the_least_time_is_the_users_or_that_of_the_slowest_alarm(
    step: Step, alarms_need: timedelta | None, least: timedelta | None
) -> None:
    assert least_time(step, alarms_need) == least


@pytest.mark.parametrize(
    ("watched", "read_after", "allowed"),
    [(SEVEN, FIVE, True), (SEVEN, SEVEN, True), (FIVE, FIVE - timedelta(1), False)],
)
def test_the_alarms_are_read_after_the_least_time(
    watched: timedelta, read_after: timedelta, allowed: bool
) -> None:
    assert alarms_allow_it(FIVE, watched, read_after, [OK]) is allowed
    assert not alarms_allow_it(SEVEN, FIVE, FIVE, [OK])


def test_without_alarms_nothing_stands_in_the_way() -> None:
    assert alarms_allow_it(FIVE, FIVE, FIVE, [])


@pytest.mark.parametrize(
    "other",
    [
        replace(OK, state=AlarmState.ALARM),
        replace(OK, state=AlarmState.INSUFFICIENT_DATA),
        replace(OK, evaluation="IN_WARM_UP"),
        replace(OK, evaluation="EVALUATION_ERROR"),
    ],
)
def test_each_alarm_is_ok_and_evaluated(other: AlarmReading) -> None:
    assert not alarms_allow_it(FIVE, THIRTY, THIRTY, [OK, other])
