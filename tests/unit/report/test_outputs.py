"""The eight outputs of the action."""

import json
from decimal import Decimal

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.report.outputs import outputs
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.rollout import events as e
from tests.support.stories import BASKET, CHECKOUT, ERRORS_FIRED, ERRORS_OK, STORIES, Telling

NAMES = {
    "result",
    "version",
    "previous-version",
    "weight",
    "reason",
    "failed-alarms",
    "report",
    "pr-number",
}


@pytest.mark.parametrize("name", STORIES)
def test_all_eight_are_one_line_each(name: str) -> None:
    told = outputs(rollout_state(STORIES[name]()), report="r.json")
    assert set(told) == NAMES
    assert all("\n" not in value for value in told.values())
    assert isinstance(json.loads(told["failed-alarms"]), list)
    assert told["result"] in set(e.Result)


@pytest.mark.parametrize(
    ("percent", "written"), [("12.5", "12.5"), ("10", "10"), ("0.01", "0.01"), ("50.00", "50")]
)
def test_weight_has_no_needless_zeros(percent: str, written: str) -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    tell.say(e.WeightShifted, target=CHECKOUT, version="8", previous="7", percent=Decimal(percent))
    assert outputs(rollout_state(tell.events))["weight"] == written


def test_nothing_is_known_before_anything_was_looked_at() -> None:
    tell = Telling()
    tell.starts()
    told = outputs(rollout_state(tell.events))
    assert (told["version"], told["previous-version"], told["weight"]) == ("", "", "")


def test_several_functions_are_an_object_by_name() -> None:
    tell = Telling("10% 5m", CHECKOUT, BASKET)
    tell.begins(ERRORS_OK)
    tell.say(e.WeightShifted, target=BASKET, version="8", previous="7", percent=Decimal("12.5"))
    told = outputs(rollout_state(tell.events))
    assert json.loads(told["weight"]) == {"checkout": 0, "basket": 12.5}
    assert json.loads(told["version"]) == {"checkout": "8", "basket": "8"}
    assert json.loads(told["previous-version"]) == {"checkout": "7", "basket": "7"}


def test_functions_of_the_same_name_go_by_what_was_given() -> None:
    here = Target("arn:aws:lambda:eu-central-1:123456789012:function:checkout", "live")
    there = Target("arn:aws:lambda:eu-west-1:123456789012:function:checkout", "live")
    tell = Telling("10% 5m", here, there, BASKET)
    tell.begins(ERRORS_OK)
    told = outputs(rollout_state(tell.events))
    assert set(json.loads(told["version"])) == {here.function, there.function, "basket"}


def test_a_hostile_reason_is_one_line_and_an_alarm_is_named_once() -> None:
    tell = Telling()
    tell.begins(ERRORS_OK)
    again = (ERRORS_FIRED, ERRORS_FIRED)
    tell.ends(e.Result.FAILED, "a\nresult=promoted\r\nb" + "x" * 5000, failed_alarms=again)
    told = outputs(rollout_state(tell.events))
    assert told["reason"].startswith("a result=promoted b")
    assert len(told["reason"]) <= 1000
    assert told["failed-alarms"] == '["checkout-errors"]'
