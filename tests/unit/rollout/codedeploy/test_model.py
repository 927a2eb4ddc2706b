"""Names of CodeDeploy's groups and alarms."""

from __future__ import annotations

from lambda_rollout.rollout.codedeploy.model import own_name


def test_a_group_knows_alarms_of_its_own_region_by_name() -> None:
    arn = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:shop: errors"
    assert own_name(arn, "eu-central-1") == "shop: errors"
    assert own_name(arn, "us-east-1") == arn
    assert own_name("checkout-errors", "eu-central-1") == "checkout-errors"
