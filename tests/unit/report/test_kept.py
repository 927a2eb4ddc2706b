"""What a report keeps of many events: each thing's beginning and its end, and a number for the rest."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from lambda_rollout.analysis.alarms import AlarmState
from lambda_rollout.report.json_report import kebab
from lambda_rollout.report.kept import MOST_READINGS, MOST_REPEATED, KeptEvents
from lambda_rollout.rollout import events as e
from tests.support.long_rollout import LongRollout
from tests.support.stories import START, STORIES, alarm


def beat(left: float) -> e.Heartbeat:
    span = timedelta(seconds=left)
    return e.Heartbeat(number=1, percent=Decimal(10), step_left=span, all_left=span, states=())


def changed(name: str, number: int, *, fired: bool = False) -> e.AlarmChanged:
    reading = alarm(name, AlarmState.OK, f"change {number}")
    return e.AlarmChanged(reading=reading, before=AlarmState.OK, fired=fired)


def kept_of(*events: e.Event) -> KeptEvents:
    kept = KeptEvents()
    for event in events:
        kept.add(event)
    return kept


def test_an_ordinary_rollout_is_kept_whole() -> None:
    for story in STORIES.values():
        kept = kept_of(*story())
        assert kept.events == tuple(story())
        assert kept.left_out == {}


def test_of_what_repeats_most_the_middle_goes() -> None:
    beats = [beat(number) for number in range(MOST_REPEATED + 500)]
    few = [changed("quiet", number) for number in range(3)]
    kept = kept_of(*few, *beats)
    assert kept.left_out == {"heartbeat": 503}
    assert kept.events[:3] == tuple(few)
    shown = kept.events[3:]
    assert shown[:900] == tuple(beats[:900])
    assert shown[-100:] == tuple(beats[-100:])


def test_firings_and_what_happens_only_so_often_stay() -> None:
    fired = [changed("bad", number, fired=True) for number in range(50)]
    flaps = [changed(f"alarm-{number % 40}", number) for number in range(2 * MOST_REPEATED)]
    kept = kept_of(*fired, *flaps)
    assert set(fired) <= set(kept.events)
    assert len(kept.events) == MOST_REPEATED + 50
    of_each = Counter(
        event.reading.name for event in kept.events if isinstance(event, e.AlarmChanged)
    )
    assert {of_each[f"alarm-{number}"] for number in range(40)} == {MOST_REPEATED // 40}


def test_what_is_kept_does_not_grow_with_functions_alarms_or_hours() -> None:
    """Counted in place of measured: `python -m benchmarks memory` measures."""
    counts = {}
    for functions, alarms in ((1, 2), (60, 120)):
        kept = KeptEvents()
        told: Counter[str] = Counter()
        for event in LongRollout(functions, alarms, hours=1.0).events():
            told[kebab(type(event).__name__)] += 1
            kept.add(event)
        counts[functions] = len(kept.events)
        of_kept = Counter(kebab(type(event).__name__) for event in kept.events)
        assert of_kept + Counter(kept.left_out) == told
    # One: nothing is left out. Sixty: what happens to each of them, and no more of the rest than there is room for.
    assert counts[1] < 250
    assert counts[60] <= MOST_REPEATED + 60 * 7 + 20


def test_times_are_kept_in_order() -> None:
    kept = kept_of(*LongRollout(3, 40, hours=1.5).events())
    moments = [event.at for event in kept.events]
    assert moments == sorted(moments)
    assert moments[0] == START


def test_of_many_steps_and_alarms_those_in_between_tell_what_was_not_ok() -> None:
    fine = tuple(alarm(f"alarm-{number}", AlarmState.OK) for number in range(199))
    blind = alarm("blind", AlarmState.INSUFFICIENT_DATA)
    steps = [
        e.StepPassed(number=number, percent=Decimal(number), readings=(*fine, blind))
        for number in range(1, 101)
    ]
    kept = kept_of(*steps)
    told = [event.readings for event in kept.events if isinstance(event, e.StepPassed)]
    assert len(told) == 100
    assert told[0] == told[-1] == (*fine, blind)
    assert all(blind in readings for readings in told)
    assert sum(map(len, told)) <= MOST_READINGS + 100
    assert kept.left_out == {"readings": 100 * 200 - sum(map(len, told))}
