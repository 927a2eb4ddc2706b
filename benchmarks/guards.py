"""Guards: how often they are wrong of equal versions, and how soon they see a worse one.

Beside them stand the two rules that everybody writes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from statistics import median

from benchmarks.rollouts import (
    BEGAN,
    SCHEDULE,
    TARGET,
    Rollout,
    Rule,
    Version,
    binomial,
    guard,
    guarded_by,
    naive,
    plain_threshold,
    simulate,
)
from benchmarks.table import Row
from lambda_rollout.analysis.guards.holding import HARM
from lambda_rollout.analysis.guards.outcome import Outcome
from lambda_rollout.analysis.guards.verdict import judge_guards
from lambda_rollout.analysis.metrics import MINUTE, Comparison, Minute, StepStart, VersionMetrics

EQUAL_ROLLOUTS = 2000
WORSE_ROLLOUTS = 1000
A_MINUTE = 1000
"""Invocations of both versions together."""

COMPARED = "error-rate <= baseline"
RULES: dict[str, Rule] = {
    f"`{COMPARED}`": guarded_by(COMPARED),
    "rate > baseline's": naive,
    "rate > 2%": plain_threshold(2),
}


def run() -> list[Row]:
    return [*_equal(), *_worse(), *_broken_assumptions(), *_durations(), *_enough()]


def always(rate: float, **more: float) -> Version:
    return Version(lambda _: rate, **more)  # type: ignore[arg-type] # what Version takes


def outage(rate: float) -> Version:
    """A dependency of both versions fails for three minutes, ten times as often as before."""
    return Version(lambda minute: rate * (10 if 8 <= minute < 11 else 1))


def late(before: float, after: float) -> Version:
    """Good until the traffic grows, with the second step."""
    return Version(lambda minute: before if minute < SCHEDULE[0][1] else after)


def _rollouts(case: str, new: Version, old: Version, count: int, a_minute: int) -> list[Rollout]:
    return [simulate(f"{case} {number}", new, old, a_minute) for number in range(count)]


def _equal() -> Iterator[Row]:
    cases = {
        **{f"both {rate:.1%}": always(rate) for rate in (0.001, 0.01, 0.05, 0.1)},
        "both 1%, a dependency fails in minutes 9 to 11": outage(0.01),
    }
    for case, version in cases.items():
        rollouts = _rollouts(case, version, version, EQUAL_ROLLOUTS, A_MINUTE)
        yield Row(
            f"Rolled back in error: equal versions, {EQUAL_ROLLOUTS:,} rollouts each",
            case,
            {name: _share(rule, rollouts) for name, rule in RULES.items()},
        )


def _worse() -> Iterator[Row]:
    cases = {
        "0.1% → 1%": (always(0.01), always(0.001)),
        "1% → 3%": (always(0.03), always(0.01)),
        "5% → 10%": (always(0.1), always(0.05)),
        "1% → 2%": (always(0.02), always(0.01)),
        "1% → 3%, from the second step on": (late(0.01, 0.03), always(0.01)),
    }
    for case, (new, old) in cases.items():
        rollouts = _rollouts(case, new, old, WORSE_ROLLOUTS, A_MINUTE)
        yield Row(
            f"Found, and after how many invocations of the new version: {WORSE_ROLLOUTS:,} rollouts each",
            case,
            {name: _found(rule, rollouts) for name, rule in RULES.items()},
        )


def _broken_assumptions() -> Iterator[Row]:
    cases = {
        f"both {rate:.1%}, errors in threes": always(rate, clump=3) for rate in (0.001, 0.01, 0.05)
    }
    guards = (COMPARED, "error-rate <= baseline + 0.5%", "error-rate <= baseline * 2")
    for case, version in cases.items():
        rollouts = _rollouts(case, version, version, EQUAL_ROLLOUTS, A_MINUTE)
        yield Row(
            "Rolled back in error where the assumption of independent errors is wrong: "
            f"{EQUAL_ROLLOUTS:,} rollouts each",
            case,
            {f"`{text}`": _share(guarded_by(text), rollouts) for text in guards},
        )


def _durations() -> Iterator[Row]:
    guards = (
        "p50-duration <= baseline",
        "p99-duration <= baseline",
        "p99-duration <= baseline * 1.2",
    )
    for slower in (0, 10, 30, 60, 100):
        new, count = Version(slowness=1 + slower / 100), EQUAL_ROLLOUTS
        case = f"{slower}% slower" if slower else "just as fast"
        rollouts = _rollouts(
            case, new, Version(), count if not slower else WORSE_ROLLOUTS, A_MINUTE
        )
        yield Row(
            "Durations: share rolled back, and after how many minutes",
            case,
            {f"`{text}`": _after(guarded_by(text), rollouts) for text in guards},
        )


def _enough() -> Iterator[Row]:
    for percent in (5, 10, 50):
        figures = {}
        for old in (0.0, 0.01, 0.1):
            needed = next(n for n in range(10, 5000) if _outcome(percent, n, 0, old) == "holds")
            found = sum(
                _outcome(percent, needed, old + HARM, old, f"{percent} {old} {number}") == "broken"
                for number in range(WORSE_ROLLOUTS)
            )
            figures[f"old version at {old:.0%}"] = f"{needed}, {found / WORSE_ROLLOUTS:.0%}"
        yield Row(
            f"Least invocations of the new version in a step for `{COMPARED}` to hold, and how often so "
            "many show that a version fails 10 points more often",
            f"{percent}% of the traffic",
            dict(figures),
        )


def _outcome(percent: int, invocations: int, new: float, old: float, seed: str = "") -> Outcome:
    """Judge one minute; without a seed, with just the errors to be expected."""
    others = round(invocations * (100 - percent) / percent)
    dice = Random(seed)
    errors, old_errors = (
        binomial(dice, count, rate) if seed else round(count * rate)
        for count, rate in ((invocations, new), (others, old))
    )
    comparison = Comparison(
        VersionMetrics(TARGET, "8", (Minute(BEGAN, invocations, errors),)),
        VersionMetrics(TARGET, "7", (Minute(BEGAN, others, old_errors),)),
        throttles=0,
        until=BEGAN + MINUTE,
    )
    return judge_guards(guard(COMPARED), [comparison], [StepStart(BEGAN, Decimal(percent))])[
        0
    ].outcome


def _share(rule: Rule, rollouts: Sequence[Rollout]) -> str:
    return f"{sum(rule(rollout) is not None for rollout in rollouts) / len(rollouts):.2%}"


def _found(rule: Rule, rollouts: Sequence[Rollout]) -> str:
    minutes = [(rollout, rule(rollout)) for rollout in rollouts]
    invocations = [rollout.invocations(found) for rollout, found in minutes if found is not None]
    if not invocations:
        return "0%"
    return f"{len(invocations) / len(rollouts):.1%}, {median(invocations):,.0f}"


def _after(rule: Rule, rollouts: Sequence[Rollout]) -> str:
    minutes = [found for rollout in rollouts if (found := rule(rollout)) is not None]
    share = f"{len(minutes) / len(rollouts):.2%}"
    return f"{share}, {median(minutes):.0f}" if minutes else share
