"""The wagers on rates, held to their definitions by counting every possible outcome."""

import math
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from lambda_rollout.analysis.guards.rates import (
    BASE_RATES,
    EFFECTS,
    ODDS,
    Limit,
    against_baseline,
    against_rate,
    beside_baseline,
    given_the_total,
)
from lambda_rollout.analysis.guards.sequential import Factors

SAME, HALF_POINT, DOUBLE = Limit(), Limit(margin=0.005), Limit(factor=2.0)
ROUNDING = 1e-9


def chances(invocations: int, rate: float) -> Iterator[tuple[int, float]]:
    """Every number of errors and its probability."""
    for errors in range(invocations + 1):
        ways = math.comb(invocations, errors)
        yield errors, ways * rate**errors * (1 - rate) ** (invocations - errors)


def expected(factors: Callable[[int, int], Factors], new: float, old: float) -> list[float]:
    """Each alternative's expected factor for 4 new and 9 old invocations at these error rates."""
    sums: list[float] = []
    for (errors, chance), (old_errors, old_chance) in product(chances(4, new), chances(9, old)):
        if probability := chance * old_chance:
            found = factors(errors, old_errors)
            sums = sums or [0.0] * len(found)
            for number, factor in enumerate(found):
                sums[number] += probability * math.exp(factor)
    return sums


class TestErrorRates:
    @pytest.mark.parametrize("limit", [SAME, HALF_POINT, DOUBLE, Limit(margin=0.2), Limit(3.0)])
    @pytest.mark.parametrize("old", [0.0, 0.003, 0.02, 0.1, 0.3, 0.6, 0.95])
    @pytest.mark.parametrize("share_of_limit", [1.0, 0.9, 0.5, 0.0])
    def test_a_wager_on_a_version_within_its_limit_never_pays(
        self, limit: Limit, old: float, share_of_limit: float
    ) -> None:
        def factors(errors: int, old_errors: int) -> Factors:
            return against_baseline(limit, (4, errors), (9, old_errors))

        assert max(expected(factors, limit.over(old) * share_of_limit, old)) <= 1 + ROUNDING

    def test_a_wager_on_a_version_far_over_its_limit_pays(self) -> None:
        def factors(errors: int, old_errors: int) -> Factors:
            return against_baseline(SAME, (4, errors), (9, old_errors))

        assert max(expected(factors, 0.5, 0.05)) > 2

    def test_it_is_the_best_wager_against_the_nearest_point(self) -> None:
        # With equal counts and one base rate the nearest point is the mean of both: Turner, Ly, Grünwald, §3.
        number = BASE_RATES.index(0.15) * len(EFFECTS) + EFFECTS.index(8.0)
        new = 8 * 0.15 / 0.85 / (1 + 8 * 0.15 / 0.85)
        mean = (new + 0.15) / 2
        factor = against_baseline(SAME, (1, 1), (1, 0))[number]
        assert factor == pytest.approx(math.log(new * 0.85 / (mean * (1 - mean))), abs=1e-6)

    @pytest.mark.parametrize("rate", [0.0, 0.002, 0.05, 0.5, 0.97])
    @pytest.mark.parametrize("share", [1.0, 0.5])
    def test_a_wager_against_a_fixed_rate_never_pays_within_it(
        self, rate: float, share: float
    ) -> None:
        def factors(errors: int, _: int) -> Factors:
            return against_rate(rate, (4, errors))

        assert max(expected(factors, rate * share, 0.5)) <= 1 + ROUNDING

    def test_nothing_is_over_a_hundred_percent(self) -> None:
        assert set(against_rate(1.0, (5, 5))) == {0.0}
        assert set(against_baseline(Limit(margin=1.0), (5, 5), (5, 0))) == {0.0}

    def test_one_error_is_over_none(self) -> None:
        assert set(against_rate(0.0, (5, 0))) == {0.0}
        assert set(against_rate(0.0, (5, 1))) == {math.inf}

    def test_a_minute_of_one_version_alone_says_nothing(self) -> None:
        for factor in against_baseline(HALF_POINT, (0, 0), (50, 7)):
            assert factor == pytest.approx(0, abs=ROUNDING)
        for factor in against_baseline(HALF_POINT, (50, 7), (0, 0)):
            assert factor == pytest.approx(0, abs=ROUNDING)


class TestGivenTheTotal:
    @pytest.mark.parametrize("old", [0.01, 0.1, 0.5, 0.9])
    @pytest.mark.parametrize("share", [1.0, 0.7, 0.1])
    def test_a_wager_on_a_version_no_worse_never_pays(self, old: float, share: float) -> None:
        def factors(failed: int, old_failed: int) -> Factors:
            return given_the_total((4, failed), (9, old_failed))

        assert max(expected(factors, old * share, old)) <= 1 + ROUNDING

    def test_it_is_the_likelihood_ratio_given_the_total(self) -> None:
        (total, failed), (old_total, old_failed) = (7, 3), (12, 2)
        for odds, factor in zip(ODDS, given_the_total((7, 3), (12, 2)), strict=True):
            ways = {one: math.comb(total, one) * math.comb(old_total, 5 - one) for one in range(6)}
            tilted = sum(odds**one * way for one, way in ways.items())
            by_hand = odds**failed * sum(ways.values()) / tilted
            assert factor == pytest.approx(math.log(by_hand))
            assert old_failed == 5 - failed

    def test_no_failure_and_nothing_but_failures_say_nothing(self) -> None:
        assert given_the_total((5, 0), (9, 0)) == pytest.approx([0.0] * len(ODDS))
        assert given_the_total((5, 5), (9, 9)) == pytest.approx([0.0] * len(ODDS))
        assert given_the_total((5, 3), (0, 0)) == pytest.approx([0.0] * len(ODDS))

    def test_counts_of_millions_are_no_trouble(self) -> None:
        alike = given_the_total((500_000, 5_000), (4_500_000, 45_000))
        assert max(alike) < 0
        assert given_the_total((500_000, 7_000), (4_500_000, 43_000))[0] > 50

    def test_it_is_what_a_guard_without_a_margin_is_judged_by(self) -> None:
        counts = (100, 3), (900, 9)
        assert beside_baseline(SAME, *counts) == given_the_total(*counts)
        assert beside_baseline(DOUBLE, *counts) == against_baseline(DOUBLE, *counts)
