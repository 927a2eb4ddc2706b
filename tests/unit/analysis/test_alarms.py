"""What an alarm did between two reads, and whether it counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lambda_rollout.analysis.alarms import (
    AlarmReading,
    AlarmState,
    AlarmWatch,
    Survey,
    Transition,
    counting,
    firing_at_start,
    not_evaluated,
    observe,
    with_history,
)

START = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
OK, ALARM, NO_DATA = AlarmState.OK, AlarmState.ALARM, AlarmState.INSUFFICIENT_DATA


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def reading(state: AlarmState, since: float | None, name: str = "errors") -> AlarmReading:
    """In ``state`` since so many seconds after the start."""
    moment = None if since is None else at(since)
    return AlarmReading(f"arn:{name}", name, "eu-central-1", state, f"why {state}", moment)


def became(state: AlarmState, when: float, before: AlarmState = OK) -> Transition:
    return Transition(at(when), before, state, f"because {state} at {when}")


def seen(watch: AlarmWatch, newer: AlarmReading, sent: float = 0.0) -> AlarmWatch:
    return observe(watch, newer, sent)


def began(state: AlarmState, since: float | None = -60.0) -> AlarmWatch:
    return AlarmWatch.start(reading(state, since))


# What readings mean -----------------------------------------------------------------------------


def test_an_alarm_that_is_on_has_fired() -> None:
    watch = seen(began(OK), reading(ALARM, 10))
    assert watch.fired == reading(ALARM, 10)
    assert not watch.needs_history


def test_a_firing_is_never_taken_back() -> None:
    watch = seen(seen(began(OK), reading(ALARM, 10)), reading(OK, 20))
    assert watch.fired == reading(ALARM, 10)
    assert watch.newest == reading(OK, 20)
    assert not watch.needs_history
    assert with_history(watch, []) == watch


def test_a_state_that_stayed_needs_no_history() -> None:
    assert not seen(began(OK, -60), reading(OK, -60)).needs_history


@pytest.mark.parametrize("state", [OK, NO_DATA])
def test_a_state_that_changed_or_came_back_needs_the_history(state: AlarmState) -> None:
    watch = seen(began(OK, -60), reading(state, 10))
    assert watch.needs_history
    assert watch.fired is None


def test_without_a_timestamp_only_the_state_speaks() -> None:
    watch = seen(began(OK, None), reading(OK, None))
    assert not watch.needs_history
    assert seen(watch, reading(ALARM, None)).fired is not None


def test_a_gap_is_open_since_its_first_change_was_seen_until_the_history_is_whole() -> None:
    watch = seen(began(OK, -60), reading(OK, 12), 13.0)
    watch = seen(watch, reading(NO_DATA, 20), 21.0)
    assert watch.gap_since == 13.0
    whole = [became(OK, 12, ALARM), became(NO_DATA, 20)]
    watch = with_history(watch, whole)
    assert watch.gap_since is None
    assert seen(watch, reading(OK, 30), 31.0).gap_since == 31.0


# What history means -----------------------------------------------------------------------------


def test_fired_and_recovered_between_two_reads_counts() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    history = [became(OK, -60, ALARM), became(ALARM, 10), became(OK, 12, ALARM)]
    fired = with_history(watch, history).fired
    assert fired is not None
    assert (fired.state, fired.reason) == (ALARM, "because ALARM at 10")
    assert fired.transitioned_at == at(10)


def test_history_may_come_in_any_order() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    history = [became(OK, 12, ALARM), became(OK, -60, ALARM), became(ALARM, 10)]
    assert with_history(watch, history).fired is not None


def test_history_that_lags_explains_nothing_yet() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    assert with_history(watch, []).needs_history
    assert with_history(watch, [became(OK, -60, ALARM)]).needs_history
    assert with_history(watch, [became(OK, -60, ALARM), became(NO_DATA, 8)]).needs_history


def test_a_history_that_goes_beyond_the_newest_reading_explains_it() -> None:
    """It was asked for a while later, when the alarm had changed once more."""
    watch = seen(began(OK, -60), reading(NO_DATA, 12))
    history = [became(OK, -60, ALARM), became(NO_DATA, 12), became(OK, 20, NO_DATA)]
    after = with_history(watch, history)
    assert not after.needs_history
    assert seen(after, reading(OK, 20)).needs_history


def test_what_is_picked_from_pages_is_believed_only_without_a_link_missing() -> None:
    watch = seen(began(OK, -60), reading(NO_DATA, 12))
    assert not with_history(watch, [became(NO_DATA, 12, OK)], chained=True).needs_history
    assert with_history(watch, [became(NO_DATA, 12, ALARM)], chained=True).needs_history
    gap = [became(NO_DATA, 8, OK), became(NO_DATA, 12, ALARM)]
    assert with_history(watch, gap, chained=True).needs_history
    fired = [became(ALARM, 8, NO_DATA), became(NO_DATA, 12, OK)]
    assert with_history(watch, fired, chained=True).fired is not None


def test_half_a_history_that_shows_a_firing_is_enough() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    assert with_history(watch, [became(OK, -60, ALARM), became(ALARM, 10)]).fired is not None


def test_what_was_there_before_the_watch_is_no_firing() -> None:
    watch = seen(began(OK, -60), reading(NO_DATA, 12))
    history = [became(ALARM, -90), became(OK, -60, ALARM), became(NO_DATA, 12)]
    after = with_history(watch, history)
    assert after.fired is None
    assert not after.needs_history


def test_a_history_stamped_a_little_off_is_the_same_transition() -> None:
    watch = seen(began(ALARM, -60.0), reading(ALARM, -60.0))
    later = seen(watch, reading(NO_DATA, 12))
    after = with_history(later, [became(ALARM, -59.6), became(NO_DATA, 12.3, ALARM)])
    assert after.fired is None
    assert not after.needs_history


def test_a_history_stamped_a_little_early_reaches_the_newest_reading() -> None:
    watch = seen(began(OK, -60), reading(NO_DATA, 12))
    assert not with_history(watch, [became(OK, -60, ALARM), became(NO_DATA, 11.7)]).needs_history


def test_a_history_stamped_a_little_late_does_not_repeat_an_old_firing() -> None:
    watch = seen(began(OK, -60), reading(NO_DATA, 12))
    history = [became(ALARM, -59.8), became(OK, -59.6, ALARM), became(NO_DATA, 12)]
    assert with_history(watch, history).fired is None


def test_a_history_that_ends_in_another_state_is_not_complete() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    assert with_history(watch, [became(OK, -60, ALARM), became(NO_DATA, 11.9)]).needs_history


def test_a_history_that_ends_before_the_newest_reading_is_not_complete() -> None:
    # What is not there yet may be a firing at 10.
    watch = seen(began(OK, -60), reading(OK, 12))
    history = [became(OK, -60, ALARM), became(NO_DATA, 3), became(OK, 5, NO_DATA)]
    assert with_history(watch, history).needs_history


def test_there_and_back_through_no_data_is_no_firing() -> None:
    watch = seen(began(OK, -60), reading(OK, 12))
    history = [became(OK, -60), became(NO_DATA, 8), became(OK, 12, NO_DATA)]
    after = with_history(watch, history)
    assert after.fired is None
    assert not after.needs_history
    assert after.history_known == reading(OK, 12)


def test_after_an_explanation_only_newer_changes_need_one() -> None:
    watch = with_history(
        seen(began(OK, -60), reading(NO_DATA, 12)), [became(NO_DATA, 12), became(OK, -60)]
    )
    assert not seen(watch, reading(NO_DATA, 12)).needs_history
    assert seen(watch, reading(OK, 30)).needs_history


# An alarm that was on from before the start -----------------------------------------------------


def test_an_alarm_from_before_does_not_count() -> None:
    watch = seen(began(ALARM), reading(ALARM, -60))
    assert watch.fired is None
    assert not watch.counts


def test_it_counts_once_it_was_ok_in_a_read() -> None:
    watch = seen(began(ALARM), reading(OK, 10))
    assert seen(watch, reading(ALARM, 20)).fired is not None


def test_it_counts_once_it_was_ok_in_the_history() -> None:
    watch = seen(began(ALARM, -60), reading(ALARM, 20))
    history = [became(ALARM, -60), became(OK, 10, ALARM), became(ALARM, 20)]
    fired = with_history(watch, history).fired
    assert fired is not None
    assert fired.transitioned_at == at(20)


def test_it_does_not_count_for_having_had_no_data() -> None:
    watch = seen(began(ALARM, -60), reading(ALARM, 20))
    history = [became(ALARM, -60), became(NO_DATA, 10, ALARM), became(ALARM, 20, NO_DATA)]
    after = with_history(watch, history)
    assert after.fired is None
    assert not after.counts
    assert not after.needs_history


def test_ok_without_a_timestamp_makes_it_count() -> None:
    watch = seen(began(ALARM, None), reading(OK, None))
    assert watch.counts


def test_ok_on_its_own_makes_it_count_when_explained() -> None:
    watch = seen(began(ALARM, -60), reading(OK, 10))
    after = with_history(watch, [became(ALARM, -60), became(OK, 10, ALARM)])
    assert after.counts
    assert after.fired is None


def test_alarms_that_are_on_at_the_start_are_named() -> None:
    readings = [reading(OK, 0, "a"), reading(ALARM, 0, "b"), reading(NO_DATA, 0, "c")]
    assert [found.name for found in firing_at_start(readings)] == ["b"]


# A step -----------------------------------------------------------------------------------------


# A version --------------------------------------------------------------------------------------


# What is not evaluated ---------------------------------------------------------------------------


def evaluated(state: AlarmState, evaluation: str, since: float | None = -60.0) -> AlarmReading:
    return replace(reading(state, since), evaluation=evaluation)


@pytest.mark.parametrize(
    ("evaluation", "is_evaluated", "is_broken"),
    [
        ("", True, False),
        ("PARTIAL_DATA", True, False),
        ("EVALUATION_ERROR", False, True),
        ("EVALUATION_FAILURE", False, True),
        ("IN_WARM_UP", False, False),
        ("WHAT_AWS_MAY_ADD", False, False),
    ],
)
def test_a_state_that_is_not_known_is_not_evaluated(
    evaluation: str, is_evaluated: bool, is_broken: bool
) -> None:
    seen_so = evaluated(OK, evaluation)
    assert (seen_so.is_evaluated, seen_so.is_broken) == (is_evaluated, is_broken)
    assert not_evaluated([seen_so, reading(OK, 0)]) == (() if is_evaluated else (seen_so,))


def test_one_that_is_not_evaluated_at_the_start_counts_once_it_is_and_is_ok() -> None:
    watch = AlarmWatch.start(evaluated(OK, "EVALUATION_ERROR"))
    assert not watch.counts
    watch = seen(watch, evaluated(OK, "EVALUATION_ERROR"))
    assert (watch.counts, watch.was_ok, watch.had_data) == (False, False, False)
    watch = seen(watch, reading(OK, -60))
    assert (watch.counts, watch.was_ok, watch.had_data) == (True, True, True)


def test_it_is_broken_since_the_first_read_that_showed_it() -> None:
    watch = seen(began(OK), evaluated(OK, "EVALUATION_ERROR"), 10.0)
    watch = seen(watch, evaluated(NO_DATA, "EVALUATION_FAILURE", 15), 20.0)
    assert watch.broken_since == 10.0
    assert seen(watch, evaluated(OK, "IN_WARM_UP"), 30.0).broken_since is None
    assert seen(watch, reading(OK, 16), 30.0).broken_since is None


def test_data_between_two_reads_are_data() -> None:
    watch = seen(began(NO_DATA), reading(NO_DATA, 20))
    assert not watch.had_data
    history = [became(NO_DATA, -60), became(OK, 10, NO_DATA), became(NO_DATA, 20)]
    assert with_history(watch, history).had_data
    assert seen(began(NO_DATA), reading(OK, 20)).had_data


def test_a_watch_that_begins_under_way_counts_what_is_not_evaluated() -> None:
    (watch,) = counting(Survey((evaluated(OK, "EVALUATION_ERROR"),))).known
    assert watch.counts
