"""Event source mappings: whom a queue or a stream invokes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws import World
from sandbox.aws.in_process import client

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"


@pytest.fixture
def aws(world: World) -> Any:
    return client("lambda", world)


def listed(aws: Any, **params: Any) -> list[str]:
    mappings = aws.list_event_source_mappings(**params)["EventSourceMappings"]
    return [mapping["FunctionArn"] for mapping in mappings]


def test_a_mapping_names_the_function_exactly_as_it_was_made(aws: Any) -> None:
    aws.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="checkout")
    aws.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="checkout:live")
    assert listed(aws) == [ARN, f"{ARN}:live"]
    assert listed(aws, FunctionName="checkout") == [ARN]
    assert listed(aws, FunctionName="checkout:live") == [f"{ARN}:live"]
    assert listed(aws, EventSourceArn=f"{QUEUE}-2") == []


def test_a_mapping_can_be_made_disabled_and_be_deleted(aws: Any) -> None:
    made = aws.create_event_source_mapping(
        EventSourceArn=QUEUE, FunctionName="checkout", Enabled=False
    )
    assert made["State"] == "Disabled"
    aws.delete_event_source_mapping(UUID=made["UUID"])
    assert listed(aws) == []


def test_lists_are_paged(aws: Any) -> None:
    for number in range(3):
        aws.create_event_source_mapping(EventSourceArn=f"{QUEUE}{number}", FunctionName="checkout")
    first = aws.list_event_source_mappings(MaxItems=2)
    assert len(first["EventSourceMappings"]) == 2
    rest = aws.list_event_source_mappings(Marker=first["NextMarker"])
    assert len(rest["EventSourceMappings"]) == 1
    assert "NextMarker" not in rest


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nobody", "ResourceNotFoundException"),
        ("checkout:no-alias", "ResourceNotFoundException"),
        ("checkout:9", "ResourceNotFoundException"),
    ],
)
def test_nothing_is_mapped_to_what_is_not_there(aws: Any, name: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        aws.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName=name)
    assert refused.value.response["Error"]["Code"] == code


def test_the_same_mapping_twice_is_a_conflict(aws: Any) -> None:
    aws.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="checkout")
    with pytest.raises(ClientError, match="already exists"):
        aws.create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="checkout")
