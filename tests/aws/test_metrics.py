"""Lambda's own metrics, read through real boto3 clients from the sandbox's CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import (
    CanaryPair,
    History,
    Measure,
    Minute,
    complete_until,
    first_whole_minute,
)
from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.preflight.facts import Invoked
from lambda_rollout.runtime.errors import AccessDenied, Busy, Unanswered
from sandbox.aws import World
from sandbox.aws.faults import AccessDenied as Denied
from sandbox.aws.faults import Answer, Throttle
from sandbox.aws.in_process import connect, session
from sandbox.aws.world import REGION
from sandbox.clock import START

LIVE = Target("checkout", "live")
PAIR = CanaryPair(LIVE, canary="8", baseline="7")
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def metrics(world: World) -> CloudWatchMetrics:
    return CloudWatchMetrics(Clients(connect(session(), world), REGION))


def record(
    world: World,
    at: float,
    version: str,
    *,
    failed: bool = False,
    took: float = 10.0,
    target: Target = LIVE,
) -> None:
    """One invocation through the alias, ``at`` seconds after the start, as Lambda counts it."""
    resource = {"FunctionName": target.name, "Resource": str(target)}
    for dimensions in (
        {"FunctionName": target.name},
        resource,
        {**resource, "ExecutedVersion": version},
    ):
        for metric, value, unit in (
            ("Invocations", 1.0, "Count"),
            ("Errors", float(failed), "Count"),
            ("Duration", took, "Milliseconds"),
        ):
            moment = START + timedelta(seconds=at)
            world.cloudwatch().record("AWS/Lambda", metric, dimensions, value, unit, moment)


def throttle(world: World, at: float) -> None:
    dimensions = {"FunctionName": "checkout", "Resource": "checkout:live"}
    moment = START + timedelta(seconds=at)
    world.cloudwatch().record("AWS/Lambda", "Throttles", dimensions, 1.0, "Count", moment)


def calls(world: World) -> list[Any]:
    return [request for request in world.log if request.operation == "GetMetricData"]


def test_each_version_has_its_own_minutes(world: World, metrics: CloudWatchMetrics) -> None:
    for at in (0, 59.9, 60):
        record(world, at, "7")
    record(world, 61, "8", took=30)
    record(world, 62, "8", failed=True, took=50)
    throttle(world, 65)
    world.clock.advance(600)
    [found] = metrics.compare([PAIR], START, START + 3 * MINUTE)
    assert found.target == LIVE
    assert (found.canary.version, found.baseline.version) == ("8", "7")
    assert [(m.start, m.invocations, m.errors) for m in found.baseline.minutes] == [
        (START, 2, 0),
        (START + MINUTE, 1, 0),
        (START + 2 * MINUTE, 0, 0),
    ]
    assert found.canary.minutes == (
        Minute(START, 0, 0),
        Minute(START + MINUTE, 2, 1, {"p50": 30.0, "p90": 50.0, "p95": 50.0, "p99": 50.0}),
        Minute(START + 2 * MINUTE, 0, 0),
    )
    assert found.throttles == 1
    assert found.until == START + 3 * MINUTE


def test_a_metric_of_any_kind_is_read_for_each_version(world: World) -> None:
    orders = Measure(
        "Sum",
        CustomMetric("Shop", "Orders", (("version", "$VERSION"), ("on", "$FUNCTION:$ALIAS"))),
    )
    queue = Measure("Maximum", CustomMetric("Shop", "Queue"))
    for name, dimensions, value in (
        ("Orders", {"on": "checkout:live", "version": "8"}, 2.0),
        ("Orders", {"on": "checkout:live", "version": "8"}, 3.0),
        ("Orders", {"on": "checkout:live", "version": "7"}, 9.0),
        ("Orders", {"version": "8"}, 100.0),
        ("Queue", {}, 4.0),
        ("Queue", {}, 6.5),
    ):
        world.cloudwatch().record("Shop", name, dimensions, value, "Count", START)
    world.clock.advance(600)
    reader = CloudWatchMetrics(Clients(connect(session(), world), REGION), [orders, queue])
    [found] = reader.compare([PAIR], START, START + 2 * MINUTE)
    assert [dict(minute.measured) for minute in found.canary.minutes] == [
        {orders: 5.0, queue: 6.5},
        {},
    ]
    assert found.baseline.minutes[0].measured == {orders: 9.0, queue: 6.5}
    [call] = calls(world)
    # The queue is one metric for both: it is asked for, and billed, once.
    assert len(call.params["MetricDataQueries"]) == 13 + 2 + 1


def test_only_whole_minutes_of_the_window_count(world: World, metrics: CloudWatchMetrics) -> None:
    for at in (0, 61, 119, 120, 150):
        record(world, at, "8")
    world.clock.advance(600)
    [found] = metrics.compare([PAIR], START + timedelta(seconds=30), START + timedelta(seconds=150))
    assert [minute.start for minute in found.canary.minutes] == [START + MINUTE]
    assert found.canary.invocations == 2


def test_a_window_without_a_whole_minute_asks_nothing(
    world: World, metrics: CloudWatchMetrics
) -> None:
    [found] = metrics.compare([PAIR], START + timedelta(seconds=1), START + MINUTE)
    assert found.canary.minutes == ()
    assert calls(world) == []


def test_what_is_invoked_by_number_is_not_the_alias_s(
    world: World, metrics: CloudWatchMetrics
) -> None:
    dimensions = {"FunctionName": "checkout", "Resource": "checkout:8"}
    world.cloudwatch().record("AWS/Lambda", "Invocations", dimensions, 1.0, "Count", START)
    world.clock.advance(600)
    [found] = metrics.compare([PAIR], START, START + MINUTE)
    assert found.canary.invocations == 0


def pairs(number: int) -> Iterator[CanaryPair]:
    for n in range(number):
        yield CanaryPair(Target(f"fn{n}", "live"), "2", "1")


@pytest.mark.parametrize(("number", "sent"), [(38, 1), (39, 2), (77, 3)])
def test_five_hundred_queries_go_into_one_call(
    world: World, metrics: CloudWatchMetrics, number: int, sent: int
) -> None:
    asked = list(pairs(number))
    for n, pair in enumerate(asked):
        for _ in range(n % 3):
            record(world, 5, "2", target=pair.target)
    world.clock.advance(600)
    found = metrics.compare(asked, START, START + MINUTE)
    assert [each.canary.invocations for each in found] == [n % 3 for n in range(number)]
    assert len(calls(world)) == sent
    assert all(len(call.params["MetricDataQueries"]) <= 500 for call in calls(world))


def test_an_answer_in_pages_is_put_together(
    world: World, metrics: CloudWatchMetrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(world, 0, "8")
    record(world, 60, "8", failed=True)
    world.clock.advance(600)
    in_pages(world, monkeypatch, last="Complete")
    [found] = metrics.compare([PAIR], START, START + 2 * MINUTE)
    assert [(m.invocations, m.errors) for m in found.canary.minutes] == [(1, 0), (1, 1)]
    assert len(calls(world)) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [("InternalError", Unanswered), ("PartialData", Unanswered), ("Forbidden", AccessDenied)],
)
def test_an_answer_with_a_hole_is_no_answer(
    world: World,
    metrics: CloudWatchMetrics,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    kind: type[Exception],
) -> None:
    in_pages(world, monkeypatch, last=status)
    world.clock.advance(600)
    with pytest.raises(kind, match=status):
        metrics.compare([PAIR], START, START + MINUTE)


def in_pages(world: World, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Let AWS answer one datapoint a page; the sandbox's own CloudWatch has but one page."""
    model = world.cloudwatch()
    whole = model.get_metric_data

    def one_page(params: dict[str, Any]) -> dict[str, Any]:
        answer = whole({k: v for k, v in params.items() if k != "NextToken"})
        page = int(params.get("NextToken", 0))
        for result in answer["MetricDataResults"]:
            result["StatusCode"] = "PartialData" if page == 0 else last
            for key in ("Timestamps", "Values"):
                result[key] = result[key][page : page + 1]
        return answer if page else {**answer, "NextToken": "1"}

    monkeypatch.setattr(model, "get_metric_data", one_page)


def test_errors_are_told_apart(world: World, metrics: CloudWatchMetrics) -> None:
    world.faults.add(Throttle(), operation="GetMetricData", nth=1)
    denied = Answer(
        "AccessDenied", "User: x is not authorized to perform: cloudwatch:GetMetricData", 403
    )
    world.faults.add(denied, operation="GetMetricData", nth=2)
    with pytest.raises(Busy):
        metrics.compare([PAIR], START, START + MINUTE)
    with pytest.raises(AccessDenied, match="GetMetricData"):
        metrics.compare([PAIR], START, START + MINUTE)


def test_a_day_of_traffic_is_counted_through_the_alias_and_at_all(
    world: World, metrics: CloudWatchMetrics
) -> None:
    until = START + timedelta(days=1)
    record(world, -1, "7")  # the day before
    record(world, 0, "7")
    record(world, 23 * 3600 - 1, "7")
    record(world, 23 * 3600, "8")
    record(world, 24 * 3600 - 1, "7")
    dimensions = {"FunctionName": "checkout"}
    world.cloudwatch().record("AWS/Lambda", "Invocations", dimensions, 1.0, "Count", START)
    world.clock.advance(90_000)
    idle = Target("checkout", "idle")
    assert metrics.invoked([LIVE, idle], until + timedelta(seconds=299)) == (
        Invoked(LIVE, last_hour=2, last_day=4, function_last_day=5),
        Invoked(idle, last_hour=0, last_day=0, function_last_day=5),
    )
    assert len(calls(world)) == 1


def test_the_minutes_in_which_one_of_some_versions_served(
    world: World, metrics: CloudWatchMetrics
) -> None:
    for at, version in ((30, "8"), (90, "9"), (100, "10"), (200, "7"), (300, "9"), (700, "9")):
        record(world, at, version)
    world.clock.advance(1200)
    later = {LIVE: ["9", "10"], Target("cart", "live"): ["9"]}
    found = metrics.served(later, START + timedelta(seconds=20), START + timedelta(seconds=600))
    assert found == {START + MINUTE, START + 5 * MINUTE}


@pytest.mark.parametrize(
    ("now", "until"),
    [("10:04:00", "10:01"), ("10:04:59", "10:01"), ("10:03:59", "10:00"), ("10:00:00", "09:57")],
)
def test_a_minute_counts_three_minutes_after_its_end(now: str, until: str) -> None:
    at = datetime.fromisoformat(f"2026-11-23T{now}+00:00")
    assert complete_until(at) == datetime.fromisoformat(f"2026-11-23T{until}:00+00:00")


def test_the_first_whole_minute() -> None:
    assert first_whole_minute(START) == START
    assert first_whole_minute(START + timedelta(microseconds=1)) == START + MINUTE
    assert first_whole_minute(START + timedelta(seconds=59)) == START + MINUTE


# Durations as counts, and the old version before the split ------------------------------------------


def test_slow_invocations_are_counted(world: World, metrics: CloudWatchMetrics) -> None:
    for took in (100, 800, 800.5, 2000):
        record(world, 5, "8", took=took)
    record(world, 5, "7", took=700)
    world.clock.advance(600)
    pair = replace(PAIR, canary_slower_than=(800.0,), baseline_slower_than=(650.25,))
    [found] = metrics.compare([pair], START, START + MINUTE)
    assert found.canary.minutes[0].slower_than == {800.0: 2}
    assert found.baseline.minutes[0].slower_than == {650.25: 1}
    asked = {query["MetricStat"]["Stat"] for query in calls(world)[-1].params["MetricDataQueries"]}
    assert {"TC(800:)", "TC(650.25:)"} < asked


def test_where_counts_are_refused_they_are_not_asked_for_again(
    world: World, metrics: CloudWatchMetrics
) -> None:
    record(world, 5, "8")
    world.clock.advance(600)
    refusal = Answer("ValidationError", "The value TC(800:) for parameter Stat is invalid")
    world.faults.add(refusal, operation="GetMetricData", count=1)
    pair = replace(PAIR, canary_slower_than=(800.0,))
    [found] = metrics.compare([pair], START, START + MINUTE)
    assert found.canary.minutes[0].invocations == 1
    assert found.canary.minutes[0].slower_than == {}
    metrics.compare([pair], START, START + MINUTE)
    assert [_asks_for_counts(call) for call in calls(world)] == [True, False, False]


def _asks_for_counts(call: Any) -> bool:
    return any(q["MetricStat"]["Stat"].startswith("TC") for q in call.params["MetricDataQueries"])


def only_invoked(world: World, at: float, version: str) -> None:
    """One invocation whose errors, or that there were none, are not told."""
    resource = {"FunctionName": "checkout", "Resource": str(LIVE), "ExecutedVersion": version}
    moment = START + timedelta(seconds=at)
    world.cloudwatch().record("AWS/Lambda", "Invocations", resource, 1.0, "Count", moment)


def test_errors_that_are_not_in_yet_are_not_known(world: World, metrics: CloudWatchMetrics) -> None:
    record(world, 5, "7", failed=True)
    only_invoked(world, 65, "7")
    world.clock.advance(600)
    [found] = metrics.compare([PAIR], START, START + 3 * MINUTE)
    assert [minute.errors_known for minute in found.baseline.minutes] == [True, False, True]


def test_errors_that_are_never_told_are_not_none(world: World, metrics: CloudWatchMetrics) -> None:
    record(world, 5, "7")
    only_invoked(world, 5, "8")
    world.clock.advance(600)
    [found] = metrics.compare([PAIR], START, START + 2 * MINUTE)
    assert [minute.errors_known for minute in found.canary.minutes] == [False, True]
    assert [minute.errors_known for minute in found.baseline.minutes] == [True, True]


def test_the_old_version_before_the_split(world: World, metrics: CloudWatchMetrics) -> None:
    for at in (10, 70, 80):
        record(world, at, "7", took=1000 + at, failed=at == 70)
    world.clock.advance(3600)
    guards = parse_guards("p99-duration <= baseline * 1.2\nerror-rate <= baseline")
    [history] = metrics.history([PAIR], guards, START + 5 * MINUTE)
    assert history.longest == timedelta(milliseconds=1080)
    assert history.percentiles["p99"] == 1080.0
    counted = [minute for minute in history.minutes if minute.invocations]
    assert [(m.invocations, m.errors, m.slower_than) for m in counted] == [
        (1, 0, {1080.0: 0}),
        (2, 1, {1080.0: 0}),
    ]


def test_where_lambda_told_no_versions_yet_the_alias_itself_is_read(
    world: World, metrics: CloudWatchMetrics
) -> None:
    resource = {"FunctionName": "checkout", "Resource": str(LIVE)}
    for metric, value in (("Invocations", 1.0), ("Errors", 0.0), ("Duration", 300.0)):
        moment = START + timedelta(seconds=5)
        world.cloudwatch().record("AWS/Lambda", metric, resource, value, "Count", moment)
    world.clock.advance(3600)
    [history] = metrics.history([PAIR], (), START + 5 * MINUTE)
    assert history.percentiles["p50"] == 300.0
    assert sum(minute.invocations for minute in history.minutes) == 1


def test_of_a_version_that_never_ran_nothing_is_known(metrics: CloudWatchMetrics) -> None:
    [history] = metrics.history([PAIR], parse_guards("p99-duration <= baseline"), START)
    assert (history.longest, history.percentiles) == (timedelta(), {})
    assert not any(minute.invocations for minute in history.minutes)


def test_where_the_past_is_refused_nothing_is_known_of_it(
    world: World, metrics: CloudWatchMetrics
) -> None:
    refusal = Answer("ValidationError", "The value p99.9 for parameter Stat is invalid")
    world.faults.add(refusal, operation="GetMetricData", count=1)
    assert metrics.history([PAIR], (), START) == (History(),)


def test_what_may_not_be_read_of_the_past_is_said(world: World, metrics: CloudWatchMetrics) -> None:
    world.faults.add(Denied(), operation="GetMetricData", count=1)
    with pytest.raises(AccessDenied):
        metrics.history([PAIR], (), START)
