"""Which minutes can be judged: an invocation is told when it is over, in the minute in which it began."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lambda_rollout.analysis.metrics import (
    EMISSION_DELAY,
    MINUTE,
    CanaryPair,
    Comparison,
    History,
    Minute,
)

TIMEOUT_WAIT = timedelta(minutes=5)
"""The longest that a step waits for invocations that may still run into the function's timeout. A guard is as slow
as the slowest data that it waits for; what runs longer is seen in a later step, or not (docs/guards.md)."""

NEW_UNTIL = EMISSION_DELAY + 2 * MINUTE
"""A minute that is read for the first time so long after its end has been read late, and is no new one."""

STILL_REVISED = timedelta(minutes=10)
"""A minute that changes for longer than that, after its data should have been in, is judged as it is."""

REVISED = 0.05
"""By how much of itself a number must change between two reads for its minute to be no settled one."""


@dataclass(frozen=True, slots=True)
class DataKnown:
    """Which of a target's minutes can be judged."""

    settled: datetime
    """Up to here a minute's numbers can break a guard: those of invocations as long as the old version's are in."""
    complete: datetime
    """Up to here one can hold on them: those of invocations that ran into the timeout are in, and none is changing."""
    changing: Collection[datetime] = field(default=frozenset())
    """Starts of minutes whose numbers were others a read before: nothing is broken by them yet."""


def data_delay(pair: CanaryPair, history: History) -> timedelta:
    """Return how long after a minute's end a guard can hold on it.

    A version that hangs until the timeout tells nothing until then.
    """
    return EMISSION_DELAY + max(history.longest, min(pair.timeout, TIMEOUT_WAIT))


def what_is_known(
    pair: CanaryPair,
    history: History,
    now: datetime,
    comparison: Comparison,
    before: Comparison | None,
) -> DataKnown:
    """Say which minutes of a read can be judged; ``before`` is the read before it, ``now`` is on AWS's clock."""
    delay = data_delay(pair, history)
    settled = _whole_minute(now - EMISSION_DELAY - history.longest)
    complete = min(settled, _whole_minute(now - delay))
    changing = frozenset(_changing(comparison, before, now, now - delay - STILL_REVISED))
    return DataKnown(settled, min([complete, *changing]), changing)


def _whole_minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _changing(
    comparison: Comparison, before: Comparison | None, now: datetime, oldest: datetime
) -> Iterable[datetime]:
    """Yield the minutes that are new, or were revised: an errors' datapoint may be later than that of its invocations.

    What ended before ``oldest`` is judged in any case.
    """
    for version, earlier in (
        (comparison.canary, before and before.canary),
        (comparison.baseline, before and before.baseline),
    ):
        known = _by_start(earlier.minutes if earlier else ())
        for minute in version.minutes:
            if minute.start + MINUTE <= oldest:
                continue
            was = known.get(minute.start)
            if was is None:
                if minute.start + MINUTE > now - NEW_UNTIL:
                    yield minute.start
            elif was_revised(was, minute):
                yield minute.start


def _by_start(minutes: Sequence[Minute]) -> Mapping[datetime, Minute]:
    return {minute.start: minute for minute in minutes}


def was_revised(before: Minute, now: Minute) -> bool:
    """Whether a minute's numbers are others than a read before, by more than a straggler or two in a hundred."""
    bounds = before.slower_than.keys() | now.slower_than.keys()
    pairs: list[tuple[float, float]] = [
        (before.invocations, now.invocations),
        (before.errors, now.errors),
        *((before.slower_than.get(one, 0), now.slower_than.get(one, 0)) for one in bounds),
        *(
            (before.measured.get(one, 0.0), now.measured.get(one, 0.0))
            for one in before.measured.keys() | now.measured.keys()
        ),
    ]
    return before.errors_known != now.errors_known or any(
        abs(one - other) > REVISED * max(abs(one), abs(other)) for one, other in pairs
    )
