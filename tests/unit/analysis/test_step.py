"""When a step has passed, has failed, or cannot be said to have done either."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.analysis.alarms import (
    AlarmReading,
    AlarmState,
    AlarmWatch,
    observe,
)
from lambda_rollout.analysis.step import (
    HISTORY_GRACE,
    UNREADABLE_LIMIT,
    Failed,
    Inconclusive,
    Passed,
    StepEvidence,
    judge_step,
)
from lambda_rollout.inputs.choices import InsufficientData

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def reading(state: AlarmState, since: float | None, name: str = "errors") -> AlarmReading:
    """In ``state`` since so many seconds after the start."""
    moment = None if since is None else at(since)
    return AlarmReading(f"arn:{name}", name, "eu-central-1", state, f"why {state}", moment)


def seen(watch: AlarmWatch, newer: AlarmReading, sent: float = 0.0) -> AlarmWatch:
    return observe(watch, newer, sent)


def began(state: AlarmState, since: float | None = -60.0) -> AlarmWatch:
    return AlarmWatch.start(reading(state, since))


GOOD = StepEvidence(
    now=101.0,
    planned_end=100.0,
    last_end=1000.0,
    alarms_read_at=100.0,
    aliases_read_at=100.0,
    watches=(began(OK),),
)


def test_a_step_passes_on_reads_sent_after_its_last_second() -> None:
    assert judge_step(GOOD) == Passed()


def test_a_step_without_alarms_passes_too() -> None:
    assert judge_step(replace(GOOD, watches=())) == Passed()


@pytest.mark.parametrize(
    "early",
    [
        replace(GOOD, now=99.9),
        replace(GOOD, alarms_read_at=99.9),
        replace(GOOD, aliases_read_at=99.9),
    ],
)
def test_a_step_has_not_passed_before(early: StepEvidence) -> None:
    assert judge_step(early) == Inconclusive()


def test_an_alarm_fails_it_at_any_time() -> None:
    fired = seen(began(OK), reading(ALARM, 10))
    verdict = judge_step(replace(GOOD, now=5.0, watches=(began(OK), fired)))
    assert verdict == Failed("alarm errors fired: why ALARM", (reading(ALARM, 10),))


def test_every_alarm_that_fired_is_named() -> None:
    other = seen(AlarmWatch.start(reading(OK, 0, "latency")), reading(ALARM, 10, "latency"))
    fired = seen(began(OK), reading(ALARM, 10))
    verdict = judge_step(replace(GOOD, watches=(fired, other)))
    assert isinstance(verdict, Failed)
    assert [alarm.name for alarm in verdict.alarms] == ["errors", "latency"]
    assert verdict.reason == "alarm errors fired (and 1 more): why ALARM"


def test_an_alarm_that_is_gone_fails_it() -> None:
    verdict = judge_step(replace(GOOD, now=5.0, missing_alarms=("errors",)))
    assert verdict == Failed("alarm deleted during the rollout: errors")


@pytest.mark.parametrize("what", ["alarms", "aliases"])
def test_what_cannot_be_read_for_a_minute_fails_it(what: str) -> None:
    blind = {f"{what}_failing_since": 10.0}
    just_before = replace(GOOD, now=10.0 + UNREADABLE_LIMIT - 0.1, **blind)  # type: ignore[arg-type]
    assert judge_step(just_before) == Inconclusive()
    assert isinstance(judge_step(replace(just_before, now=10.0 + UNREADABLE_LIMIT)), Failed)


def test_a_change_without_its_history_is_waited_for_and_then_counts_as_fired() -> None:
    without_history = seen(began(OK, -60), reading(OK, 12))
    waiting = replace(GOOD, watches=(without_history,), now=100.0 + HISTORY_GRACE - 0.1)
    assert judge_step(waiting) == Inconclusive("the history of errors")
    verdict = judge_step(replace(waiting, now=100.0 + HISTORY_GRACE))
    assert isinstance(verdict, Failed)
    assert verdict.alarms == (reading(OK, 12),)


def test_the_grace_for_a_history_counts_from_when_its_own_change_was_seen() -> None:
    # A step that was extended: what it lacked came at 300, as a change of the alarm's state.
    late = seen(began(NO_DATA), reading(OK, 299), sent=300.0)
    waiting = replace(GOOD, watches=(late,), alarms_read_at=300.0, missing_at=295.0, now=301.0)
    assert judge_step(waiting) == Inconclusive("the history of errors")
    last = replace(waiting, now=300.0 + HISTORY_GRACE - 0.1)
    assert judge_step(last) == Inconclusive("the history of errors")
    assert isinstance(judge_step(replace(last, now=300.0 + HISTORY_GRACE)), Failed)


def test_each_alarms_grace_is_its_own() -> None:
    long_ago = seen(AlarmWatch.start(reading(OK, -60, "old")), reading(OK, 90, "old"), sent=90.0)
    late = seen(began(NO_DATA), reading(OK, 299), sent=300.0)
    both = replace(GOOD, watches=(late, long_ago), alarms_read_at=300.0, now=301.0)
    verdict = judge_step(both)
    assert isinstance(verdict, Failed)
    assert [alarm.name for alarm in verdict.alarms] == ["old"]


def test_many_histories_are_waited_for_as_long_as_the_quota_needs_and_not_for_ever() -> None:
    watches = tuple(
        seen(AlarmWatch.start(reading(OK, -60, f"a{n}")), reading(NO_DATA, 90, f"a{n}"), sent=90.0)
        for n in range(9)
    )
    many = replace(GOOD, watches=watches, histories=11, now=107.0 + HISTORY_GRACE - 0.1)
    assert judge_step(many) == Inconclusive("the history of a0, a1, a2, a3, a4 and 4 more")
    assert isinstance(judge_step(replace(many, now=107.0 + HISTORY_GRACE)), Failed)


@pytest.mark.parametrize(("asked_at", "until"), [(90.0, 100.0), (103.0, 103.0), (500.0, 107.0)])
def test_the_grace_of_one_among_many_counts_from_its_own_turn(
    asked_at: float, until: float
) -> None:
    late = replace(seen(began(OK), reading(NO_DATA, 89), sent=90.0), asked_at=asked_at)
    waiting = replace(GOOD, watches=(late,), histories=11, now=until + HISTORY_GRACE - 0.1)
    assert judge_step(waiting) == Inconclusive("the history of errors")
    assert isinstance(judge_step(replace(waiting, now=until + HISTORY_GRACE)), Failed)


def test_an_alarm_that_goes_on_changing_does_not_put_the_end_off() -> None:
    watch = began(OK)
    for moment in range(101, 117, 3):
        watch = seen(watch, reading(OK, moment), sent=float(moment))
    flapping = replace(GOOD, watches=(watch,), alarms_read_at=116.0, now=101.0 + HISTORY_GRACE)
    assert isinstance(judge_step(flapping), Failed)


def test_alarms_that_change_in_turn_do_not_put_the_end_off() -> None:
    newest = seen(began(OK), reading(OK, 1010), sent=1010.0)
    end = GOOD.last_end + HISTORY_GRACE
    waiting = replace(GOOD, watches=(newest,), alarms_read_at=1010.0, now=end - 0.1)
    assert judge_step(waiting) == Inconclusive("the history of errors")
    assert isinstance(judge_step(replace(waiting, now=end)), Failed)


def test_an_extended_step_passes_on_reads_sent_after_its_last_second_too() -> None:
    extended = replace(GOOD, now=301.0, missing_at=300.0, alarms_read_at=300.0)
    assert judge_step(extended) == Inconclusive()
    assert judge_step(replace(extended, aliases_read_at=300.0)) == Passed()
    assert judge_step(replace(extended, missing="p99")) == Inconclusive("p99")


def test_no_data_at_the_end_is_ignored_or_waited_for_and_then_fails() -> None:
    blind = replace(GOOD, watches=(began(NO_DATA),))
    assert judge_step(blind) == Passed()
    must_not = replace(blind, insufficient_data=InsufficientData.FAIL)
    assert judge_step(must_not) == Inconclusive("INSUFFICIENT_DATA: errors")
    verdict = judge_step(replace(must_not, now=1000.0))
    assert isinstance(verdict, Failed)
    assert [alarm.name for alarm in verdict.alarms] == ["errors"]
    assert judge_step(replace(must_not, watches=(began(OK),))) == Passed()


# Alarms that are not evaluated ---------------------------------------------------------------------


def unevaluated(state: str, sent: float, name: str = "errors") -> AlarmWatch:
    """One that counts, and is in this EvaluationState since a read that was sent then."""
    start = AlarmWatch.start(reading(OK, -60, name))
    return seen(start, replace(reading(OK, -60, name), evaluation=state), sent)


@pytest.mark.parametrize("state", ["EVALUATION_ERROR", "EVALUATION_FAILURE"])
def test_an_alarm_that_is_broken_for_a_minute_fails_it(state: str) -> None:
    early = replace(GOOD, now=9.0 + UNREADABLE_LIMIT, watches=(unevaluated(state, 10.0),))
    assert judge_step(early) == Inconclusive()
    verdict = judge_step(replace(early, now=10.0 + UNREADABLE_LIMIT))
    assert isinstance(verdict, Failed)
    told = f"alarm errors was not evaluated by CloudWatch for 1m: {state}: why OK"
    assert verdict.reason == told
    assert [alarm.evaluation for alarm in verdict.alarms] == [state]


def test_one_that_does_not_count_fails_nothing_and_holds_nothing_up() -> None:
    ignored = AlarmWatch.start(replace(reading(OK, -60), evaluation="EVALUATION_ERROR"))
    ignored = seen(ignored, ignored.newest, 10.0)
    assert judge_step(replace(GOOD, watches=(ignored,))) == Passed()


def test_a_broken_alarm_holds_the_step_up_for_its_minute_whatever_evidence_timeout_says() -> None:
    broken = unevaluated("EVALUATION_ERROR", 99.0)
    at_once = replace(GOOD, last_end=100.0, watches=(broken,))
    lacks = "not evaluated: errors (EVALUATION_ERROR)"
    assert judge_step(at_once) == Inconclusive(lacks)
    assert judge_step(replace(at_once, now=158.9)) == Inconclusive(lacks)
    assert isinstance(judge_step(replace(at_once, now=159.0)), Failed)


def test_alarms_that_break_in_turn_do_not_put_the_end_off() -> None:
    newest = unevaluated("EVALUATION_FAILURE", 1_059.0)
    late = replace(GOOD, alarms_read_at=1_059.0, watches=(newest,), last_end=100.0)
    assert isinstance(judge_step(replace(late, now=1_060.0)), Failed)


@pytest.mark.parametrize("state", ["IN_WARM_UP", "WHAT_AWS_MAY_ADD"])
def test_a_warm_up_holds_the_step_up_to_evidence_timeout_and_is_nothing_before(state: str) -> None:
    warming = replace(GOOD, watches=(unevaluated(state, 10.0),))
    assert judge_step(replace(warming, now=99.0)) == Inconclusive()
    assert judge_step(replace(warming, now=999.0)) == Inconclusive(
        f"not evaluated: errors ({state})"
    )
    verdict = judge_step(replace(warming, now=1000.0))
    assert isinstance(verdict, Failed)
    assert verdict.reason == f"evidence-timeout ran out: not evaluated: errors ({state})"


def test_partial_data_pass() -> None:
    assert judge_step(replace(GOOD, watches=(unevaluated("PARTIAL_DATA", 10.0),))) == Passed()


def test_what_has_to_come_before_more_traffic_holds_up_a_pass_and_nothing_else() -> None:
    held_up = replace(GOOD, not_forward="the renewal", now=1e6)
    assert judge_step(held_up) == Inconclusive("the renewal")
    assert judge_step(replace(held_up, planned_end=1e7)) == Inconclusive()
    assert judge_step(replace(held_up, failed="a guard")) == Failed("a guard")
    # It moves the step's last second: once it is over, all is read once more.
    passing = replace(held_up, not_forward="", missing_at=1e6 - 1)
    assert judge_step(passing) == Inconclusive()


# Held ---------------------------------------------------------------------------------------------

HELD = replace(GOOD, holds_for=timedelta(hours=4))


def test_a_hold_never_passes_and_is_over_in_the_end() -> None:
    early = replace(HELD, now=50.0, alarms_read_at=50.0, aliases_read_at=50.0)
    assert judge_step(early) == Inconclusive()
    match judge_step(HELD):
        case Failed(reason, (), remedy):
            assert reason == "the hold of 4h is over, and nobody said to go on"
            assert "mode: promote" in remedy
        case other:
            raise AssertionError(other)


def test_a_hold_lacks_nothing_and_what_is_broken_ends_it() -> None:
    waiting = replace(HELD, now=50.0)
    blind = replace(waiting, watches=(began(NO_DATA),), insufficient_data=InsufficientData.FAIL)
    for lacking in (
        replace(waiting, missing="12 invocations"),
        blind,
        replace(waiting, not_forward="a renewal"),
    ):
        assert judge_step(lacking) == Inconclusive()
    for broken in (
        replace(waiting, failed="guard error-rate < 1% is broken"),
        replace(waiting, watches=(seen(began(OK), reading(ALARM, 40)),)),
        replace(waiting, missing_alarms=("errors",)),
        replace(waiting, alarms_failing_since=50.0 - UNREADABLE_LIMIT),
        replace(waiting, aliases_failing_since=50.0 - UNREADABLE_LIMIT),
    ):
        assert isinstance(judge_step(broken), Failed)
        assert "is over" not in str(judge_step(replace(broken, now=HELD.now)))
