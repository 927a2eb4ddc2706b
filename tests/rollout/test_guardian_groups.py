"""The guardian and several functions of one rollout, or of several; and what goes wrong on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.rollout.events import Finished, Result, Warned
from lambda_rollout.rollout.guardian import guard
from sandbox.aws.faults import AccessDenied, Die, DropAnswer, Meanwhile
from sandbox.aws.request import Request
from tests.rollout.test_doubled_delivery import Doubled
from tests.support.groups import Group, code_of, group_spec, names
from tests.support.guardian import as_its_role
from tests.support.scene import NEW, OLD, QUERY, Scene, rollout_spec

PREVIOUS = "live-previous"


class Killed(BaseException):
    """Nothing of ours catches this, as nothing catches SIGKILL."""


def die() -> None:
    raise Killed


def look(scene: Group, bake: float = 0.0, limit: float = 300.0, **asked: Any) -> Finished:
    spec = group_spec(scene.count, rollout_id="00000001", **asked)
    with as_its_role(scene, tuple(names(scene.count))):
        return guard(spec, scene.ports(spec), timedelta(seconds=bake), limit)


def held(count: int = 2) -> Group:
    scene = Group.of(count)
    assert scene.start("10% 60s, hold").result is Result.HELD
    return scene


def left_dead(count: int = 2) -> Group:
    """Of a run that was killed while all were at 10%; its lease is over."""
    scene = Group.of(count)
    scene.after(60, die)
    with pytest.raises(Killed):
        scene.start("10% 10m")
    scene.clock.advance(600)
    return scene


def says(scene: Group, name: str, word: str) -> None:
    """Let the record on one alias end otherwise: held, alive, or dead."""
    alias = scene.alias_of(name)
    description = re.sub(r"(until \S+Z|held)\]", f"{word}]", alias.description)
    scene.call("lambda", "UpdateAlias", FunctionName=name, Name="live", Description=description)


def to(scene: Group, name: str, version: str, text: str = "by hand") -> None:
    scene.call(
        "lambda",
        "UpdateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion=version,
        Description=text,
        RoutingConfig={"AdditionalVersionWeights": {}},
    )


def later(scene: Scene, seconds: float) -> str:
    return f"until {scene.clock.now() + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


# One rollout ---------------------------------------------------------------------------------------


def test_one_alarm_takes_all_that_is_held_back() -> None:
    scene = held()
    scene.set_alarm("f2-errors", "ALARM")
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_what_a_person_has_put_back_already_stays_and_the_rest_goes_with_it() -> None:
    scene = held()
    to(scene, "f1", OLD)
    scene.set_alarm("f2-errors", "ALARM")
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.alias_of("f1").description == "by hand"
    assert scene.states()["f2"] == (OLD, {})


def test_of_a_group_that_is_partly_alive_nothing_is_touched() -> None:
    scene = left_dead()
    says(scene, "f2", later(scene, 60))
    scene.set_alarm("f1-errors", "ALARM")
    before = len(scene.requests("UpdateAlias"))
    assert look(scene).result is Result.UNCHANGED
    assert len(scene.requests("UpdateAlias")) == before


@pytest.mark.parametrize("make", [held, left_dead])
def test_a_run_that_takes_over_one_after_the_other_is_left_alone(make: Callable[[], Group]) -> None:
    """``mode: promote`` of what is held, or ``on-stranded: resume``: its record has another id."""
    scene = make()
    says(scene, "f1", later(scene, 600))
    text = scene.alias_of("f1").description.replace("id 3fa94c7d", "id 0000000a")
    scene.call("lambda", "UpdateAlias", FunctionName="f1", Name="live", Description=text)
    assert "id 0000000a" in text
    scene.set_alarm("f1-errors", "ALARM")
    before = scene.states()
    end = look(scene)
    assert (end.result, scene.states()) == (Result.UNCHANGED, before)
    assert end.reason == "f1:live, f2:live: left to the run that is at work"


def test_of_a_group_that_is_partly_held_all_goes_back() -> None:
    scene = left_dead()
    says(scene, "f1", "held")
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_of_a_group_that_had_passed_nothing_is_touched() -> None:
    scene = left_dead()
    for name in ("f1", "f2"):
        text = scene.alias_of(name).description
        to(scene, name, NEW, text)
    says(scene, "f2", "until 1970-01-01T00:00:00Z")
    scene.set_alarm("f1-errors", "ALARM")
    before = scene.states()
    end = look(scene)
    assert (end.result, scene.states()) == (Result.UNCHANGED, before)
    assert "every step had passed, the rest is the next run's" in end.reason


def test_without_a_look_at_all_of_them_nothing_is_touched() -> None:
    """The mark that all have passed may stand on the one that cannot be read."""
    scene = left_dead()
    before = scene.states()
    scene.world.faults.add(AccessDenied(), operation="GetAlias", nth=2)
    assert look(scene).result is Result.FAILED
    assert scene.states() == before


@pytest.mark.parametrize("after_effect", [False, True])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("part", ["held", "dead", "both"])
def test_killed_at_any_write_the_next_one_ends_it(
    part: str, number: int, after_effect: bool
) -> None:
    scene = held() if part == "held" else left_dead()
    if part == "both":
        says(scene, "f1", "held")
    scene.set_alarm("f1-errors", "ALARM")
    fault = Die(die, after_effect=after_effect)
    scene.world.faults.add(fault, operation="UpdateAlias", nth=number)
    with pytest.raises(Killed):
        look(scene)
    # By the schedule; the alarm may be over.
    scene.set_alarm("f1-errors", "OK")
    scene.clock.advance(300)
    assert look(scene).result in {Result.ROLLED_BACK, Result.UNCHANGED}
    assert scene.whole_on(OLD)


def test_killed_between_two_the_alarm_of_a_mixed_group_is_not_needed() -> None:
    """What is held goes back first: the rest is still a dead run's then."""
    scene = left_dead()
    says(scene, "f1", "held")
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        look(scene)
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


@pytest.mark.parametrize("make", [held, left_dead])
@pytest.mark.parametrize("fault", [DropAnswer(), Doubled()], ids=["lost", "twice"])
def test_a_lost_answer_or_a_second_delivery_ends_the_same(
    make: Callable[[], Group], fault: Any
) -> None:
    scene = make()
    scene.set_alarm("f1-errors", "ALARM")
    scene.world.faults.add(fault, operation="UpdateAlias", count=2)
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


@pytest.mark.parametrize("make", [held, left_dead])
def test_two_at_once_do_each_other_no_harm(make: Callable[[], Group]) -> None:
    scene = make()
    scene.set_alarm("f1-errors", "ALARM")
    inner: list[Finished] = []
    scene.world.faults.add(Meanwhile(lambda _: inner.append(look(scene))), operation="UpdateAlias")
    assert look(scene).result in {Result.ROLLED_BACK, Result.UNCHANGED}
    assert [end.result for end in inner] == [Result.ROLLED_BACK]
    assert scene.whole_on(OLD)


def test_what_another_one_has_put_back_is_not_its_own_doing() -> None:
    scene = left_dead(1)
    inner: list[Finished] = []

    def other(_: object) -> None:
        inner.append(look(scene))

    scene.world.faults.add(Meanwhile(other), operation="GetAlias", nth=3)
    end = look(scene)
    assert [each.result for each in inner] == [Result.ROLLED_BACK]
    assert end.result is Result.UNCHANGED
    assert end.reason == "f1:live: somebody else has ended that rollout meanwhile"


def test_of_a_run_that_wakes_between_two_the_first_is_told_as_put_back() -> None:
    scene = left_dead()
    renew = Meanwhile(lambda _: says(scene, "f2", later(scene, 600)))
    scene.world.faults.add(renew, operation="UpdateAlias", nth=2)
    end = look(scene)
    assert scene.states()["f1"] == (OLD, {})
    assert (end.result, end.reason) == (
        Result.ROLLED_BACK,
        "f1:live: its run died, and its lease is over; f2:live: its run is at work again",
    )
    assert "until" in scene.alias_of("f2").description


def test_a_new_text_between_look_and_write_is_kept() -> None:
    scene = held()
    scene.set_alarm("f1-errors", "ALARM")

    def edit(_: object) -> None:
        record = re.search(r"\[lambda-rollout .*\]", scene.alias_of("f2").description)
        assert record
        text = f"a new text {record[0]}"
        scene.call("lambda", "UpdateAlias", FunctionName="f2", Name="live", Description=text)

    scene.world.faults.add(Meanwhile(edit), operation="UpdateAlias")
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.alias_of("f2").description == "a new text"
    assert scene.states() == {"f1": (OLD, {}), "f2": (OLD, {})}


def test_there_is_an_end_to_trying() -> None:
    """Lambda ends the invocation: what is to be told must be told before."""
    scene = held()
    scene.set_alarm("f1-errors", "ALARM")
    scene.world.faults.add(DropAnswer(), operation="DescribeAlarms", count=3)
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", count=None)
    began = scene.clock.now()
    assert look(scene, limit=20.0).result is Result.FAILED
    assert scene.clock.now() - began < timedelta(seconds=60)


# Alarms --------------------------------------------------------------------------------------------


def test_an_alarm_that_is_gone_keeps_no_other_from_being_heard() -> None:
    scene = held()
    scene.call("cloudwatch", "DeleteAlarms", AlarmNames=["f1-errors"])
    scene.set_alarm("f2-errors", "ALARM")
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)
    warned = [each.text for each in scene.told(Warned) if isinstance(each, Warned)]
    assert any("alarms that do not exist: f1-errors" in text for text in warned)


def test_an_alarm_of_another_region_is_asked_there() -> None:
    scene = held()
    numbers = {"QueryResultsToEvaluate": 1, "QueryResultsToAlarm": 1, "Threshold": 1.0}
    made = {"ScheduledQueryConfiguration": QUERY, "ComparisonOperator": "GreaterThanThreshold"}
    state = {"StateValue": "ALARM", "StateReason": "far away"}
    for operation, given in (("PutLogAlarm", {**numbers, **made}), ("SetAlarmState", state)):
        params = {"AlarmName": "edge", **given}
        far = Request(scene.clock.now(), "cloudwatch", operation, params, "us-east-1")
        scene.world.perform(far)
    arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:edge"
    assert look(scene, alarms=("f1-errors", arn)).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_an_alarm_that_is_gone_keeps_a_dead_run_from_nothing() -> None:
    scene = left_dead()
    for name in ("f1-errors", "f2-errors"):
        scene.call("cloudwatch", "DeleteAlarms", AlarmNames=[name])
    assert look(scene).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


@pytest.mark.parametrize("firing", [0, 119])
def test_a_firing_on_any_page_of_the_history_counts(firing: int) -> None:
    scene = held()
    scene.clock.advance(900)
    for number in range(120):
        scene.clock.advance(2)
        scene.set_alarm("f1-errors", "ALARM" if number == firing else "INSUFFICIENT_DATA")
        scene.set_alarm("f1-errors", "OK")
    assert look(scene).result is Result.ROLLED_BACK


def test_a_history_that_cannot_be_read_is_no_all_clear() -> None:
    scene = held()
    scene.clock.advance(900)
    scene.set_alarm("f1-errors", "ALARM")
    scene.set_alarm("f1-errors", "OK")
    scene.world.faults.add(AccessDenied(), operation="DescribeAlarmHistory", count=None)
    end = look(scene)
    assert end.result is Result.FAILED
    assert "DescribeAlarmHistory" in end.reason


# Promoted ------------------------------------------------------------------------------------------


def promoted() -> Group:
    scene = Group.of(2)
    assert scene.start("10% 60s, 100% 60s", previous_alias=PREVIOUS).result is Result.PROMOTED
    scene.clock.advance(900)
    return scene


def test_all_that_was_promoted_together_goes_back() -> None:
    scene = promoted()
    scene.set_alarm("f1-errors", "ALARM")
    assert look(scene, bake=3600, previous_alias=PREVIOUS).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


@pytest.mark.parametrize("fault", [DropAnswer(), Doubled()], ids=["lost", "twice"])
def test_a_lost_answer_undoes_a_promotion_all_the_same(fault: Any) -> None:
    scene = promoted()
    scene.set_alarm("f1-errors", "ALARM")
    scene.world.faults.add(fault, operation="UpdateAlias", count=2)
    assert look(scene, bake=3600, previous_alias=PREVIOUS).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_two_at_once_undo_one_promotion() -> None:
    scene = promoted()
    scene.set_alarm("f1-errors", "ALARM")
    inner: list[Finished] = []

    def other(_: object) -> None:
        inner.append(look(scene, bake=3600, previous_alias=PREVIOUS))

    scene.world.faults.add(Meanwhile(other), operation="UpdateAlias")
    ends = [look(scene, bake=3600, previous_alias=PREVIOUS), *inner]
    assert [end.result for end in ends] == [Result.ROLLED_BACK] * 2
    assert scene.whole_on(OLD)


def test_one_that_has_moved_on_keeps_the_others_from_nothing() -> None:
    scene = promoted()
    scene.call("lambda", "UpdateFunctionCode", FunctionName="f1", ZipFile=code_of("f1", "3"))
    scene.clock.advance(2)
    scene.call("lambda", "PublishVersion", FunctionName="f1")
    scene.clock.advance(2)
    to(scene, "f1", "3")
    scene.set_alarm("f1-errors", "ALARM")
    assert look(scene, bake=3600, previous_alias=PREVIOUS).result is Result.ROLLED_BACK
    assert scene.states() == {"f1": ("3", {}), "f2": (OLD, {})}


def test_of_a_promotion_that_is_known_in_part_the_rest_is_told() -> None:
    """The rollout could not set one of the previous aliases: nobody knows where that function came from."""
    scene = Group.of(2)
    scene.world.faults.add(AccessDenied(), operation="CreateAlias", nth=2)
    assert scene.start("100% 0s", previous_alias=PREVIOUS).result is Result.PROMOTED
    scene.set_alarm("f1-errors", "ALARM")
    end = look(scene, bake=3600, previous_alias=PREVIOUS)
    assert end.result is Result.FAILED
    (there,) = (name for name, state in scene.states().items() if state == (NEW, {}))
    assert f"{there}:live (version 2): left alone" in end.reason
    assert "`mode: rollback` and `version`" in end.remedy


def test_beside_a_run_that_is_at_work_no_promotion_is_undone() -> None:
    """It moves one after the other: what is whole still may be its next."""
    scene = promoted()
    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    scene.call("lambda", "UpdateFunctionCode", FunctionName="f1", ZipFile=code_of("f1", "3"))
    scene.call("lambda", "UpdateFunctionCode", FunctionName="f2", ZipFile=code_of("f2", "3"))
    scene.clock.advance(2)
    with pytest.raises(Killed):
        scene.start("10% 10m", rollout_id="00000002")
    before = scene.states()
    assert [weights for _, weights in before.values()].count({}) == 1
    scene.set_alarm("f1-errors", "ALARM")
    end = look(scene, bake=3600, previous_alias=PREVIOUS)
    assert (end.result, scene.states()) == (Result.UNCHANGED, before)


def test_a_version_that_can_never_serve_is_not_gone_back_to() -> None:
    scene = promoted()
    scene.world.lambda_().functions["f2"].published[OLD].state = "Failed"
    scene.set_alarm("f1-errors", "ALARM")
    end = look(scene, bake=3600, previous_alias=PREVIOUS)
    assert end.result is Result.FAILED
    assert "version 1 of f2 cannot serve" in end.reason
    assert scene.states() == {"f1": (NEW, {}), "f2": (NEW, {})}


@pytest.mark.parametrize("after_effect", [False, True])
def test_killed_while_it_undoes_a_promotion_the_next_one_ends_it(after_effect: bool) -> None:
    scene = promoted()
    scene.set_alarm("f1-errors", "ALARM")
    fault = Die(die, after_effect=after_effect)
    scene.world.faults.add(fault, operation="UpdateAlias")
    with pytest.raises(Killed):
        look(scene, bake=3600, previous_alias=PREVIOUS)
    assert look(scene, bake=3600, previous_alias=PREVIOUS).result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_a_run_that_begins_meanwhile_wins() -> None:
    scene = Scene.ready()
    end = scene.roll_out(rollout_spec("100% 0s", previous_alias=PREVIOUS))
    assert end.result is Result.PROMOTED
    scene.set_alarm("checkout-errors", "ALARM")
    record = f"[lambda-rollout 2>3 run local id 0000000a {later(scene, 600)}]"
    scene.call("lambda", "PublishVersion", FunctionName="checkout", Description="3")

    def begin(_: object) -> None:
        scene.call(
            "lambda",
            "UpdateAlias",
            FunctionName="checkout",
            Name="live",
            Description=record,
            FunctionVersion=NEW,
            RoutingConfig={"AdditionalVersionWeights": {"3": 0.1}},
        )

    scene.build("def handler(event, context): return 3")
    scene.call("lambda", "PublishVersion", FunctionName="checkout")
    scene.clock.advance(2)
    scene.world.faults.add(Meanwhile(begin), operation="UpdateAlias")
    spec = rollout_spec(rollout_id="00000001", previous_alias=PREVIOUS)
    end = guard(spec, scene.ports(spec), timedelta(seconds=3600))
    assert scene.alias.routing == Routing(NEW, {"3": 0.1})
    # Nobody is told a command that would take it from that run.
    assert end.result is Result.UNCHANGED
    assert end.reason.endswith("but a run is at work there now")
    assert scene.alias.description == record
