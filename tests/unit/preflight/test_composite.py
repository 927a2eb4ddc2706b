"""Composite alarms: what they see, and how soon, by the alarms below them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lambda_rollout.preflight.facts import AlarmFacts, Invoked
from lambda_rollout.preflight.finding import Code
from tests.support.preflight_facts import (
    ALIAS,
    LIVE,
    MINUTE,
    NOW,
    alarm,
    composite,
    facts,
    found,
    metric,
    only,
    target,
)

LOG = AlarmFacts("log", "LogAlarm", unread="a query of logs")


def test_a_composite_alarm_is_blind_only_if_all_below_it_are() -> None:
    blind = alarm(metric(dimensions={"FunctionName": "basket"}), name="basket-errors")
    assert found(facts(alarms=(composite(blind, alarm()),))) == []
    nested = composite(composite(blind, name="inner"), blind)
    given = facts(alarms=(nested,))
    assert found(given) == [Code.ALARM_ELSEWHERE]
    finding = only(facts(alarms=(composite(blind),)))
    assert finding.alarm == "checkout-any"
    assert "basket-errors" in finding.seen


def test_of_a_composite_alarm_only_what_it_sees_best_is_told() -> None:
    blind = alarm(metric(dimensions={"FunctionName": "basket"}), name="basket-errors")
    bare = alarm(metric(dimensions={"FunctionName": "checkout"}), name="checkout-bare")
    mixed = alarm(metric(dimensions=ALIAS), name="checkout-mixed")
    assert found(facts(alarms=(composite(blind, bare),))) == [Code.ALARM_ON_FUNCTION]
    assert found(facts(alarms=(composite(blind, bare, mixed),))) == [Code.ALARM_MIXES_VERSIONS]


def test_a_composite_alarm_with_a_child_that_is_not_understood_is_not_judged() -> None:
    blind = alarm(metric(dimensions={"FunctionName": "basket"}))
    finding = only(facts(alarms=(composite(blind, replace(LOG, period=MINUTE)),)))
    assert finding.code is Code.ALARM_NOT_JUDGED
    assert "a query of logs (alarm log, below it)" in finding.seen


SEES = alarm(name="sees")


SLOW = alarm(metric(period=60 * MINUTE), name="slow")


BLIND = alarm(metric(dimensions={"FunctionName": "basket"}), name="blind")


WHOLE = alarm(metric(dimensions={"FunctionName": "checkout"}), name="whole")


ELSEWHERE, ON_FUNCTION, UNJUDGED, SHORT = (
    Code.ALARM_ELSEWHERE,
    Code.ALARM_ON_FUNCTION,
    Code.ALARM_NOT_JUDGED,
    Code.STEP_TOO_SHORT,
)


@pytest.mark.parametrize(
    ("rule", "codes"),
    [
        ("ALARM(sees)", []),
        ("ALARM(blind)", [ELSEWHERE]),
        # Any of them is enough, all of them are needed.
        ("ALARM(sees) OR ALARM(blind)", []),
        ("ALARM(sees) AND ALARM(blind)", [ELSEWHERE]),
        ("ALARM(sees) AND ALARM(whole)", [ON_FUNCTION]),
        ("ALARM(sees) OR ALARM(slow)", []),
        ("ALARM(sees) AND ALARM(slow)", [SHORT]),
        ("ALARM(blind) OR ALARM(sees) AND ALARM(sees)", []),
        ("(ALARM(blind) OR ALARM(sees)) AND ALARM(blind)", [ELSEWHERE]),
        # What must not be in ALARM is no guard, and in nobody's way.
        ("ALARM(sees) AND NOT ALARM(blind)", []),
        ("ALARM(sees) AND NOT ALARM(not-there)", []),
        ("ALARM(sees) AND OK(slow)", []),
        ("ALARM(blind) AND NOT ALARM(sees)", [ELSEWHERE]),
        ("ALARM(blind) OR INSUFFICIENT_DATA(sees)", [ELSEWHERE]),
        ("NOT OK(sees)", []),
        ("NOT OK(blind)", [ELSEWHERE]),
        ("NOT (OK(blind) OR OK(sees))", [ELSEWHERE]),
        ("NOT (OK(blind) AND OK(sees))", []),
        ("TRUE AND ALARM(sees)", []),
        ("FALSE OR ALARM(blind)", [ELSEWHERE]),
        # So many of them.
        ("AT_LEAST(1, ALARM, (sees, blind, slow))", []),
        ("AT_LEAST(2, ALARM, (sees, blind, slow))", [SHORT]),
        ("AT_LEAST(3, ALARM, (sees, blind, slow))", [ELSEWHERE, SHORT]),
        ("AT_LEAST(33%, ALARM, (sees, blind, slow))", []),
        ("AT_LEAST(34%, ALARM, (sees, blind, slow))", [SHORT]),
        ("AT_LEAST(67%, NOT OK, (sees, blind, slow))", [ELSEWHERE, SHORT]),
        ('AT_LEAST(2, ALARM, ("sees", arn:aws:cloudwatch:r:1:alarm:slow)) OR ALARM(sees)', []),
        ("NOT AT_LEAST(2, OK, (sees, blind))", []),
        # What is not read whole gets no verdict.
        ("ALARM(sees) OR ALARM(not-there)", [UNJUDGED]),
        ("ALARM(sees) XOR ALARM(blind)", [UNJUDGED]),
        ("ALARM(sees) OR", [UNJUDGED]),
        ("ALARM(sees", [UNJUDGED]),
        ("ALARM(sees) ALARM(blind)", [UNJUDGED]),
        ("ALARM(sees*)", [UNJUDGED]),
        ('ALARM("sees)', [UNJUDGED]),
        ("AT_LEAST(0, ALARM, (sees))", [UNJUDGED]),
        ("AT_LEAST(2, ALARM, (sees))", [UNJUDGED]),
        ("AT_LEAST(50, sees)", [UNJUDGED]),
        ("AT_LEAST(1, TRUE, (sees))", [UNJUDGED]),
        ("(" * 3000 + "ALARM(sees)" + ")" * 3000, [UNJUDGED]),
        ("NOT " * 3000 + "ALARM(sees)", [UNJUDGED]),
        # Nothing that goes wrong makes it fire.
        ("OK(sees)", [UNJUDGED]),
        ("TRUE", [UNJUDGED]),
    ],
)
def test_the_rule_decides_what_a_composite_alarm_sees_and_how_soon(
    rule: str, codes: list[Code]
) -> None:
    alarms = (composite(SEES, SLOW, BLIND, WHOLE, rule=rule),)
    given = facts(alarms=alarms)
    assert list(dict.fromkeys(found(given))) == codes


def test_a_composite_alarm_needs_requests_for_all_that_it_needs() -> None:
    one = alarm(name="one")
    two = alarm(name="two", threshold=5.0)
    few = target(invoked=hourly(2400))
    for rule, small in (
        ("ALARM(one) OR ALARM(two)", []),
        ("ALARM(one) AND ALARM(two)", [Code.WEIGHT_TOO_SMALL]),
    ):
        assert found(facts(few, alarms=(composite(one, two, rule=rule),))) == small


def log(minutes: int, results: int, offset: int = 0) -> AlarmFacts:
    return replace(
        LOG, period=minutes * MINUTE, datapoints_to_alarm=results, query_offset=offset * MINUTE
    )


def warm(minutes: int, name: str = "checkout-errors") -> AlarmFacts:
    return alarm(name=name, warm_until=NOW + minutes * MINUTE)


def test_a_composite_alarm_is_warm_when_enough_of_those_below_it_are() -> None:
    one, two = warm(3, "one"), warm(8, "two")
    told = only(facts(alarms=(composite(one, two),))).seen
    assert "04:58" in told
    told = only(facts(alarms=(composite(one, two, rule="ALARM(one) AND ALARM(two)"),))).seen
    assert "05:03" in told
    assert found(facts(alarms=(composite(one, alarm(name="two")),))) == []


def hourly(number: int) -> Invoked:
    return Invoked(LIVE, last_hour=number, last_day=24 * number + 1, function_last_day=0)
