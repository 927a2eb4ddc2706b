"""The watch over a step: what is read when, what is told, and what ends it. Whole rollouts on the manual clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from lambda_rollout.alias.record import LEASE, RENEW_AFTER, parse
from lambda_rollout.alias.routing import Routing
from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.aws.metrics import CloudWatchMetrics
from lambda_rollout.inputs.choices import InsufficientData
from lambda_rollout.rollout import events as e
from lambda_rollout.rollout.events import Result
from lambda_rollout.rollout.rollout import Rollout
from sandbox.aws.faults import Answer, Fault, Hang, ServerError, StaleRead, Throttle
from sandbox.aws.traffic import Traffic
from tests.support.scene import NEW, OLD, OWNERS_TEXT, Scene, rollout_spec, routing_of

MINUTE = timedelta(minutes=1)
BACK = Routing.all_on(OLD)


@pytest.fixture
def scene() -> Scene:
    return Scene.ready()


def shifted_at(scene: Scene) -> datetime:
    return scene.requests("UpdateAlias")[0].at


def gaps(moments: list[datetime]) -> list[timedelta]:
    return [later - moment for moment, later in pairwise(moments)]


# When things are read ---------------------------------------------------------------------------


def test_alarms_are_read_every_poll_and_at_the_steps_end(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 60s, 100% 0s", poll_interval=25.0))
    began = shifted_at(scene)
    after = [
        (request.at - began).total_seconds()
        for request in scene.requests("DescribeAlarms")
        if began < request.at <= began + MINUTE
    ]
    assert after == [25, 50, 60, 60]


def test_the_alias_is_read_once_a_minute_and_at_the_steps_end(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 10m, 100% 0s", poll_interval=300.0))
    began = shifted_at(scene)
    looks = [began, *(r.at for r in scene.requests("GetAlias") if r.at > began)]
    assert all(gap <= MINUTE for gap in gaps(looks))
    assert began + timedelta(minutes=10) in looks


def test_the_record_is_renewed_every_three_minutes_and_cleared(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 11m, 100% 5m"))
    writes = scene.requests("UpdateAlias")
    assert all(gap <= RENEW_AFTER + timedelta(seconds=10) for gap in gaps([w.at for w in writes]))
    records = [parse(write.params["Description"])[1] for write in writes]
    for write, record in zip(writes[:-1], records[:-1], strict=True):
        assert record is not None
        assert record.until == write.at + LEASE
    assert records[-1] is None
    assert scene.alias.description == OWNERS_TEXT


def test_a_record_that_took_long_to_be_written_is_renewed_that_much_earlier(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="UpdateAlias", count=12)
    scene.roll_out(rollout_spec("10% 11m, 100% 0s"))
    first, second, *_ = (w for w in scene.requests("UpdateAlias") if w.effect_at is not None)
    record = parse(first.params["Description"])[1]
    assert record is not None
    assert record.until is not None
    made = record.until - LEASE
    assert first.at - made > timedelta(seconds=30), "or nothing is shown here"
    assert second.at - made <= RENEW_AFTER + timedelta(seconds=10)


def test_a_heartbeat_is_told_once_a_minute(scene: Scene) -> None:
    scene.roll_out(rollout_spec("10% 5m, 100% 0s"))
    beats = scene.told(e.Heartbeat)
    assert len(beats) == 4
    assert all(gap >= MINUTE for gap in gaps([beat.at for beat in beats]))
    first = beats[0]
    assert isinstance(first, e.Heartbeat)
    assert first.step_left == timedelta(minutes=4)
    assert first.states == ((AlarmState.OK, 1),)


# What ends it -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Throttle(), ServerError(), Hang()], ids=repr)
def test_alarms_that_cannot_be_read_for_a_minute_end_it(scene: Scene, fault: Fault) -> None:
    scene.world.faults.add(fault, operation="DescribeAlarms", nth=5, count=None)
    finished = scene.roll_out(rollout_spec("10% 10m"))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "the alarms could not be read for 1m"
    assert scene.alias.routing == BACK
    assert len(scene.told(e.Unreadable)) == 1


def test_alarms_that_can_be_read_again_do_not(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="DescribeAlarms", nth=5, count=8)
    assert scene.roll_out(rollout_spec("10% 3m, 100% 0s")).result is Result.PROMOTED
    assert len(scene.told(e.Unreadable)) == 1


@pytest.mark.parametrize(("times", "told"), [(3, 0), (9, 1)])
def test_an_alias_that_aws_has_no_time_for_is_told_of_when_that_lasts(
    scene: Scene, times: int, told: int
) -> None:
    scene.world.faults.add(Throttle(), operation="GetAlias", nth=3, count=times)
    assert scene.roll_out(rollout_spec("10% 3m, 100% 0s")).result is Result.PROMOTED
    assert [each.what for each in scene.told(e.Unreadable)] == ["alias checkout:live"] * told  # type: ignore[attr-defined]


def test_no_step_passes_without_a_read_after_its_end(scene: Scene) -> None:
    # From a good read just before the end of the step on, no read succeeds.
    scene.world.faults.add(Throttle(), operation="DescribeAlarms", nth=5, count=None)
    finished = scene.roll_out(rollout_spec("10% 17s, 100% 0s"))
    assert finished.result is Result.ROLLED_BACK
    assert scene.routings() == [Routing(OLD, {NEW: 0.1}), BACK]


def test_an_alias_that_cannot_be_read_for_a_minute_ends_it(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="GetAlias", nth=2, count=None)
    finished = scene.roll_out(rollout_spec("10% 10m"))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "the alias could not be read for 1m"
    assert scene.alias.routing == BACK


def test_stale_reads_of_the_alias_are_waited_out(scene: Scene) -> None:
    scene.world.faults.add(StaleRead(), operation="GetAlias", nth=2, count=3)
    assert scene.roll_out(rollout_spec("10% 30s, 100% 0s")).result is Result.PROMOTED


def test_an_alarm_that_is_deleted_ends_it(scene: Scene) -> None:
    names = {"AlarmNames": ["checkout-errors"]}
    scene.after(30, lambda: scene.call("cloudwatch", "DeleteAlarms", **names))
    finished = scene.roll_out(rollout_spec("10% 10m"))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "alarm deleted during the rollout: checkout-errors"


def test_an_alias_that_is_deleted_ends_it(scene: Scene) -> None:
    gone = {"FunctionName": "checkout", "Name": "live"}
    scene.after(30, lambda: scene.call("lambda", "DeleteAlias", **gone))
    finished = scene.roll_out(rollout_spec("10% 2m"))
    assert finished.result is Result.FAILED
    (left,) = scene.told(e.AliasLeft)
    assert isinstance(left, e.AliasLeft)
    assert left.routing is None
    assert left.command == ""


def test_a_record_that_cannot_be_renewed_ends_it_while_the_lease_lasts(scene: Scene) -> None:
    scene.world.faults.add(Throttle(), operation="UpdateAlias", nth=2, count=30)
    finished = scene.roll_out(rollout_spec("10% 20m"))
    assert finished.result is Result.ROLLED_BACK
    assert "could not be renewed" in finished.reason
    assert scene.alias.routing == BACK
    last = scene.requests("UpdateAlias")[-1]
    assert last.at - shifted_at(scene) < LEASE


def test_cancelled_in_a_wait_goes_back_at_once(scene: Scene) -> None:
    scene.after(100, lambda: scene.stop.request("cancelled (SIGINT)"))
    before = scene.clock.now()
    finished = scene.roll_out(rollout_spec("10% 10m", poll_interval=300.0))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "cancelled (SIGINT)"
    assert scene.requests()[-1].at - before == timedelta(seconds=100)


# Between two reads ------------------------------------------------------------------------------


def flap(scene: Scene, after: float, *states: str) -> None:
    for number, state in enumerate(states):
        scene.after(after + number, lambda state=state: scene.set_alarm("checkout-errors", state))  # type: ignore[misc]


def test_history_that_comes_late_is_waited_for(scene: Scene) -> None:
    scene.world.cloudwatch().history_lag = timedelta(seconds=8)
    flap(scene, 58.5, "INSUFFICIENT_DATA", "OK")
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 0s"))
    assert finished.result is Result.PROMOTED
    (extended,) = scene.told(e.StepExtended)
    assert isinstance(extended, e.StepExtended)
    assert extended.why == "the history of checkout-errors"


def test_a_firing_in_a_history_that_comes_late_counts(scene: Scene) -> None:
    scene.world.cloudwatch().history_lag = timedelta(seconds=8)
    flap(scene, 58.5, "ALARM", "OK")
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 0s", poll_interval=30.0))
    assert finished.result is Result.ROLLED_BACK
    assert finished.reason == "alarm checkout-errors fired: set by the test"


def test_a_change_whose_history_never_comes_counts_as_fired(scene: Scene) -> None:
    scene.world.cloudwatch().history_lag = timedelta(days=1)
    flap(scene, 30, "INSUFFICIENT_DATA", "OK")
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 0s"))
    assert finished.result is Result.ROLLED_BACK
    assert "its history could not be read" in finished.reason
    assert [alarm.name for alarm in finished.failed_alarms] == ["checkout-errors"]


def test_a_history_that_is_refused_counts_as_fired_at_the_steps_end(scene: Scene) -> None:
    refusal = Answer("AccessDenied", "no", 403)
    scene.world.faults.add(refusal, operation="DescribeAlarmHistory", count=None)
    flap(scene, 10, "INSUFFICIENT_DATA", "OK")
    finished = scene.roll_out(rollout_spec("10% 60s, 100% 0s"))
    assert finished.result is Result.ROLLED_BACK
    assert scene.requests("UpdateAlias")[-1].at - shifted_at(scene) >= MINUTE


def test_alarms_are_told_when_they_change_and_a_firing_only_after_the_rollback(
    scene: Scene,
) -> None:
    flap(scene, 20, "INSUFFICIENT_DATA")
    flap(scene, 40, "ALARM")
    told: list[tuple[AlarmState, bool, int]] = []

    def emit(event: e.Event) -> None:
        if isinstance(event, e.AlarmChanged):
            writes = len(scene.requests("UpdateAlias"))
            told.append((event.reading.state, event.fired, writes))

    asked = rollout_spec("10% 10m")
    assert Rollout(asked, replace(scene.ports(asked), emit=emit)).run().result is Result.ROLLED_BACK
    # By the time anything is told of the firing, the second write, the rollback, has been sent.
    assert told == [(AlarmState.INSUFFICIENT_DATA, False, 1), (AlarmState.ALARM, True, 2)]


# Evidence that is lacking -----------------------------------------------------------------------


def test_no_data_is_waited_for_up_to_the_evidence_timeout(scene: Scene) -> None:
    scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA")
    asked = rollout_spec(
        "10% 60s, 100% 0s", insufficient_data=InsufficientData.FAIL, evidence_timeout=120.0
    )
    assert scene.roll_out(asked).result is Result.ROLLED_BACK
    took = scene.requests("UpdateAlias")[-1].at - shifted_at(scene)
    assert timedelta(seconds=180) <= took <= timedelta(seconds=190)


def test_data_that_comes_in_time_lets_the_step_pass(scene: Scene) -> None:
    scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA")
    scene.after(100, lambda: scene.set_alarm("checkout-errors", "OK"))
    asked = rollout_spec("10% 60s, 100% 0s", insufficient_data=InsufficientData.FAIL)
    assert scene.roll_out(asked).result is Result.PROMOTED


def test_a_history_that_is_late_when_the_data_come_does_not_fail_the_extended_step(
    scene: Scene,
) -> None:
    scene.world.cloudwatch().history_lag = timedelta(seconds=6)
    scene.set_alarm("checkout-errors", "INSUFFICIENT_DATA")
    scene.after(100, lambda: scene.set_alarm("checkout-errors", "OK"))
    asked = rollout_spec("10% 60s, 100% 0s", insufficient_data=InsufficientData.FAIL)
    assert scene.roll_out(asked).result is Result.PROMOTED


# Before the first shift -------------------------------------------------------------------------


SLOW_POLL = 300.0


def extended(scene: Scene) -> Result:
    """A step of two minutes that waits some three more for its invocations' data, with a slow poll."""
    Traffic(scene.world, "checkout:live", per_second=10)
    wanted = rollout_spec("10% 2m, 50% 2m, 100% 0s", min_invocations=1, poll_interval=SLOW_POLL)
    ports = replace(scene.ports(wanted), metrics=CloudWatchMetrics(scene.clients()))
    return Rollout(wanted, ports).run().result


def test_an_alarm_that_fires_while_a_step_is_extended_is_seen_before_the_next_weight() -> None:
    scene = Scene.ready()
    scene.after(150, lambda: scene.set_alarm("checkout-errors", "ALARM"))

    assert extended(scene) is Result.ROLLED_BACK

    assert Routing(OLD, {NEW: 0.5}) not in scene.routings()


def test_an_extended_step_ends_with_a_read_of_the_alarms_however_slow_the_poll_is() -> None:
    scene = Scene.ready()
    assert extended(scene) is Result.PROMOTED
    reads = [request.at for request in scene.requests("DescribeAlarms")]
    raised = first_write_of(scene, Routing(OLD, {NEW: 0.5}))
    assert (raised - max(at for at in reads if at <= raised)).total_seconds() <= 5


def test_an_extended_step_ends_with_a_look_at_the_alias_too() -> None:
    scene = Scene.ready()
    assert extended(scene) is Result.PROMOTED
    looks = [request.at for request in scene.requests("GetAlias")]
    raised = first_write_of(scene, Routing(OLD, {NEW: 0.5}))
    assert (raised - max(at for at in looks if at <= raised)).total_seconds() <= 5
    # While something is lacking they are looked at in their rhythm only.
    assert len([at for at in looks if at <= raised]) <= 12


def first_write_of(scene: Scene, routing: Routing) -> datetime:
    writes = scene.requests("UpdateAlias")
    return next(write.at for write in writes if routing_of(write.params) == routing)
