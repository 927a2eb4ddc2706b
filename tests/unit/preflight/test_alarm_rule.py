"""The rule of a composite alarm, read."""

from __future__ import annotations

from dataclasses import replace

from lambda_rollout.preflight.finding import Code
from tests.support.preflight_facts import (
    alarm,
    composite,
    facts,
    found,
    metric,
)

BLIND = alarm(metric(dimensions={"FunctionName": "basket"}), name="blind")


ELSEWHERE, ON_FUNCTION, UNJUDGED, SHORT = (
    Code.ALARM_ELSEWHERE,
    Code.ALARM_ON_FUNCTION,
    Code.ALARM_NOT_JUDGED,
    Code.STEP_TOO_SHORT,
)


def test_names_in_a_rule_may_be_quoted_escaped_and_have_blanks() -> None:
    odd = replace(BLIND, name='my "odd" (alarm), \\ OR')
    rule = r'ALARM("my \"odd\" (alarm), \\ OR") OR ALARM(in two words)'
    blank = replace(BLIND, name="in two words")
    given = facts(alarms=(composite(odd, blank, rule=rule),))
    assert found(given) == [ELSEWHERE] * 2
