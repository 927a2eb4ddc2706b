"""Guards on metrics of any kind: what is read for them, and what their rules are given to judge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.measures import (
    SERVED,
    THROTTLES,
    as_counted,
    measures_of,
    note_on,
)
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import (
    GuardVerdict,
    judge_guards,
    what_failed,
    what_is_missing,
)
from lambda_rollout.analysis.metrics import Comparison, Measure, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guard_metrics import CustomMetric
from lambda_rollout.inputs.guards import parse_guards

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
CHECKOUT = Target("checkout", "live")
VERSION = (("version", "$VERSION"),)
FAILED, ORDERS = CustomMetric("Shop", "Failed", VERSION), CustomMetric("Shop", "Orders", VERSION)
PART, ALL = Measure("Sum", FAILED), Measure("Sum", ORDERS)
RATIO = f"sum({FAILED}) / sum({ORDERS})"
Measured = Mapping[Measure, float]


def compared(new: Sequence[Measured], old: Sequence[Measured]) -> Comparison:
    """A version's minutes have nothing but what is measured besides."""

    def of(version: str, measured: Sequence[Measured]) -> VersionMetrics:
        starts = (BEGAN + timedelta(minutes=number) for number in range(len(measured)))
        minutes = (
            Minute(start, 0, 0, measured=each) for start, each in zip(starts, measured, strict=True)
        )
        return VersionMetrics(CHECKOUT, version, tuple(minutes))

    return Comparison(of("8", new), of("7", old), 0, BEGAN + timedelta(minutes=len(new)))


def judge(guard: str, comparison: Comparison, percent: int = 10) -> GuardVerdict:
    [verdict] = judge_guards(
        parse_guards(guard), [comparison], [StepStart(BEGAN, Decimal(percent))]
    )
    return verdict


def test_each_measure_is_read_once() -> None:
    guards = parse_guards(
        f"error-rate < 1%\np99-duration < 1s\n{RATIO} < 1%\nsum({ORDERS}) < 100\np99({ORDERS}) < 5\n"
        "throttle-rate < 1%"
    )
    assert measures_of(guards) == (
        PART,
        ALL,
        Measure("SampleCount", ORDERS),
        Measure("p99", ORDERS),
        THROTTLES,
        SERVED,
    )


@pytest.mark.parametrize("bound", ["< 1%", "<= baseline", "<= baseline + 2%", "<= baseline * 2"])
@pytest.mark.parametrize("failed", [0, 1, 10])
def test_a_ratio_is_judged_like_an_error_rate(bound: str, failed: int) -> None:
    ratio = compared([{PART: failed, ALL: 100}] * 3, [{PART: 9, ALL: 900}] * 3)
    minutes = [Minute(minute.start, 100, failed) for minute in ratio.canary.minutes]
    others = [Minute(minute.start, 900, 9) for minute in ratio.canary.minutes]
    errors = replace(
        ratio,
        canary=VersionMetrics(CHECKOUT, "8", tuple(minutes)),
        baseline=VersionMetrics(CHECKOUT, "7", tuple(others)),
    )
    seen, expected = judge(f"{RATIO} {bound}", ratio), judge(f"error-rate {bound}", errors)
    assert (seen.outcome, seen.why) == (expected.outcome, expected.why)


def test_more_failures_than_there_are_in_all_tell_nothing_and_are_said() -> None:
    good, more = {PART: 1.0, ALL: 100.0}, {PART: 101.0, ALL: 100.0}
    old = {PART: 9.0, ALL: 900.0}
    verdict = judge(f"{RATIO} <= baseline + 1%", compared([good] * 6 + [more], [old] * 7))
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.why.endswith("(more Failed than Orders, in 1 minute, which tells nothing)")
    verdict = judge(f"{RATIO} <= baseline + 1%", compared([more] * 6, [old] * 6))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.why.endswith("(more Failed than Orders, in 6 minutes, which tell nothing)")


def test_sums_that_are_no_whole_numbers_tell_nothing_and_are_said() -> None:
    seconds = {PART: 0.25, ALL: 100.0}
    verdict = judge(f"{RATIO} < 1%", compared([seconds] * 2, [{}, {}]))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.why.endswith(
        "(sums that are no whole numbers, in 2 minutes, which tell nothing)"
    )


@pytest.mark.parametrize("value", [99.9999999999, 100.0000000001])
def test_what_is_a_whole_number_but_for_rounding_counts(value: float) -> None:
    [guard] = parse_guards(f"{RATIO} < 1%")
    comparison = compared([{PART: value, ALL: 100.0}], [{}])
    assert note_on(guard, comparison) == ""
    assert as_counted(guard, comparison.canary.minutes[0]) == Minute(BEGAN, 100, 100)


@pytest.mark.parametrize(
    ("settled", "note"),
    [
        (None, "no datapoint of Errors in 2 minutes, which tell nothing"),
        (2, "no datapoint of Errors in 1 minute, which tells nothing"),
        (1, ""),
    ],
)
def test_errors_that_are_not_told_are_named_once_they_should_be(
    settled: int | None, note: str
) -> None:
    def of(version: str, *untold: int) -> VersionMetrics:
        minutes = (
            Minute(BEGAN + timedelta(minutes=number), 9, 0, errors_known=number not in untold)
            for number in range(3)
        )
        return VersionMetrics(CHECKOUT, version, tuple(minutes))

    comparison = Comparison(of("8", 1, 2), of("7", 2), 0, BEGAN)
    [guard, other] = parse_guards("error-rate < 1%\np99-duration < 1s")
    until = None if settled is None else BEGAN + timedelta(minutes=settled)
    assert note_on(guard, comparison, until) == note
    assert note_on(other, comparison, until) == ""


def test_a_value_is_held_against_a_number_as_durations_are() -> None:
    [value] = measures_of(parse_guards(f"max({ORDERS}) < 5"))[:1]
    over = compared([{value: 5.0}] * 12, [{}] * 12)
    assert judge(f"max({ORDERS}) < 5", over).outcome is Outcome.BROKEN
    assert judge(f"max({ORDERS}) <= 5", over).outcome is Outcome.HOLDS
    nothing = judge(f"max({ORDERS}) < 5", compared([{}] * 9, [{}] * 9))
    assert nothing.outcome is Outcome.INCONCLUSIVE


def test_a_value_beside_the_baseline_goes_by_minutes_and_by_the_sizes_of_the_samples() -> None:
    guard = f"p99({ORDERS}) <= baseline"
    value, samples = measures_of(parse_guards(guard))
    slower = compared([{value: 2.0, samples: 50.0}] * 12, [{value: 1.0, samples: 50.0}] * 12)
    assert judge(guard, slower).outcome is Outcome.BROKEN
    # The p99 of 199 is the higher one of two by chance more often than not: 12 minutes are too few then.
    uneven = compared([{value: 2.0, samples: 199.0}] * 9, [{value: 1.0, samples: 100_000.0}] * 9)
    assert judge(guard, uneven).outcome is not Outcome.BROKEN


def test_an_average_beside_the_baseline_has_its_margin() -> None:
    value, samples = measures_of(parse_guards(f"avg({ORDERS}) < 1"))
    both = compared([{value: 1.1, samples: 9.0}] * 12, [{value: 1.0, samples: 9.0}] * 12)
    assert judge(f"avg({ORDERS}) <= baseline * 1.2", both).outcome is Outcome.HOLDS
    assert judge(f"avg({ORDERS}) <= baseline + 0.05", both).outcome is Outcome.BROKEN


@pytest.mark.parametrize(
    ("new", "old", "compared_with"),
    [
        (10, 90, True),
        (50, 50, True),
        (15, 10, True),
        (19, 1, False),
        (90, 50, False),
        (900, 100, True),
    ],
)
def test_an_average_of_a_few_is_not_compared_with_one_of_many(
    new: int, old: int, compared_with: bool
) -> None:
    """Of skewed values the average of a few is usually lower: that would make the new version look higher."""
    value, samples = measures_of(parse_guards(f"avg({ORDERS}) < 1"))
    minute = {value: 2.0, samples: float(new)}, {value: 1.0, samples: float(old)}
    both = compared([minute[0]] * 12, [minute[1]] * 12)
    verdict = judge(f"avg({ORDERS}) <= baseline * 1.2", both)
    assert verdict.outcome is (Outcome.BROKEN if compared_with else Outcome.INCONCLUSIVE)
    assert verdict.why.startswith(
        f"higher than allowed in {12 * compared_with} of {12 * compared_with}"
    )


@pytest.mark.long
@pytest.mark.parametrize(("new", "old"), [(10, 90), (15, 10), (50, 50), (300, 100), (900, 100)])
def test_averages_of_skewed_values_keep_the_level(new: int, old: int) -> None:
    """Log-normal values with a sigma of 2: the mean is seven times the median."""
    chance = Random(f"{new} {old}")

    def mean(count: int) -> float:
        return sum(chance.lognormvariate(0, 2) for _ in range(count)) / count

    higher = [mean(new) > 1.1 * mean(old) for _ in range(1500)]
    value, samples = measures_of(parse_guards(f"avg({ORDERS}) < 1"))
    broken = 0
    for _ in range(300):
        drawn = chance.choices(higher, k=30)
        canary = [{value: 2.0 if each else 1.0, samples: float(new)} for each in drawn]
        both = compared(canary, [{value: 1.0, samples: float(old)}] * 30)
        broken += judge(f"avg({ORDERS}) <= baseline * 1.1", both).outcome is Outcome.BROKEN
    assert broken <= 6, broken


def test_a_throttled_call_is_one_of_all_calls_and_no_invocation() -> None:
    [guard] = parse_guards("throttle-rate < 5%")
    all_throttled = [{THROTTLES: 90.0}, {THROTTLES: 10.0, SERVED: 90.0}]
    minutes = compared(all_throttled, [{}, {}]).canary.minutes
    counted = [as_counted(guard, minute) for minute in minutes]
    assert [(minute.invocations, minute.errors) for minute in counted] == [(90, 90), (100, 10)]
    assert judge("throttle-rate < 5%", compared(all_throttled, [{}, {}])).outcome is Outcome.BROKEN
    none = compared([{SERVED: 100.0}] * 2, [{}] * 2)
    assert judge("throttle-rate < 5%", none).outcome is Outcome.HOLDS


def test_what_is_only_observed_is_judged_and_is_no_reason() -> None:
    bad = compared([{PART: 50.0, ALL: 100.0}] * 3, [{ALL: 900.0}] * 3)
    steps = [StepStart(BEGAN, Decimal(10))]
    verdicts = judge_guards(
        parse_guards(f"? {RATIO} < 1%\n? error-rate < 1%\np99({ORDERS}) < 5"), [bad], steps
    )
    assert [verdict.outcome for verdict in verdicts] == [
        Outcome.BROKEN,
        Outcome.INCONCLUSIVE,
        Outcome.INCONCLUSIVE,
    ]
    assert what_failed(verdicts) == ""
    assert what_is_missing(verdicts[:2]) == ""
    assert f"guard p99({ORDERS}) < 5 cannot" in what_is_missing(verdicts)


def test_what_is_only_observed_takes_nothing_away_from_the_others() -> None:
    some = compared([{PART: 4.0, ALL: 100.0}] * 3, [{PART: 9.0, ALL: 900.0}] * 3)
    steps = [StepStart(BEGAN, Decimal(10))]
    alone = judge_guards(parse_guards(f"{RATIO} <= baseline"), [some], steps)
    many = "\n".join(f"? {RATIO} < {percent}%" for percent in range(1, 100))
    beside = judge_guards(parse_guards(f"{RATIO} <= baseline\n{many}"), [some], steps)
    assert beside[0] == alone[0]
