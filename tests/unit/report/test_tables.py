"""The schedule and the alarms, as summary and comment show them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.report.lines import told
from lambda_rollout.report.reduce import rollout_state
from lambda_rollout.report.state import RolloutState
from lambda_rollout.report.tables import alarms, plan, schedule
from lambda_rollout.rollout import events as e
from tests.support.stories import CHECKOUT, ERRORS_FIRED, ERRORS_OK, LATENCY_BLIND, Telling, alarm


def begun(steps: str = "10% 5m, 50% 10m, 100% 0s") -> Telling:
    tell = Telling(steps)
    tell.begins(ERRORS_OK, LATENCY_BLIND)
    tell.shifts(1)
    return tell


def state(tell: Telling) -> RolloutState:
    return rollout_state(tell.events)


def last_cells(table: str) -> Sequence[str]:
    return [line.strip("| ").split(" | ")[-1] for line in table.splitlines()[2:]]


def first_cells(table: str) -> Sequence[str]:
    return [line.strip("| ").split(" | ")[0] for line in table.splitlines()[2:]]


def test_no_step_no_schedule() -> None:
    assert schedule(rollout_state(())) == ""


def test_a_step_that_goes_on_is_watched_where_it_is_live_and_interrupted_where_not() -> None:
    now = state(begun())
    assert last_cells(schedule(now, live=True)) == [
        "👀 being watched since 10:00:03",
        "⬜ waiting",
        "⬜ waiting",
    ]
    assert last_cells(schedule(now)) == ["❌ interrupted", "⬜ not reached", "⬜ not reached"]


def test_once_an_alarm_has_fired_nothing_waits_any_more() -> None:
    tell = begun()
    tell.say(e.AlarmChanged, reading=ERRORS_FIRED, before=AlarmState.OK, fired=True)
    assert last_cells(schedule(state(tell), live=True))[:2] == ["↩️ rolling back", "⬜ not reached"]


def test_a_passed_step_says_from_when_to_when_it_was_watched() -> None:
    tell = begun()
    tell.passes(1)
    assert last_cells(schedule(state(tell)))[0] == "✅ passed, 10:00:03 to 10:05:04"


def test_a_step_of_0s_was_not_watched_unless_it_was_extended() -> None:
    tell = begun("10% 0s, 100% 0s")
    extended = Telling("10% 0s, 100% 0s")
    extended.begins(ERRORS_OK)
    extended.shifts(1)
    extended.say(
        e.StepExtended, number=1, until=extended.now + timedelta(minutes=15), why="no data yet"
    )
    for each in (tell, extended):
        each.pass_time(60)
        each.passes(1)
    assert last_cells(schedule(state(tell)))[0] == "✅ passed at 10:01:04, not watched"
    assert last_cells(schedule(state(extended)))[0].endswith("; extended: no data yet")
    assert "not watched" not in schedule(state(extended))


def test_a_step_that_no_weight_was_out_for_was_not_watched() -> None:
    tell = Telling("10% 5m, 100% 0s")
    tell.begins(ERRORS_OK)
    tell.say(
        e.StepStarted, number=1, percent=tell.plan.steps[0].percent, watch=timedelta(minutes=5)
    )
    tell.ends(e.Result.FAILED, "AWS refused")
    (first, *_) = last_cells(schedule(state(tell)))
    assert first.startswith("❌ ended at ")
    assert first.endswith(", before it was watched")


@pytest.mark.parametrize(("most", "hidden"), [(3, ""), (2, "And 1 more step, in the log.")])
def test_what_there_is_no_room_for_is_counted(most: int, hidden: str) -> None:
    assert schedule(state(begun()), most).partition("\n\n")[2] == hidden


def test_a_hold_is_told_as_what_it_is() -> None:
    tell = begun("10% 5m, hold 1h")
    tell.passes(1)
    tell.shifts(2)
    assert first_cells(schedule(state(tell)))[1:] == [
        "2.&nbsp;hold&nbsp;at&nbsp;10%",
        "3.&nbsp;100%",
    ]
    assert "hold at 10% | up&nbsp;to&nbsp;1h" in plan(state(tell))
    assert last_cells(schedule(state(tell), live=True))[1].startswith("⏸️ waiting for a yes or no")
    tell.say(e.StepPassed, number=2, percent=tell.plan.steps[1].percent, readings=())
    assert last_cells(schedule(state(tell)))[1].startswith("✅ told to go on, ")


def test_alarms_that_fired_come_first_and_say_when() -> None:
    tell = begun()
    tell.pass_time(60)
    fired = replace(ERRORS_FIRED, transitioned_at=tell.now)
    tell.say(e.AlarmChanged, reading=fired, before=AlarmState.OK, fired=True)
    first, second = first_cells(alarms(state(tell)))
    assert first == "🔴&nbsp;**fired** at 10:01:03"
    assert second == "⚪&nbsp;no&nbsp;data"


def test_why_all_is_well_is_not_told_and_neither_what_the_verdict_said() -> None:
    tell = begun()
    tell.say(e.AlarmChanged, reading=ERRORS_FIRED, before=AlarmState.OK, fired=True)
    assert "Threshold Crossed" in alarms(state(tell))
    tell.ends(e.Result.ROLLED_BACK, f"alarm checkout-errors fired: {ERRORS_FIRED.reason}")
    told = alarms(state(tell))
    assert "Threshold Crossed" not in told
    assert "Unchecked: Initial alarm creation" in told


def test_what_could_not_have_fired_says_so() -> None:
    tell = Telling("10% 5m, 100% 0s")
    tell.begins(alarm("noisy", AlarmState.ALARM, "too many"), LATENCY_BLIND)
    tell.shifts(1)
    tell.ends(e.Result.PROMOTED)
    assert first_cells(alarms(state(tell))) == [
        "🔴&nbsp;ALARM throughout, did not guard",
        "⚪&nbsp;no&nbsp;data throughout",
    ]


def test_a_step_that_ends_early_says_what_it_saved_and_why() -> None:
    tell = Telling("10% 5m..30m, 100% 0s")
    tell.begins(ERRORS_OK)
    tell.shifts(1)
    tell.pass_time(475)
    tell.say(e.StepEndsEarly, number=1, saved=timedelta(minutes=22, seconds=5))
    tell.say(e.StepPassed, number=1, percent=Decimal(10), readings=tell.readings)
    now = state(tell)
    assert list(told(tell.events[-2], now)) == [
        "step 1 ends 22m 5s early: all guards are shown to hold"
    ]
    table = schedule(now, live=True)
    assert "| 5m&nbsp;to&nbsp;30m |" in table
    assert last_cells(table)[0] == (
        "✅ passed, 10:00:03 to 10:07:58; 22m&nbsp;5s early, all guards shown to hold"
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_guard_that_is_only_observed_is_a_warning_when_it_is_broken(outcome: Outcome) -> None:
    tell = begun()
    before = state(tell).warnings
    guard = "? error-rate < 1%"
    tell.say(e.GuardObserved, number=1, guard=guard, target=CHECKOUT, outcome=outcome, why="2.57%")
    now = state(tell)
    said = f"guard {guard} {outcome.words} on checkout:live: 2.57%"
    assert list(told(tell.events[-1], now)) == [f"only observed: {said}"]
    new = [f"Only observed: {said}."] if outcome is Outcome.BROKEN else []
    assert now.warnings[len(before) :] == tuple(new)
