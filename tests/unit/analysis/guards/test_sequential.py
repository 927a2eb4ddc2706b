"""The tests behind the guards, held to their definitions by counting every possible outcome."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product

import pytest

from lambda_rollout.analysis.guards.sequential import (
    BASE_RATES,
    EFFECTS,
    Factors,
    Limit,
    against_baseline,
    against_rate,
    chance_of_slower,
    highest,
    highest_believable,
    log_e_values,
    sign_factors,
)

SAME, HALF_POINT, DOUBLE = Limit(), Limit(margin=0.005), Limit(factor=2.0)
ROUNDING = 1e-9


def chances(invocations: int, rate: float) -> Iterator[tuple[int, float]]:
    """Every number of errors and its probability."""
    for errors in range(invocations + 1):
        ways = math.comb(invocations, errors)
        yield errors, ways * rate**errors * (1 - rate) ** (invocations - errors)


def expected(factors: Callable[[int, int], Factors], new: float, old: float) -> list[float]:
    """Each alternative's expected factor for 4 new and 9 old invocations at these error rates."""
    sums = [0.0] * (len(BASE_RATES) * len(EFFECTS))
    for (errors, chance), (old_errors, old_chance) in product(chances(4, new), chances(9, old)):
        if probability := chance * old_chance:
            for number, factor in enumerate(factors(errors, old_errors)):
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

    @pytest.mark.parametrize(("invocations", "rate"), [(20, 0.1), (200, 0.01), (50, 0.5)])
    def test_the_believable_rate_is_too_low_no_more_often_than_said(
        self, invocations: int, rate: float
    ) -> None:
        missed = sum(
            chance
            for errors, chance in chances(invocations, rate)
            if highest_believable(invocations, errors, 0.05) < rate
        )
        assert missed <= 0.05

    def test_the_believable_rate_comes_down_to_what_was_seen(self) -> None:
        bounds = [highest_believable(n, n // 100, 0.001) for n in (100, 1000, 10_000, 1_000_000)]
        assert bounds == sorted(bounds, reverse=True)
        assert 0.01 < bounds[-1] < 0.0105
        assert highest_believable(0, 0, 0.001) == 1
        assert highest_believable(7, 7, 0.001) == 1


class TestTheStake:
    def test_it_is_what_its_parts_make_of_it(self) -> None:
        minutes = [[0.3, -0.2], [1.1, 0.4], [-0.7, 0.9]]
        # A part put in with minute t, half of it on each alternative, is multiplied from then on.
        by_hand = [
            sum(
                1
                / (begin * (begin + 1))
                / 2
                * math.exp(sum(m[k] for m in minutes[begin - 1 : end]))
                for begin in range(1, end + 1)
                for k in (0, 1)
            )
            for end in (1, 2, 3)
        ]
        assert [math.exp(value) for value in log_e_values(minutes)] == pytest.approx(by_hand)

    def test_the_parts_are_no_more_than_the_whole(self) -> None:
        assert highest(log_e_values([[0.0]] * 10_000)) < 0

    def test_it_does_not_overflow_or_vanish(self) -> None:
        up, down = [5000.0, -5000.0], [-5000.0, -5000.0]
        assert list(log_e_values([up, up]))[-1] == pytest.approx(10_000 - math.log(4))
        assert list(log_e_values([down, [math.inf, 0.0]]))[-1] == math.inf
        assert highest([]) == -math.inf

    def test_many_looks_fool_nobody(self) -> None:
        # Exact: every path of 12 minutes with an even chance of being slower, by counting all 4,096.
        paths = list(product([True, False], repeat=12))
        fooled = [path for path in paths if highest(log_e_values(signs(path))) >= math.log(20)]
        assert 0 < len(fooled) / len(paths) <= 1 / 20


def signs(path: Sequence[bool]) -> list[Factors]:
    return [sign_factors(slower, 0.5) for slower in path]


class TestDurations:
    @pytest.mark.parametrize("chance", [0.5, 0.6, 0.9])
    def test_a_wager_on_chance_never_pays(self, chance: float) -> None:
        pairs = zip(sign_factors(True, chance), sign_factors(False, chance), strict=True)
        for slower, not_slower in pairs:
            mean = chance * math.exp(slower) + (1 - chance) * math.exp(not_slower)
            assert mean == pytest.approx(1)

    @pytest.mark.parametrize("percent", [50, 90, 99])
    @pytest.mark.parametrize(("new", "old"), [(1, 1), (3, 7), (5, 5), (6, 4), (2, 10)])
    def test_chance_is_that_of_shuffled_durations(self, percent: int, new: int, old: int) -> None:
        higher = total = 0
        for places in combinations(range(new + old), new):
            others = [place for place in range(new + old) if place not in places]
            higher += nearest_rank(places, percent) > nearest_rank(others, percent)
            total += 1
        assert chance_of_slower(percent, new, old) == pytest.approx(max(0.5, higher / total))

    @pytest.mark.parametrize("percent", [50, 99])
    def test_equal_samples_have_an_even_chance(self, percent: int) -> None:
        assert chance_of_slower(percent, 3000, 3000) == pytest.approx(0.5, abs=1e-6)

    def test_a_small_sample_can_have_the_better_chance_of_a_high_percentile(self) -> None:
        assert chance_of_slower(99, 199, 100_000) == pytest.approx(0.593, abs=0.001)
        assert chance_of_slower(99, 10, 100_000) == 0.5


def nearest_rank(values: Sequence[int], percent: int) -> int:
    return sorted(values)[math.ceil(percent * len(values) / 100) - 1]
