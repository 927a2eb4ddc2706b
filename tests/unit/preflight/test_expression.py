"""Metric math, as far as it can be reckoned."""

from __future__ import annotations

import pytest

from lambda_rollout.preflight.expression import value_of
from lambda_rollout.preflight.finding import Code
from tests.support.preflight_facts import (
    alarm,
    facts,
    found,
    metric,
)


def test_metric_math_has_no_value_where_one_of_its_metrics_has_none() -> None:
    rate = (
        metric("Errors", id_="e"),
        metric("Invocations", {"Resource": "checkout:live"}, id_="i"),
    )
    assert found(facts(alarms=(alarm(*rate, expression="e / i"),))) == [Code.ALARM_WITHOUT_DATA]
    assert found(facts(alarms=(alarm(*rate, expression="e / FILL(i, 1)"),))) == []


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("100 * e / i", 25.0),
        (" (e/i)*100 ", 25.0),
        ("-e + 3 - 1", -1.0),
        ("FILL(e, 0) / i", 0.25),
        ("MAX([e, i]) - MIN([e, i]) + SUM([e, i])", 24.0),
        ("e / (i - 12)", None),
        ("e + unknown", None),
        ("IF(e > 1, 1, 0)", None),
        ("SEARCH('x', 'Sum', 60)", None),
        ("__import__('os').system('x')", None),
        ("e ** 999999999", None),
        ("True + 1", None),
        ("", None),
        ("e +", None),
        ("(" * 5000 + "e" + ")" * 5000, None),
    ],
)
def test_metric_math(expression: str, value: float | None) -> None:
    assert value_of(expression, {"e": 3.0, "i": 12.0}) == value
