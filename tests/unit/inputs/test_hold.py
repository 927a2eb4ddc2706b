"""`hold` in a schedule: with a duration it is watched, and everything about it that cannot be."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lambda_rollout.inputs.steps import Plan, Step, StepsError, parse_steps
from lambda_rollout.inputs.text import Mistake

INTERVAL = timedelta(minutes=5)
HOUR = timedelta(hours=1)
TEN, WHOLE = Decimal(10), Decimal(100)
LAST = "hold can only be the last item, once."
WHOLE_FOLLOWS = (
    "A hold with a duration stays below 100%, which follows by itself once it is told to go on, watched for interval: "
    "remove 100%."
)
NO_TIME = (
    "It would be over at once, and rolled back: write how long to wait, such as hold 4h. hold without a duration ends the "
    "run there, and nothing watches it."
)
ONE_DURATION = (
    "A hold ends when it is told to go on, or is over: write one duration, such as hold 4h."
)
LIKE_A_HOLD = "Write hold in small letters, alone or with how long to wait after a space: hold 4h."
IN_A_STEP = "hold is an item of its own, after the step at whose weight it stays: 10% 5m, hold."
NO_STEP = "hold stays at a weight: write a step before it, such as 10% 5m, hold 4h."


@pytest.mark.parametrize("text", ["10% 2m, hold 4h", "10 2m\nhold  4h\n", "10% 2m,hold 240m"])
def test_a_hold_stays_at_the_weight_before_it_and_100_follows(text: str) -> None:
    held = Step(TEN, 4 * HOUR, holds=True)
    plan = parse_steps(text, INTERVAL)
    assert plan == Plan((Step(TEN, timedelta(minutes=2)), held, Step(WHOLE, INTERVAL)))
    assert (plan.hold, plan.ends_held) == (held, False)
    assert plan.total_watch == 4 * HOUR + timedelta(minutes=7)
    assert plan.split_steps == plan.steps[:1]
    assert plan.describe() == "10% 2m, hold 4h"


@pytest.mark.parametrize(
    ("text", "given", "remedy"),
    [
        ("10%, hold 0s", "hold 0s", NO_TIME),
        ("10%, hold 0h0m", "hold 0h0m", NO_TIME),
        ("10%, hold 1h..2h", "hold 1h..2h", ONE_DURATION),
        ("10%, hold ..", "hold ..", ONE_DURATION),
        ("10%, hold 4", "hold 4", "Add a unit to '4': 4s, 4m or 4h."),
        ("10%, hold 121h", "hold 121h", "Write a duration from 1s to 120h."),
        ("10%, Hold", "Hold", LIKE_A_HOLD),
        ("10%, HOLD 4h", "HOLD 4h", LIKE_A_HOLD),
        ("10%, hold: 4h", "hold: 4h", LIKE_A_HOLD),
        ("10%, hold4h", "hold4h", LIKE_A_HOLD),
        ("10%, holding 4h", "holding 4h", LIKE_A_HOLD),
        ("10% hold", "10% hold", IN_A_STEP),
        ("10% Hold 4h", "10% Hold 4h", IN_A_STEP),
        ("10%, hold 4h, 100% 5m", None, WHOLE_FOLLOWS),
        ("10%, 100%, hold 4h", None, WHOLE_FOLLOWS),
        ("10%, hold 4h, 50%", None, LAST),
        ("10%, hold 4h, hold 4h", None, LAST),
        ("10%, hold, hold 4h", None, LAST),
        ("10%, hold 4h, hold", None, LAST),
        ("hold 4h", None, NO_STEP),
        ("hold 4h, 10%", None, LAST),
    ],
)
def test_what_no_hold_can_be_is_a_mistake(text: str, given: str | None, remedy: str) -> None:
    with pytest.raises(StepsError) as raised:
        parse_steps(text, INTERVAL)
    assert raised.value.mistakes == (Mistake(given or text, remedy),)


def test_a_hold_counts_for_how_long_a_job_may_run() -> None:
    with pytest.raises(StepsError, match="shorten them"):
        parse_steps("10% 5m, hold 120h", INTERVAL)


@pytest.mark.parametrize(
    "steps",
    [
        (Step(TEN, HOUR, holds=True), Step(WHOLE, HOUR)),
        (Step(Decimal(5), HOUR), Step(TEN, HOUR, holds=True), Step(WHOLE, HOUR)),
        (Step(TEN, HOUR), Step(TEN, HOUR, holds=True)),
        (Step(TEN, HOUR), Step(TEN, HOUR, holds=True), Step(Decimal(20), HOUR), Step(WHOLE, HOUR)),
        (Step(TEN, HOUR), *[Step(TEN, HOUR, holds=True)] * 2, Step(WHOLE, HOUR)),
    ],
)
def test_a_plan_holds_once_just_before_100(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match=r"hold|100%"):
        Plan(steps)


def test_a_hold_is_below_100_and_has_no_range() -> None:
    with pytest.raises(ValueError, match="hold"):
        Step(WHOLE, HOUR, holds=True)
    with pytest.raises(ValueError, match="hold"):
        Step(TEN, HOUR, timedelta(0), holds=True)


def test_at_its_fastest_a_hold_is_told_to_go_on_at_once() -> None:
    plan = parse_steps("10% 5m, hold 4h", INTERVAL)
    assert plan.at_its_fastest == parse_steps("10% 5m", INTERVAL)
