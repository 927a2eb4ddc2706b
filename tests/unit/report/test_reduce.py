"""What stands at a moment, from the events up to it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.inputs.hooks import parse_hooks
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.state import HookSaid, Status
from lambda_rollout.rollout import events as e
from tests.support.stories import BASKET, CHECKOUT, ERRORS_FIRED, ERRORS_OK, LATENCY_BLIND, Telling


@pytest.fixture
def tell() -> Telling:
    return Telling("10% 5m, 50% 10m, 100% 10m")


def statuses(tell: Telling) -> list[str]:
    return [step.status.value for step in rollout_state(tell.events).steps]


def test_a_step_goes_from_waiting_to_passed(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    assert statuses(tell) == ["waiting"] * 3
    step = tell.plan.steps[0]
    tell.say(e.StepStarted, number=1, percent=step.percent, watch=step.watch)
    assert statuses(tell)[0] == "shifting"
    tell.say(e.WeightShifted, target=CHECKOUT, version="8", previous="7", percent=step.percent)
    assert statuses(tell)[0] == "watching"
    tell.say(e.StepExtended, number=1, until=tell.now, why="INSUFFICIENT_DATA: x")
    assert statuses(tell)[0] == "extended"
    tell.passes(1)
    assert statuses(tell) == ["passed", "waiting", "waiting"]


def test_the_end_closes_every_step(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.ends(e.Result.FAILED, "cancelled")
    assert statuses(tell) == ["failed", "not reached", "not reached"]


def test_several_targets_are_watched_from_the_last_shift_on() -> None:
    tell = Telling("10% 5m", CHECKOUT, BASKET)
    tell.begins(ERRORS_OK)
    tell.say(e.StepStarted, number=1, percent=Decimal(10), watch=timedelta(minutes=5))
    for target, status in ((CHECKOUT, Status.SHIFTING), (BASKET, Status.WATCHING)):
        tell.pass_time(3)
        tell.say(e.WeightShifted, target=target, version="8", previous="7", percent=Decimal(10))
        assert rollout_state(tell.events).steps[0].status is status
    assert rollout_state(tell.events).steps[0].watched_from == tell.now


def test_a_step_ends_with_the_rollback_and_not_with_the_verdict(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.pass_time(100)
    tell.rolls_back("10")
    back = tell.now
    tell.pass_time(500)
    tell.ends(e.Result.ROLLED_BACK, "alarm")
    step = rollout_state(tell.events).steps[0]
    assert step.ended == back
    assert step.lasted == timedelta(seconds=100.3)


def test_exposure_is_the_time_between_confirmed_weights(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.pass_time(300)
    tell.shifts(2)
    tell.pass_time(60)
    tell.rolls_back("50")
    tell.pass_time(1000)
    story = rollout_state(tell.events)
    assert story.targets[CHECKOUT].exposed(tell.now) == (
        (Decimal(10), timedelta(seconds=300.3)),
        (Decimal(50), timedelta(seconds=60.3)),
    )


def test_a_shift_whose_answer_was_lost_counts_as_exposed_from_the_steps_start(
    tell: Telling,
) -> None:
    tell.begins(ERRORS_OK)
    tell.say(e.StepStarted, number=1, percent=Decimal(10), watch=timedelta(minutes=5))
    tell.pass_time(60)
    tell.rolls_back("10")
    now = rollout_state(tell.events).targets[CHECKOUT]
    assert now.exposed(tell.now) == ((Decimal(10), timedelta(seconds=60.3)),)


def test_a_split_of_an_earlier_run_is_no_exposure_of_this_one(tell: Telling) -> None:
    tell.starts(mode="rollback")
    tell.finds_aliases(Routing.split("7", "8", Decimal(50)))
    tell.rolls_back("50")
    now = rollout_state(tell.events).targets[CHECKOUT]
    assert now.exposed(tell.now) == ()
    assert (now.version, now.previous, now.weight) == ("8", "7", Decimal(0))


def test_a_resumed_rollout_may_begin_at_a_weight_of_another_schedule(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.say(e.StepStarted, number=1, percent=Decimal(25), watch=timedelta(minutes=10))
    tell.say(e.WeightShifted, target=CHECKOUT, version="8", previous="7", percent=Decimal(25))
    tell.say(e.StepPassed, number=1, percent=Decimal(25), readings=())
    tell.say(e.StepStarted, number=2, percent=Decimal(50), watch=timedelta(minutes=10))
    steps = rollout_state(tell.events).steps
    assert [(step.number, int(step.percent), step.status.value) for step in steps] == [
        (1, 10, "skipped"),
        (2, 25, "passed"),
        (3, 50, "shifting"),
        (4, 100, "waiting"),
    ]


def test_an_alarm_that_never_left_alarm_did_not_guard(tell: Telling) -> None:
    tell.begins(replace(ERRORS_FIRED), LATENCY_BLIND)
    unguarding = rollout_state(tell.events).unguarding
    assert [alarm.newest for alarm in unguarding] == [ERRORS_FIRED, LATENCY_BLIND]
    tell.say(e.AlarmChanged, reading=ERRORS_OK, before=AlarmState.ALARM, fired=False)
    tell.say(e.AlarmChanged, reading=ERRORS_FIRED, before=AlarmState.OK, fired=True)
    unguarding = rollout_state(tell.events).unguarding
    assert [alarm.newest for alarm in unguarding] == [LATENCY_BLIND]


def test_an_alarm_that_was_only_ok_while_nobody_evaluated_it_did_not_guard(tell: Telling) -> None:
    stale = replace(ERRORS_OK, evaluation="EVALUATION_ERROR")
    tell.begins(stale)
    assert [alarm.newest for alarm in rollout_state(tell.events).unguarding] == [stale]
    tell.say(e.EvaluationChanged, reading=ERRORS_OK, before="EVALUATION_ERROR")
    assert rollout_state(tell.events).unguarding == ()


def test_an_alarm_that_was_not_evaluated_is_a_cause_and_did_not_fire(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    stale = replace(ERRORS_OK, evaluation="EVALUATION_ERROR")
    tell.say(
        e.Finished,
        result=e.Result.ROLLED_BACK,
        reason="alarm checkout-errors was not evaluated",
        failed_alarms=(stale,),
    )
    (alarm,) = rollout_state(tell.events).alarms.values()
    assert alarm.fired is None
    assert alarm.newest == stale


def test_an_alarm_that_came_and_went_keeps_the_reading_that_counted(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.say(e.AlarmChanged, reading=ERRORS_FIRED, before=AlarmState.OK, fired=True)
    tell.say(e.AlarmChanged, reading=ERRORS_OK, before=AlarmState.ALARM, fired=True)
    (alarm,) = rollout_state(tell.events).alarms.values()
    assert alarm.newest.state is AlarmState.OK
    assert alarm.fired == ERRORS_FIRED


def test_an_alias_that_is_gone_has_no_known_weight(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.say(
        e.AliasLeft,
        target=CHECKOUT,
        routing=None,
        expected=Routing.all_on("7"),
        why="deleted",
        command="",
    )
    assert rollout_state(tell.events).targets[CHECKOUT].weight is None


def test_nothing_at_all_is_a_failure_that_broke_off() -> None:
    story = rollout_state(())
    assert story.result is e.Result.FAILED
    assert story.reason


# Hooks ------------------------------------------------------------------------------------------

[HOOK] = parse_hooks("each-step: check-orders")


def test_a_hook_says_one_thing_after_the_other(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    said = []
    for event, fields in (
        (e.HookStarted, {"step": 1}),
        (e.HookUnanswered, {"why": "throttled"}),
        (e.HookInProgress, {"again_in": timedelta(seconds=30), "details": '{"n":1}'}),
        (e.HookEnded, {"passed": True, "why": "", "details": ""}),
    ):
        tell.pass_time(2)
        tell.say(event, hook=HOOK, **fields)
        [hook] = rollout_state(tell.events).hooks
        said.append((hook.said, hook.why))
    assert said == [
        (HookSaid.NOTHING_YET, ""),
        (HookSaid.NOTHING_YET, "throttled"),
        (HookSaid.IN_PROGRESS, ""),
        (HookSaid.SUCCEEDED, ""),
    ]
    assert hook.lasted == timedelta(seconds=6)
    assert rollout_state(tell.events).asked is None


def test_the_same_hook_is_another_one_in_the_next_step(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    for step in (1, 2):
        tell.shifts(step)
        tell.passes(step, "each-step: check-orders")
    assert [hook.step for hook in rollout_state(tell.events).hooks] == [1, 2]


def test_nobody_waits_for_a_hook_once_something_else_has_decided(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.say(e.HookStarted, hook=HOOK, step=1)
    tell.fires()
    asked = rollout_state(tell.events).asked
    assert asked is not None
    assert not asked.is_fatal
    tell.rolls_back("10")
    [hook] = rollout_state(tell.events).hooks
    assert (hook.said, hook.is_fatal) == (HookSaid.NOT_AWAITED, False)


def test_a_hold_waits_from_its_begin_and_not_from_a_shift() -> None:
    tell = Telling("10% 5m, hold 1h")
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.passes(1)
    tell.shifts(2)
    assert statuses(tell) == ["passed", "watching", "waiting"]
    held = rollout_state(tell.events).steps[1]
    assert (held.holds, held.watched_from) == (True, tell.now)
    tell.say(e.StepPassed, number=2, percent=Decimal(10), readings=())
    assert statuses(tell) == ["passed", "passed", "waiting"]


def test_a_resumed_rollout_holds_at_the_weight_that_it_found() -> None:
    tell = Telling("10% 5m, hold 1h")
    tell.begins(ERRORS_OK)
    for number, holds in ((1, False), (2, True)):
        thirty, watch = Decimal(30), timedelta(minutes=5)
        tell.say(e.StepStarted, number=number, percent=thirty, watch=watch, holds=holds)
    steps = rollout_state(tell.events).steps
    told = [(str(step.percent), step.holds, step.status) for step in steps]
    assert told == [
        ("10", False, Status.SKIPPED),
        ("30", False, Status.SHIFTING),
        ("30", True, Status.WATCHING),
        ("100", False, Status.WAITING),
    ]


def test_an_alias_that_was_taken_back_has_no_traffic_on_the_new_version(tell: Telling) -> None:
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.pass_time(60)
    tell.is_taken_back("10")
    now = rollout_state(tell.events).targets[CHECKOUT]
    assert now.taken_back
    assert (now.routing, now.weight) == (Routing.all_on("7"), Decimal())
    assert now.exposed(tell.now) == ((Decimal(10), timedelta(seconds=60.3)),)
