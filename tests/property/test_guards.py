"""What holds for every guard and all numbers, and how often guards are wrong of equal versions."""

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.rates import Limit, against_baseline
from lambda_rollout.analysis.guards.verdict import LEVEL, GuardVerdict, judge_guards
from lambda_rollout.analysis.metrics import Comparison, Minute, StepStart, VersionMetrics
from lambda_rollout.inputs.guards import Guard, parse_guards

BEGAN = datetime(2026, 11, 23, 5, tzinfo=UTC)
TARGET = Target("checkout", "live")
GUARDS = parse_guards(
    "error-rate <= baseline\nerror-rate <= baseline + 0.5%\nerror-rate < baseline * 1.5\n"
    "error-rate < 1%\nerror-rate <= 0%\np99-duration <= baseline\np50-duration <= baseline * 1.1\n"
    "p50-duration < 300ms"
)
Both = tuple[Minute, Minute]
Lengths = tuple[int, int, int]


@st.composite
def version_minutes(draw: st.DrawFn, most: int) -> Minute:
    invocations = draw(st.one_of(st.just(0), st.integers(1, most)))
    errors = draw(st.integers(0, invocations))
    if draw(st.booleans()):
        errors //= 50
    times = {"p50": 0.0, "p99": 0.0}
    durations = {name: draw(st.floats(1, 1000)) for name in times} if invocations else {}
    return Minute(BEGAN, invocations, errors, durations)


pairs = st.tuples(version_minutes(2000), version_minutes(2000))
rollouts = st.lists(pairs, max_size=25)
step_lengths = st.tuples(st.integers(1, 10), st.integers(1, 10), st.integers(0, 3))
some_guards = st.lists(st.sampled_from(GUARDS), min_size=1, max_size=4, unique=True)


def judged(
    guards: Sequence[Guard], rollout: Sequence[Both], lengths: Lengths = (12, 8, 0)
) -> tuple[GuardVerdict, ...]:
    """Judge a rollout to 10%, to 50% and, unless that is 0 minutes long, to 100%."""
    new, old = (
        VersionMetrics(TARGET, version, tuple(both[index] for both in timed(rollout)))
        for index, version in enumerate("87")
    )
    until = BEGAN + timedelta(minutes=len(rollout))
    begins = (0, lengths[0], lengths[0] + lengths[1])
    steps = [
        StepStart(BEGAN + timedelta(minutes=begin), Decimal(percent))
        for begin, percent in zip(begins, (10, 50, 100), strict=True)
        if begin < max(1, len(rollout)) and (percent < 100 or lengths[2])
    ]
    return judge_guards(guards, [Comparison(new, old, 0, until)], steps)


def timed(rollout: Sequence[Both]) -> list[Both]:
    starts = [BEGAN + timedelta(minutes=number) for number in range(len(rollout))]
    return [
        (replace(new, start=start), replace(old, start=start))
        for start, (new, old) in zip(starts, rollout, strict=True)
    ]


def outcomes(verdicts: Sequence[GuardVerdict]) -> list[Outcome]:
    return [verdict.outcome for verdict in verdicts]


@given(some_guards, rollouts, step_lengths)
def test_every_verdict_has_its_words(
    guards: list[Guard], rollout: list[Both], lengths: Lengths
) -> None:
    verdicts = judged(guards, rollout, lengths)
    assert [verdict.guard for verdict in verdicts] == guards
    for verdict in verdicts:
        assert str(verdict.guard) in str(verdict)
        assert verdict.why
        assert "\n" not in str(verdict)


@given(some_guards, rollouts, pairs, step_lengths)
def test_a_broken_guard_stays_broken(
    guards: list[Guard], rollout: list[Both], one_more: Both, lengths: Lengths
) -> None:
    before = judged(guards, rollout, lengths)
    after = judged(guards, [*rollout, one_more], lengths)
    for earlier, later in zip(before, after, strict=True):
        assert earlier.outcome is not Outcome.BROKEN or later.outcome is Outcome.BROKEN


@given(some_guards, rollouts.filter(bool), st.data())
def test_worse_numbers_never_save_a_guard(
    guards: list[Guard], rollout: list[Both], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(rollout) - 1))
    new, old = rollout[number]
    assume(new.invocations)
    worse = replace(
        new,
        errors=data.draw(st.integers(new.errors, new.invocations)),
        durations={name: value * 2 for name, value in new.durations.items()},
    )
    after = judged(guards, [*rollout[:number], (worse, old), *rollout[number + 1 :]])
    for earlier, later in zip(judged(guards, rollout), after, strict=True):
        assert earlier.outcome is not Outcome.BROKEN or later.outcome is Outcome.BROKEN


@given(some_guards, rollouts.filter(bool), st.data())
def test_a_better_baseline_never_saves_a_guard(
    guards: list[Guard], rollout: list[Both], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(rollout) - 1))
    new, old = rollout[number]
    better = replace(old, errors=data.draw(st.integers(0, old.errors)))
    after = judged(guards, [*rollout[:number], (new, better), *rollout[number + 1 :]])
    for earlier, later in zip(judged(guards, rollout), after, strict=True):
        assert earlier.outcome is not Outcome.BROKEN or later.outcome is Outcome.BROKEN


@given(some_guards, rollouts.filter(bool), st.data())
def test_better_numbers_never_take_a_pass_away(
    guards: list[Guard], rollout: list[Both], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(rollout) - 1))
    new, old = rollout[number]
    better = replace(
        new,
        errors=data.draw(st.integers(0, new.errors)),
        durations={name: value / 2 for name, value in new.durations.items()},
    )
    after = judged(guards, [*rollout[:number], (better, old), *rollout[number + 1 :]])
    for earlier, later in zip(judged(guards, rollout), after, strict=True):
        assert earlier.outcome is not Outcome.HOLDS or later.outcome is Outcome.HOLDS


@given(st.sampled_from([0.01, 0.05, 0.1, 0.5]), st.integers(1, 60), st.data())
def test_fewer_slow_ones_never_take_a_pass_away(
    share: float, served: int, data: st.DataObject
) -> None:
    """Of durations that are counted: the share is that of a percentile."""
    slow = data.draw(st.integers(0, served))
    fewer = data.draw(st.integers(0, slow))
    guards = parse_guards(f"p{100 - round(100 * share)}-duration < 800ms")

    def outcome(over: int) -> Outcome:
        minute = Minute(BEGAN, served, 0, {"p50": 1.0}, slower_than={800.0: over})
        idle = Minute(BEGAN, 0, 0)
        return judged(guards, [(idle, idle), (minute, idle)])[0].outcome

    if outcome(slow) is Outcome.HOLDS:
        assert outcome(fewer) is Outcome.HOLDS


@given(some_guards, rollouts)
def test_idle_minutes_change_nothing(guards: list[Guard], rollout: list[Both]) -> None:
    idle = Minute(BEGAN, 0, 0), Minute(BEGAN, 0, 0)
    one_step = (100, 1, 0)
    with_idle = judged(guards, [*rollout, idle, idle], one_step)
    assert with_idle == judged(guards, rollout, one_step)


@given(some_guards, rollouts, st.integers(1, 5))
def test_the_minutes_may_come_in_any_order(
    guards: list[Guard], rollout: list[Both], seed: int
) -> None:
    new, old = zip(*timed(rollout), strict=True) if rollout else ((), ())
    shuffled = [list(new), list(old)]
    for minutes in shuffled:
        Random(seed).shuffle(minutes)
    in_order, as_they_came = (
        Comparison(
            VersionMetrics(TARGET, "8", tuple(canary)),
            VersionMetrics(TARGET, "7", tuple(baseline)),
            0,
            BEGAN,
        )
        for canary, baseline in ((new, old), shuffled)
    )
    steps = [StepStart(BEGAN, Decimal(10))]
    assert judge_guards(guards, [in_order], steps) == judge_guards(guards, [as_they_came], steps)


@given(st.integers(1, 500), st.integers(1, 5000), st.integers(1, 20), st.data())
def test_a_minute_counts_as_often_as_it_is_there(
    new: int, old: int, times: int, data: st.DataObject
) -> None:
    errors = data.draw(st.integers(0, new))
    old_errors = data.draw(st.integers(0, old))
    limit = Limit(1.2, 0.003)
    once = against_baseline(limit, (new, errors), (old, old_errors))
    more = against_baseline(limit, (new * times, errors * times), (old * times, old_errors * times))
    assert more == pytest.approx([times * factor for factor in once], rel=1e-9, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 10**9))
def test_huge_traffic_is_judged(seed: int) -> None:
    errors = Random(seed).randrange(10_000)
    minute = Minute(BEGAN, 5_000_000, errors, {"p50": 20.0, "p99": 90.0})
    verdicts = judged(GUARDS, [(minute, minute)] * 3)
    assert Outcome.BROKEN not in outcomes([v for v in verdicts if v.guard.compares_with_baseline])


# How often they are wrong ------------------------------------------------------------------------

ROLLOUTS = 600
SLACK = 5 * math.sqrt(LEVEL * (1 - LEVEL) / ROLLOUTS)
"""Five standard deviations: with fixed seeds the test cannot be unlucky, but a new seed could be."""


@pytest.mark.parametrize("guard", ["error-rate <= baseline", "error-rate <= baseline * 2"])
@pytest.mark.parametrize("rate", [0.002, 0.05])
def test_equal_versions_at_the_bound_are_rarely_rolled_back(guard: str, rate: float) -> None:
    guards = parse_guards(guard)
    allowed = rate * (2 if "2" in guard else 1)
    wrong = 0
    for number in range(ROLLOUTS):
        dice = Random(f"{guard} {rate} {number}")
        rollout = [
            (drawn(dice, percent * 3, allowed), drawn(dice, 300 - percent * 3, rate))
            for percent in [10] * 5 + [50] * 5 + [100] * 5
        ]
        (verdict,) = judged(guards, rollout, (5, 5, 5))
        wrong += verdict.outcome is Outcome.BROKEN
    assert wrong / ROLLOUTS <= LEVEL + SLACK


def test_just_as_fast_versions_are_rarely_rolled_back() -> None:
    guards = parse_guards("p50-duration <= baseline\np99-duration <= baseline")
    wrong = 0
    for number in range(ROLLOUTS // 4):
        dice = Random(f"fast {number}")
        rollout = [(lasted(dice, 40), lasted(dice, 160)) for _ in range(20)]
        wrong += Outcome.BROKEN in outcomes(judged(guards, rollout, (20, 0, 0)))
    assert wrong / (ROLLOUTS // 4) <= LEVEL + 2 * SLACK


def test_a_clearly_worse_version_is_found() -> None:
    guards = parse_guards("error-rate <= baseline\nerror-rate <= baseline + 0.5%")
    found = 0
    for number in range(100):
        dice = Random(f"worse {number}")
        rollout = [(drawn(dice, 100, 0.05), drawn(dice, 900, 0.01)) for _ in range(8)]
        found += outcomes(judged(guards, rollout)) == [Outcome.BROKEN] * 2
    assert found >= 95


def drawn(dice: Random, invocations: int, rate: float) -> Minute:
    return Minute(BEGAN, invocations, sum(dice.random() < rate for _ in range(invocations)))


def lasted(dice: Random, invocations: int) -> Minute:
    ordered = sorted(dice.lognormvariate(4, 1) for _ in range(invocations))
    durations = {
        f"p{percent}": ordered[math.ceil(percent * invocations / 100) - 1] for percent in (50, 99)
    }
    return Minute(BEGAN, invocations, 0, durations)
