"""The configuration of CodeDeploy that is nearest to a schedule, and what one is called."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.inputs.codedeploy_steps import (
    TrafficRouting,
    codedeploy_routing,
    configuration_name,
    is_predefined,
    nearest_codedeploy_name,
)
from lambda_rollout.inputs.steps import Plan, Step, parse_steps

INTERVAL = timedelta(minutes=5)


percents = st.lists(
    st.integers(1, 9999).map(lambda n: Decimal(n) / 100), min_size=1, max_size=12, unique=True
)


watches = st.timedeltas(timedelta(0), timedelta(hours=3))


@given(percents, st.data(), st.booleans())
def test_the_nearest_can_be_written_and_run(
    shares: list[Decimal], data: st.DataObject, held: bool
) -> None:
    split = [Step(share, data.draw(watches)) for share in sorted(shares)]
    plan = (
        Plan(tuple(split), ends_held=True) if held else Plan((*split, Step(Decimal(100), INTERVAL)))
    )
    nearest = parse_steps(nearest_codedeploy_name(plan), INTERVAL)
    assert codedeploy_routing(nearest) is not None
    assert 1 <= len(nearest.split_steps) <= len(plan.split_steps)


@pytest.mark.parametrize(
    ("steps", "nearest"),
    [
        ("12.5% 90s", "Canary12Percent2Minutes"),
        ("0.4% 10m", "Canary1Percent10Minutes"),
        ("10% 15m, hold", "Canary10Percent15Minutes"),
        ("10% 15m, hold 4h", "Canary10Percent15Minutes"),
        ("10% 5m, 50% 10m, hold 4h", "Linear34PercentEvery8Minutes"),
        ("10% 0s", "Canary10Percent1Minute"),
        ("10% 5m, 50% 10m", "Linear34PercentEvery8Minutes"),
        ("5% 10m, 25% 10m, 50% 20m", "Linear25PercentEvery14Minutes"),
    ],
)
def test_the_nearest_has_as_many_steps_and_about_the_time(steps: str, nearest: str) -> None:
    assert nearest_codedeploy_name(parse_steps(steps, INTERVAL)) == nearest


@given(
    st.sampled_from(["TimeBasedCanary", "TimeBasedLinear"]), st.integers(1, 99), st.integers(1, 60)
)
def test_a_configurations_name_says_what_is_in_it(kind: str, percentage: int, minutes: int) -> None:
    routing = TrafficRouting(kind, percentage, minutes)
    name = configuration_name(routing)
    assert name.startswith("CodeDeployDefault.Lambda") is is_predefined(routing)
    said = parse_steps(name.removeprefix("lambda-rollout-"), INTERVAL)
    found = codedeploy_routing(said)
    # A linear one of a single shift is the same as a canary.
    assert found in {routing, TrafficRouting("TimeBasedCanary", percentage, minutes)}


def test_names_of_aws_own_configurations() -> None:
    assert (
        configuration_name(TrafficRouting("AllAtOnce", 100, 0))
        == "CodeDeployDefault.LambdaAllAtOnce"
    )
    linear = TrafficRouting("TimeBasedLinear", 10, 1)
    assert configuration_name(linear) == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
