"""Reserved and provisioned concurrency, and the weights that AWS writes by itself."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.aws import World
from sandbox.aws.in_process import client
from sandbox.aws.traffic import Traffic
from sandbox.clock import START
from tests.sandbox.conftest import live, refusal, update

DELAY = 120


@pytest.fixture
def aws(world: World) -> Any:
    return client("lambda", world)


def provision(aws: Any, qualifier: str = "live") -> dict[str, Any]:
    answer: dict[str, Any] = aws.put_provisioned_concurrency_config(
        FunctionName="checkout", Qualifier=qualifier, ProvisionedConcurrentExecutions=5
    )
    return answer


def status(aws: Any, qualifier: str = "live") -> str:
    answer = aws.get_provisioned_concurrency_config(FunctionName="checkout", Qualifier=qualifier)
    return str(answer["Status"])


def weights(world: World) -> dict[str, float]:
    found: dict[str, float] = (
        live(world).get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    )
    return found


def counted(world: World, metric: str) -> list[float]:
    """What CloudWatch has of the alias's metric."""
    dimensions = {"FunctionName": "checkout", "Resource": "checkout:live"}
    world.clock.advance(1)
    answer = world.call(
        "cloudwatch",
        "GetMetricData",
        {
            "MetricDataQueries": [
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": "AWS/Lambda",
                            "MetricName": metric,
                            "Dimensions": [
                                {"Name": name, "Value": value} for name, value in dimensions.items()
                            ],
                        },
                        "Period": 60,
                        "Stat": "Sum",
                    },
                }
            ],
            "StartTime": START,
            "EndTime": world.clock.now(),
        },
    )
    values: list[float] = answer["MetricDataResults"][0]["Values"]
    return values


def executed(aws: Any) -> str:
    return str(aws.invoke(FunctionName="checkout", Qualifier="live")["ExecutedVersion"])


def test_it_takes_its_time_to_be_ready(world: World, aws: Any) -> None:
    assert provision(aws)["Status"] == "IN_PROGRESS"
    world.clock.advance(DELAY - 1)
    assert status(aws) == "IN_PROGRESS"
    world.clock.advance(1)
    assert status(aws) == "READY"


def test_on_promotion_the_old_version_serves_until_the_new_one_is_provisioned(
    world: World, aws: Any
) -> None:
    provision(aws)
    world.clock.advance(DELAY)
    answer = update(world, FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert weights(world) == {"1": 1.0}
    assert {executed(aws) for _ in range(5)} == {"1"}
    assert status(aws) == "IN_PROGRESS"
    world.clock.advance(DELAY)
    assert weights(world) == {}
    assert executed(aws) == "2"
    assert status(aws) == "READY"
    assert live(world)["RevisionId"] != answer["RevisionId"]


def test_a_version_that_cannot_start_leaves_the_weights(world: World, aws: Any) -> None:
    provision(aws)
    world.clock.advance(DELAY)
    world.lambda_().cannot_start.add(("checkout", "2"))
    update(world, FunctionVersion="2")
    world.clock.advance(3600)
    assert weights(world) == {"1": 1.0}
    answer = aws.get_provisioned_concurrency_config(FunctionName="checkout", Qualifier="live")
    assert (answer["Status"], answer["StatusReason"]) == ("FAILED", "FUNCTION_ERROR_INIT_FAILURE")


def test_going_back_before_the_move_is_done_needs_no_move(world: World, aws: Any) -> None:
    provision(aws)
    world.clock.advance(DELAY)
    update(world, FunctionVersion="2")
    world.clock.advance(DELAY / 2)
    update(world, FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}})
    assert weights(world) == {}
    assert status(aws) == "READY"
    world.clock.advance(DELAY)
    assert (live(world)["FunctionVersion"], weights(world)) == ("1", {})


def test_a_split_moves_nothing(world: World, aws: Any) -> None:
    provision(aws)
    world.clock.advance(DELAY)
    update(world, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    assert weights(world) == {"2": 0.1}
    assert status(aws) == "READY"


def test_an_alias_with_weights_cannot_be_given_any(world: World, aws: Any) -> None:
    update(world, RoutingConfig={"AdditionalVersionWeights": {"2": 0.1}})
    assert refusal(lambda: provision(aws)) == (
        "InvalidParameterValueException",
        "Alias with weights can not be used with Provisioned Concurrency",
    )


def test_latest_cannot_be_given_any(aws: Any) -> None:
    code, _ = refusal(lambda: provision(aws, "$LATEST"))
    assert code == "InvalidParameterValueException"


def test_none_is_told_by_an_error_of_its_own(aws: Any) -> None:
    assert refusal(lambda: status(aws)) == (
        "ProvisionedConcurrencyConfigNotFoundException",
        "No Provisioned Concurrency Config found for this function",
    )


def test_deleted_while_it_moves_it_leaves_the_alias_alone(world: World, aws: Any) -> None:
    provision(aws)
    world.clock.advance(DELAY)
    update(world, FunctionVersion="2")
    aws.delete_provisioned_concurrency_config(FunctionName="checkout", Qualifier="live")
    world.clock.advance(DELAY)
    assert weights(world) == {"1": 1.0}


def test_a_share_of_the_calls_can_be_throttled(world: World, aws: Any) -> None:
    world.lambda_().throttled["checkout"] = 0.5
    traffic = Traffic(world, "checkout:live", per_second=10, seconds=10)
    world.clock.advance(60)
    throttled = traffic.refused["TooManyRequestsException"]
    assert 30 < throttled < 70
    assert sum(counted(world, "Throttles")) == throttled
    assert sum(counted(world, "Invocations")) == 100 - throttled


def test_reserved_concurrency_of_zero_throttles_every_call(world: World, aws: Any) -> None:
    assert "ReservedConcurrentExecutions" not in aws.get_function_concurrency(
        FunctionName="checkout"
    )
    aws.put_function_concurrency(FunctionName="checkout", ReservedConcurrentExecutions=0)
    code, _ = refusal(lambda: executed(aws))
    assert code == "TooManyRequestsException"
    assert counted(world, "Throttles") == [1.0]
    assert counted(world, "Invocations") == []
    assert (
        aws.get_function_concurrency(FunctionName="checkout")["ReservedConcurrentExecutions"] == 0
    )
    aws.delete_function_concurrency(FunctionName="checkout")
    assert executed(aws) == "1"
