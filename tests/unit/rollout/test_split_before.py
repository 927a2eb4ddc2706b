"""The split that is promoted at once: from when on it is looked at."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from lambda_rollout.analysis.guards.windows import SPLIT_ONCE
from lambda_rollout.analysis.metrics import StepStart
from lambda_rollout.rollout.split_before import LONGEST_LOOK_BACK, split_before

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEN, WHOLE = Decimal(10), Decimal(100)


def test_it_reaches_back_to_when_the_weight_was_written() -> None:
    assert split_before([TEN], [NOW - 9 * HOUR], NOW) == StepStart(NOW - 9 * HOUR, TEN)


def test_of_a_group_all_of_which_was_split() -> None:
    since = [NOW - 9 * HOUR, NOW - 8 * HOUR]
    assert split_before([TEN, WHOLE], since, NOW).at == NOW - 8 * HOUR


def test_a_record_that_does_not_say_since_when_is_believed_for_an_hour() -> None:
    assert split_before([TEN, TEN], [NOW - 9 * HOUR, None], NOW) == StepStart(NOW - HOUR, TEN)
    assert split_before([WHOLE], [None], NOW) == StepStart(NOW - HOUR, SPLIT_ONCE)


def test_what_is_at_100_was_split_before_that() -> None:
    assert split_before([WHOLE], [NOW - 5 * HOUR], NOW) == StepStart(NOW - 6 * HOUR, SPLIT_ONCE)


def test_not_as_far_as_cloudwatch_keeps_nothing() -> None:
    assert split_before([TEN], [NOW - 1000 * HOUR], NOW).at == NOW - LONGEST_LOOK_BACK
