"""Whether steps last long enough, and weights are large enough, for the alarms."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.analysis.invocation import InvocationLimits
from lambda_rollout.preflight.facts import AlarmFacts, Invoked
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import (
    ALIAS,
    LIVE,
    MINUTE,
    NEW,
    NOW,
    alarm,
    facts,
    found,
    metric,
    only,
    target,
)


@pytest.mark.parametrize(
    ("period", "datapoints", "steps", "short"),
    [
        (1, 1, "10% 3m, 100% 3m", False),
        (1, 1, "10% 2m59s, 100% 3m", True),
        (1, 3, "10% 5m, 100% 5m", False),
        (5, 1, "10% 7m, 100% 6m59s", True),
        (5, 1, "10% 7m, 100% 7m", False),
        (5, 2, "10% 7m, 100% 12m", True),
        (1, 1, "10% 3m, 100% 0s", False),
        (1, 1, "10% 0s, 100% 3m", True),
        (1, 1, "10% 3m, hold", False),
        (1, 1, "10% 5m, hold 30s", False),
        (1, 1, "10% 1m, hold 4h", True),
    ],
)
def test_a_step_must_outlast_the_alarm(
    period: int, datapoints: int, steps: str, short: bool
) -> None:
    slow = alarm(metric(period=period * MINUTE), datapoints_to_alarm=datapoints)
    given = facts(steps=steps, alarms=(slow,))
    assert found(given) == ([Code.STEP_TOO_SHORT] if short else [])


def test_the_remedy_is_a_schedule_to_copy() -> None:
    slow = alarm(metric(period=5 * MINUTE))
    finding = only(facts(steps="10% 1m, 50% 10m, 100% 0s", alarms=(slow,)))
    assert "`steps: 10% 7m, 50% 10m, 100% 0s`" in finding.remedy
    assert "`10% 1m`" in finding.seen
    assert "50%" not in finding.seen


def test_what_follows_a_hold_is_longer_by_interval() -> None:
    slow = alarm(metric(period=5 * MINUTE))
    finding = only(facts(steps="10% 1m, hold 4h", alarms=(slow,)))
    assert "`10% 1m` and `100% 5m` are over sooner" in finding.seen
    assert "`steps: 10% 7m, hold 4h` and `interval: 7m`" in finding.remedy


def warm(minutes: int, name: str = "checkout-errors") -> AlarmFacts:
    return alarm(name=name, warm_until=NOW + minutes * MINUTE)


def test_an_alarm_in_its_warm_up_does_not_fire() -> None:
    finding = only(facts(steps="10% 5m, 50% 5m, 100% 5m", alarms=(warm(8),)))
    assert (finding.level, finding.code) == (Level.WARNING, Code.ALARM_WARMING_UP)
    assert "until 05:03 UTC" in finding.seen
    assert "`10% 5m` may be over" in finding.seen
    assert "begin while it cannot fire" in only(facts(alarms=(warm(5),))).seen
    assert found(facts(alarms=(warm(0),))) == []
    held = only(facts(steps="10% 5m, hold 1m", alarms=(warm(8),)))
    assert "`10% 5m` may be over" in held.seen


def test_a_long_timeout_is_told() -> None:
    hanging = replace(NEW, limits=InvocationLimits(timeout=900))
    slow = (alarm(metric(period=5 * MINUTE)),)
    assert "after 15m" in only(facts(target(new=hanging), alarms=slow)).remedy
    assert "times out" not in only(facts(alarms=slow)).remedy


def hourly(number: int) -> Invoked:
    return Invoked(LIVE, last_hour=number, last_day=24 * number + 1, function_last_day=0)


RATE = (metric("Errors", ALIAS, id_="e"), metric("Invocations", ALIAS, id_="i"))


NEW_RATE = (metric("Errors", id_="e"), metric("Invocations", id_="i"))


@pytest.mark.parametrize(
    ("number", "steps", "watched", "small"),
    [
        # Ten a minute at 10%: one fails in each.
        (600, "10% 5m, 100% 5m", alarm(), False),
        (599, "10% 5m, 100% 5m", alarm(), True),
        (600, "10% 5m, 100% 5m", alarm(threshold=1.0), True),
        (600, "20% 5m, 100% 5m", alarm(threshold=1.0), False),
        (
            600,
            "10% 5m, 100% 5m",
            alarm(threshold=1.0, comparison="GreaterThanOrEqualToThreshold"),
            False,
        ),
        (1199, "10% 5m, 100% 5m", alarm(threshold=1.5), True),
        (1200, "10% 5m, 100% 5m", alarm(threshold=1.5), False),
        # A longer period gathers more.
        (120, "10% 30m, 100% 30m", alarm(metric(period=5 * MINUTE)), False),
        # An error rate over both versions is at most the weight.
        (60_000, "10% 5m, 100% 5m", alarm(*RATE, expression="100 * e / i", threshold=9.9), False),
        (60_000, "10% 5m, 100% 5m", alarm(*RATE, expression="100 * e / i", threshold=10.0), True),
        (60_000, "5% 5m, 100% 5m", alarm(metric("Errors", ALIAS, "Average"), threshold=0.05), True),
        (
            60_000,
            "6% 5m, 100% 5m",
            alarm(metric("Errors", ALIAS, "Average"), threshold=0.05),
            False,
        ),
        # Of the new version alone it is 100%, if there is a request at all.
        (60_000, "1% 5m, 100% 5m", alarm(*NEW_RATE, expression="e / i", threshold=0.99), False),
        (60, "10% 5m, 100% 5m", alarm(*NEW_RATE, expression="e / i", threshold=0.5), True),
        # Availability falls.
        (
            60_000,
            "10% 5m, 100% 5m",
            alarm(
                *RATE,
                expression="100 - 100 * e / MAX([e, i])",
                threshold=89.0,
                comparison="LessThanThreshold",
            ),
            True,
        ),
    ],
)
def test_even_a_version_that_always_fails_must_be_able_to_move_the_alarm(
    number: int, steps: str, watched: AlarmFacts, small: bool
) -> None:
    given = facts(target(invoked=hourly(number)), steps=steps, alarms=(watched,))
    told = [code for code in found(given) if code is not Code.ALARM_MIXES_VERSIONS]
    assert told == ([Code.WEIGHT_TOO_SMALL] if small else [])


def test_the_weight_that_would_do_is_told() -> None:
    finding = only(facts(target(invoked=hourly(300)), steps="1% 5m, 10% 5m, 100% 5m"))
    assert "300 invocations" in finding.seen
    assert "0.5 requests in 1m at `10% 5m`" in finding.seen
    assert "`1% 5m`" in finding.seen
    assert "Begin with 20% or more" in finding.remedy
    assert (finding.level, finding.target) == (Level.WARNING, LIVE)


def test_where_no_weight_would_do_another_way_is_told() -> None:
    finding = only(facts(target(invoked=hourly(30))))
    assert "Begin with" not in finding.remedy
    assert "min-invocations" in finding.remedy


@pytest.mark.parametrize(
    "watched",
    [
        alarm(metric("Duration", statistic="p99"), threshold=500.0),
        alarm(metric(dimensions={"FunctionName": "checkout"})),
        alarm(*NEW_RATE, expression="ANOMALY_DETECTION_BAND(e, 2)"),
        alarm(metric(period=timedelta(0))),
    ],
)
def test_nothing_is_said_where_nothing_can_be_reckoned(watched: AlarmFacts) -> None:
    assert Code.WEIGHT_TOO_SMALL not in found(facts(target(invoked=hourly(1)), alarms=(watched,)))


def test_an_alias_without_any_traffic_is_told_of_once() -> None:
    assert found(facts(target(invoked=Invoked(LIVE, 0, 0, 0)))) == [Code.NO_TRAFFIC]


def test_one_quiet_hour_is_too_little_traffic() -> None:
    assert found(facts(target(invoked=Invoked(LIVE, 0, 500, 500)))) == [Code.WEIGHT_TOO_SMALL]
