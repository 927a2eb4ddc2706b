"""Which alarms see the new version at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lambda_rollout.preflight.checks import examine
from lambda_rollout.preflight.facts import AlarmFacts
from lambda_rollout.preflight.finding import Code, Level
from tests.support.preflight_facts import (
    ALIAS,
    MINUTE,
    NEW,
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
    assert found(facts(alarms=mixed, guards="p99-duration <= baseline * 1.2")) == [
        Code.ALARM_MIXES_VERSIONS
    ]
    assert found(facts(alarms=mixed, guards="error-rate < 1%")) == [Code.ALARM_MIXES_VERSIONS]


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
        (alarm(metrics=()), "an alarm that names no metric"),
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


# Time ------------------------------------------------------------------------------------------


def log(minutes: int, results: int, offset: int = 0) -> AlarmFacts:
    return replace(
        LOG, period=minutes * MINUTE, datapoints_to_alarm=results, query_offset=offset * MINUTE
    )


# Requests --------------------------------------------------------------------------------------


# Metric math -----------------------------------------------------------------------------------


# Whether they are evaluated ------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["EVALUATION_ERROR", "EVALUATION_FAILURE", "IN_WARM_UP", "NEW"])
def test_an_alarm_that_is_not_evaluated_is_found_with_awss_reason(state: str) -> None:
    idle = alarm(evaluation=state, evaluation_reason="no such metric")
    finding = only(facts(alarms=(idle,)))
    assert (finding.level, finding.code) == (Level.WARNING, Code.ALARM_NOT_EVALUATED)
    assert f"({state}: no such metric)" in finding.seen


def test_partial_data_are_evaluated() -> None:
    assert found(facts(alarms=(alarm(evaluation="PARTIAL_DATA"),))) == []


def test_a_composite_alarm_is_not_evaluated_if_any_below_it_is_not() -> None:
    idle = alarm(name="quiet", evaluation="EVALUATION_ERROR")
    inner = composite(idle, name="inner")
    rule = "ALARM(checkout-errors) AND NOT ALARM(inner) AND NOT ALARM(quiet)"
    outer = composite(alarm(), inner, idle, rule=rule)
    found_idle = [f for f in examine(facts(alarms=(outer,))) if f.code is Code.ALARM_NOT_EVALUATED]
    assert [(f.alarm, "(alarm quiet, below it)" in f.seen) for f in found_idle] == [
        ("checkout-any", True)
    ]
