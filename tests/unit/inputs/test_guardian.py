"""What the guardian is told: settings as variables, and events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.inputs.guardian import check_event, read_settings
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.runtime.errors import RolloutError

ACCOUNT = "123456789012"
USUAL = {
    "FUNCTION_NAME": "checkout\ncart",
    "ALARMS": "{function}-errors",
    "PREVIOUS_ALIAS": "live-previous",
    "BAKE": "1h",
    "TOPIC": f"arn:aws:sns:eu-central-1:{ACCOUNT}:on-call",
    "AWS_REGION": "eu-central-1",
}


def fired(name: str = "cart-errors", region: str = "eu-central-1", account: str = ACCOUNT) -> Any:
    arn = f"arn:aws:cloudwatch:{region}:{account}:alarm:{name}"
    return {"source": "aws.cloudwatch", "alarmArn": arn, "accountId": account}


def test_settings_are_read_as_the_inputs_they_are_named_after() -> None:
    settings = read_settings(USUAL)
    assert settings.inputs.functions == ("checkout", "cart")
    assert settings.inputs.alias == "live"
    assert [alarm.name for alarm in settings.inputs.alarms] == ["checkout-errors", "cart-errors"]
    assert settings.inputs.previous_alias == "live-previous"
    assert settings.bake == timedelta(hours=1)
    assert settings.topic == USUAL["TOPIC"]


@pytest.mark.parametrize("text", ["", "0", "0s"])
def test_no_bake_leaves_what_was_promoted_alone(text: str) -> None:
    assert read_settings({**USUAL, "BAKE": text, "PREVIOUS_ALIAS": ""}).bake == timedelta()


def test_all_mistakes_are_told_by_the_names_of_the_variables() -> None:
    wrong = {
        "FUNCTION_NAME": "",
        "ALIAS": "3",
        "BAKE": "60",
        "TOPIC": "on-call",
        "AWS_REGION": "x y",
    }
    with pytest.raises(InputErrors) as raised:
        read_settings(wrong)
    assert [problem.input for problem in raised.value.problems] == [
        "FUNCTION_NAME",
        "ALIAS",
        "AWS_REGION",
        "BAKE",
        "TOPIC",
    ]


def test_a_bake_needs_the_alias_that_says_what_was_promoted() -> None:
    with pytest.raises(InputErrors, match=r"BAKE: got '1h'\. Set PREVIOUS_ALIAS"):
        read_settings({**USUAL, "PREVIOUS_ALIAS": " "})


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"source": "aws.events", "detail-type": "Scheduled Event"}, "the schedule"),
        (fired(), "alarm cart-errors"),
        ({**fired(), "alarmData": {"state": {"value": "OK"}}}, "alarm cart-errors"),
    ],
)
def test_an_alarm_or_the_schedule_invokes_it(event: Any, why: str) -> None:
    assert check_event(event, read_settings(USUAL), ACCOUNT) == why


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (None, "neither an alarm's nor the schedule's"),
        ([], "neither an alarm's nor the schedule's"),
        ({}, "neither an alarm's nor the schedule's"),
        ({"source": "aws.s3"}, "neither an alarm's nor the schedule's"),
        ({"source": ["aws.events"]}, "neither an alarm's nor the schedule's"),
        ({"source": "aws.cloudwatch"}, "names no alarm"),
        ({"source": "aws.cloudwatch", "alarmArn": 7}, "names no alarm"),
        ({"source": "aws.cloudwatch", "alarmArn": "arn:aws:s3:::bucket"}, "names no alarm"),
        # By way of a topic; by a rule for an alarm's changes; longer than any name.
        ({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}, "not by way of"),
        (
            {
                "source": "aws.cloudwatch",
                "detail-type": "CloudWatch Alarm State Change",
                "resources": [fired()["alarmArn"]],
                "detail": {"alarmName": "cart-errors"},
            },
            "or of a rule for an alarm's changes",
        ),
        (fired("x" * 100_000), "names no alarm"),
        (fired("cart-errors\nBy hand: rm"), "names no alarm"),
        (fired(account="210987654321"), "in another account than the guardian"),
        (fired(region="us-east-1"), "none of those that the guardian asks"),
        (fired("payment-errors"), "none of those that the guardian asks"),
    ],
)
def test_any_other_event_is_refused(event: Any, told: str) -> None:
    with pytest.raises(RolloutError, match=told):
        check_event(event, read_settings(USUAL), ACCOUNT)


def test_a_refusal_is_no_longer_than_a_line_of_a_log() -> None:
    with pytest.raises(RolloutError) as raised:
        check_event(fired("x" * 255), read_settings(USUAL), ACCOUNT)
    assert len(str(raised.value)) < 1000


def test_an_alarm_of_another_region_is_known_by_its_arn() -> None:
    far = fired("edge-errors", region="us-east-1")
    settings = read_settings({**USUAL, "ALARMS": far["alarmArn"]})
    assert check_event(far, settings, ACCOUNT) == "alarm edge-errors"
    with pytest.raises(RolloutError, match="none of those"):
        check_event(fired("edge-errors"), settings, ACCOUNT)


@pytest.mark.parametrize(
    "topic",
    [
        "arn:aws:sqs:eu-central-1:123456789012:queue",
        "arn:aws:sns",
        "arn:aws:sns:x:y:z",
        "topic",
        "arn:aws:sns:eu-central-1:123456789012:on-call.fifo",
    ],
)
def test_what_is_no_topic_is_a_mistake(topic: str) -> None:
    with pytest.raises(InputErrors, match="TOPIC"):
        read_settings({**USUAL, "TOPIC": topic})
