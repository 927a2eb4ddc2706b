"""CloudWatch's alarm calls through real botocore clients: hundreds, any Region, any type, any length of history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.analysis.alarms import AlarmState, Transition
from lambda_rollout.aws.alarm_definitions import AlarmDefinitions
from lambda_rollout.aws.alarms import CloudWatchAlarms, below_of
from lambda_rollout.aws.clients import Clients
from lambda_rollout.inputs.names import parse_alarms
from lambda_rollout.runtime.clock import Stop
from lambda_rollout.runtime.errors import AccessDenied, Busy, Cancelled, InvalidRequest, Unanswered
from sandbox.aws.faults import Answer, Meanwhile, Throttle, Work
from sandbox.aws.in_process import connect, session
from sandbox.aws.request import Account, Request
from sandbox.aws.world import REGION
from tests.support.scene import QUERY, Scene
from tests.support.seam import through_botocore

OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA


@pytest.fixture
def scene() -> Scene:
    return Scene.ready(alarms=())


def alarms(scene: Scene, *names: str) -> CloudWatchAlarms:
    return CloudWatchAlarms(through_botocore(scene.world), parse_alarms("\n".join([*names, ""])))


def put_metric_alarm(scene: Scene, name: str, region: str = REGION) -> None:
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum", "Period": 60}
    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    params = {"AlarmName": name, **metric, **rule}
    now = scene.clock.now()
    scene.world.perform(Request(now, "cloudwatch", "PutMetricAlarm", params, region))


def test_metric_composite_and_log_alarms_are_all_read(scene: Scene) -> None:
    put_metric_alarm(scene, "metric")
    scene.put_alarm("log", "ALARM")
    rule = {"AlarmRule": 'ALARM("log") OR ALARM("metric")'}
    scene.call("cloudwatch", "PutCompositeAlarm", AlarmName="composite", **rule)
    survey = alarms(scene, "composite", "log", "metric").read()
    assert survey.missing == ()
    assert [(seen.name, seen.state) for seen in survey.readings] == [
        ("composite", ALARM),
        ("log", ALARM),
        ("metric", NO_DATA),
    ]
    assert all(seen.transitioned_at is not None for seen in survey.readings)
    assert survey.readings[1].reason == "set by the test"


def test_a_stop_is_heeded_between_two_calls_of_one_read(scene: Scene) -> None:
    far = f"arn:aws:cloudwatch:us-east-1:{scene.world.account}:alarm:far"
    put_metric_alarm(scene, "near")
    put_metric_alarm(scene, "far", "us-east-1")
    stop = Stop()
    names = parse_alarms(f"near\n{far}\n")
    both = CloudWatchAlarms(through_botocore(scene.world), names, stop)
    assert len(both.read().readings) == 2
    scene.world.log.clear()
    asked = Meanwhile(lambda _: stop.request("cancelled (SIGINT)"))
    scene.world.faults.add(asked, operation="DescribeAlarms")
    with pytest.raises(Cancelled):
        both.read()
    assert [request.region for request in scene.world.log] == [REGION]


def test_hundreds_are_read_a_hundred_at_a_time(scene: Scene) -> None:
    names = [f"alarm-{number:03}" for number in range(250)]
    for name in names:
        put_metric_alarm(scene, name)
    survey = alarms(scene, *reversed(names)).read()
    assert [seen.name for seen in survey.readings] == names[::-1]
    assert survey.missing == ()
    calls = scene.requests("DescribeAlarms")
    assert [len(call.params["AlarmNames"]) for call in calls] == [100, 100, 50]
    assert all(len(call.params["AlarmTypes"]) == 3 for call in calls)


@dataclass(frozen=True)
class ShortPages:
    """Answers one record a page, as AWS may."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        return world.perform(replace(request, params={**request.params, "MaxRecords": 1}))


def test_short_pages_are_read_to_the_last(scene: Scene) -> None:
    for name in ("errors", "latency", "throttles"):
        scene.put_alarm(name)
    scene.world.faults.add(ShortPages(), count=None)
    survey = alarms(scene, "errors", "latency", "throttles").read()
    assert survey.missing == ()
    assert len(scene.requests("DescribeAlarms")) == 3


def test_alarms_of_other_regions_are_read_there(scene: Scene) -> None:
    put_metric_alarm(scene, "errors")
    put_metric_alarm(scene, "errors", "us-east-1")
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors"
    survey = alarms(scene, "errors", arn).read()
    assert survey.missing == ()
    assert [(seen.region, seen.name) for seen in survey.readings] == [
        (REGION, "errors"),
        ("us-east-1", "errors"),
    ]
    assert survey.readings[1].arn == arn
    assert {call.region for call in scene.requests("DescribeAlarms")} == {REGION, "us-east-1"}


@pytest.mark.parametrize(
    "text",
    [
        "nope",
        "Errors",
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:errors",
        "arn:aws:cloudwatch:eu-central-1:210987654321:alarm:errors",
    ],
)
def test_what_is_not_there_is_missing_as_it_was_written(scene: Scene, text: str) -> None:
    put_metric_alarm(scene, "errors")
    survey = alarms(scene, "errors", text).read()
    assert survey.missing == (text,)
    assert [seen.name for seen in survey.readings] == ["errors"]


def test_no_alarms_need_no_call(scene: Scene) -> None:
    assert alarms(scene).read().readings == ()
    assert scene.requests() == []


def test_a_refusal_is_told_and_not_an_empty_answer(scene: Scene) -> None:
    scene.put_alarm("errors")
    scene.world.faults.add(Throttle(), operation="DescribeAlarms")
    with pytest.raises(Busy):
        alarms(scene, "errors").read()


# What is below composite alarms, and whether it is evaluated ---------------------------------------


def put_composite(scene: Scene, name: str, rule: str) -> None:
    scene.call("cloudwatch", "PutCompositeAlarm", AlarmName=name, AlarmRule=rule)


def test_the_worst_below_a_composite_alarm_is_its_own(scene: Scene) -> None:
    for name in ("a", "b", "c"):
        scene.put_alarm(name)
    put_composite(scene, "inner", "ALARM(b) OR ALARM(c)")
    arn = f"arn:aws:cloudwatch:{REGION}:{scene.world.account}:alarm:inner"
    put_composite(scene, "outer", f"ALARM(a) AND NOT OK({arn})")
    watched = alarms(scene, "outer", "a")

    def told() -> list[tuple[str, str]]:
        return [(each.evaluation, each.reason) for each in watched.read().readings]

    cloudwatch = scene.world.cloudwatch()
    assert [evaluation for evaluation, _ in told()] == ["", ""]
    cloudwatch.set_evaluation_state("b", "PARTIAL_DATA", "too many")
    assert told()[0] == ("PARTIAL_DATA", "alarm b, below it: too many")
    cloudwatch.set_evaluation_state("c", "IN_WARM_UP", "warming up")
    assert told()[0] == ("IN_WARM_UP", "alarm c, below it: warming up")
    cloudwatch.set_evaluation_state("a", "EVALUATION_ERROR", "no such metric")
    assert told() == [
        ("EVALUATION_ERROR", "alarm a, below it: no such metric"),
        ("EVALUATION_ERROR", "no such metric"),
    ]


def test_of_a_composite_alarm_that_fires_its_own_reason_is_told(scene: Scene) -> None:
    scene.put_alarm("a")
    put_composite(scene, "outer", "ALARM(a)")
    scene.set_alarm("outer", "ALARM", "a fired")
    scene.world.cloudwatch().set_evaluation_state("a", "EVALUATION_ERROR", "no such metric")
    (reading,) = alarms(scene, "outer").read().readings
    assert (reading.evaluation, reading.reason) == ("EVALUATION_ERROR", "a fired")


def test_what_is_below_is_named_in_the_one_call_after_the_first_read(scene: Scene) -> None:
    for name in ("a", "b"):
        scene.put_alarm(name)
    put_composite(scene, "inner", "ALARM(b)")
    put_composite(scene, "outer", "ALARM(a) OR ALARM(inner)")
    watched = alarms(scene, "outer")
    watched.read()
    named = [request.params["AlarmNames"] for request in scene.requests("DescribeAlarms")]
    assert named == [["outer"], ["a", "inner"], ["b"]]
    scene.world.log.clear()
    watched.read()
    named = [request.params["AlarmNames"] for request in scene.requests("DescribeAlarms")]
    assert [sorted(names) for names in named] == [["a", "b", "inner", "outer"]]
    scene.put_alarm("new")
    put_composite(scene, "outer", "ALARM(new)")
    scene.world.log.clear()
    watched.read()
    watched.read()
    named = [request.params["AlarmNames"] for request in scene.requests("DescribeAlarms")]
    assert named[1:] == [["new"], ["outer", "new"]]


def test_alarms_in_a_circle_and_rules_that_are_not_understood_end(scene: Scene) -> None:
    scene.put_alarm("a")
    put_composite(scene, "one", "ALARM(a)")
    put_composite(scene, "two", "ALARM(one)")
    put_composite(scene, "one", "ALARM(two)")
    assert [each.evaluation for each in alarms(scene, "one", "two").read().readings] == ["", ""]
    assert below_of({"AlarmRule": "SOMETIMES(a)"}) == ()
    assert below_of({}) == ()


# Regions without log alarms --------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A Region that knows metric and composite alarms only, and what was said of it."""

    scene: Scene
    clients: Clients
    said: list[str]

    def asked_for_log_alarms(self, operation: str) -> list[bool]:
        asked = [request.params["AlarmTypes"] for request in self.scene.requests(operation)]
        return ["LogAlarm" in types for types in asked]


@pytest.fixture
def older(scene: Scene) -> Place:
    put_metric_alarm(scene, "errors")
    scene.world.cloudwatch().knows_log_alarms = False
    said: list[str] = []
    return Place(
        scene, Clients(connect(session(REGION), scene.world), REGION, warn=said.append), said
    )


def test_it_is_asked_again_without_them_remembered_and_said_once(older: Place) -> None:
    watched = CloudWatchAlarms(older.clients, parse_alarms("errors\n"))
    for _ in range(3):
        (reading,) = watched.read().readings
    assert older.asked_for_log_alarms("DescribeAlarms") == [True, False, False, False]
    watched.history((reading,), older.scene.clock.now())
    definitions = AlarmDefinitions(older.clients, parse_alarms("errors\n"))
    assert [each.name for each in definitions.read()] == ["errors"]
    definitions.try_history()
    assert older.asked_for_log_alarms("DescribeAlarmHistory") == [False, False]
    assert len(older.asked_for_log_alarms("DescribeAlarms")) == 5
    told = f"CloudWatch in {REGION} does not know log alarms: it is asked for the others only."
    assert older.said == [told]


def test_history_finds_out_by_itself_too(older: Place) -> None:
    AlarmDefinitions(older.clients, parse_alarms("errors\n")).try_history()
    assert older.asked_for_log_alarms("DescribeAlarmHistory") == [True, False]


def test_a_refusal_for_another_cause_teaches_nothing(older: Place) -> None:
    older.scene.world.cloudwatch().knows_log_alarms = True
    watched = CloudWatchAlarms(older.clients, parse_alarms("errors\n"))
    refusal = Answer("ValidationError", "something else", 400)
    older.scene.world.faults.add(refusal, operation="DescribeAlarms", count=2)
    with pytest.raises(InvalidRequest):
        watched.read()
    watched.read()
    assert older.asked_for_log_alarms("DescribeAlarms") == [True, False, True]
    assert older.said == []


def test_what_is_not_refused_for_its_types_is_asked_once(scene: Scene) -> None:
    scene.put_alarm("errors")
    scene.world.faults.add(Answer("AccessDenied", "no", 403), operation="DescribeAlarms")
    with pytest.raises(AccessDenied):
        alarms(scene, "errors").read()
    assert len(scene.requests("DescribeAlarms")) == 1


# History ----------------------------------------------------------------------------------------


def test_history_is_told_in_order_with_states_and_reasons(scene: Scene) -> None:
    scene.put_alarm("errors")
    began = scene.clock.now()
    scene.clock.advance(10)
    scene.set_alarm("errors", "ALARM", "too many")
    scene.clock.advance(10)
    scene.set_alarm("errors", "OK", "fine")
    watched = alarms(scene, "errors")
    (reading,) = watched.read().readings
    since = began + timedelta(seconds=1)
    history = watched.history((reading,), since).changes["errors"]
    assert [(change.before, change.after, change.reason) for change in history] == [
        (OK, ALARM, "too many"),
        (ALARM, OK, "fine"),
    ]
    assert [change.at - began for change in history] == [
        timedelta(seconds=10),
        timedelta(seconds=20),
    ]
    assert history[-1].at == reading.transitioned_at


def test_a_long_history_is_read_to_its_end(scene: Scene) -> None:
    scene.put_alarm("errors")
    began = scene.clock.now()
    for number in range(230):
        scene.clock.advance(1)
        scene.set_alarm("errors", "ALARM" if number % 2 == 0 else "OK", f"{number}")
    watched = alarms(scene, "errors")
    (reading,) = watched.read().readings
    since, token, history = began + timedelta(seconds=0.5), "", list[Transition]()
    while not history or token:
        page = watched.history((reading,), since, token)
        history += page.changes["errors"]
        token = page.next_token
    assert [change.reason for change in history] == [f"{number}" for number in range(230)]
    assert len(scene.requests("DescribeAlarmHistory")) == 3


def test_only_the_alarm_itself_and_only_its_states_are_asked_for(scene: Scene) -> None:
    scene.put_alarm("errors")
    scene.put_alarm("errors-too")
    scene.call(
        "cloudwatch",
        "PutLogAlarm",
        AlarmName="errors",
        QueryResultsToEvaluate=1,
        QueryResultsToAlarm=1,
        Threshold=2.0,
        ScheduledQueryConfiguration=QUERY,
        ComparisonOperator="GreaterThanThreshold",
    )
    watched = alarms(scene, "errors")
    (reading,) = watched.read().readings
    page = watched.history((reading,), scene.clock.now() - timedelta(hours=1))
    assert [change.after for change in page.changes["errors"]] == [OK]
    assert (page.others, page.next_token) == (0, "")


def test_of_several_theirs_are_taken_out_of_the_whole_accounts(scene: Scene) -> None:
    for name in ("errors", "latency", "foreign", "gone"):
        scene.put_alarm(name)
    put_metric_alarm(scene, "metric")
    rule = {"AlarmRule": 'ALARM("errors")'}
    scene.call("cloudwatch", "PutCompositeAlarm", AlarmName="composite", **rule)
    scene.clock.advance(10)
    began = scene.clock.now()
    for name in ("foreign", "errors", "metric"):
        scene.set_alarm(name, "ALARM", f"{name} is bad")
    watched = alarms(scene, "errors", "latency", "composite", "metric")
    readings = watched.read().readings
    items = scene.world.cloudwatch()._history._items
    # What cannot be read of somebody else's is nobody's trouble.
    items[:] = [replace(item, data="?") if item.alarm_name == "foreign" else item for item in items]
    page = watched.history(readings, began)
    assert {name: [each.after for each in some] for name, some in page.changes.items()} == {
        "errors": [ALARM],
        "latency": [],
        "composite": [ALARM],
        "metric": [ALARM],
    }
    assert (page.others, page.next_token) == (1, "")
    (asked,) = scene.requests("DescribeAlarmHistory")
    assert "AlarmName" not in asked.params
    assert len(asked.params["AlarmTypes"]) == 3


def test_an_item_of_nobody_is_no_item_of_others(scene: Scene) -> None:
    for name in ("errors", "latency"):
        scene.put_alarm(name)
    watched = alarms(scene, "errors", "latency")
    readings = watched.read().readings
    scene.world.faults.add(Nameless(), operation="DescribeAlarmHistory")
    with pytest.raises(Unanswered, match="UnreadableHistory"):
        watched.history(readings, scene.clock.now() - timedelta(hours=1))


@dataclass(frozen=True)
class Nameless:
    """Answers history items that do not say whose they are."""

    def around(self, world: Account, request: Request, work: Work) -> dict[str, Any]:
        answer = work()
        for item in answer["AlarmHistoryItems"]:
            del item["AlarmName"]
        return answer


@pytest.mark.parametrize(
    "data", ["no json", "[]", "null", "{}", '{"newState": {"stateValue": "MELTED"}}']
)
def test_a_history_that_cannot_be_read_is_no_quiet_one(scene: Scene, data: str) -> None:
    scene.put_alarm("errors")
    watched = alarms(scene, "errors")
    (reading,) = watched.read().readings
    items = scene.world.cloudwatch()._history._items
    items[:] = [type(item)(**{**vars(item), "data": data}) for item in items]
    with pytest.raises(Unanswered, match="UnreadableHistory"):
        watched.history((reading,), scene.clock.now() - timedelta(hours=1))
