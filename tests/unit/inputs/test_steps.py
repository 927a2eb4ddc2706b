"""The schedule: what a text of steps means, and what is said of one that means nothing."""

from datetime import timedelta
from decimal import Decimal

import pytest

from lambda_rollout.inputs.codedeploy_steps import TrafficRouting, codedeploy_routing
from lambda_rollout.inputs.steps import Plan, Step, StepsError, parse_steps
from lambda_rollout.inputs.text import Mistake

INTERVAL = timedelta(minutes=5)


def steps(*pairs: tuple[str, int], held: bool = False) -> Plan:
    """Make a plan of (percent, minutes)."""
    made = (Step(Decimal(percent), timedelta(minutes=minutes)) for percent, minutes in pairs)
    return Plan(tuple(made), ends_held=held)


@pytest.mark.parametrize(
    ("text", "plan"),
    [
        ("10%", steps(("10", 5), ("100", 5))),
        ("10", steps(("10", 5), ("100", 5))),
        ("10 2m", steps(("10", 2), ("100", 5))),
        ("10 % 2m", steps(("10", 2), ("100", 5))),
        ("12.5%\t1h30m", steps(("12.5", 90), ("100", 5))),
        ("0.01, 99.99", steps(("0.01", 5), ("99.99", 5), ("100", 5))),
        ("10% 5m, 50% 10m, 100% 10m", steps(("10", 5), ("50", 10), ("100", 10))),
        ("100% 0s", steps(("100", 0))),
        ("10\n50\n", steps(("10", 5), ("50", 5), ("100", 5))),
        ("10,\r\n\r\n50,\r\n100 0s\r\n", steps(("10", 5), ("50", 5), ("100", 0))),
        ("10 3m, hold", steps(("10", 3), held=True)),
        ("10\n20\nhold\n", steps(("10", 5), ("20", 5), held=True)),
        ("AllAtOnce", steps(("100", 5))),
        ("Canary10Percent15Minutes", steps(("10", 15), ("100", 5))),
        ("CodeDeployDefault.LambdaCanary7Percent1Minute", steps(("7", 1), ("100", 5))),
        ("CodeDeployDefault.LambdaAllAtOnce\n", steps(("100", 5))),
        (
            "Linear30PercentEvery2Minutes",
            steps(("30", 2), ("60", 2), ("90", 2), ("100", 5)),
        ),
        ("Linear50PercentEvery1Minute", steps(("50", 1), ("100", 5))),
    ],
)
def test_text_means_plan(text: str, plan: Plan) -> None:
    assert parse_steps(text, INTERVAL) == plan


def test_a_range_says_from_when_on_a_step_may_end() -> None:
    plan = parse_steps("10% 5m..1h30m, 50%", INTERVAL)
    first, second, _ = plan.steps
    assert first == Step(Decimal(10), timedelta(minutes=90), earliest=timedelta(minutes=5))
    assert second == Step(Decimal(50), INTERVAL)
    assert plan.may_end_early
    assert plan.total_watch == timedelta(minutes=100)
    assert plan.describe() == "10% 5m..1h30m, 50% 5m, 100% 5m"
    assert not parse_steps("10% 5m", INTERVAL).may_end_early


LONGER = "A range goes from a shorter to a longer duration: 5m..30m."
TWO = "Write a range as two durations with only two dots in between: 5m..30m."
ASCENDS = "Percentages ascend: after {} comes a higher one."
RANGE = "A percentage is over 0 and at most 100."
FORM = "Write a percentage and, after a space, how long it is watched: 10% 5m."
LAST = "hold can only be the last item, once."
DURATION = (
    "{} is not a duration: write hours, minutes and seconds in that order, in whole numbers and "
    "without spaces, such as 90s, 5m or 1h30m."
)
TOO_LONG = (
    "The steps are watched for 121h 5m in all, and no GitHub job runs for more than 120h: shorten "
    "them."
)
EMPTY = "Item {} of the list is empty: remove a comma, or write what is missing."
CODEDEPLOY = (
    "Write CodeDeploy's names as Canary10Percent5Minutes, Linear10PercentEvery1Minute or "
    "AllAtOnce, with 1 to 99 percent and 1 to 2880 minutes."
)


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("", [("", "Write at least one step, such as 10% 5m.")]),
        ("10%,, 50%", [("10%,, 50%", EMPTY.format(2))]),
        ("10%,", [("10%,", EMPTY.format(2))]),
        ("10%,\n", [("10%,\n", EMPTY.format(2))]),
        (",10%", [(",10%", EMPTY.format(1))]),
        ("10,,\n20", [("10,,\n20", EMPTY.format(2))]),
        ("10\n,\n20", [("10\n,\n20", EMPTY.format(2))]),
        ("50%, 10%", [("10%", ASCENDS.format("50%"))]),
        ("50%, 50.0%", [("50.0%", ASCENDS.format("50%"))]),
        ("100%, 100%", [("100%", ASCENDS.format("100%"))]),
        ("0%", [("0%", RANGE)]),
        ("-5%", [("-5%", RANGE)]),
        ("100.01%", [("100.01%", RANGE)]),
        ("10.125%", [("10.125%", "Write '10.125' with at most two decimals.")]),
        ("10% 5", [("10% 5", "Add a unit to '5': 5s, 5m or 5h.")]),
        ("5m", [("5m", FORM)]),
        ("10%5m", [("10%5m", FORM)]),
        ("ten", [("ten", FORM)]),
        ("١٠%", [("١٠%", FORM)]),
        (
            "10% 1h 30m",
            [
                (
                    "10% 1h 30m",
                    DURATION.format("'1h 30m'"),
                )
            ],
        ),
        (
            "hold",
            [("hold", "hold stays at a weight: write a step before it, such as 10% 5m, hold.")],
        ),
        ("10% 5m..5m", [("10% 5m..5m", f"{LONGER} For one duration write 5m.")]),
        ("10% 300s..5m", [("10% 300s..5m", f"{LONGER} For one duration write 5m.")]),
        ("10% 30m..5m", [("10% 30m..5m", LONGER)]),
        ("10% ..5m", [("10% ..5m", TWO)]),
        ("10% 5m..", [("10% 5m..", TWO)]),
        ("10% 5m..10m..20m", [("10% 5m..10m..20m", TWO)]),
        ("10% 5m...30m", [("10% 5m...30m", DURATION.format("'.30m'"))]),
        ("10% 5m .. 30m", [("10% 5m .. 30m", TWO)]),
        (
            "10% 5..x",
            [
                ("10% 5..x", "Add a unit to '5': 5s, 5m or 5h."),
                ("10% 5..x", DURATION.format("'x'")),
            ],
        ),
        (
            "100% 5m..30m",
            [
                (
                    "100% 5m..30m",
                    (
                        "At 100% there is no old version beside the new one, so nothing could be shown to hold and "
                        "the step would never end early: write 30m."
                    ),
                )
            ],
        ),
        ("hold, 10%", [("hold, 10%", LAST)]),
        ("10%, hold, hold", [("10%, hold, hold", LAST)]),
        ("100%, hold", [("100%, hold", "hold stands in place of 100%: remove one of the two.")]),
        (
            "10%, AllAtOnce",
            [("AllAtOnce", "A CodeDeploy name stands alone: remove the other items.")],
        ),
        ("Canary100Percent5Minutes", [("Canary100Percent5Minutes", CODEDEPLOY)]),
        ("Canary0Percent5Minutes", [("Canary0Percent5Minutes", CODEDEPLOY)]),
        ("Linear10PercentEvery2881Minutes", [("Linear10PercentEvery2881Minutes", CODEDEPLOY)]),
        ("allatonce", [("allatonce", CODEDEPLOY)]),
        ("CodeDeployDefault.ECSAllAtOnce", [("CodeDeployDefault.ECSAllAtOnce", CODEDEPLOY)]),
        (
            "10% 100h, 20% 21h",
            [
                (
                    "10% 100h, 20% 21h",
                    TOO_LONG,
                )
            ],
        ),
        (
            "50% 5, 20% 5d, 0.001, , 100, hold",
            [
                ("50% 5", "Add a unit to '5': 5s, 5m or 5h."),
                (
                    "20% 5d",
                    DURATION.format("'5d'"),
                ),
                ("20% 5d", ASCENDS.format("50%")),
                ("0.001", "Write '0.001' with at most two decimals."),
                ("50% 5, 20% 5d, 0.001, , 100, hold", EMPTY.format(4)),
                (
                    "50% 5, 20% 5d, 0.001, , 100, hold",
                    "hold stands in place of 100%: remove one of the two.",
                ),
            ],
        ),
    ],
)
def test_every_mistake_is_told(text: str, mistakes: list[tuple[str, str]]) -> None:
    with pytest.raises(StepsError) as raised:
        parse_steps(text, INTERVAL)
    assert list(raised.value.mistakes) == [Mistake(*mistake) for mistake in mistakes]


@pytest.mark.parametrize("digits", ["9" * 5000, "0." + "1" * 5000])
def test_absurd_numbers_are_mistakes_like_others(digits: str) -> None:
    with pytest.raises(StepsError):
        parse_steps(digits, INTERVAL)
    with pytest.raises(StepsError):
        parse_steps(f"10% {digits}m", INTERVAL)


@pytest.mark.parametrize(
    ("percent", "weight"), [("12.34", 0.1234), ("0.01", 0.0001), ("0.07", 0.0007), ("100", 1.0)]
)
def test_weight_is_the_shortest_float(percent: str, weight: float) -> None:
    assert Step(Decimal(percent), INTERVAL).weight == weight


@pytest.mark.parametrize("percent", ["0", "-1", "100.01", "1.001"])
def test_a_step_out_of_range_cannot_be_made(percent: str) -> None:
    with pytest.raises(ValueError, match="no step goes to"):
        Step(Decimal(percent), INTERVAL)


def test_a_step_watched_for_less_than_nothing_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="no step is watched for"):
        Step(Decimal(1), timedelta(seconds=-1))


@pytest.mark.parametrize(
    ("pairs", "held"),
    [
        ([], False),
        ([("10", 1)], False),
        ([("100", 1)], True),
        ([("50", 1), ("10", 1), ("100", 1)], False),
        ([("10", 1), ("10.00", 1), ("100", 1)], False),
    ],
)
def test_an_impossible_plan_cannot_be_made(pairs: list[tuple[str, int]], held: bool) -> None:
    with pytest.raises(ValueError, match="plan"):
        steps(*pairs, held=held)


def test_what_a_plan_tells_about_itself() -> None:
    plan = steps(("10", 5), ("50", 10), ("100", 15))
    assert plan.total_watch == timedelta(minutes=30)
    assert plan.promotion == plan.steps[2]
    assert plan.split_steps == plan.steps[:2]
    assert list(plan.timetable()) == [
        (timedelta(0), plan.steps[0]),
        (timedelta(minutes=5), plan.steps[1]),
        (timedelta(minutes=15), plan.steps[2]),
    ]
    assert plan.describe() == "10% 5m, 50% 10m, 100% 15m"


def test_a_held_plan_has_no_promotion() -> None:
    plan = steps(("12.50", 0), held=True)
    assert plan.promotion is None
    assert plan.split_steps == plan.steps
    assert plan.describe() == "12.5% 0s, hold"


@pytest.mark.parametrize(
    ("text", "routing"),
    [
        ("AllAtOnce", TrafficRouting("AllAtOnce", 100, 0)),
        ("100% 1h", TrafficRouting("AllAtOnce", 100, 0)),
        ("Canary10Percent5Minutes", TrafficRouting("TimeBasedCanary", 10, 5)),
        ("10% 2880m", TrafficRouting("TimeBasedCanary", 10, 2880)),
        ("Linear30PercentEvery2Minutes", TrafficRouting("TimeBasedLinear", 30, 2)),
        ("40 1m, 80 1m, 100 7s", TrafficRouting("TimeBasedLinear", 40, 1)),
        ("10 1m, 50 1m", None),
        ("40 1m, 80 2m", None),
        ("30 1m, 60 1m", None),
        ("12.5 1m", None),
        ("10 90s", None),
        ("10 0s", None),
        ("10 2881m", None),
        ("10 1m, hold", None),
    ],
)
def test_what_codedeploy_can_run(text: str, routing: TrafficRouting | None) -> None:
    assert codedeploy_routing(parse_steps(text, INTERVAL)) == routing


@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("10", steps(("10", 5), ("50", 10), ("100", 20))),
        ("50", steps(("50", 10), ("100", 20))),
        ("100", steps(("100", 20))),
        # Weights of another schedule are watched as long as the next higher one.
        ("5", steps(("5", 5), ("10", 5), ("50", 10), ("100", 20))),
        ("25", steps(("25", 10), ("50", 10), ("100", 20))),
        ("99", steps(("99", 20), ("100", 20))),
    ],
)
def test_a_resumed_plan_begins_with_the_weight_that_is_there(at: str, left: Plan) -> None:
    assert steps(("10", 5), ("50", 10), ("100", 20)).resumed_at(Decimal(at)) == left


def test_a_resumed_plan_that_ends_held_is_held_at_no_less_than_is_there() -> None:
    plan = steps(("10", 5), ("20", 10), held=True)
    assert plan.resumed_at(Decimal(20)) == steps(("20", 10), held=True)
    assert plan.resumed_at(Decimal(60)) == steps(("60", 10), held=True)


def test_a_resumed_plan_holds_at_the_last_weight_that_is_left() -> None:
    plan = parse_steps("10% 5m, hold 4h", INTERVAL).resumed_at(Decimal(30))
    assert plan.describe() == "30% 5m, hold 4h"
