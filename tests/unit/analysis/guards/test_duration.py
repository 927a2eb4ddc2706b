"""Durations as counts: what is counted, and what happens where it is not."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.duration import DurationBounds, bounds_of
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import GuardVerdict, TargetEvidence, judge_guards
from lambda_rollout.analysis.metrics import Comparison, History, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guards import parse_guards

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
TARGET = Target("checkout", "live")
BEFORE = History(percentiles={"p50": 100.0, "p99": 1000.0})
P99 = {"p99": 900.0}
Counts = tuple[int, int | None]


def minutes(counts: Sequence[Counts], bound: float) -> Iterable[Minute]:
    for number, (served, slow) in enumerate(counts):
        told = {} if slow is None else {bound: slow}
        yield Minute(BEGAN + timedelta(minutes=number), served, 0, P99, slower_than=told)


def judge(
    guard: str,
    new: Sequence[Counts],
    old: Sequence[Counts],
    bounds: tuple[float, float],
    steps: Sequence[tuple[int, int]] = ((0, 50),),
) -> GuardVerdict:
    comparison = Comparison(
        VersionMetrics(TARGET, "8", tuple(minutes(new, bounds[0]))),
        VersionMetrics(TARGET, "7", tuple(minutes(old, bounds[1]))),
        0,
        BEGAN,
    )
    starts = [StepStart(BEGAN + timedelta(minutes=at), Decimal(share)) for at, share in steps]
    evidence = [TargetEvidence(comparison, None, BEFORE)]
    return judge_guards(parse_guards(guard), evidence, starts)[0]


@pytest.mark.parametrize(
    ("guard", "bounds"),
    [
        ("p99-duration < 800ms", DurationBounds(800, 800)),
        ("p99-duration <= baseline", DurationBounds(1000, 1000)),
        ("p99-duration <= baseline * 1.2", DurationBounds(1200, 1000)),
        ("p50-duration <= baseline + 30ms", DurationBounds(130, 100)),
        ("p90-duration <= baseline", None),
        ("error-rate < 1%", None),
        ("p99(Shop/Basket{version=$VERSION}) < 5", None),
    ],
)
def test_what_is_counted(guard: str, bounds: DurationBounds | None) -> None:
    assert bounds_of(parse_guards(guard)[0], BEFORE) == bounds


def test_more_slow_ones_than_the_old_version_has_break_it() -> None:
    guard, bounds = "p99-duration <= baseline * 1.2", (1200.0, 1000.0)
    verdict = judge(guard, [(300, 15)] * 5, [(300, 3)] * 5, bounds)
    assert verdict.outcome is Outcome.BROKEN
    # The first minute of a step is left out: what was just started is slow.
    assert verdict.why.startswith("new 5% (60 of 1,200) over 1200 ms, old 1% (12 of 1,200)")
    assert judge(guard, [(300, 4)] * 5, [(300, 3)] * 5, bounds).outcome is Outcome.HOLDS


def test_slow_ones_of_the_first_minute_are_no_proof() -> None:
    bounds = (1000.0, 1000.0)
    new = [(300, 60), *[(300, 3)] * 4]
    assert judge("p99-duration <= baseline", new, [(300, 3)] * 5, bounds).outcome is Outcome.HOLDS


def test_what_slows_both_down_is_no_difference() -> None:
    both = [(300, 3), (300, 3), (300, 200), (300, 3)]
    verdict = judge("p99-duration <= baseline", both, both, (1000.0, 1000.0))
    assert verdict.outcome is Outcome.HOLDS


def test_below_a_fixed_time_one_in_a_hundred_may_be_slow() -> None:
    bounds = (800.0, 800.0)
    for slow, outcome in ((2, Outcome.HOLDS), (4, Outcome.HOLDS), (20, Outcome.BROKEN)):
        verdict = judge("p99-duration < 800ms", [(300, slow)] * 4, [(300, 0)] * 4, bounds)
        assert verdict.outcome is outcome


def test_few_are_enough_and_one_of_them_may_be_slow() -> None:
    bounds = (800.0, 800.0)
    few = [(3, 0), (3, 1), (3, 0), (3, 0)]
    assert judge("p99-duration < 800ms", few, [(0, None)] * 4, bounds).outcome is Outcome.HOLDS
    none = judge("p99-duration < 800ms", few[:1], [(0, None)], bounds)
    assert none.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("slow", "outcome"),
    [
        ((0, 1, 0, 1), Outcome.HOLDS),
        ((1, 1, 1, 0), Outcome.HOLDS),
        ((1, 2, 1, 1), Outcome.INCONCLUSIVE),
    ],
)
def test_of_a_median_half_may_be_over_it(slow: Sequence[int], outcome: Outcome) -> None:
    """At five requests a minute a tenth of them is all that a step has."""
    few = [(2, 2), (1, slow[0]), (2, slow[1]), (1, slow[2]), (1, slow[3])]
    bounds = (120.0, 120.0)
    assert judge("p50-duration < 120ms", few, [(0, None)] * 5, bounds).outcome is outcome


def test_at_100_a_comparison_neither_breaks_nor_holds_up() -> None:
    new = [(300, 3)] * 4 + [(600, 600)] * 5
    old = [(300, 3)] * 4 + [(0, None)] * 5
    steps = ((0, 50), (4, 100))
    verdict = judge("p99-duration <= baseline", new, old, (1000.0, 1000.0), steps)
    assert verdict.outcome is Outcome.HOLDS
    assert "100% (2,400 of 2,400) over 1000 ms at 100%" in verdict.why


def test_no_datapoint_means_none_where_others_were_told() -> None:
    new = [(300, 2), (300, None), (300, 2), (300, 2)]
    verdict = judge("p99-duration <= baseline", new, [(300, 3)] * 4, (1000.0, 1000.0))
    assert "new 0.444% (4 of 900)" in verdict.why


def test_where_nothing_is_counted_minutes_are() -> None:
    verdict = judge("p99-duration <= baseline", [(300, None)] * 4, [(300, None)] * 4, (1.0, 1.0))
    assert verdict.why.startswith("slower than allowed in 0 of 4 minutes")
