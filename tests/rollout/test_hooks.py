"""Which hooks are asked when, what they are told, and what their word does to the alias."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from lambda_rollout.alias.routing import Routing, Target
from lambda_rollout.inputs.choices import HookStage, Mode, OnCancel, OnStranded
from lambda_rollout.rollout.events import (
    AliasCreated,
    Event,
    HookEnded,
    HookInProgress,
    HooksNamed,
    HookStarted,
    HookUnanswered,
    Result,
    RolledBack,
    Run,
    StepPassed,
    Warned,
)
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.story import begin
from sandbox.aws.faults import Die, DropAnswer, ExpiredCredentials, ServerError, Throttle
from tests.support.groups import Group
from tests.support.hooks import NO, YES, again, hooks, put_hook, told
from tests.support.scene import NEW, OLD, Scene, rollout_spec

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:checkout"
RUN = Run("https://github.com", "octo/shop", "77", "1")
ALL = hooks(*(f"{stage}: {stage}" for stage in HookStage))
"""One of each stage, named like it."""


def scene_with(**answers: object) -> Scene:
    """A scene with a function for every stage; ``answers``: what one says (``_`` for ``-``), otherwise yes."""
    scene = Scene.ready()
    for stage in HookStage:
        said = answers.get(stage.replace("-", "_"), YES)
        put_hook(scene, stage, *(said if isinstance(said, list) else [said]))
    scene.world.log.clear()
    return scene


def stages(scene: Scene) -> list[str]:
    """The functions that were invoked and the weights that were written, in order."""
    story = []
    for request in scene.requests("Invoke", "UpdateAlias", "CreateAlias"):
        if request.operation == "Invoke":
            story.append(request.function)
        elif request.operation == "CreateAlias":
            story.append("created")
        else:
            weights = request.params["RoutingConfig"]["AdditionalVersionWeights"]
            story.append(f"{request.params['FunctionVersion']} {dict(weights) or ''}".strip())
    return story


def ended(scene: Scene) -> list[tuple[str, bool]]:
    return [
        (event.hook.stage.value, event.passed)
        for event in scene.events
        if isinstance(event, HookEnded)
    ]


def test_every_stage_in_its_place() -> None:
    scene = scene_with()
    end = scene.roll_out(rollout_spec("10% 60s, 50% 60s, 100% 60s", hooks=ALL))
    assert end.result is Result.PROMOTED
    assert stages(scene) == [
        "before-traffic",
        f"{OLD} {{'{NEW}': 0.1}}",
        "each-step",
        f"{OLD} {{'{NEW}': 0.5}}",
        "each-step",
        NEW,
        "each-step",
        "after-traffic",
        NEW,
    ]


def test_what_they_are_told() -> None:
    scene = scene_with()
    scene.roll_out(rollout_spec("12.5% 60s, 100% 60s", hooks=ALL, run=RUN))
    subject = {
        "function": "checkout",
        "alias": "live",
        "old": f"{ARN}:{OLD}",
        "new": f"{ARN}:{NEW}",
        "percent": 0,
    }
    usual = {"run": RUN.url, "reason": "", "hookDetails": {}}
    assert told(scene, "before-traffic") == [
        {"stage": "before-traffic", "functions": [subject], "step": None, **usual}
    ]
    assert told(scene, "each-step") == [
        {
            "stage": "each-step",
            "functions": [{**subject, "percent": percent}],
            "step": step,
            **usual,
        }
        for step, percent in ((1, 12.5), (2, 100))
    ]
    assert told(scene, "after-traffic") == [
        {"stage": "after-traffic", "functions": [{**subject, "percent": 100}], "step": 2, **usual}
    ]


# Before traffic ---------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [NO, "raise", "yes", {}, again(0), None])
def test_failed_before_traffic_leaves_the_alias_untouched(said: object) -> None:
    scene = scene_with(before_traffic=said)
    end = scene.roll_out(rollout_spec(hooks=ALL))
    assert end.result is Result.FAILED
    assert end.reason.startswith("before-traffic hook before-traffic failed: ")
    assert stages(scene) == ["before-traffic"]
    assert ended(scene) == [("before-traffic", False)]


def test_a_missing_alias_is_created_after_its_hooks_said_yes() -> None:
    target = Target("checkout", "fresh")
    scene = scene_with(before_traffic=NO)
    spec = rollout_spec(hooks=ALL, targets=[target], create_alias=True)
    assert scene.roll_out(spec).result is Result.FAILED
    assert stages(scene) == ["before-traffic"]
    [subject] = told(scene, "before-traffic")[0]["functions"]
    assert (subject["old"], subject["new"]) == (None, f"{ARN}:{NEW}")

    scene = scene_with()
    assert scene.roll_out(spec).result is Result.PROMOTED
    assert stages(scene) == ["before-traffic", "created"]
    assert scene.told(AliasCreated)


def test_several_hooks_of_a_stage_are_asked_in_order_until_one_says_no() -> None:
    scene = scene_with()
    for name, said in (("a", YES), ("b", NO), ("c", YES)):
        put_hook(scene, name, said)
    three = hooks("before-traffic: a", "before-traffic: b", "before-traffic: c")
    assert scene.roll_out(rollout_spec(hooks=three)).result is Result.FAILED
    assert stages(scene) == ["a", "b"]


def test_details_come_back_after_the_delay() -> None:
    scene = scene_with(before_traffic=[again(7, job=3), again(job=4), YES])
    assert scene.roll_out(rollout_spec(hooks=ALL)).result is Result.PROMOTED
    calls = told(scene, "before-traffic")
    assert [call["hookDetails"] for call in calls] == [{}, {"job": 3}, {"job": 4}]
    at = [r.at for r in scene.requests("Invoke") if r.function == "before-traffic"]
    assert [(b - a).total_seconds() for a, b in pairwise(at)] == [7, 30]
    [first, *_] = scene.told(HookInProgress)
    assert isinstance(first, HookInProgress)
    assert (first.again_in, first.details) == (timedelta(seconds=7), '{"job":3}')


def test_in_progress_has_an_end() -> None:
    scene = scene_with(before_traffic=again(20))
    began = scene.clock.monotonic()
    end = scene.roll_out(rollout_spec(hooks=ALL, evidence_timeout=50))
    assert end.reason == (
        "before-traffic hook before-traffic failed: it is still IN_PROGRESS, and its time is over"
    )
    # At once, after 20 s, after 40 s, and at the limit.
    assert len(told(scene, "before-traffic")) == 4
    assert scene.clock.monotonic() - began < 60


def test_an_answer_after_the_limit_does_not_count() -> None:
    scene = scene_with()
    put_hook(scene, "slow", YES, slow=80)
    slow = hooks("before-traffic: slow")
    end = scene.roll_out(rollout_spec(hooks=slow, evidence_timeout=60))
    assert end.reason.endswith("it has not answered, and its time is over")
    assert scene.roll_out(rollout_spec(hooks=slow, evidence_timeout=90)).result is Result.PROMOTED


@pytest.mark.parametrize("fault", [Throttle(), ServerError(), DropAnswer()])
def test_a_call_without_an_answer_is_made_again(fault: object) -> None:
    scene = scene_with()
    scene.world.faults.add(fault, operation="Invoke", count=2)  # type: ignore[arg-type]
    assert scene.roll_out(rollout_spec(hooks=ALL)).result is Result.PROMOTED
    assert len(told(scene, "before-traffic")) == 3
    assert len(scene.told(HookUnanswered)) == 1


def test_with_credentials_that_are_over_it_is_not_tried_for_ever() -> None:
    scene = scene_with()
    scene.world.faults.add(ExpiredCredentials(), operation="Invoke", count=None)
    began = scene.clock.monotonic()
    end = scene.roll_out(rollout_spec(hooks=ALL))
    assert end.result is Result.FAILED
    assert "ExpiredToken" in end.reason
    assert 30 <= scene.clock.monotonic() - began < 45


def test_a_hook_that_is_missing_fails_at_once() -> None:
    scene = scene_with()
    end = scene.roll_out(rollout_spec(hooks=hooks("before-traffic: nobody")))
    assert end.result is Result.FAILED
    assert "Function not found" in end.reason
    assert len(scene.requests("Invoke")) == 1


def test_a_stop_ends_the_waiting() -> None:
    scene = scene_with(before_traffic=again(900))
    scene.after(30, lambda: scene.stop.request("cancelled"))
    end = scene.roll_out(rollout_spec(hooks=ALL))
    assert (end.result, end.reason) == (Result.FAILED, "cancelled")
    assert stages(scene) == ["before-traffic"]


# In a step --------------------------------------------------------------------------------------


def test_failed_in_a_step_rolls_back_with_the_next_call() -> None:
    scene = scene_with(each_step=[YES, NO])
    end = scene.roll_out(rollout_spec("10% 60s, 50% 60s, 100% 60s", hooks=ALL))
    assert end.result is Result.ROLLED_BACK
    assert end.reason == 'each-step hook each-step failed: it said FAILED: {"orders":0}'
    names = [request.operation for request in scene.world.log]
    second = [n for n, r in enumerate(scene.world.log) if r.operation == "Invoke"][-2]
    assert names[second : second + 2] == ["Invoke", "UpdateAlias"]
    assert stages(scene)[-2:] == [OLD, "on-rollback"]
    assert len(scene.told(StepPassed)) == 1
    assert ended(scene)[-2:] == [("each-step", False), ("on-rollback", True)]


def test_alarms_and_alias_are_read_once_more_after_the_hook_said_yes() -> None:
    scene = scene_with()
    scene.roll_out(rollout_spec("10% 60s, 100% 60s", hooks=hooks("each-step: each-step")))
    names = [request.operation for request in scene.world.log]
    asked = [n for n, name in enumerate(names) if name == "Invoke"]
    assert len(asked) == 2
    for at in asked:
        following = names[at + 1 : names.index("UpdateAlias", at)]
        assert {"DescribeAlarms", "GetAlias"} <= set(following)


def test_an_alarm_that_fires_while_the_hook_says_yes_is_seen() -> None:
    scene = scene_with(each_step=[again(20), YES])
    # At 80 s the hook says yes; the alarm fires in that moment, after the last of the usual reads.
    spec = rollout_spec("10% 60s, 100% 60s", hooks=ALL, poll_interval=60)
    scene.after(79, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    end = scene.roll_out(spec)
    assert end.result is Result.ROLLED_BACK
    assert [alarm.name for alarm in end.failed_alarms] == ["checkout-errors"]
    assert Routing.all_on(NEW) not in scene.routings()


def test_a_hook_in_progress_delays_no_rollback() -> None:
    scene = scene_with(each_step=again(900))
    scene.after(100, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    fired = scene.clock.now() + timedelta(seconds=100)
    end = scene.roll_out(rollout_spec("10% 60s, 100% 60s", hooks=ALL, poll_interval=5))
    assert end.result is Result.ROLLED_BACK
    assert end.failed_alarms
    back = scene.requests("UpdateAlias")[-1]
    assert (back.at - fired).total_seconds() <= 5
    assert ended(scene) == [("before-traffic", True), ("on-rollback", True)]


def test_a_step_in_progress_ends_by_the_evidence_timeout_after_its_planned_end() -> None:
    scene = scene_with(each_step=again(30))
    began = scene.clock.monotonic()
    end = scene.roll_out(rollout_spec("10% 60s, 100% 60s", hooks=ALL, evidence_timeout=100))
    assert end.reason.endswith("it is still IN_PROGRESS, and its time is over")
    assert 160 <= scene.clock.monotonic() - began < 170


def test_before_a_hold_too() -> None:
    scene = scene_with()
    end = scene.roll_out(rollout_spec("10% 60s, hold", hooks=ALL))
    assert end.result is Result.HELD
    assert [name for name in stages(scene) if "-" in name] == ["before-traffic", "each-step"]


def test_100_percent_without_a_watch_has_its_hooks() -> None:
    scene = scene_with(each_step=[NO])
    assert scene.roll_out(rollout_spec("100% 0s", hooks=ALL)).result is Result.ROLLED_BACK


# After traffic ----------------------------------------------------------------------------------


def test_failed_after_traffic_rolls_all_back_before_anything_says_that_all_have_passed() -> None:
    scene = Group.of(3)
    put_hook(scene, "check", NO)
    end = scene.start(hooks=hooks("after-traffic: check"))
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)
    assert not any("1970" in r.params["Description"] for r in scene.requests("UpdateAlias"))
    assert len(told(scene, "check")) == 1
    assert [each["function"] for each in told(scene, "check")[0]["functions"]] == ["f1", "f2", "f3"]


def test_a_kill_in_an_after_traffic_hook_finishes_nothing_forward() -> None:
    scene = Group.of(2)
    put_hook(scene, "check", YES)

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    scene.world.faults.add(Die(die), operation="Invoke")
    with pytest.raises(Killed):
        scene.start(hooks=hooks("after-traffic: check"))
    scene.world.faults.rules.clear()
    scene.clock.advance(601)
    assert scene.start("100% 0s", on_stranded=OnStranded.ROLLBACK).result is Result.PROMOTED
    restored = [type(event).__name__ for event in scene.events]
    assert restored.count("Restored") == 2


def test_the_alarms_go_on_counting_while_after_traffic_hooks_are_asked() -> None:
    scene = scene_with(after_traffic=again(900))
    scene.after(200, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    end = scene.roll_out(rollout_spec("10% 60s, 100% 60s", hooks=ALL))
    assert end.result is Result.ROLLED_BACK
    assert end.failed_alarms
    assert stages(scene)[-2:] == [OLD, "on-rollback"]


# On rollback ------------------------------------------------------------------------------------


def firing(scene: Scene) -> None:
    scene.after(30, lambda: scene.set_alarm("checkout-errors", "ALARM"))


def test_on_rollback_is_told_why_when_the_alias_is_back() -> None:
    scene = scene_with()
    firing(scene)
    end = scene.roll_out(rollout_spec(hooks=ALL, run=RUN))
    [call] = told(scene, "on-rollback")
    assert call["reason"] == end.reason
    assert call["step"] == 1
    assert call["functions"][0]["percent"] == 0
    back = next(n for n, event in enumerate(scene.events) if isinstance(event, RolledBack))
    asked = [
        n
        for n, event in enumerate(scene.events)
        if isinstance(event, HookStarted) and event.hook.stage is HookStage.ON_ROLLBACK
    ]
    assert asked > [back]


@pytest.mark.parametrize("said", [NO, "raise", again(10)])
def test_on_rollback_can_fail_nothing(said: object) -> None:
    scene = scene_with(on_rollback=said)
    firing(scene)
    began = scene.clock.monotonic()
    end = scene.roll_out(rollout_spec(hooks=ALL))
    assert end.result is Result.ROLLED_BACK
    assert end.reason.startswith("alarm checkout-errors fired")
    assert any("on-rollback hook on-rollback failed" in str(w) for w in scene.told(Warned))
    assert scene.clock.monotonic() - began < 400


def test_a_stop_ends_the_waiting_for_it_and_changes_nothing() -> None:
    scene = scene_with(on_rollback=again(10))
    firing(scene)
    scene.after(60, lambda: scene.stop.request("cancelled"))
    began = scene.clock.monotonic()
    end = scene.roll_out(rollout_spec(hooks=ALL))
    assert end.result is Result.ROLLED_BACK
    assert end.reason.startswith("alarm checkout-errors fired")
    assert scene.clock.monotonic() - began < 65


def test_one_that_fails_keeps_no_other_from_being_told() -> None:
    scene = scene_with()
    put_hook(scene, "a", NO)
    put_hook(scene, "b", YES)
    firing(scene)
    scene.roll_out(rollout_spec(hooks=hooks("on-rollback: a", "on-rollback: b")))
    assert stages(scene)[-3:] == [OLD, "a", "b"]


def test_without_a_rollback_it_is_not_told() -> None:
    scene = scene_with(before_traffic=NO)
    scene.roll_out(rollout_spec(hooks=ALL))
    assert told(scene, "on-rollback") == []


def test_an_alias_that_is_not_back_is_not_told_of() -> None:
    scene = scene_with()

    def somebody() -> None:
        edit = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.42}}}
        scene.call("lambda", "UpdateAlias", FunctionName="checkout", Name="live", **edit)

    scene.after(30, somebody)
    assert scene.roll_out(rollout_spec(hooks=ALL)).result is Result.FAILED
    assert told(scene, "on-rollback") == []


def test_in_a_cancelled_job_it_is_told_and_hardly_waited_for() -> None:
    scene = scene_with(on_rollback=again(10))
    scene.after(30, lambda: scene.stop.request("cancelled"))
    began = scene.clock.monotonic()
    assert scene.roll_out(rollout_spec(hooks=ALL)).result is Result.ROLLED_BACK
    assert 1 <= len(told(scene, "on-rollback")) <= 2
    assert scene.clock.monotonic() - began < 32


def test_in_a_cancelled_job_that_has_no_time_left_it_is_not_told() -> None:
    scene = scene_with()
    scene.after(30, lambda: scene.stop.request("cancelled"))
    scene.world.faults.add(ServerError(), operation="UpdateAlias", nth=2, count=4)
    assert scene.roll_out(rollout_spec(hooks=ALL)).result is Result.ROLLED_BACK
    assert told(scene, "on-rollback") == []
    assert any("no on-rollback hook was invoked" in str(w) for w in scene.told(Warned))


def test_a_cancelled_hold_tells_nobody() -> None:
    scene = scene_with()
    scene.after(30, lambda: scene.stop.request("cancelled"))
    end = scene.roll_out(rollout_spec(hooks=ALL, on_cancel=OnCancel.HOLD))
    assert end.result is Result.HELD
    assert told(scene, "on-rollback") == []


# The table --------------------------------------------------------------------------------------


def asked(scene: Scene) -> list[str]:
    return [name for name in stages(scene) if "-" in name]


def test_nothing_new_has_no_hooks() -> None:
    scene = scene_with()
    assert scene.roll_out(rollout_spec(hooks=ALL, version=OLD)).result is Result.UNCHANGED
    assert asked(scene) == []


def test_a_plan_has_no_hooks() -> None:
    scene = scene_with()
    assert scene.roll_out(rollout_spec(hooks=ALL, mode=Mode.PLAN)).result is Result.PLANNED
    assert asked(scene) == []


def held() -> Scene:
    scene = scene_with()
    assert scene.roll_out(rollout_spec("10% 60s, hold")).result is Result.HELD
    scene.world.log.clear()
    return scene


def test_promoting_what_is_held() -> None:
    scene = held()
    assert scene.roll_out(rollout_spec(hooks=ALL, mode=Mode.PROMOTE)).result is Result.PROMOTED
    assert asked(scene) == ["each-step", "after-traffic"]
    assert told(scene, "each-step")[0]["functions"][0]["percent"] == 100


def test_promoting_what_is_held_may_roll_back() -> None:
    scene = held()
    firing(scene)
    assert scene.roll_out(rollout_spec(hooks=ALL, mode=Mode.PROMOTE)).result is Result.ROLLED_BACK
    assert asked(scene) == ["on-rollback"]


def test_mode_rollback_tells_of_it() -> None:
    scene = held()
    spec = rollout_spec(hooks=ALL, mode=Mode.ROLLBACK, run=RUN)
    end = rollback(spec, scene.ports(spec))
    assert (end.result, end.asked_for) == (Result.ROLLED_BACK, True)
    assert stages(scene) == [OLD, "on-rollback"]
    [call] = told(scene, "on-rollback")
    assert call["reason"] == "asked for with mode: rollback"
    assert call["functions"] == [
        {
            "function": "checkout",
            "alias": "live",
            "old": f"{ARN}:{OLD}",
            "new": f"{ARN}:{NEW}",
            "percent": 0,
        }
    ]
    assert isinstance(scene.events[-1], Event)


@pytest.mark.parametrize(
    ("mode", "stages"),
    [
        (Mode.ROLLOUT, list(HookStage)),
        (Mode.PLAN, list(HookStage)),
        (Mode.PUBLISH, [HookStage.BEFORE_TRAFFIC]),
        (Mode.PROMOTE, [HookStage.EACH_STEP, HookStage.AFTER_TRAFFIC, HookStage.ON_ROLLBACK]),
        (Mode.ROLLBACK, [HookStage.ON_ROLLBACK]),
    ],
)
def test_those_that_a_mode_may_ask_are_named_at_its_start(
    mode: Mode, stages: list[HookStage]
) -> None:
    spec = rollout_spec(hooks=ALL, mode=mode)
    assert [hook.stage for hook in spec.hooks] == stages
    scene = scene_with()
    begin(spec, scene.ports(spec))
    [named] = scene.told(HooksNamed)
    assert isinstance(named, HooksNamed)
    assert named.hooks == spec.hooks


def test_without_hooks_none_are_named() -> None:
    scene = scene_with()
    spec = rollout_spec()
    begin(spec, scene.ports(spec))
    assert scene.told(HooksNamed) == []


def test_resumed() -> None:
    scene = scene_with()

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    rule = scene.world.faults.add(Die(die), operation="UpdateAlias", nth=2)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec("50% 10s, 100% 10s"))
    scene.world.faults.rules.remove(rule)
    scene.clock.advance(601)
    scene.world.log.clear()
    spec = rollout_spec("50% 10s, 100% 10s", hooks=ALL, on_stranded=OnStranded.RESUME)
    assert scene.roll_out(spec).result is Result.PROMOTED
    assert asked(scene) == ["each-step", "each-step", "after-traffic"]
