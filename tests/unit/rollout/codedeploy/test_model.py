"""Names of CodeDeploy's configurations, groups and alarms."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.inputs.codedeploy_steps import TrafficRouting, codedeploy_routing
from lambda_rollout.inputs.steps import parse_steps
from lambda_rollout.rollout.codedeploy.model import configuration_name, is_predefined, own_name

INTERVAL = timedelta(minutes=5)


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


def test_a_group_knows_alarms_of_its_own_region_by_name() -> None:
    arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop: errors"
    assert own_name(arn, "eu-central-1") == "shop: errors"
    assert own_name(arn, "us-east-1") == arn
    assert own_name("checkout-errors", "eu-central-1") == "checkout-errors"
