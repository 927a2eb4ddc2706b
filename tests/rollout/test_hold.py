"""`hold DURATION`: the alias stays split and is watched, and only somebody's yes leads on from it.

Whole rollouts on the manual clock.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from lambda_rollout.alias.record import RENEW_AFTER, parse, with_request
from lambda_rollout.alias.routing import Routing
from lambda_rollout.alias.writer import SEEN_TWICE
from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.analysis.step import HOLD_REMEDY
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.choices import HookStage, InsufficientData, Mode, OnCancel, OnStranded
from lambda_rollout.inputs.guards import parse_guards
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollback import rollback
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.faults import Die, Throttle
from tests.rollout.test_early_end import roll_out
from tests.support.groups import Group, group_spec
from tests.support.guarded import served
from tests.support.hooks import hooks, put_hook
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec, routing_of

HOLD = "10% 60s, hold 1h"


class Killed(BaseException):
    """The process is gone."""


OVER = "the hold of 1h is over, and nobody said to go on"
SPLIT, BACK, WHOLE = Routing(OLD, {NEW: 0.1}), Routing.all_on(OLD), Routing.all_on(NEW)
HOUR = timedelta(hours=1)
ANOTHER = "9c4d6e1f"


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def held_from(scene: Scene) -> datetime:
    [began] = [
        each for each in scene.told(e.StepStarted) if isinstance(each, e.StepStarted) and each.holds
    ]
    return began.at


def take_back(scene: Scene, after: float) -> None:
    """Let ``mode: rollback`` of another job do it; the sandbox answers it in no time."""

    def act() -> None:
        asked = rollout_spec(mode=Mode.ROLLBACK, alarms=(), rollout_id=ANOTHER)
        finished = rollback(asked, replace(scene.ports(asked), emit=lambda _: None))
        assert finished.result is Result.ROLLED_BACK

    scene.after(after, act)


# Its end ----------------------------------------------------------------------------------------


def test_a_hold_that_nobody_ends_goes_back_when_its_time_is_over(scene: Scene) -> None:
    finished = scene.roll_out(rollout_spec(HOLD))
    assert (finished.result, finished.reason) == (Result.ROLLED_BACK, OVER)
    assert finished.remedy == HOLD_REMEDY
    assert finished.failed_alarms == ()
    assert scene.routings() == [SPLIT, BACK]
    assert scene.alias.description == OWNERS_TEXT
    assert scene.requests("UpdateAlias")[-1].at - held_from(scene) == HOUR


def test_an_alarm_in_a_hold_rolls_back(scene: Scene) -> None:
    scene.after(1800, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    finished = scene.roll_out(rollout_spec(HOLD, poll_interval=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "alarm checkout-errors fired: set by the test"
    assert [reading.name for reading in finished.failed_alarms] == ["checkout-errors"]
    fired = scene.requests("DescribeAlarms")[0].at + timedelta(seconds=1800)
    assert scene.requests("UpdateAlias")[-1].at - fired <= timedelta(seconds=15)


def test_an_alarm_of_its_last_second_is_told_and_not_the_time(scene: Scene) -> None:
    def began() -> datetime:
        return held_from(scene)

    scene.after(60 + 3600 - 1, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.reason == "alarm checkout-errors fired: set by the test"
    assert scene.requests("UpdateAlias")[-1].at - began() <= HOUR


def test_a_broken_guard_in_a_hold_rolls_back() -> None:
    made = Scene.ready(alarms=())
    served(made, {OLD: (900, 1), NEW: (100, 0)})
    made.after(1200, lambda: served(made, {NEW: (100, 90)}))
    finished = roll_out(made, "10% 10m, hold 4h", "error-rate < 5%")
    assert finished.result is Result.ROLLED_BACK
    assert "error-rate < 5%" in finished.reason
    assert made.requests("UpdateAlias")[-1].at - held_from(made) < HOUR
    assert made.routings() == [SPLIT, BACK]


@pytest.mark.parametrize("how", [OnCancel.ROLLBACK, OnCancel.HOLD])
def test_on_cancel_is_heeded_in_a_hold(scene: Scene, how: OnCancel) -> None:
    scene.after(600, lambda: scene.stop.request("cancelled (SIGTERM)"))
    finished = scene.roll_out(rollout_spec(HOLD, on_cancel=how))
    record = parse(scene.alias.description)[1]
    if how is OnCancel.HOLD:
        assert finished.result is Result.HELD
        assert scene.alias.routing == SPLIT
        assert record is not None
        assert record.held
    else:
        assert finished.result is Result.ROLLED_BACK
        assert scene.alias.routing == BACK
        assert record is None


def test_the_end_of_the_credentials_is_heeded_in_a_hold(scene: Scene) -> None:
    ends = scene.clock.monotonic() + 2400
    scene.life = CredentialsLife(ends_at=ends)
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.result is Result.ROLLED_BACK
    assert "the AWS credentials end in" in finished.reason
    assert scene.clock.monotonic() < ends


# Told to go on ----------------------------------------------------------------------------------


def ask(scene: Scene, after: float) -> None:
    """Let ``mode: promote`` of another job ask."""

    def act() -> None:
        now = scene.alias
        scene.call(
            "lambda",
            "UpdateAlias",
            FunctionName="checkout",
            Name="live",
            FunctionVersion=now.routing.version,
            RoutingConfig={"AdditionalVersionWeights": dict(now.routing.weights)},
            Description=with_request(now.description),
        )

    scene.after(after, act)


def started(scene: Scene) -> list[tuple[str, bool, int]]:
    steps = [each for each in scene.told(e.StepStarted) if isinstance(each, e.StepStarted)]
    return [(str(each.percent), each.holds, each.number) for each in steps]


def test_told_to_go_on_it_ends_at_100_watched_for_interval(scene: Scene) -> None:
    ask(scene, 1000)
    before = scene.clock.now()
    finished = scene.roll_out(rollout_spec(HOLD, poll_interval=300.0))
    assert finished.result is Result.PROMOTED
    assert scene.routings() == [SPLIT, WHOLE]
    assert started(scene) == [("10", False, 1), ("10", True, 2), ("100", False, 3)]
    writes = scene.requests("UpdateAlias")
    promoted, *_, cleared = [each.at for each in writes if routing_of(each.params) == WHOLE]
    assert promoted - before <= timedelta(seconds=1015)
    assert cleared - promoted >= timedelta(minutes=5)
    looks = [each for each in scene.requests("GetAlias") if promoted < each.at < cleared]
    assert len(looks) <= 8, "as seldom as in any step again"
    assert scene.alias.description == OWNERS_TEXT


def test_hooks_are_asked_before_the_hold_and_at_100_percent(scene: Scene) -> None:
    for stage in HookStage:
        put_hook(scene, stage)
    scene.world.log.clear()
    ask(scene, 1000)
    asked = hooks(*(f"{stage}: {stage}" for stage in HookStage))
    assert scene.roll_out(rollout_spec(HOLD, hooks=asked)).result is Result.PROMOTED
    invoked = [request.function for request in scene.requests("Invoke")]
    assert invoked == ["before-traffic", "each-step", "each-step", "after-traffic"]


def test_what_was_served_before_the_hold_counts_in_it() -> None:
    """A request just after its begin is not refused for want of what the step before has shown."""
    made = Scene.ready(alarms=())
    served(made)
    ask(made, 20 * 60)
    finished = roll_out(made, "10% 15m, hold 1h", "error-rate < 5%", min_invocations=500)
    assert finished.result is Result.PROMOTED
    assert not made.told(e.RequestRefused)
    asked = made.told(e.RequestSeen)
    assert [event.number for event in asked if isinstance(event, e.RequestSeen)] == [2]


def test_a_hold_in_which_nothing_can_be_judged_refuses_and_goes_on_holding(scene: Scene) -> None:
    asked = rollout_spec(HOLD, insufficient_data=InsufficientData.FAIL)
    scene.after(300, lambda: scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA"))
    ask(scene, 1000)
    finished = scene.roll_out(asked)
    assert (finished.result, finished.reason) == (Result.ROLLED_BACK, OVER)
    [refused] = scene.told(e.RequestRefused)
    assert isinstance(refused, e.RequestRefused)
    assert refused.why == "INSUFFICIENT_DATA: checkout-errors"
    assert scene.requests("UpdateAlias")[-1].at - held_from(scene) == HOUR


def test_a_request_of_its_last_second_is_not_too_late(scene: Scene) -> None:
    ask(scene, 60 + 3600 - 0.5)
    assert scene.roll_out(rollout_spec(HOLD)).result is Result.PROMOTED


def test_an_alarm_wins_over_a_request(scene: Scene) -> None:
    scene.after(999, lambda: scene.set_alarm("checkout-errors", "ALARM"))
    ask(scene, 999.5)
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.result is Result.ROLLED_BACK
    assert scene.routings() == [SPLIT, BACK]


def test_a_request_in_the_step_before_leaves_the_hold_out(scene: Scene) -> None:
    ask(scene, 20)
    assert scene.roll_out(rollout_spec(HOLD)).result is Result.PROMOTED
    assert started(scene) == [("10", False, 1), ("100", False, 3)]


# What is read, and what is not asked for --------------------------------------------------------


def test_alias_and_alarms_are_read_every_15_seconds_at_least(scene: Scene) -> None:
    scene.roll_out(rollout_spec(HOLD, poll_interval=300.0))
    began = held_from(scene)
    for operation in ("GetAlias", "DescribeAlarms"):
        reads = [began, *(each.at for each in scene.requests(operation) if each.at > began)]
        assert reads[-1] - began >= HOUR
        apart = [later - sooner for sooner, later in pairwise(reads)]
        assert max(apart) <= timedelta(seconds=15), operation


def test_alarms_are_read_as_often_as_asked_for(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 60s, hold 60s", poll_interval=5.0))
    began = held_from(scene)
    reads = [each.at for each in scene.requests("DescribeAlarms") if each.at > began]
    assert len(reads) == 12


def test_the_record_is_renewed_and_says_since_when_the_weight_is_there(scene: Scene) -> None:
    scene.roll_out(rollout_spec(HOLD))
    *writes, _ = scene.requests("UpdateAlias")
    apart = [later.at - sooner.at for sooner, later in pairwise(writes)]
    assert max(apart) <= RENEW_AFTER + timedelta(seconds=15)
    records = [parse(write.params["Description"])[1] for write in writes]
    assert len({record.since for record in records if record}) == 1
    assert all(record and not record.held for record in records)


def test_a_hold_asks_for_no_evidence(scene: Scene) -> None:
    asked = rollout_spec(HOLD, insufficient_data=InsufficientData.FAIL, evidence_timeout=60.0)
    scene.after(90, lambda: scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA"))
    assert scene.roll_out(asked).reason == OVER
    assert not scene.told(e.StepExtended)


def test_too_few_invocations_extend_the_step_before_and_not_the_hold() -> None:
    made = Scene.ready(alarms=())
    made.after(30, lambda: served(made, {NEW: (1, 0)}))
    asked = rollout_spec(
        "10% 2m, hold 1h",
        alarms=(),
        min_invocations=3,
        guards=parse_guards("error-rate < 50%"),
        evidence_timeout=1800.0,
    )
    ports = replace(made.ports(asked), metrics=CloudWatchMetrics(made.clients()))
    assert Rollout(asked, ports).run().reason == OVER
    extended = made.told(e.StepExtended)
    assert {event.number for event in extended if isinstance(event, e.StepExtended)} == {1}


def test_an_alias_that_cannot_be_read_for_a_minute_ends_a_hold(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="GetAlias", nth=8, count=None)
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.reason == "the alias could not be read for 1m"
    assert scene.alias.routing == BACK


def test_nothing_is_shifted_and_no_hook_asked_at_its_weight_again(scene: Scene) -> None:
    for stage in HookStage:
        put_hook(scene, stage)
    scene.world.log.clear()
    asked = hooks(*(f"{stage}: {stage}" for stage in HookStage))
    assert scene.roll_out(rollout_spec(HOLD, hooks=asked)).reason == OVER
    invoked = [request.function for request in scene.requests("Invoke")]
    assert invoked == ["before-traffic", "each-step", "on-rollback"]
    assert len(scene.told(e.WeightShifted)) == 1


def test_a_heartbeat_says_how_much_of_it_is_left(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 60s, hold 10m"))
    beats = [each for each in scene.told(e.Heartbeat) if isinstance(each, e.Heartbeat)]
    assert [beat.number for beat in beats] == [2] * len(beats)
    assert beats[0].step_left == timedelta(minutes=9)
    assert beats[0].all_left == timedelta(minutes=14)


# Runs before and after --------------------------------------------------------------------------


def test_a_run_that_died_in_a_hold_is_resumed_with_its_hold(scene: Scene) -> None:
    def die() -> None:
        raise Killed

    scene.world.faults.add(Die(die), operation="UpdateAlias", nth=4)
    with pytest.raises(Killed):
        scene.roll_out(rollout_spec(HOLD))
    scene.world.faults.rules.clear()
    assert scene.alias.routing == SPLIT
    scene.clock.advance(1200)
    scene.events.clear()
    asked = rollout_spec(HOLD, version=NEW, on_stranded=OnStranded.RESUME, rollout_id=ANOTHER)
    finished = scene.roll_out(asked)
    assert finished.reason == OVER
    assert started(scene) == [("10", False, 1), ("10", True, 2)]


# Taken back by somebody else --------------------------------------------------------------------


@pytest.mark.parametrize("when", [30, 700, 1000])
def test_a_run_whose_alias_was_taken_back_writes_nothing_more(scene: Scene, when: float) -> None:
    take_back(scene, when)
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.result is Result.FAILED
    assert finished.reason == (
        "checkout:live was taken back by somebody else: it sends 100% to version 1 again"
    )
    assert (scene.alias.routing, scene.alias.description) == (BACK, OWNERS_TEXT)
    assert scene.routings() == [SPLIT, BACK]
    last = scene.requests("UpdateAlias")[-1]
    assert parse(last.params["Description"])[1] is None, "the one of mode: rollback"
    [back] = scene.told(e.TakenBack)
    assert isinstance(back, e.TakenBack)
    assert (back.version, back.from_version, str(back.percent)) == (OLD, NEW, "10")
    assert not scene.told(e.AliasLeft, e.RolledBack)


def test_it_is_noticed_within_15_seconds_in_a_hold(scene: Scene) -> None:
    """And believed as soon as it was seen twice: one look may be older than what we know."""
    take_back(scene, 1000)
    scene.roll_out(rollout_spec(HOLD, poll_interval=300.0))
    last = scene.requests("UpdateAlias")[-1]
    [back] = scene.told(e.TakenBack)
    assert back.at - last.at <= timedelta(seconds=15 + SEEN_TWICE)


def test_an_alias_that_is_taken_back_at_100_is_told_so(scene: Scene) -> None:
    take_back(scene, 90)
    finished = scene.roll_out(rollout_spec("10% 30s, 100% 5m"))
    assert finished.result is Result.FAILED
    assert "checkout:live was taken back by somebody else" in finished.reason
    assert scene.told(e.TakenBack)


def test_what_is_left_of_a_group_goes_back_with_the_one_that_was_taken_back() -> None:
    group = Group.of(3)

    def act() -> None:
        whole = {"FunctionVersion": OLD, "RoutingConfig": {"AdditionalVersionWeights": {}}}
        group.call(
            "lambda", "UpdateAlias", FunctionName="f2", Name="live", Description="mine", **whole
        )

    group.after(400, act)
    finished = group.roll_out(group_spec(3, HOLD))
    assert finished.result is Result.FAILED
    assert finished.reason.startswith("f2:live was taken back by somebody else")
    assert group.whole_on(OLD, "f2")
    assert group.alias_of("f2").description == "mine"
    back = group.told(e.RolledBack, e.TakenBack)
    assert sorted((type(each).__name__, each.target.name) for each in back) == [  # type: ignore[attr-defined]
        ("RolledBack", "f1"),
        ("RolledBack", "f3"),
        ("TakenBack", "f2"),
    ]


@pytest.mark.parametrize(
    ("routing", "description"),
    [
        ({NEW: 0.3}, None),
        ({}, "[lambda-rollout 9>1 run local id 0123abcd until 2036-01-01T00:00:00Z]"),
    ],
)
def test_what_is_split_or_bears_a_record_was_not_taken_back(
    scene: Scene, routing: dict[str, float], description: str | None
) -> None:
    def act() -> None:
        told = {} if description is None else {"Description": description}
        weights = {"RoutingConfig": {"AdditionalVersionWeights": routing}}
        name = {"FunctionName": "checkout", "Name": "live", "FunctionVersion": OLD}
        scene.call("lambda", "UpdateAlias", **name, **weights, **told)

    scene.after(400, act)
    finished = scene.roll_out(rollout_spec(HOLD))
    assert finished.result is Result.FAILED
    assert "somebody else changed the routing" in finished.reason
    assert not scene.told(e.TakenBack)
    assert scene.told(e.AliasLeft)
