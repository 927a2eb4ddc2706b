"""Checks on alarms: what they see, whether they have the time, whether they have the requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.preflight.expression import value_of
from lambda_rollout.preflight.facts import AlarmFacts, Invoked
from lambda_rollout.preflight.finding import Code, Level
from tests.unit.preflight_facts import (
    ALIAS,
    LIVE,
    MINUTE,
    NEW,
    NOW,
    ONLY_NEW,
    alarm,
    composite,
    facts,
    found,
    metric,
    only,
    target,
)

LOG = AlarmFacts("log", "LogAlarm", unread="a query of logs")

# What an alarm sees ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dimensions", "code"),
    [
        (ONLY_NEW, None),
        (ALIAS, Code.ALARM_MIXES_VERSIONS),
        ({}, Code.ALARM_ON_FUNCTION),
        ({"FunctionName": "checkout"}, Code.ALARM_ON_FUNCTION),
        ({"FunctionName": "checkout", "Resource": "checkout:8"}, Code.ALARM_ON_VERSION),
        ({**ALIAS, "ExecutedVersion": "7"}, Code.ALARM_ON_VERSION),
        ({"FunctionName": "checkout", "Resource": "checkout"}, Code.ALARM_ELSEWHERE),
        ({"FunctionName": "checkout", "Resource": "checkout:beta"}, Code.ALARM_ELSEWHERE),
        ({"FunctionName": "basket", "Resource": "basket:live"}, Code.ALARM_ELSEWHERE),
        # Lambda has no such metrics.
        ({"Resource": "checkout:live"}, Code.ALARM_WITHOUT_DATA),
        ({**ALIAS, "Region": "eu-central-1"}, Code.ALARM_WITHOUT_DATA),
        ({**ONLY_NEW, "service": "checkout"}, Code.ALARM_WITHOUT_DATA),
        ({"FunctionName": "checkout", "ExecutedVersion": "8"}, Code.ALARM_WITHOUT_DATA),
        ({"ExecutedVersion": "8"}, Code.ALARM_WITHOUT_DATA),
    ],
)
def test_what_an_alarm_counts_is_read_off_its_dimensions(
    dimensions: dict[str, str], code: Code | None
) -> None:
    given = facts(alarms=(alarm(metric(dimensions=dimensions)),))
    assert found(given) == ([] if code is None else [code])
    if code is not None:
        finding = only(given)
        level = Level.NOTE if code is Code.ALARM_MIXES_VERSIONS else Level.WARNING
        assert (finding.level, finding.alarm) == (level, "checkout-errors")
        assert all(value in finding.seen for value in dimensions.values())


@pytest.mark.parametrize(
    ("watched", "guard"),
    [
        ("Errors", "guards: error-rate <= baseline + 1%"),
        ("Duration", "guards: p99-duration <= baseline * 1.2"),
        ("Throttles", ""),
    ],
)
def test_mixed_versions_are_told_with_the_guard_that_tells_them_apart(
    watched: str, guard: str
) -> None:
    finding = only(facts(alarms=(alarm(metric(watched, ALIAS)),)))
    assert guard in finding.remedy
    assert bool(guard) is bool(finding.remedy)


def test_a_guard_that_is_there_is_not_asked_for() -> None:
    mixed = (alarm(metric(dimensions=ALIAS)),)
    assert found(facts(alarms=mixed, guards="error-rate <= baseline + 1%")) == []
    assert found(facts(alarms=mixed, guards="p99-duration <= baseline")) == [
        Code.ALARM_MIXES_VERSIONS
    ]
    assert found(facts(alarms=mixed, guards="error-rate < 1%")) == [Code.ALARM_MIXES_VERSIONS]


def test_metric_math_has_no_value_where_one_of_its_metrics_has_none() -> None:
    rate = (
        metric("Errors", id_="e"),
        metric("Invocations", {"Resource": "checkout:live"}, id_="i"),
    )
    assert found(facts(alarms=(alarm(*rate, expression="e / i"),))) == [Code.ALARM_WITHOUT_DATA]
    assert found(facts(alarms=(alarm(*rate, expression="e / FILL(i, 1)"),))) == []


@pytest.mark.parametrize(
    ("watched", "what"),
    [
        (
            alarm(metric("5XXError", {"ApiName": "shop"}, namespace="AWS/ApiGateway")),
            "metrics of AWS/ApiGateway",
        ),
        (alarm(metric("PolledEventCount", {"EventSourceMappingUUID": "u-1"})), "PolledEventCount"),
        (alarm(metric("DurableExecutionFailed", ALIAS)), "DurableExecutionFailed"),
        (replace(LOG, period=MINUTE), "a query of logs"),
        (alarm(unread="a PromQL query", metrics=()), "a PromQL query"),
        (alarm(unread="metrics of account 210987654321"), "metrics of account 210987654321"),
        (alarm(metrics=()), "no metric that is named"),
    ],
)
def test_what_is_not_judged_is_told_so_that_silence_means_checked(
    watched: AlarmFacts, what: str
) -> None:
    finding = only(facts(alarms=(watched,)))
    assert (finding.level, finding.code) == (Level.NOTE, Code.ALARM_NOT_JUDGED)
    assert finding.alarm == watched.name
    assert what in finding.seen
    assert "whether it sees the new version." in finding.seen


def test_an_alarm_whose_speed_is_not_known_is_not_judged_either() -> None:
    assert "in time" in only(facts(alarms=(LOG,))).seen
    finding = only(facts(alarms=(alarm(period=timedelta()),)))
    assert finding.code is Code.ALARM_NOT_JUDGED
    assert "fires within a step" in finding.seen


def test_a_version_still_to_be_published_is_seen_by_no_number() -> None:
    new = target(new=replace(NEW, version="$LATEST"))
    assert found(facts(new)) == [Code.ALARM_ON_VERSION]


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


def test_names_in_a_rule_may_be_quoted_escaped_and_have_blanks() -> None:
    odd = replace(BLIND, name='my "odd" (alarm), \\ OR')
    rule = r'ALARM("my \"odd\" (alarm), \\ OR") OR ALARM(in two words)'
    blank = replace(BLIND, name="in two words")
    given = facts(alarms=(composite(odd, blank, rule=rule),))
    assert found(given) == [ELSEWHERE] * 2


def test_a_composite_alarm_needs_requests_for_all_that_it_needs() -> None:
    one = alarm(name="one")
    two = alarm(name="two", threshold=5.0)
    few = target(invoked=hourly(2400))
    for rule, small in (
        ("ALARM(one) OR ALARM(two)", []),
        ("ALARM(one) AND ALARM(two)", [Code.WEIGHT_TOO_SMALL]),
    ):
        assert found(facts(few, alarms=(composite(one, two, rule=rule),))) == small


# Time ------------------------------------------------------------------------------------------


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


def test_a_composite_alarm_is_as_quick_as_the_quickest_below_it() -> None:
    slow = alarm(metric(period=60 * MINUTE))
    assert found(facts(alarms=(composite(slow, alarm()),))) == []
    assert found(facts(alarms=(composite(slow),))) == [Code.STEP_TOO_SHORT]


def log(minutes: int, results: int, offset: int = 0) -> AlarmFacts:
    return replace(
        LOG, period=minutes * MINUTE, datapoints_to_alarm=results, query_offset=offset * MINUTE
    )


PROMQL = alarm(unread="a PromQL query", metrics=(), period=MINUTE)


@pytest.mark.parametrize(
    ("watched", "takes"),
    [
        (log(5, 1), 5),
        (log(5, 3, offset=2), 17),
        (PROMQL, 3),
        (replace(PROMQL, pending=10 * MINUTE), 13),
        (replace(PROMQL, pending=10 * MINUTE, period=5 * MINUTE), 17),
    ],
)
def test_every_kind_of_alarm_has_its_own_pace(watched: AlarmFacts, takes: int) -> None:
    just, short = (f"10% {t}, 100% 1h" for t in (f"{takes}m", f"{takes * 60 - 1}s"))
    assert Code.STEP_TOO_SHORT not in found(facts(steps=just, alarms=(watched,)))
    assert Code.STEP_TOO_SHORT in found(facts(steps=short, alarms=(watched,)))


def warm(minutes: int, name: str = "checkout-errors") -> AlarmFacts:
    return alarm(name=name, warm_until=NOW + minutes * MINUTE)


def test_an_alarm_in_its_warm_up_does_not_fire() -> None:
    finding = only(facts(steps="10% 5m, 50% 5m, 100% 5m", alarms=(warm(8),)))
    assert (finding.level, finding.code) == (Level.WARNING, Code.ALARM_WARMING_UP)
    assert "until 05:03 UTC" in finding.seen
    assert "`10% 5m` may be over" in finding.seen
    assert "begin unguarded" in only(facts(alarms=(warm(5),))).seen
    assert found(facts(alarms=(warm(0),))) == []


def test_a_composite_alarm_is_warm_when_enough_of_those_below_it_are() -> None:
    one, two = warm(3, "one"), warm(8, "two")
    told = only(facts(alarms=(composite(one, two),))).seen
    assert "04:58" in told
    told = only(facts(alarms=(composite(one, two, rule="ALARM(one) AND ALARM(two)"),))).seen
    assert "05:03" in told
    assert found(facts(alarms=(composite(one, alarm(name="two")),))) == []


def test_a_long_timeout_is_told() -> None:
    hanging = replace(NEW, timeout=timedelta(minutes=15))
    slow = (alarm(metric(period=5 * MINUTE)),)
    assert "after 15m" in only(facts(target(new=hanging), alarms=slow)).remedy
    assert "times out" not in only(facts(alarms=slow)).remedy


# Requests --------------------------------------------------------------------------------------


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


# Metric math -----------------------------------------------------------------------------------


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
