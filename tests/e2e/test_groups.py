"""Several functions as one: all go forward, or all go back; told in process, in no time."""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest

from lambda_rollout.alias.record import LEASE, parse
from lambda_rollout.inputs.choices import Mode, OnCancel
from lambda_rollout.rollout.events import (
    AlarmChanged,
    AlreadyThere,
    RecordCleared,
    Restored,
    Result,
    RolledBack,
    StepPassed,
    Warned,
    WeightShifted,
)
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from lambda_rollout.runtime.parallel import MAX_WORKERS
from sandbox.aws.faults import AccessDenied, Answer, Die, Meanwhile, ServerError
from sandbox.aws.world import World
from tests.support.groups import Group, group_spec, names, order_of_writes
from tests.support.scene import NEW, OLD

TWELVE = "10% 60s, 25% 60s, 100% 60s"


def test_all_twelve_go_forward_together() -> None:
    scene = Group.of(12)
    end = scene.start(TWELVE)
    assert end.result is Result.PROMOTED
    assert scene.whole_on(NEW)
    # No function is a step ahead of another one.
    told = scene.told(WeightShifted, StepPassed)
    steps = [(kind, len(list(run))) for kind, run in groupby(told, type)]
    assert steps == [(WeightShifted, 12), (StepPassed, 1)] * 3


def test_when_the_alarm_of_the_seventh_fires_at_25_percent_all_twelve_go_back() -> None:
    scene = Group.of(12)
    at_25: list[dict[str, tuple[str, dict[str, float]]]] = []

    def fire() -> None:
        at_25.append(scene.states())
        scene.set_alarm("f7-errors", "ALARM")

    scene.after(90, fire)
    end = scene.start(TWELVE)
    assert at_25 == [{name: (OLD, {NEW: 0.25}) for name in names(12)}]
    assert end.result is Result.ROLLED_BACK
    assert [reading.name for reading in end.failed_alarms] == ["f7-errors"]
    assert scene.whole_on(OLD)
    assert len(scene.told(RolledBack)) == 12


def test_they_go_back_in_the_reverse_order_of_their_shifting() -> None:
    scene = Group.of(12)
    scene.after(90, lambda: scene.set_alarm("f7-errors", "ALARM"))
    scene.start(TWELVE)
    written = order_of_writes(scene.requests("UpdateAlias"))
    assert written == [*names(12), *names(12), *reversed(names(12))]


def test_the_calls_that_follow_the_alarm_are_the_rollback() -> None:
    scene = Group.of(12)
    scene.after(90, lambda: scene.set_alarm("f7-errors", "ALARM"))
    scene.start(TWELVE)
    operations = [r.operation for r in scene.world.log]
    last_read = len(operations) - 1 - operations[::-1].index("DescribeAlarms")
    assert operations[last_read + 1 :][:12] == ["UpdateAlias"] * 12


def test_one_that_hangs_on_the_way_back_makes_no_other_one_exposed_for_longer() -> None:
    scene = Group.of(2)
    scene.after(30, lambda: scene.set_alarm("f1-errors", "ALARM"))
    # f1 and f2 were shifted by two writes; f2 is the first to go back, f1 is refused for a while.
    scene.world.faults.add(ServerError(), operation="UpdateAlias", nth=4, count=4)
    scene.start()
    told = [e for e in scene.events if isinstance(e, AlarmChanged | RolledBack | Warned)]
    assert [type(event) for event in told] == [AlarmChanged, RolledBack, Warned, RolledBack]
    first, last = (event for event in told if isinstance(event, RolledBack))
    assert (first.target.name, last.target.name) == ("f2", "f1")
    assert (first.at - told[0].at).total_seconds() < 1
    assert (last.at - first.at).total_seconds() > 3


def test_a_second_look_at_what_somebody_took_comes_after_the_others_rollback() -> None:
    scene = Group.of(2)
    took = {"FunctionName": "f2", "Name": "live", "FunctionVersion": NEW, "RoutingConfig": {}}
    scene.after(30, lambda: scene.call("lambda", "UpdateAlias", **took))
    end = scene.start()
    assert end.result is Result.FAILED
    assert scene.whole_on(OLD, "f2")
    asked = [(r.operation, r.function) for r in scene.requests()]
    back = max(i for i, each in enumerate(asked) if each == ("UpdateAlias", "f1"))
    # The look that found it, the rollback of the other one, and only then the look before leaving it.
    assert asked[back - 1 : back + 2] == [
        ("GetAlias", "f2"),
        ("UpdateAlias", "f1"),
        ("GetAlias", "f2"),
    ]


@pytest.mark.parametrize("step", [1, 2])
def test_when_one_cannot_be_shifted_those_shifted_before_it_go_back(step: int) -> None:
    scene = Group.of(5)
    no = Answer("InvalidParameterValueException", "no")
    scene.world.faults.add(no, operation="UpdateAlias", nth=5 * (step - 1) + 3)
    end = scene.start()
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)
    # f4 and f5 were not begun in the first step, so there is nothing to put back.
    back = [event.target.name for event in scene.told(RolledBack) if isinstance(event, RolledBack)]
    assert back == (["f2", "f1"] if step == 1 else ["f5", "f4", "f3", "f2", "f1"])


def test_one_whose_outcome_is_unknown_goes_back_too() -> None:
    scene = Group.of(3)
    for operation in ("UpdateAlias", "GetAlias"):
        scene.world.faults.add(
            ServerError(after_effect=True),
            operation=operation,
            nth=2 if operation == "UpdateAlias" else 4,
            count=40,
        )
    end = scene.start()
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_a_function_whose_code_is_unchanged_stays_whole_and_is_named() -> None:
    scene = Group.of(4, unchanged=("f2",))
    end = scene.start()
    assert end.result is Result.PROMOTED
    assert [
        event.target.name for event in scene.told(AlreadyThere) if isinstance(event, AlreadyThere)
    ] == ["f2"]
    assert scene.whole_on(NEW, "f2")
    assert scene.states()["f2"] == (OLD, {})
    assert "f2" not in order_of_writes(scene.requests("UpdateAlias"))


def test_all_go_back_if_somebody_moved_the_unchanged_one_meanwhile() -> None:
    scene = Group.of(3, unchanged=("f2",))
    code = b"PK\x05\x06" + bytes(18)
    scene.after(
        8, lambda: scene.call("lambda", "UpdateFunctionCode", FunctionName="f2", ZipFile=code)
    )
    scene.after(14, lambda: scene.call("lambda", "PublishVersion", FunctionName="f2"))
    move = {"FunctionName": "f2", "Name": "live", "FunctionVersion": NEW}
    scene.after(20, lambda: scene.call("lambda", "UpdateAlias", **move))
    end = scene.start()
    assert end.result is Result.FAILED
    assert "somebody else changed the routing of f2:live" in end.reason
    assert scene.whole_on(OLD, "f2")
    assert scene.states()["f2"] == (NEW, {})


def test_nothing_new_in_any_of_them_is_unchanged() -> None:
    scene = Group.of(3, unchanged=("f1", "f2", "f3"))
    end = scene.start()
    assert end.result is Result.UNCHANGED
    assert not scene.requests("UpdateAlias")


def test_an_alias_that_was_created_stays_when_the_unit_goes_back_and_that_is_said() -> None:
    scene = Group.of(3)
    del scene.world.lambda_().functions["f2"].aliases["live"]
    scene.after(30, lambda: scene.set_alarm("f1-errors", "ALARM"))
    end = scene.start(create_alias=True)
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD, "f2")
    assert scene.states()["f2"] == (NEW, {})
    warnings = [getattr(event, "text", "") for event in scene.events]
    assert "Alias f2:live was created by this rollout and stays." in warnings


def test_a_missing_function_fails_before_any_alias_is_touched() -> None:
    scene = Group.of(3)
    del scene.world.lambda_().functions["f3"]
    end = scene.start()
    assert end.result is Result.FAILED
    assert "f3" in end.reason
    assert not scene.requests("UpdateAlias", "PublishVersion")


def test_one_that_a_stranger_split_keeps_all_from_being_touched() -> None:
    scene = Group.of(3)
    scene.alias_of("f3").weights = {}
    split = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.5}}}
    scene.call("lambda", "PublishVersion", FunctionName="f3")
    scene.call("lambda", "UpdateAlias", FunctionName="f3", Name="live", **split)
    end = scene.start()
    assert end.result is Result.FAILED
    assert not scene.requests("UpdateAlias", "PublishVersion")


def test_whoever_writes_one_alias_in_between_is_left_alone_and_the_others_go_back() -> None:
    scene = Group.of(4)
    theirs = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {NEW: 0.5}}}
    scene.after(
        30, lambda: scene.call("lambda", "UpdateAlias", FunctionName="f2", Name="live", **theirs)
    )
    end = scene.start()
    assert end.result is Result.FAILED
    assert scene.states()["f2"] == (OLD, {NEW: 0.5})
    assert scene.whole_on(OLD, "f2")


def test_one_read_of_the_alarms_a_poll_however_many_functions() -> None:
    reads = []
    for count in (1, 12):
        scene = Group.of(count)
        scene.start()
        reads.append(len(scene.requests("DescribeAlarms")))
    assert reads[0] == reads[1]


def test_a_hundred_alarms_are_one_request_and_one_more_is_another() -> None:
    for count, requests in ((100, 1), (101, 2)):
        scene = Group.of(1)
        alarms = [f"a{number}" for number in range(count)]
        for name in alarms:
            scene.put_alarm(name)
        scene.world.log.clear()
        scene.start("10% 0s, 100% 0s", alarms=alarms)
        describes = scene.requests("DescribeAlarms")
        asked = [len(request.params["AlarmNames"]) for request in describes]
        assert max(asked) == 100
        reads = [sum(asked[at : at + requests]) for at in range(0, len(asked), requests)]
        assert set(reads) == {count}


# Held, promoted, put back -------------------------------------------------------------------------


def held(count: int = 4, unchanged: tuple[str, ...] = ()) -> Group:
    scene = Group.of(count, unchanged)
    assert scene.start("25% 60s, hold").result is Result.HELD
    scene.world.log.clear()
    scene.events.clear()
    return scene


def test_what_is_held_is_promoted_together_and_unchanged_ones_stay() -> None:
    scene = held(4, unchanged=("f3",))
    end = scene.start(mode=Mode.PROMOTE, rollout_id="00000001")
    assert end.result is Result.PROMOTED, end.reason
    assert scene.whole_on(NEW, "f3")
    assert scene.states()["f3"] == (OLD, {})
    assert not scene.requests("PublishVersion")


def test_one_that_was_put_back_by_itself_is_not_promoted_around() -> None:
    scene = held(3)
    alone = group_spec(1, mode=Mode.ROLLBACK)
    assert rollback(alone, scene.ports(alone)).result is Result.ROLLED_BACK
    end = scene.start(mode=Mode.PROMOTE)
    assert end.result is Result.FAILED
    assert "f1:live is not held" in end.reason
    assert scene.states()["f2"] == (OLD, {NEW: 0.25})


def test_what_is_held_goes_back_together_and_unchanged_ones_are_no_hindrance() -> None:
    scene = held(4, unchanged=("f3",))
    asked = group_spec(4, mode=Mode.ROLLBACK)
    end = rollback(asked, scene.ports(asked))
    assert end.result is Result.ROLLED_BACK, end.reason
    assert end.asked_for
    assert scene.whole_on(OLD)


@pytest.mark.parametrize("on_cancel", OnCancel)
def test_cancelled_in_the_middle_of_a_promotion_none_is_left_split(on_cancel: OnCancel) -> None:
    scene = held(3)
    cancel = Meanwhile(lambda _: scene.stop.request("cancelled"))
    scene.world.faults.add(cancel, operation="UpdateAlias", nth=2)
    end = scene.start(mode=Mode.PROMOTE, rollout_id="00000001", on_cancel=on_cancel)
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD), scene.states()


def test_one_that_may_not_be_promoted_takes_the_others_back_with_it() -> None:
    scene = held(3)
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", nth=2)
    end = scene.start(mode=Mode.PROMOTE, rollout_id="00000001")
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD), scene.states()


def test_one_whose_text_was_edited_before_it_was_promoted_goes_back_with_the_others() -> None:
    scene = held(2)
    text = f"edited {scene.alias_of('f2').description}"
    edited = {"FunctionName": "f2", "Name": "live", "Description": text}
    edit = Meanwhile(lambda _: scene.call("lambda", "UpdateAlias", **edited))
    scene.world.faults.add(edit, operation="UpdateAlias", nth=2)
    end = scene.start(mode=Mode.PROMOTE, rollout_id="00000001")
    assert end.result is Result.FAILED
    assert "somebody else edited f2:live" in end.reason
    assert scene.states() == {"f1": (OLD, {}), "f2": (OLD, {})}
    assert scene.alias_of("f2").description.startswith("edited ")


def test_one_that_may_not_be_promoted_leaves_all_held_if_it_is_the_first() -> None:
    scene = held(3)
    scene.world.faults.add(AccessDenied(), operation="UpdateAlias", nth=1)
    assert scene.start(mode=Mode.PROMOTE, rollout_id="00000001").result is Result.FAILED
    assert set(map(str, scene.states().values())) == {str((OLD, {NEW: 0.25}))}


def test_one_that_is_gone_does_not_keep_the_others_from_going_back() -> None:
    scene = held(4)
    del scene.world.lambda_().functions["f2"]
    asked = group_spec(4, mode=Mode.ROLLBACK)
    end = rollback(asked, scene.ports(asked))
    assert end.result is Result.FAILED
    assert "f2" in end.reason
    assert all(scene.alias_of(name).weights == {} for name in ("f1", "f3", "f4"))


def test_cancelled_in_a_step_all_of_them_are_held_if_that_was_asked_for() -> None:
    scene = Group.of(3)
    scene.after(30, lambda: scene.stop.request("cancelled"))
    end = scene.start(on_cancel=OnCancel.HOLD)
    assert end.result is Result.HELD
    records = [parse(scene.alias_of(name).description)[1] for name in names(3)]
    assert all(record is not None and record.held for record in records)


def test_cancelled_in_the_middle_of_the_first_shift_none_is_held_as_the_others_would_stay_behind() -> (
    None
):
    scene = Group.of(3)
    cancel = Meanwhile(lambda _: scene.stop.request("cancelled"))
    scene.world.faults.add(cancel, operation="UpdateAlias", nth=2)
    end = scene.start(on_cancel=OnCancel.HOLD)
    assert end.result is Result.ROLLED_BACK
    assert scene.whole_on(OLD)


def test_cancelled_in_the_middle_of_a_later_shift_all_are_held_where_they_are() -> None:
    scene = Group.of(3, unchanged=("f2",))
    cancel = Meanwhile(lambda _: scene.stop.request("cancelled"))
    scene.world.faults.add(cancel, operation="UpdateAlias", nth=3)
    end = scene.start(TWELVE, on_cancel=OnCancel.HOLD)
    assert end.result is Result.HELD
    assert scene.states() == {"f1": (OLD, {NEW: 0.25}), "f2": (OLD, {}), "f3": (OLD, {NEW: 0.1})}
    scene.stop = type(scene.stop)()
    assert scene.start(mode=Mode.PROMOTE, rollout_id="00000001").result is Result.PROMOTED
    assert scene.whole_on(NEW, "f2")


# Many ---------------------------------------------------------------------------------------------


def test_the_looks_at_many_aliases_keep_no_alarm_waiting() -> None:
    # With half a second a call, thirty looks in a row would take 15 s.
    scene = Group.of(30)
    asked = group_spec(30, "10% 120s, 100% 0s", poll_interval=5.0)
    end = scene.roll_out(asked, scene.clients(latency=0.5))
    assert end.result is Result.PROMOTED
    shifts = [r.at for r in scene.requests("UpdateAlias")]
    step = [r for r in scene.requests("DescribeAlarms") if shifts[29] < r.at < shifts[30]]
    gaps = [(after.at - before.at).total_seconds() for before, after in pairwise(step)]
    assert max(gaps) <= 5.0 + MAX_WORKERS * 0.5 + 1.0
    looks = [r.function for r in scene.requests("GetAlias") if shifts[29] < r.at < shifts[30]]
    assert set(looks) == set(names(30))


# Dead runs ----------------------------------------------------------------------------------------


class Dead(BaseException):
    """The process is gone."""


def dies_at(scene: Group, nth: int, *, after_effect: bool = True) -> None:
    """Let the run die at its ``nth`` UpdateAlias; the lease is over when this returns."""

    def die() -> None:
        raise Dead

    rule = scene.world.faults.add(Die(die, after_effect), operation="UpdateAlias", nth=nth)
    asked = group_spec(scene.count)
    with pytest.raises(Dead):
        Rollout(asked, scene.ports(asked)).run()
    scene.world.faults.rules.remove(rule)
    scene.clock.advance(LEASE.total_seconds() + 1)
    scene.world.log.clear()
    scene.events.clear()


@pytest.mark.parametrize("nth", range(1, 13))
def test_wherever_a_unit_dies_the_next_run_never_leaves_a_mixture(nth: int) -> None:
    # 1-4: 10%; 5-8: 100%; 9: the mark that all have passed; 10-12: three of the records taken off.
    scene = Group.of(4)
    dies_at(scene, nth)
    end = scene.start("10% 60s, 100% 60s", rollout_id="00000001")
    assert scene.whole_on(NEW), scene.states()
    if nth < 9:
        assert end.result is Result.PROMOTED
        assert scene.told(Restored)
    else:
        assert end.result is Result.UNCHANGED
        assert len(scene.told(RecordCleared)) == 13 - nth
        assert not scene.told(WeightShifted)


def test_an_unchanged_function_is_not_taken_for_one_that_was_finished() -> None:
    # It is whole on the newest version of its function, and says the same as the others' new versions do.
    scene = Group.of(3, unchanged=("f2",))
    scene.world.lambda_().functions["f2"].published[OLD].settings["Description"] = (
        "octo/shop@9f2c1ab"
    )
    dies_at(scene, 4)
    scene.start(rollout_id="00000001")
    # Not one watch had passed at 100%: so they were put back first.
    assert [event.target.name for event in scene.told(Restored) if isinstance(event, Restored)] == [
        "f1",
        "f3",
    ]


def test_functions_with_differing_descriptions_are_finished_forward_all_the_same() -> None:
    scene = Group.of(3)
    dies_at(scene, 8)
    for name in names(3):
        scene.world.lambda_().functions[name].published[NEW].settings["Description"] = name
        # And newer versions were published since.
        scene.call(
            "lambda", "UpdateFunctionCode", FunctionName=name, ZipFile=b"PK\x05\x06" + bytes(18)
        )
    scene.clock.advance(2)
    for name in names(3):
        scene.call("lambda", "PublishVersion", FunctionName=name)
    scene.start(version=NEW, rollout_id="00000001")
    assert not scene.told(Restored)
    assert scene.whole_on(NEW)


def test_the_button_in_the_middle_of_the_release_says_what_it_cannot_put_back() -> None:
    scene = Group.of(3)
    dies_at(scene, 8)  # f1 has no record any more
    asked = group_spec(3, mode=Mode.ROLLBACK)
    end = rollback(asked, scene.ports(asked))
    assert end.result is Result.FAILED
    assert "f1:live may already be on its new version" in end.reason
    assert scene.whole_on(OLD, "f1")


def test_the_button_says_so_too_if_it_finds_out_while_putting_back() -> None:
    scene = Group.of(2)
    dies_at(scene, 5)

    def clear(name: str) -> None:
        alias = {"FunctionName": name, "Name": "live", "Description": "text"}
        scene.call("lambda", "UpdateAlias", **alias)

    clear("f1")
    scene.world.faults.add(Meanwhile(lambda _: clear("f2")), operation="UpdateAlias")
    asked = group_spec(2, mode=Mode.ROLLBACK)
    end = rollback(asked, scene.ports(asked))
    assert scene.states() == {"f1": (NEW, {}), "f2": (OLD, {})}
    assert end.result is Result.FAILED
    assert "f1:live may already be on its new version" in end.reason


def test_somebody_elses_edit_of_one_description_stops_the_unit() -> None:
    scene = Group.of(2)

    def edit(world: World) -> None:
        scene.call("lambda", "UpdateAlias", FunctionName="f2", Name="live", Description="mine")

    scene.world.faults.add(Meanwhile(edit), operation="UpdateAlias", nth=2)
    end = scene.start()
    assert end.result is Result.FAILED
    assert "f2:live" in end.reason
    assert scene.alias_of("f1").weights == {}
    assert scene.alias_of("f2").description == "mine"
