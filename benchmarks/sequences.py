"""How many invocations it takes: to find a worse version, to have had enough, to show that a guard holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from random import Random
from statistics import median

from benchmarks.table import Row
from benchmarks.traffic import binomial
from lambda_rollout.analysis.guards.holding import HARM, SURE, against_worse, log_shown
from lambda_rollout.analysis.guards.rates import Counts, Limit, beside_baseline
from lambda_rollout.analysis.guards.sequential import Factors, log_choose, log_e_values
from lambda_rollout.analysis.guards.verdict import LEVEL

RUNS, MANY_RUNS = 100, 4_000
BATCH, OTHERS = 20, 180
"""Invocations of the new and of the old version a minute: 10% of the traffic."""
_FAR = 40_000


def power() -> Iterator[Row]:
    """Median invocations of the new version until it is found, beside what is the least that others need."""
    for old, new in ((0.0, 0.001), (0.001, 0.01), (0.01, 0.02), (0.01, 0.03)):
        yield Row(
            "Median invocations of the new version, at 10% of the traffic, until a worse one is found; level 1%",
            f"{old:.1%} → {new:.1%}",
            {
                "`error-rate <= baseline`": _found(
                    old, new, lambda a, b: beside_baseline(Limit(), a, b)
                ),
                "`error-rate <= baseline * 1.2`": _found(
                    old, new, lambda a, b: beside_baseline(Limit(1.2), a, b)
                ),
                "fixed sample, looked at once": f"{_fixed_sample(old, new):,}",
                "both rates known": _found(old, new, _known(old, new)) if old else "",
            },
        )


def _found(old: float, new: float, factors: Callable[[Counts, Counts], Factors]) -> str:
    needed = -math.log(LEVEL)
    found = []
    for number in range(MANY_RUNS):
        dice = Random(f"power {old} {new} {number}")
        minutes = (
            factors((BATCH, binomial(dice, BATCH, new)), (OTHERS, binomial(dice, OTHERS, old)))
            for _ in range(_FAR // BATCH)
        )
        values = enumerate(log_e_values(minutes), start=1)
        found.append(next((BATCH * at for at, value in values if value >= needed), _FAR))
    return f"{median(found):,.0f}"


def _known(old: float, new: float) -> Callable[[Counts, Counts], Factors]:
    """The likelihood ratio of somebody who knows both rates, and tests them against one that is common to both."""
    common = (BATCH * new + OTHERS * old) / (BATCH + OTHERS)

    def factors(one: Counts, other: Counts) -> Factors:
        return [_log_ratio(one, new, common) + _log_ratio(other, old, common)]

    return factors


def _log_ratio(counts: Counts, rate: float, instead: float) -> float:
    total, failed = counts
    return failed * math.log(rate / instead) + (total - failed) * math.log(
        (1 - rate) / (1 - instead)
    )


def _fixed_sample(old: float, new: float) -> int:
    """Return at how many a one-sided exact test of Fisher's, made once, finds the middle case at the same level."""
    served = BATCH
    while True:
        failed, old_failed = round(served * new), round(9 * served * old)
        if failed and _fisher((served, failed), (9 * served, old_failed)) <= LEVEL:
            return served
        served += max(1, served // 100)


def _fisher(one: Counts, other: Counts) -> float:
    (total, failed), (old_total, old_failed) = one, other
    everything, all_failed = total + old_total, failed + old_failed
    whole = log_choose(everything, all_failed)
    return sum(
        math.exp(log_choose(total, more) + log_choose(old_total, all_failed - more) - whole)
        for more in range(failed, min(total, all_failed) + 1)
    )


def naive() -> Iterator[Row]:
    """The rule that everybody writes first: back as soon as the new version's rate so far is the higher one."""
    figures = {}
    for rate in (0.001, 0.01, 0.05):
        wrong = 0
        for run in range(RUNS):
            dice = Random(f"naive {rate} {run}")
            new = old = 0
            for minute in range(1, 21):
                served, others = (100, 900) if minute <= 10 else (500, 500)
                new += binomial(dice, served, rate)
                old += binomial(dice, others, rate)
                all_new = 100 * min(minute, 10) + 500 * max(0, minute - 10)
                if new * (1000 * minute - all_new) > old * all_new:
                    wrong += 1
                    break
        figures[f"both {rate:.1%}"] = f"{wrong / RUNS:.0%}"
    yield Row(
        "Rolled back in error by a look at the rates each minute, 20 minutes long",
        "the new version's rate so far is over the old one's",
        dict(figures),
    )


def enough() -> Iterator[Row]:
    """How many invocations are enough, and how often a plainly worse version passes on so many."""
    for percent in (5, 10, 50):
        figures = {}
        for old in (0.0, 0.01, 0.05):
            passed = [_until(percent, old, old, Limit().and_more(HARM), run) for run in range(RUNS)]
            worse = [
                _until(percent, old + HARM, old, Limit().and_more(HARM), run) for run in range(RUNS)
            ]
            wrong = sum(one is not None for one in worse) / RUNS
            figures[f"old version at {old:.0%}"] = (
                f"{median([one or _MOST for one in passed]):.0f}, {wrong:.0%}"
            )
        yield Row(
            "Median invocations of the new version that are enough for `error-rate <= baseline`, and how often a version "
            "that fails 10 points more often ever passes for good enough",
            f"{percent}% of the traffic",
            dict(figures),
        )


_MOST = 3000


def shown() -> Iterator[Row]:
    """How many invocations show that a guard holds, margin and all: a step with a range ends early on them."""
    for rate in (0.001, 0.01):
        yield Row(
            "Median invocations of the new version, at 10% of the traffic, that show a guard to hold",
            f"both at {rate:.1%}",
            {
                f"`error-rate <= baseline + {100 * margin:g}%`": _median_shown(rate, margin)
                for margin in (0.005, 0.01, 0.02)
            },
        )


def _median_shown(rate: float, margin: float) -> str:
    found = [_until(10, rate, rate, Limit(margin=margin), run) for run in range(RUNS)]
    middle = median([_MOST if one is None else one for one in found])
    return f"{middle:,.0f}" if middle < _MOST else f"over {_MOST:,}"


def _until(percent: int, new: float, old: float, worse: Limit, run: int) -> int | None:
    """Return after how many invocations it is shown that the new version is not worse than that; None if never."""
    dice = Random(f"until {percent} {new} {old} {worse} {run}")
    step = 2 if worse.margin >= HARM else 10
    others = round(step * (100 - percent) / percent)
    bets: list[float] = []
    for served in range(step, _MOST, step):
        factors = against_worse(
            worse, (step, binomial(dice, step, new)), (others, binomial(dice, others, old))
        )
        bets = [one + more for one, more in zip(bets or [0.0] * len(factors), factors, strict=True)]
        if log_shown(bets) >= SURE:
            return served
    return None
